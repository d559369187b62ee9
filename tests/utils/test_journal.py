import json

import pytest

from mmrotate.utils import UserError
from mmrotate.utils.files import WriteError
from mmrotate.utils.journal import Failure, Journal, Tally, file_stamp

SETTINGS = {'config': 'a.py', 'score_thr': 0.3}


def test_goes_on_where_it_was(tmp_path):
    path = tmp_path / 'new' / 'a.journal'
    journal = Journal(path, SETTINGS)
    journal.add('a.png', [3, 17], [0.1, 1e-45])
    journal.add('b.png', None, {'x': 'ä\n'})
    journal.close()
    journal = Journal(path, SETTINGS, resume=True)
    assert len(journal) == 2
    assert journal.holds('a.png', [3, 17])
    assert not journal.holds('a.png', [3, 18])
    assert not journal.holds('c.png')
    assert (journal['a.png'], journal['b.png']) == ([0.1, 1e-45], {'x': 'ä\n'})
    journal.add('a.png', [3, 18], 'again')
    assert journal['a.png'] == 'again'
    journal.remove()
    assert not path.exists()


@pytest.mark.parametrize(('cut', 'kept'), [(1, 1), (20, 1), (60, 0), (100, 0)])
def test_a_line_cut_short_counts_as_not_written(tmp_path, cut, kept):
    path = tmp_path / 'a.journal'
    journal = Journal(path, SETTINGS)
    journal.add('a.png', None, 1)
    journal.add('b.png', None, 2)
    path.write_bytes(path.read_bytes()[:-cut])
    journal = Journal(path, SETTINGS, resume=True)
    assert len(journal) == kept
    journal.add('b.png', None, 3)
    assert all(json.loads(line) for line in path.read_text().splitlines())
    assert Journal(path, SETTINGS, resume=True)['b.png'] == 3


def test_other_settings_and_other_files_are_refused(tmp_path):
    path = tmp_path / 'a.journal'
    Journal(path, SETTINGS).close()
    with pytest.raises(UserError, match=r'was made with score_thr 0\.3, now 0\.5\. Give the same again'):
        Journal(path, {**SETTINGS, 'score_thr': 0.5}, resume=True)
    for text in ('{}\n', '[1]\n', 'no json\n'):
        path.write_text(text)
        with pytest.raises(UserError, match=r'a\.journal, line 1: no line of a journal'):
            Journal(path, SETTINGS, resume=True)
    assert path.read_text() == text


def test_a_full_disk_is_said(tmp_path):
    (tmp_path / 'a').symlink_to('/dev/full')
    with pytest.raises(WriteError, match=r'cannot write .*/a: '):
        Journal(tmp_path / 'a', SETTINGS)


def test_the_tally(tmp_path, capsys):
    items = [('a', None), ('b', None), ('c', None)]
    journal = Journal(tmp_path / 'j', {})
    tally = Tally(3)
    tally.work([(0, 'x'), (1, Failure('b is\nbad')), (2, 'z')], items, lambda i, result: [i, result], journal)
    assert 'left out: b is bad\n' in capsys.readouterr().err
    assert (journal['a'], journal['c'], len(journal)) == ([0, 'x'], [2, 'z'], 2)
    with pytest.raises(UserError, match=r'1 of 3 images could not be used, 2 are done.*Left out: b'):
        tally.finish(resumable=True)

    def outcomes():
        yield 0, 'x'
        raise KeyboardInterrupt

    tally = Tally(3)
    tally.work(outcomes(), items, lambda i, result: None)
    with pytest.raises(KeyboardInterrupt, match='1 of 3 images are done; what is done is kept'):
        tally.finish(resumable=False)


def test_a_stamp_tells_files_apart(tmp_path):
    (tmp_path / 'a').write_text('abc')
    assert file_stamp(tmp_path / 'a')[0] == 3
    assert file_stamp(tmp_path / 'b') is None
