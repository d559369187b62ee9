import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
import torch

from mmrotate.apis import init_detector
from tests.helpers.pages import ROOT, commands_of
from tests.helpers.tiny import write_config

# the detector of the tests, slow enough that a signal comes while it works
START = """
import sys, time
from tests.helpers.pages import ROOT, commands_of
from tests.helpers.tiny import TinyDetector
from mmrotate.cli import main
forward = TinyDetector.forward
def slow(self, *args, **kwargs):
    time.sleep(0.7)
    return forward(self, *args, **kwargs)
TinyDetector.forward = slow
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Config, checkpoint and image."""
    folder = tmp_path_factory.mktemp('server')
    config = write_config(folder)
    with config.open('a') as file:
        file.write("\ncustom_imports = dict(imports=['tests.helpers.tiny'])\n")
    torch.save({'state_dict': init_detector(str(config), device='cpu').state_dict()}, folder / 'tiny.pth')
    return str(config), str(folder / 'tiny.pth'), folder / 'data' / 'images' / 'img0.png'


@pytest.fixture
def start(files):
    """Starts ``mmrotate serve`` with options; gives the process and its address."""
    started = []

    def begin(*options):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        command = [sys.executable, '-c', START, 'serve', *files[:2], '--name', 'tiny', '--port', str(port), *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        started.append(process)
        address = f'http://127.0.0.1:{port}'
        for _ in range(600):
            try:
                urllib.request.urlopen(f'{address}/ready', timeout=5).close()
                return process, address
            except OSError:
                assert process.poll() is None, process.stdout.read()
                time.sleep(0.1)
        raise AssertionError('the server does not begin')

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(address, data):
    request = urllib.request.Request(f'{address}/v1/detect', data, {'content-type': 'image/png'}, method='POST')
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_a_server_answers_keeps_nothing_and_finishes_its_work(start, files):
    process, address = start()
    data = files[2].read_bytes()
    assert ask(address, data)['images'][0]['detections']
    # a client that sends no head, and one that leaves in the middle
    port = int(address.rpartition(':')[2])
    with socket.create_connection(('127.0.0.1', port)) as client:
        client.sendall(b'POST /v1/detect HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc')
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ask(address, data)))
    thread.start()
    time.sleep(0.4)
    process.send_signal(signal.SIGTERM)
    thread.join(60)
    said = process.communicate(timeout=60)[0]
    assert process.returncode in (0, -signal.SIGTERM), said
    assert answers and answers[0]['images'][0]['detections']
    assert 'Traceback' not in said


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which('curl'), reason='no curl')
def test_the_commands_of_the_page_are_answered(start):
    _, address = start()
    commands = [command for command, _ in commands_of(ROOT / 'docs/serving.md') if command.startswith('curl ')]
    assert len(commands) == 2
    for command in commands:
        command = command.replace('http://127.0.0.1:8080', address).replace('/uav', '/tiny')
        said = subprocess.run(['sh', '-c', f'{command} -sf'], cwd=ROOT, capture_output=True, check=True).stdout
        assert json.loads(said)


@pytest.mark.slow
def test_two_workers(start, files):
    process, address = start('--workers', '2')
    data = files[2].read_bytes()
    answers = {json.dumps(ask(address, data)) for _ in range(4)}
    assert len(answers) == 1
    children = subprocess.run(['pgrep', '-P', str(process.pid)], capture_output=True, text=True).stdout.split()
    assert len(children) >= 2
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[0]
    assert len(re.findall('Application shutdown complete', said)) == 2
