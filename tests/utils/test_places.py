import os
from pathlib import Path

import pytest

from mmrotate.utils import UserError
from mmrotate.utils.places import check_outputs


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


def test_what_cannot_be_written_is_said(image, monkeypatch):
    with pytest.raises(UserError, match=r'--out-dir .*a\.png is a file'):
        check_outputs([], [], [('--out-dir', image)])
    with pytest.raises(UserError, match=r'--json .* cannot be written: .*a\.png is no folder'):
        check_outputs([('--json', image / 'x' / 'b.json')], [])
    with pytest.raises(UserError, match='is a folder: a file is needed'):
        check_outputs([('--json', image.parent)], [])
    monkeypatch.setattr(os, 'access', lambda path, mode: False)  # root may write everywhere
    with pytest.raises(UserError, match=r'--json .* no permission to write into'):
        check_outputs([('--json', image.parent / 'new' / 'b.json')], [])
    with pytest.raises(UserError, match=r'--out-dir .* no permission'):
        check_outputs([], [], [('--out-dir', image.parent / 'new')])
