"""A server under load and under fire: 16 clients, a third of whose requests are broken.

Every answer to a whole image is held against the detector itself, every other must be a status from 400 on with a
reason. Printed are the seconds of the whole ones beside those of the bare detector in this process, one image a call:
alone, and where as many clients wait for it as for the server; also statuses by kind of request, and the memory of the
server before and after.

    python benchmarks/serve.py --requests 500
    python benchmarks/serve.py --requests 10000 --scale 64 64   # does memory grow?
"""

import argparse
import base64
import collections
import http.client
import json
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmrotate.apis import inference_detector, init_detector
from mmrotate.apis.results import torchserve_detections

ROOT = Path(__file__).parents[1]
CONFIG = 'oriented_rcnn_r18_half_fpn_hit_uav_le90'
MEGABYTE = 1 << 20
UPLOAD_SECONDS = 2


def read_arguments() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--requests', type=int, default=500)
    parser.add_argument('--clients', type=int, default=16)
    parser.add_argument('--scale', type=int, nargs=2, default=(160, 128), help='what the detector resizes images to')
    parser.add_argument('--images', default=str(ROOT / 'tests/data/hit_uav/images'))
    return parser.parse_args()


def png(width: int, height: int) -> bytes:
    """A PNG whose head says so, of a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    head = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(bytes(MEGABYTE)))


class Client:
    """Sends requests of every kind; each method gives the status, 0 where the client left, and the answer."""

    def __init__(self, port: int) -> None:
        self.port = port

    def send(self, body: bytes, kind: str = 'image/jpeg', path: str = '/predictions/uav') -> tuple[int, Any]:
        """A request as it should be, of any body."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=300)
        try:
            connection.request('POST', path, body, {'Content-Type': kind})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def truncated(self, data: bytes) -> tuple[int, Any]:
        """A file that was cut off."""
        return self.send(data[: random.randrange(len(data) - 2)])

    def bomb(self, data: bytes) -> tuple[int, Any]:
        """A small file of many pixels."""
        return self.send(png(60000, 60000))

    def wrong_type(self, data: bytes) -> tuple[int, Any]:
        """JSON of another form."""
        return self.send(json.dumps({'image': [1, 2]}).encode(), 'application/json')

    def noise(self, data: bytes) -> tuple[int, Any]:
        """No image."""
        return self.send(random.randbytes(1000))

    def huge(self, data: bytes) -> tuple[int, Any]:
        """More bytes than are taken: the answer comes before they are sent."""
        return self._raw(data[:1000], 10**9)

    def slow(self, data: bytes) -> tuple[int, Any]:
        """Sends a part and then nothing."""
        return self._raw(data[:1000], len(data))

    def leaves(self, data: bytes) -> tuple[int, Any]:
        """Goes as soon as it has sent all, or the half."""
        with socket.create_connection(('127.0.0.1', self.port)) as client:
            client.sendall(self._head(len(data)) + data[: random.choice((len(data), len(data) // 2))])
        return 0, None

    def _raw(self, data: bytes, length: int) -> tuple[int, Any]:
        with socket.create_connection(('127.0.0.1', self.port), timeout=300) as client:
            client.sendall(self._head(length) + data)
            answer = http.client.HTTPResponse(client)
            answer.begin()
            return answer.status, json.loads(answer.read())

    def _head(self, length: int) -> bytes:
        head = 'POST /predictions/uav HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n'
        return f'{head}Content-Length: {length}\r\n\r\n'.encode()


BROKEN = ('truncated', 'bomb', 'wrong_type', 'noise', 'huge', 'slow', 'leaves')
STATUSES = {'bomb': {413}, 'huge': {413}, 'slow': {408}, 'leaves': {0}}


def whole(client: Client, data: bytes) -> tuple[int, Any]:
    """An image, in one of the ways of sending it."""
    if random.random() < 0.3:
        coded = json.dumps({'image': base64.b64encode(data).decode()}).encode()
        return client.send(coded, 'application/json')
    return client.send(data)


def same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    """Whether detections are those of the detector, but for rounding, which differs with the size of the batch.

    A score near the threshold may be on either side of it.
    """
    sure = [[one for one in side if one['score'] > 0.501] for side in (found, expected)]
    others = (expected, found)
    return all(any(close(one, other) for other in others[i]) for i in range(2) for one in sure[i])


def close(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two detections are one."""
    numbers = [np.array([*side['bbox'], side['score']]) for side in (one, other)]
    return one['class_name'] == other['class_name'] and bool(np.abs(numbers[0] - numbers[1]).max() < 1e-2)


def start_server(scale: str) -> tuple[subprocess.Popen, int]:
    """The server in a process of its own, and its port."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    code = 'import sys; from mmrotate.cli import main; sys.exit(main(sys.argv[1:]))'
    options = ['--name', 'uav', '--port', str(port), '--upload-timeout', str(UPLOAD_SECONDS), '--cfg-options', scale]
    process = subprocess.Popen([sys.executable, '-c', code, 'serve', CONFIG, CONFIG, *options], stdout=subprocess.PIPE)
    while True:
        try:
            connection = http.client.HTTPConnection('127.0.0.1', port)
            connection.request('GET', '/ready')
            connection.getresponse()
            break
        except OSError:
            if process.poll() is not None:
                raise SystemExit('the server did not start') from None
            time.sleep(0.2)
    threading.Thread(target=lambda: collections.deque(process.stdout or (), 1), daemon=True).start()
    return process, port


def resident(process: subprocess.Popen) -> float:
    """Megabytes of a process."""
    pages = int(Path(f'/proc/{process.pid}/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / MEGABYTE


class Load:
    """What came of the requests."""

    def __init__(self, port: int, images: list[bytes], expected: list[list[dict[str, Any]]]) -> None:
        self.client, self.images, self.expected = Client(port), images, expected
        self.statuses: collections.Counter[tuple[str, int]] = collections.Counter()
        self.seconds: list[float] = []
        self.wrong: list[str] = []
        self._lock = threading.Lock()

    def run(self, count: int, clients: int) -> None:
        """Send ``count`` requests, ``clients`` at a time."""
        numbers = iter(range(count))

        def work() -> None:
            while True:
                with self._lock:
                    number = next(numbers, None)
                if number is None:
                    return
                self._one(number)

        threads = [threading.Thread(target=work) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _one(self, number: int) -> None:
        index = number % len(self.images)
        kind = BROKEN[number // 3 % len(BROKEN)] if number % 3 == 0 else 'whole'
        send: Callable[..., tuple[int, Any]] = (
            getattr(self.client, kind) if kind != 'whole' else lambda data: whole(self.client, data)
        )
        start = time.perf_counter()
        try:
            status, answer = send(self.images[index])
        except (OSError, http.client.HTTPException) as error:
            status, answer = -1, {'message': repr(error)}
        seconds = time.perf_counter() - start
        with self._lock:
            self.statuses[kind, status] += 1
            if kind == 'whole':
                self.seconds.append(seconds)
            if not self._right(kind, status, answer, index):
                self.wrong.append(f'{kind}: {status} {str(answer)[:200]}')

    def _right(self, kind: str, status: int, answer: Any, index: int) -> bool:
        if kind == 'whole':
            return status == 200 and same(answer, self.expected[index])
        return status in STATUSES.get(kind, {400}) and (status == 0 or bool(answer['message']))


def in_turns(detect: Callable[[bytes], Any], images: list[bytes], clients: int) -> list[float]:
    """Seconds that clients wait for a detector that takes one image after the other; each has three."""
    lock, seconds = threading.Lock(), []

    def work(number: int) -> None:
        for i in range(3):
            start = time.perf_counter()
            with lock:
                detect(images[(number + i) % len(images)])
            seconds.append(time.perf_counter() - start)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds[clients:]  # the first of each had fewer before it


def main() -> None:
    """Measure and print; the exit code is 1 after a wrong answer."""
    args = read_arguments()
    random.seed(0)
    scale = f'data.test.pipeline.1.img_scale=({args.scale[0]},{args.scale[1]})'
    files = sorted(Path(args.images).glob('*.jpg'))
    images = [file.read_bytes() for file in files]
    model = init_detector(CONFIG, CONFIG, 'cpu', {'data.test.pipeline.1.img_scale': tuple(args.scale)})

    def detect(data: bytes) -> Any:
        return inference_detector(model, cv2.imdecode(np.frombuffer(data, np.uint8), 1))

    bare, expected = [], []
    for data in [images[0], *images]:
        start = time.perf_counter()
        result = detect(data)
        bare.append(time.perf_counter() - start)
        expected.append(torchserve_detections(result, model.CLASSES, 0.5))
    process, port = start_server(scale)
    load = Load(port, images, expected[1:])
    load.run(2 * args.clients, args.clients)  # what is set up once is not growth
    before, start = resident(process), time.perf_counter()
    load.seconds.clear()
    load.run(args.requests, args.clients)
    wall, after = time.perf_counter() - start, resident(process)
    alive = process.poll() is None and Client(port).send(images[0])[0] == 200
    process.terminate()
    process.wait()
    waited = np.percentile(in_turns(detect, images, args.clients), 50)
    print(f'{args.requests} requests of {args.clients} clients in {wall:.1f} s ({args.requests / wall:.1f} a second)')
    for (kind, status), count in sorted(load.statuses.items()):
        print(f'  {kind:<10} {status or "left":>4} {count:>6}')
    one, served = np.percentile(bare[1:], 50), np.percentile(load.seconds, (50, 99))
    print(f'bare detector, one image after the other: p50 {one:.3f} s, p99 {np.percentile(bare[1:], 99):.3f} s')
    print(f'bare detector, {args.clients} clients in turns: p50 {waited:.3f} s')
    ratios = (
        f'{served[0] / one:.1f} and {served[1] / one:.1f} times one call, {served[0] / waited:.2f} times those in turns'
    )
    print(f'served, {args.clients} clients: p50 {served[0]:.3f} s, p99 {served[1]:.3f} s ({ratios})')
    print(f'resident memory of the server: {before:.0f} MB before, {after:.0f} MB after')
    print(f'the server is {"alive" if alive else "DEAD"}; wrong answers: {len(load.wrong)}')
    print('\n'.join(load.wrong[:10]))
    raise SystemExit(0 if alive and not load.wrong else 1)


if __name__ == '__main__':
    main()
