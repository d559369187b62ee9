"""A small HTTP server in a thread, with ranges and with faults."""

import contextlib
import hashlib
import http.server
import json
import threading
from pathlib import Path

import torch

from mmrotate.utils import zoo


class Server(http.server.ThreadingHTTPServer):
    """Serves the files of ``folder``, whatever folder the address names.

    ``asked`` holds the path and the range of each request. ``cut``: bytes after which the next answers break off, one
    number each. ``ranges``: whether a part can be asked for. ``tag``: what it calls the version of its files.
    """

    def __init__(self, folder):
        super().__init__(('127.0.0.1', 0), _Handler)
        self.folder, self.asked, self.cut, self.ranges = Path(folder), [], [], True
        self.status = self.tag = None

    @property
    def address(self):
        return f'http://127.0.0.1:{self.server_port}'


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, span = self.server, self.headers.get('Range')
        server.asked.append((self.path, span))
        file = server.folder / Path(self.path.partition('?')[0]).name
        if server.status or not file.is_file():
            self.send_error(server.status or 404)
            return
        content = file.read_bytes()
        start = int(span.removeprefix('bytes=').removesuffix('-')) if span and server.ranges else 0
        if start >= len(content) > 0:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header('Content-Range', f'bytes {start}-{len(content) - 1}/{len(content)}')
        if server.tag:
            self.send_header('ETag', server.tag)
        self.send_header('Content-Length', str(len(content) - start))
        self.end_headers()
        body = content[start:]
        self.wfile.write(body[: server.cut.pop(0)] if server.cut else body)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving(folder):
    with Server(folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def publishing(name, folder, monkeypatch):
    """A zoo of one config, ``name``, with weights on a server; gives the server and the weights' file name."""
    torch.save({'state_dict': {'x': torch.ones(3)}}, folder / 'a.pth')
    file = f'weights-{hashlib.sha256((folder / "a.pth").read_bytes()).hexdigest()[:8]}.pth'
    (folder / 'a.pth').rename(folder / file)
    row = {**zoo.zoo_row(name), 'checkpoint': f'https://download.openmmlab.com/mmrotate/{file}'}
    (folder / 'zoo.json').write_text(json.dumps([row]))
    with serving(folder) as server, monkeypatch.context() as patch:
        patch.setattr(zoo, 'ZOO_FILE', folder / 'zoo.json')
        patch.setenv('MMROTATE_CACHE', str(folder / 'cache'))
        patch.setenv('MMROTATE_MIRROR', server.address)
        _forget()
        yield server, file
    _forget()


def _forget():
    zoo._rows.cache_clear()
    zoo._by_name.cache_clear()
