"""download-dataset, from a server on this machine."""

import io
import tarfile
import zipfile

import pytest

from mmrotate.cli import main
from mmrotate.datasets.addresses import ADDRESSES, PAGES
from mmrotate.utils import download
from tests.helpers.server import serving

BIG = bytes(range(256)) * 2000


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serves a zip and a tar file as the dataset hit_uav."""
    folder = tmp_path / 'served'
    folder.mkdir()
    with zipfile.ZipFile(folder / 'images.zip', 'w') as packed:
        packed.writestr('train/images/a.png', BIG)
    with tarfile.open(folder / 'labels.tar.gz', 'w:gz') as tar:
        info = tarfile.TarInfo('train/labelTxt/a.txt')
        info.size = 5
        tar.addfile(info, io.BytesIO(b'1 2 3'))
    with serving(folder) as server:
        addresses = [f'{server.address}/x/{name}' for name in ('images.zip', 'labels.tar.gz')]
        monkeypatch.setitem(ADDRESSES, 'hit_uav', addresses)
        monkeypatch.setattr(download, '_PAUSES', (0, 0))
        monkeypatch.chdir(tmp_path)
        yield server


def run(*options):
    return main(['download-dataset', '--dataset-name', 'hit_uav', *map(str, options)])


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file())


def test_archives_are_fetched_and_unpacked_once(server, tmp_path, capsys):
    assert run('--threads', 2) == 0
    assert files(tmp_path / 'data/hit_uav') == ['images.zip', 'labels.tar.gz']
    assert run('--unzip', '--delete') == 0
    data = tmp_path / 'data/hit_uav'
    assert (data / 'train/images/a.png').read_bytes() == BIG
    assert (data / 'train/labelTxt/a.txt').read_text() == '1 2 3'
    assert not (data / 'images.zip').exists()
    capsys.readouterr()
    assert run('--unzip') == 0
    assert capsys.readouterr().out.count('unpacked before') == 2
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    'tag, changed, start', [('"1"', False, 'bytes=100000-'), ('"1"', True, 'bytes=100000-'), (None, False, None)]
)
def test_a_broken_transfer_is_gone_on_with_where_the_file_is_the_same(server, tmp_path, capsys, tag, changed, start):
    server.tag, server.cut, server.status = tag, [100_000, 0, 0], None
    assert run('--save-dir', 'd', '--threads', 1) == 1
    assert 'the 100000 bytes that came are kept' in capsys.readouterr().err
    server.cut = []
    if changed:
        server.tag = '"2"'
        with zipfile.ZipFile(server.folder / 'images.zip', 'w') as packed:
            packed.writestr('train/images/a.png', BIG[::-1])
    asked = len(server.asked)
    assert run('--save-dir', 'd', '--unzip', '--threads', 1) == 0
    assert server.asked[asked][1] == start
    assert (tmp_path / 'd/train/images/a.png').read_bytes() == (BIG[::-1] if changed else BIG)
    left = {name for name in files(tmp_path / 'd') if name.startswith('.')}
    assert left == {'.images.zip.unpacked', '.labels.tar.gz.unpacked'}


def test_what_cannot_be_done_is_said(server, tmp_path, capsys):
    assert run('--delete') == 1
    assert 'give both' in capsys.readouterr().err
    (server.folder / 'labels.tar.gz').write_bytes(b'no archive')
    assert run('--unzip') == 1
    assert 'labels.tar.gz cannot be unpacked' in capsys.readouterr().err
    server.status = 404
    assert run('--save-dir', 'other') == 1
    assert '404' in capsys.readouterr().err


@pytest.mark.parametrize('name', PAGES)
def test_data_that_a_person_must_ask_for(name, capsys):
    assert main(['download-dataset', '--dataset-name', name]) == 1
    assert PAGES[name] in capsys.readouterr().err


def test_nothing_is_unpacked_outside_of_the_folder(server, tmp_path, capsys):
    with tarfile.open(server.folder / 'labels.tar.gz', 'w:gz') as tar:
        tar.addfile(tarfile.TarInfo('../evil.txt'))
    assert run('--unzip') == 1
    assert 'cannot be unpacked' in capsys.readouterr().err
    assert not list(tmp_path.rglob('evil.txt'))
