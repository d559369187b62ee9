"""Folders that results go into."""

from mmrotate.engine.checks import writable


def test_a_folder_that_can_be_made(tmp_path):
    assert list(writable(tmp_path / 'a' / 'b', 'work_dir')) == []


def test_a_file_in_the_way_and_a_folder_that_takes_no_file(tmp_path):
    (tmp_path / 'file').write_text('')
    (finding,) = writable(tmp_path / 'file' / 'b', 'work_dir')
    assert finding.text.startswith('work_dir=') and finding.text.endswith('file is no folder')
    (finding,) = writable('/proc/b', 'work_dir')
    assert finding.text.startswith("work_dir='/proc/b': no ")
