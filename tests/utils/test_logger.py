import logging

import pytest
from mmengine.logging import print_log

from mmrotate.utils import get_root_logger


@pytest.fixture(autouse=True)
def clean_logger():
    logger = logging.getLogger('mmrotate')
    before, level = list(logger.handlers), logger.level
    yield
    for handler in logger.handlers:
        if handler not in before:
            handler.close()
    logger.handlers[:] = before
    logger.setLevel(level)


def test_it_is_the_same_logger_with_one_file(tmp_path):
    logger = get_root_logger(tmp_path / 'a' / '1.log')
    assert get_root_logger(tmp_path / 'a' / '1.log') is logger
    logger.info('hello')
    logging.getLogger('mmrotate').warning('of a module')
    lines = (tmp_path / 'a' / '1.log').read_text().splitlines()
    assert [line.split(' - ')[-2:] for line in lines] == [['INFO', 'hello'], ['WARNING', 'of a module']]


def test_another_file_replaces_the_first(tmp_path):
    get_root_logger(tmp_path / '1.log').info('one')
    get_root_logger(tmp_path / '2.log').info('two')
    assert 'two' not in (tmp_path / '1.log').read_text()
    assert 'two' in (tmp_path / '2.log').read_text()


def test_messages_of_the_engine_library_come_too(tmp_path):
    get_root_logger(tmp_path / '1.log')
    print_log('from a dataset', 'current')
    print_log('paramwise_options -- backbone.norm.weight:decay_mult=0.0', 'current')
    text = (tmp_path / '1.log').read_text()
    assert 'from a dataset' in text
    assert 'paramwise_options' not in text


def test_the_level(tmp_path):
    logger = get_root_logger(tmp_path / '1.log', 'WARNING')
    logger.info('not this')
    assert (tmp_path / '1.log').read_text() == ''


def test_ranks_above_0_write_errors_only(tmp_path, monkeypatch):
    monkeypatch.setattr('mmengine.dist.get_rank', lambda: 1)
    logger = get_root_logger(tmp_path / '1.log')
    assert logger.level == logging.ERROR
    assert not (tmp_path / '1.log').exists()
