"""Numbers, names and order of classes."""

import logging

from torch import nn

from mmrotate.engine import load_config
from mmrotate.engine.checks import names_against, written_classes
from mmrotate.engine.checks.classes import heads_against
from tests.helpers.tiny import write_config


def level(ours, theirs, **kwargs):
    found = list(names_against(ours, 'data.val', theirs, 'data.train', **kwargs))
    assert all(repr(tuple(ours)) in text and repr(tuple(theirs)) in text for text, _ in found)
    return found[0].level if found else None


def test_exchanged_names_and_other_numbers_are_errors():
    assert level(('a', 'b'), ['a', 'b']) is None
    assert level(('b', 'a'), ('a', 'b')) == logging.ERROR
    assert level(('a', 'b'), ('a', 'b', 'c')) == logging.ERROR
    assert list(names_against(None, 'data.val', ('a',), 'data.train')) == []


def test_other_spellings_are_a_warning():
    assert level(('plane', 'boat'), ('plane', 'ship')) == logging.WARNING


def test_weights_to_start_from_may_have_other_classes():
    assert level(('b', 'a'), ('a', 'b'), level=logging.INFO) == logging.INFO
    assert level(('plane',), ('ship',), level=logging.INFO) == logging.INFO


def test_classes_that_are_no_list_of_names():
    (finding,) = heads_against(nn.Module(), 'car', 'data.train')
    assert 'list of names' in finding.text
    assert list(heads_against(nn.Module(), 4, 'data.train')) == []


def test_classes_of_a_split_that_is_not_opened(tmp_path):
    cfg = load_config(write_config(tmp_path))
    assert tuple(written_classes(cfg, 'test')) == ('car', 'ship')
    cfg.data.test = [dict(type='RepeatDataset', times=2, dataset=dict(type='HITUAVDataset'))]
    assert written_classes(cfg, 'test')[0] == 'Person'
    cfg.data.test = dict(type='HRSCDataset', classwise=True)
    assert written_classes(cfg, 'test') is None
