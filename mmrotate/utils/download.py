"""Files from the network: fetched once, checked, and gone on with where a transfer broke off."""

import contextlib
import errno
import hashlib
import http.client
import os
import re
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import torch
from tqdm import tqdm

from mmrotate.utils.errors import CheckpointError
from mmrotate.utils.files import naming_errors
from mmrotate.utils.lock import try_lock
from mmrotate.utils.logger import get_root_logger

CACHE_VARIABLE = 'MMROTATE_CACHE'
MIRROR_VARIABLE = 'MMROTATE_MIRROR'
# whose file names end in the first digits of the file's SHA-256
PUBLISHERS = ('download.openmmlab.com', 'download.pytorch.org')
_PAUSES = (1.0, 4.0)  # seconds before each further try
_TIMEOUT = 30  # seconds without a byte
_CHUNK = 2**18
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_one_thread = threading.Lock()  # the system's lock on a file is one between processes


def fetch(url: str) -> Path:
    """The file of an ``http(s)://`` address, from the cache if it is there, without a network then.

    A file of :data:`PUBLISHERS` is held against the SHA-256 in its name, each time. What came of a transfer that broke
    off is kept, and the next goes on from there. The proxy is that of the environment (``https_proxy``), and the
    address ``MMROTATE_MIRROR``, if set, stands in for the hosts of the publishers.

    Raises:
        CheckpointError: It cannot be reached, or something else came than was published.
        WriteError: The cache cannot be written.
    """
    target, sha256 = cached_path(url), published_hash(url)
    if _is_whole(target, sha256):
        return target
    with naming_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _one_thread, _alone(target):
            if not _is_whole(target, sha256):  # else another process was quicker
                _download(mirrored(url), target, sha256)
    return target


def download_to(url: str, target: Path) -> bool:
    """Put the file of an ``http(s)://`` address at ``target``, unless there is one; gives whether it was fetched.

    What came of a transfer that broke off is kept, and gone on with while the server says that it has the same file.

    Raises:
        CheckpointError: It cannot be reached.
        WriteError: ``target`` cannot be written.
    """
    if target.is_file():
        return False
    with naming_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target):
            if found := not target.is_file():  # else another process was quicker
                _download(url, target, None, target.with_name(f'.{target.name}.tag'))
    return found


def cache_folder() -> Path:
    """Where files from the network are kept: ``MMROTATE_CACHE``, else the folder that ``torch.hub`` uses."""
    own = os.environ.get(CACHE_VARIABLE)
    return Path(own).expanduser() if own else Path(torch.hub.get_dir(), 'checkpoints')


def cached_path(url: str) -> Path:
    """Where the file of an address is kept, there or not."""
    name = Path(urlsplit(url).path).name
    if not published_hash(url):  # elsewhere other files may have the same name
        path = Path(name)
        name = f'{path.stem}-{hashlib.sha256(url.encode()).hexdigest()[:8]}{path.suffix}'
    return cache_folder() / name


def published_hash(url: str) -> str | None:
    """The first digits of the SHA-256 that the address names, None where digits in a name may mean anything."""
    match = re.search(r'-([0-9a-f]{8,64})\.\w+$', urlsplit(url).path)
    return match[1] if match and urlsplit(url).hostname in PUBLISHERS else None


def file_sha256(file: BinaryIO) -> str:
    """The SHA-256 of a whole open file, in hexadecimal digits."""
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(_CHUNK):
        digest.update(block)
    return digest.hexdigest()


def mirrored(url: str) -> str:
    """The address to ask: on the mirror, if one is set and the file is of a publisher."""
    mirror = os.environ.get(MIRROR_VARIABLE)
    parts = urlsplit(url)
    if not mirror or parts.hostname not in PUBLISHERS:
        return url
    if not mirror.startswith(('http://', 'https://')):
        raise CheckpointError(f'{MIRROR_VARIABLE} must be an address such as https://mirror.example.org, got {mirror}')
    return mirror.rstrip('/') + parts.path


def _is_whole(path: Path, sha256: str | None) -> bool:
    """Whether the file is there, and is the one that was published."""
    if not path.is_file() or sha256 is None:
        return path.is_file()
    with path.open('rb') as file:
        if file_sha256(file).startswith(sha256):
            return True
    get_root_logger().warning('%s is not the file that was published (SHA-256 %s...): fetched anew', path, sha256)
    return False


@contextlib.contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Hold the download of ``target`` against other processes; waits for one that holds it."""
    path = target.with_name(f'.{target.name}.lock')
    with path.open('a+b') as file:
        if try_lock(file):
            get_root_logger().info('another process downloads %s: waiting for it', target.name)
            while try_lock(file):
                time.sleep(0.2)
        yield
    path.unlink(missing_ok=True)  # whoever waits for it finds the file whole


def _download(url: str, target: Path, sha256: str | None, tag: Path | None = None) -> None:
    """Fetch; ``tag`` keeps what the server calls the version of the file."""
    part = target.with_name(f'{target.name}.part')
    with part.open('a+b') as file:
        if sha256 is None and (tag is None or not tag.is_file()):
            file.truncate(0)  # that the rest is of another file would not be noticed
        if sha256 is None or not file_sha256(file).startswith(sha256):
            _transfer_stubbornly(url, file, target, tag, keeps=sha256 is not None or tag is not None)
        found = file_sha256(file)
        if not found.startswith(sha256 or ''):
            file.truncate(0)
            raise CheckpointError(
                f'{url}: what came has the SHA-256 {found[:8]}..., published was {sha256}...: it is damaged or another '
                f'file, and was dropped; try again, or name another host by {MIRROR_VARIABLE}'
            )
        os.fsync(file.fileno())
    os.replace(part, target)
    if tag is not None:
        tag.unlink(missing_ok=True)


def _transfer_stubbornly(url: str, file: BinaryIO, target: Path, tag: Path | None, keeps: bool) -> None:
    """Transfer, with a few more tries where the network fails."""
    for pause in (*_PAUSES, None):
        try:
            return _transfer(url, file, target.name, tag)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
                raise
            if pause is None or _is_final(error):
                raise _failure(url, os.fstat(file.fileno()).st_size if keeps else 0, target, error) from error
            time.sleep(pause)


def _is_final(error: Exception) -> bool:
    """Whether a further try is of no use: the server says no, or there is none."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500
    return isinstance(getattr(error, 'reason', None), socket.gaierror | ConnectionRefusedError)


def _failure(url: str, kept: int, target: Path, error: Exception) -> CheckpointError:
    reason = error.reason if type(error) is urllib.error.URLError else error
    came = f'; the {kept} bytes that came are kept for the next try' if kept else ''
    return CheckpointError(
        f'{url} cannot be downloaded ({reason or type(error).__name__}){came}. Behind a proxy set https_proxy, for '
        f'another host {MIRROR_VARIABLE}; without a network put the file at {target}, or give a local path instead'
    )


def _transfer(url: str, file: BinaryIO, name: str, tag: Path | None = None) -> None:
    """Append to ``file`` what it lacks of ``url``."""
    start = file.seek(0, os.SEEK_END)
    request = urllib.request.Request(url, headers={'User-Agent': 'mmrotate', 'Accept-Encoding': 'identity'})
    if start:
        request.add_header('Range', f'bytes={start}-')
    try:
        # urlopen would keep the proxy of its first call
        response = urllib.request.build_opener().open(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if not start or error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        file.truncate(0)  # it is longer than the whole: of something else
        return _transfer(url, file, name, tag)
    with response:
        version = response.headers.get('ETag') or response.headers.get('Last-Modified') or ''
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:  # the whole comes, whatever was asked for
            start = 0
            file.truncate(0)
        elif not response.headers.get('Content-Range', '').startswith(f'bytes {start}-'):
            raise OSError('the server sent another part than was asked for')
        elif tag is not None and tag.read_text('utf-8') != version:
            file.truncate(0)  # the file has changed since
            return _transfer(url, file, name, tag)
        if tag is not None:
            tag.write_text(version, 'utf-8') if version else tag.unlink(missing_ok=True)
        length = response.headers.get('Content-Length')
        _append(response, file, name, start, start + int(length) if length else None)


def _append(response: BinaryIO, file: BinaryIO, name: str, start: int, total: int | None) -> None:
    interval = 0.1 if sys.stderr.isatty() else 30  # in a log file a line every half a minute is enough
    with tqdm(desc=name, total=total, initial=start, unit='B', unit_scale=True, mininterval=interval) as bar:
        while block := response.read(_CHUNK):
            file.write(block)
            bar.update(len(block))
    file.flush()
    if total is not None and (size := os.fstat(file.fileno()).st_size) < total:
        raise OSError(f'the connection ended after {size} of {total} bytes')
