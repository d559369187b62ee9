"""Archives of TorchServe: made, served and run by the handler; a server's answers against the detector."""

import base64
import importlib.util
import json
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import uvicorn

from mmrotate.apis import inference_detector, init_detector
from mmrotate.cli import torchserve_archive, torchserve_compare
from mmrotate.cli.model_store import read_store
from mmrotate.serve import ServedModel, create_app
from mmrotate.utils.zoo import shipped
from tests.helpers.tiny import CLASSES, write_config

# stands for torch-model-archiver: an archive is a zip of its files and a manifest
ARCHIVER = """#!/usr/bin/env python3
import argparse, json, pathlib, zipfile
parser = argparse.ArgumentParser()
for name in ('model-name', 'version', 'export-path', 'serialized-file', 'extra-files', 'handler'):
    parser.add_argument(f'--{name}', required=True)
parser.add_argument('--force', action='store_true')
args = parser.parse_args()
files = [args.serialized_file, args.extra_files, args.handler]
model = dict(modelName=args.model_name, serializedFile=pathlib.Path(files[0]).name, modelVersion=args.version)
with zipfile.ZipFile(pathlib.Path(args.export_path, f'{args.model_name}.mar'), 'w') as out:
    for file in files:
        out.write(file, pathlib.Path(file).name)
    out.writestr('MAR-INF/MANIFEST.json', json.dumps(dict(model=model)))
"""


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Config, checkpoint, image, and the detector."""
    folder = tmp_path_factory.mktemp('torchserve')
    config = str(write_config(folder))
    model = init_detector(config, device='cpu')
    torch.save({'state_dict': model.state_dict(), 'meta': {'CLASSES': CLASSES}}, folder / 'tiny.pth')
    return config, str(folder / 'tiny.pth'), str(folder / 'data' / 'images' / 'img0.png'), model


@pytest.fixture
def archiver(tmp_path, monkeypatch):
    program = tmp_path / 'bin' / 'torch-model-archiver'
    program.parent.mkdir()
    program.write_text(ARCHIVER)
    program.chmod(0o755)
    monkeypatch.setenv('PATH', str(program.parent), prepend=':')
    monkeypatch.setattr(torchserve_archive.sys, 'executable', str(tmp_path / 'python'))


def test_an_archive_is_served_and_handled_as_the_detector_detects(files, archiver, tmp_path, capsys):
    config, checkpoint, image, model = files
    store = tmp_path / 'store'
    argv = [config, checkpoint, '--output-folder', str(store), '--model-name', 'my', '--model-version', '1.3']
    assert torchserve_archive.main(argv) == 0
    assert f'written: {store / "my.mar"}' in capsys.readouterr().out
    assert torchserve_archive.main(argv) == 1
    assert '-f writes over it' in capsys.readouterr().err
    assert torchserve_archive.main([*argv, '-f']) == 0

    (tmp_path / 'scratch').mkdir()
    ((name, own_config, weights, version),) = read_store(store, tmp_path / 'scratch')
    assert (name, version) == ('my', '1.3')
    expected = inference_detector(model, image)
    served = inference_detector(init_detector(own_config, weights, 'cpu'), image)
    assert all((a == b).all() for a, b in zip(expected, served, strict=True))

    unpacked = tmp_path / 'unpacked'
    zipfile.ZipFile(store / 'my.mar').extractall(unpacked)
    handler = load_handler(unpacked / 'mmrotate_handler.py')
    manifest = json.loads((unpacked / 'MAR-INF' / 'MANIFEST.json').read_text())
    handler.initialize(SimpleNamespace(system_properties={'model_dir': str(unpacked)}, manifest=manifest))
    data = Path(image).read_bytes()
    rows = [{'body': bytearray(data)}, {'data': base64.b64encode(data).decode()}]
    first, second = handler.handle(rows, None)
    assert first == second
    boxes = [[*one['bbox'], one['score']] for one in first]
    expected = inference_detector(model, [image, image])[0]  # batches of other sizes round differently
    assert boxes == [box.tolist() for boxes in expected for box in boxes if box[5] >= 0.5] != []
    assert {one['class_name'] for one in first} <= set(CLASSES)


def load_handler(file):
    """As TorchServe finds it: the only class that is of the module."""
    spec = importlib.util.spec_from_file_location('mmrotate_handler', file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (found,) = (one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__)
    return found()


def test_the_handler_came_with_the_package():
    assert load_handler(shipped(torchserve_archive.HANDLER)).threshold == 0.5


def test_without_the_archiver_it_is_named(files, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('PATH', '')
    monkeypatch.setattr(torchserve_archive.sys, 'executable', str(tmp_path / 'python'))
    assert torchserve_archive.main([*files[:2], '--output-folder', str(tmp_path)]) == 1
    assert 'pip install torch-model-archiver' in capsys.readouterr().err


@pytest.mark.parametrize('content', [None, b'', b'no zip'])
def test_a_store_without_models_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / 'a.mar').write_bytes(content)
    (tmp_path / 'scratch').mkdir()
    with pytest.raises(Exception, match=r'holds no archive|is no archive of a detector'):
        read_store(tmp_path, tmp_path / 'scratch')


@pytest.fixture(scope='module')
def address(files):
    """Of a server of the detector."""
    server = uvicorn.Server(
        uvicorn.Config(create_app([ServedModel('my', files[3])]), port=0, log_level='error', ws='none')
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield '{}:{}'.format(*server.servers[0].sockets[0].getsockname())
    server.should_exit = True
    thread.join()


def test_a_server_is_held_against_the_detector(files, address, tmp_path, capsys):
    config, checkpoint, image, _ = files
    argv = [image, config, checkpoint, 'my', '--inference-addr', address, '--device', 'cpu', '--score-thr', '0.5']
    assert torchserve_compare.main([*argv, '--out-dir', str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert '1 detections of the detector, 1 of the server' in said
    assert (tmp_path / 'server.png').read_bytes() == (tmp_path / 'pytorch.png').read_bytes()
    other = init_detector(config, device='cpu')
    other.bbox_head.bias.data += 0.1
    torch.save({'state_dict': other.state_dict()}, tmp_path / 'other.pth')
    assert torchserve_compare.main([image, config, str(tmp_path / 'other.pth'), *argv[3:]]) == 1
    assert 'the server gives other detections' in capsys.readouterr().err


def test_a_server_that_does_not_answer(files, address, capsys):
    config, checkpoint, image, _ = files
    argv = [image, config, checkpoint]
    assert torchserve_compare.main([*argv, 'none', '--inference-addr', address, '--device', 'cpu']) == 1
    assert 'answers 404' in capsys.readouterr().err
    assert torchserve_compare.main([*argv, 'my', '--inference-addr', '127.0.0.1:9', '--device', 'cpu']) == 1
    assert 'no server answers at 127.0.0.1:9' in capsys.readouterr().err
