"""``mmrotate export`` from the command to a file that finds the boxes of its detector, in every form."""

import json
import shlex

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmrotate.apis import inference_detector, init_detector
from mmrotate.cli import main
from mmrotate.cli.test_exported import main as score_file
from mmrotate.core.images import read_image
from mmrotate.core.visualization import write_image
from mmrotate.export import runtime
from mmrotate.export.runtime import KEY, Detector, Recipe
from mmrotate.export.verify import difference
from mmrotate.utils.files import write_atomically
from tests.export.test_detector import detector
from tests.helpers import configs
from tests.helpers.pages import HIT_UAV, ROOT, commands_of, make_project

CLASSES = ('car', 'person', 'bicycle')
RUN = ('mmrotate ', 'python -m mmrotate.export.runtime', 'python tools/deployment/test.py')
# where the others are run, but for those that need a network or a GPU
ELSEWHERE = {
    'pip install': 'nowhere',
    'OV=': 'tests/demo/test_exported_cpp.py',
    'g++ ': 'tests/demo/test_exported_cpp.py',
    './detect ': 'tests/demo/test_exported_cpp.py',
    'trtexec ': 'nowhere',
    'polygraphy ': 'nowhere',
    'python tools/deployment/onnx2tensorrt.py': 'tests/cli/test_onnx2tensorrt.py',
    'python tools/deployment/pytorch2onnx.py': 'tests/export/test_files.py',
    'python benchmarks/export.py': 'tests/benchmarks/test_export.py',
}


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder with a config of a tiny detector, ``m.pth``, and four images of 64 x 64 with labels."""
    folder = tmp_path_factory.mktemp('export')
    cfg = Config.fromfile(ROOT / 'configs/hit_uav/oriented_rcnn_r18_half_fpn_hit_uav_le90.py')
    cfg.model = configs.fcos('le90')
    cfg.model.test_cfg.update(nms_pre=40, score_thr=0.005)
    cfg.data.test.update(classes=CLASSES, ann_file=f'{folder}/labels', img_prefix=f'{folder}/images')
    cfg.data.test.pipeline[1].img_scale = (64, 64)
    cfg.dump(folder / 'tiny.py')
    torch.save(dict(state_dict=detector('fcos').state_dict(), meta=dict(CLASSES=CLASSES)), folder / 'm.pth')
    for i, path in enumerate(sorted((HIT_UAV / 'images').iterdir())[:4]):
        write_image(folder / f'images/{i}.png', read_image(path)[100:164, 200:264])
        write_atomically(folder / f'labels/{i}.txt', '10 10 30 10 30 20 10 20 car 0\n')
    return folder


@pytest.fixture(scope='module')
def model(place):
    return init_detector(place / 'tiny.py', place / 'm.pth', 'cpu')


def export(place, out, *options):
    images = ['--images', place / 'images'] if {'--verify', '--int8'} & set(options) else []
    argv = ['export', place / 'tiny.py', place / 'm.pth', '--out', out, *images, *options]
    assert main(list(map(str, argv))) == 0


@pytest.mark.slow
def test_openvino_agrees_and_says_so(place, tmp_path, capsys):
    export(place, tmp_path / 'a.xml', '--format', 'openvino', '--verify')
    assert '; 0 without a partner' in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.bin', 'a.xml']


@pytest.mark.slow
def test_a_program_of_pytorch_finds_the_same_boxes(place, model, tmp_path):
    export(place, tmp_path / 'a.pt2', '--format', 'torch')
    extra = {KEY: ''}
    program = torch.export.load(tmp_path / 'a.pt2', extra_files=extra).module()
    image = read_image(place / 'images/0.png')
    inputs = (torch.from_numpy(each)[None] for each in Recipe.loads(extra[KEY]).prepare(image))
    with torch.no_grad():
        dets, labels = (out[0].numpy() for out in program(*inputs))
    found = difference([inference_detector(model, image)], [[dets[labels == i] for i in range(3)]])
    assert found.matched > 5 and found.alone == 0 and found.box < 1e-2


@pytest.mark.slow
def test_candidates_before_nms_come_out(place, model, tmp_path):
    export(place, tmp_path / 'a.onnx', '--raw', '--normalize', '--half')
    raw = Detector(tmp_path / 'a.onnx')
    assert not raw.recipe.with_nms and raw.recipe.normalize
    image = place / 'images/0.png'
    found, kept = (np.concatenate(result) for result in (raw(image), inference_detector(model, str(image))))
    assert len(found) >= len(kept) - 5  # in float16 some scores fall below the lowest
    assert np.median([np.abs(found - box).max(1).min() for box in kept]) < 0.1  # each is one of the candidates


@pytest.mark.slow
def test_a_file_in_int8_gives_nearly_the_boxes(place, model, tmp_path):
    export(place, tmp_path / 'a.onnx', '--int8')
    result = Detector(tmp_path / 'a.onnx')(place / 'images/0.png')
    best = np.concatenate(inference_detector(model, str(place / 'images/0.png')))[:, 5].max()
    assert [dets.shape[1] for dets in result] == [6] * 3
    assert abs(np.concatenate(result)[:, 5].max() - best) < 0.05


@pytest.mark.slow
def test_the_commands_of_the_page(place, tmp_path, monkeypatch, capsys):
    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    own = {'CONFIG': place / 'tiny.py', 'CHECKPOINT': place / 'm.pth', 'demo/images': place / 'images'}
    export_it, *others = [command for command, _ in commands_of(ROOT / 'docs/export.md') if command.startswith(RUN)]
    for command in (export_it, *others):
        words = shlex.split(command)
        words = [str(own.get(word, place / 'images/0.png' if word.endswith('.jpg') else word)) for word in words]
        if words[1] == 'export':
            words[2:4] = own['CONFIG'], own['CHECKPOINT']
        if words[0] == 'mmrotate':
            assert main(list(map(str, words[1:]))) == 0, command
        elif words[1] == '-m':
            runtime.main(words[3:])
        else:
            assert score_file(words[2:]) == 0, command
    said = capsys.readouterr().out
    assert '; 0 without a partner' in said  # of --verify
    assert json.loads((tmp_path / 'outputs/tiles.json').read_text())['classes'] == list(CLASSES)
    assert len(list((tmp_path / 'outputs/exported/pictures').iterdir())) == 4
    assert '| mAP ' in said


def test_every_command_of_the_page_is_run():
    commands = [command for command, _ in commands_of(ROOT / 'docs/export.md')]
    assert [command for command in commands if not command.startswith((*RUN, *ELSEWHERE))] == []
