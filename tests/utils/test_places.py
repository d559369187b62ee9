import os
from pathlib import Path

import pytest

from mmrotate.utils import UserError
from mmrotate.utils.places import check_outputs, obstacle


@pytest.fixture
def image(tmp_path):
    path = tmp_path / 'a.png'
    path.write_bytes(b'pixels')
    return path


def aliases(image):
    """Further names of one file."""
    links = [image.with_name('hard.json'), image.with_name('soft.json')]
    os.link(image, links[0])
    links[1].symlink_to(image.name)
    (image.parent / 'sub').mkdir()
    return [image, *links, image.parent / 'sub' / '..' / image.name]


def test_no_output_is_an_input_under_any_name(image):
    for name in aliases(image):
        with pytest.raises(UserError, match=r'--json .* would overwrite .*a\.png, which is read'):
            check_outputs([('--json', name)], [image])
    check_outputs([('--json', image.with_name('b.json'))], [image, 'https://host/a.pth', image.with_name('none')])


def test_no_two_outputs_go_to_one_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match='--json sub/a would overwrite what --out writes'):
        check_outputs([('--out', tmp_path / 'sub' / 'a'), ('--json', Path('sub/a'))], [])
    with pytest.raises(UserError, match='the folder of --out-dir'):
        check_outputs([('--json', tmp_path / 'o')], [], [('--out-dir', tmp_path / 'o')])


def test_a_device_may_be_named_twice():
    null = Path(os.devnull)
    check_outputs([('--out', null), ('--json', null)], [null])


def test_what_cannot_be_written_is_said(image):
    with pytest.raises(UserError, match=r'--out-dir .*a\.png is a file'):
        check_outputs([], [], [('--out-dir', image)])
    with pytest.raises(UserError, match=r'--json .* cannot be written: .*a\.png is no folder'):
        check_outputs([('--json', image / 'x' / 'b.json')], [])
    with pytest.raises(UserError, match='is a folder: a file is needed'):
        check_outputs([('--json', image.parent)], [])
    (image.parent / 'gone').symlink_to('nowhere')
    with pytest.raises(UserError, match='gone is no folder'):
        check_outputs([], [], [('--out-dir', image.parent / 'gone' / 'new')])


@pytest.mark.parametrize('folder', ['/proc', '/proc/new'])
def test_a_folder_that_takes_no_file_is_said_to_root_too(folder):
    with pytest.raises(UserError, match=r'--json .*b\.json cannot be written: no .* /proc'):
        check_outputs([('--json', Path(folder, 'b.json'))], [])
    with pytest.raises(UserError, match=r'--out-dir /proc.* cannot be written: no .* /proc'):
        check_outputs([], [], [('--out-dir', Path(folder))])


def test_what_is_no_file_needs_no_room_beside_it():
    ends = os.pipe()
    check_outputs([('--json', Path(f'/proc/self/fd/{ends[1]}'))], [])
    for end in ends:
        os.close(end)


def test_asking_leaves_nothing(tmp_path, monkeypatch):
    before = os.stat(tmp_path).st_mtime_ns
    check_outputs([('--json', tmp_path / 'new' / 'b.json')], [], [('--out-dir', tmp_path)])
    assert not list(tmp_path.iterdir()) and os.stat(tmp_path).st_mtime_ns == before

    def refuse(**options):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr('tempfile.TemporaryFile', refuse)  # root may write everywhere
    assert obstacle(tmp_path / 'new') == f'no permission to write into {tmp_path}'
