"""Folders that results go into."""

from mmrotate.engine.checks import writable


def test_a_folder_that_can_be_made(tmp_path):
    assert list(writable(tmp_path / 'a' / 'b', 'work_dir')) == []


def test_a_file_in_the_way_and_no_permission(tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    (finding,) = writable(tmp_path / 'file' / 'b', 'work_dir')
    assert finding.text.startswith('work_dir=') and finding.text.endswith('file is no folder')
    monkeypatch.setattr('os.access', lambda *args: False)
    (finding,) = writable(tmp_path / 'b', 'work_dir')
    assert f'no permission to write into {tmp_path}' in finding.text
