"""Fetching: once, checked, resumed, one at a time, and clear where it fails."""

import errno
import hashlib
import subprocess
import sys
import threading

import pytest

from mmrotate.utils import CheckpointError, UserError, download
from mmrotate.utils.download import cache_folder, cached_path, fetch, mirrored, published_hash
from mmrotate.utils.lock import try_lock
from tests.helpers.server import serving

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = f'detector-{SHA256[:8]}.pth'
URL = f'https://download.openmmlab.com/mmrotate/v0.1.0/detector/{NAME}'
OWN = 'https://example.org/detector-20220101.pth'


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The mirror; the cache beside it is empty."""
    folder = tmp_path / 'served'
    folder.mkdir()
    (folder / NAME).write_bytes(CONTENT)
    with serving(folder) as server:
        monkeypatch.setenv('MMROTATE_MIRROR', f'{server.address}/mirror/')
        monkeypatch.setenv('MMROTATE_CACHE', str(tmp_path / 'cache'))
        monkeypatch.setattr(download, '_PAUSES', (0, 0))
        yield server


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once_and_then_without_a_network(server, tmp_path):
    path = fetch(URL)
    assert path == tmp_path / 'cache' / NAME and path.read_bytes() == CONTENT
    assert server.asked == [(f'/mirror/mmrotate/v0.1.0/detector/{NAME}', None)]
    server.shutdown()
    assert fetch(URL) == path
    assert len(server.asked) == 1 and files(path.parent) == [NAME]


def test_a_transfer_that_breaks_off_goes_on_by_itself(server):
    server.cut = [1000, 200_000]
    assert fetch(URL).read_bytes() == CONTENT
    assert [span for _, span in server.asked] == [None, 'bytes=1000-', 'bytes=201000-']


def test_what_came_is_kept_for_the_next_try(server, tmp_path):
    server.cut = [300_000, 0, 0]
    with pytest.raises(CheckpointError, match='ended after 300000 of 1024000 bytes') as caught:
        fetch(URL)
    assert 'the 300000 bytes that came are kept' in str(caught.value) and '\n' not in str(caught.value)
    assert not cached_path(URL).exists() and (tmp_path / f'cache/{NAME}.part').stat().st_size == 300_000
    assert fetch(URL).read_bytes() == CONTENT
    assert server.asked[-1][1] == 'bytes=300000-'
    assert files(tmp_path / 'cache') == [NAME]


def test_a_killed_process_is_gone_on_from(server, tmp_path):
    part = tmp_path / f'cache/{NAME}.part'
    part.parent.mkdir()
    part.write_bytes(CONTENT)  # all came, and it was killed before it gave the file its name
    assert fetch(URL).read_bytes() == CONTENT and server.asked == []


@pytest.mark.parametrize('part', [CONTENT + b'more', CONTENT[:5000]])
def test_a_part_that_the_server_does_not_go_on_from_is_replaced(server, tmp_path, part):
    server.ranges = len(part) > len(CONTENT)
    place = tmp_path / f'cache/{NAME}.part'
    place.parent.mkdir()
    place.write_bytes(part)
    assert fetch(URL).read_bytes() == CONTENT


def test_another_file_than_was_published_is_refused_and_dropped(server, tmp_path):
    (server.folder / NAME).write_bytes(b'something else')
    found = hashlib.sha256(b'something else').hexdigest()[:8]
    with pytest.raises(CheckpointError, match=f'SHA-256 {found}.*published was {SHA256[:8]}.*MMROTATE_MIRROR'):
        fetch(URL)
    assert not cached_path(URL).exists()
    (server.folder / NAME).write_bytes(CONTENT)
    assert fetch(URL).read_bytes() == CONTENT


def test_a_damaged_file_in_the_cache_is_fetched_anew(server, log):
    path = fetch(URL)
    path.write_bytes(CONTENT[:-1])
    assert fetch(URL).read_bytes() == CONTENT
    assert 'not the file that was published' in log[0].getMessage()


def test_the_servers_refusal_is_told_in_one_line_with_what_to_do(server):
    server.status = 403
    with pytest.raises(CheckpointError, match=r'403.*https_proxy.*MMROTATE_MIRROR.*put the file at') as caught:
        fetch(URL)
    assert len(server.asked) == 1 and server.address in str(caught.value) and '\n' not in str(caught.value)
    server.status = 503
    with pytest.raises(CheckpointError, match='503'):
        fetch(URL)
    assert len(server.asked) == 4  # which may pass


def test_without_a_network_the_error_names_the_place_for_the_file(server, monkeypatch):
    server.server_close()
    with pytest.raises(CheckpointError, match='cannot be downloaded') as caught:
        fetch(URL)
    assert str(cached_path(URL)) in str(caught.value)


def test_the_proxy_of_the_environment_is_used(server, monkeypatch):
    monkeypatch.setenv('http_proxy', server.address)
    monkeypatch.setenv('no_proxy', '')
    (server.folder / 'a.pth').write_bytes(b'1')
    assert fetch('http://nowhere.invalid/a.pth').read_bytes() == b'1'
    assert server.asked[-1][0] == 'http://nowhere.invalid/a.pth'


def test_digits_in_a_name_of_ones_own_are_no_hash(server):
    assert published_hash(OWN) is None and published_hash(URL) == SHA256[:8]
    assert mirrored(OWN) == OWN  # what a user wrote is not asked for elsewhere
    (server.folder / 'detector-20220101.pth').write_bytes(CONTENT)
    server.cut = [5]
    path = fetch(f'{server.address}/detector-20220101.pth')
    assert path.read_bytes() == CONTENT


def test_files_of_one_name_from_two_places_are_two(server):
    assert cached_path('https://a.org/latest.pth') != cached_path('https://b.org/latest.pth')
    assert cached_path('https://a.org/latest.pth?x=1').suffix == '.pth'


def test_the_cache_is_that_of_torch_unless_it_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv('MMROTATE_CACHE', raising=False)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    assert cache_folder() == tmp_path / 'hub' / 'checkpoints'


def test_a_mirror_must_be_an_address(monkeypatch):
    monkeypatch.setenv('MMROTATE_MIRROR', 'mirror.example.org')
    with pytest.raises(CheckpointError, match='must be an address'):
        mirrored(URL)


def test_a_full_disk_is_not_blamed_on_the_network(server, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(download, '_append', full)
    with pytest.raises(UserError, match=r'cannot write .*No space left'):
        fetch(URL)
    assert len(server.asked) == 1


def test_threads_fetch_one_at_a_time(server):
    threads = [threading.Thread(target=fetch, args=[URL]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 1 and cached_path(URL).read_bytes() == CONTENT


HOLDER = 'import fcntl, sys; file = open(sys.argv[1], "a+b"); fcntl.lockf(file, fcntl.LOCK_EX); print(); input()'


def test_processes_wait_for_each_other(server, tmp_path):
    pytest.importorskip('fcntl')
    place = tmp_path / 'cache' / f'.{NAME}.lock'
    place.parent.mkdir()
    command = [sys.executable, '-c', HOLDER, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with place.open('a+b') as file:
            assert try_lock(file)
        thread = threading.Thread(target=fetch, args=[URL])
        thread.start()
        thread.join(0.3)
        assert thread.is_alive() and server.asked == []
        cached_path(URL).write_bytes(CONTENT)  # the other is done
        other.communicate(b'\n')
        thread.join()
    assert server.asked == []
