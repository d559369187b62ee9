"""``mmrotate export`` from the command to a file that finds the boxes of its detector, in every form."""

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmrotate.apis import inference_detector, init_detector
from mmrotate.cli import main
from mmrotate.core.images import read_image
from mmrotate.core.visualization import write_image
from mmrotate.export.runtime import KEY, Detector, Recipe
from mmrotate.export.verify import difference
from tests.export.test_detector import detector
from tests.helpers import configs
from tests.helpers.pages import HIT_UAV, ROOT

pytestmark = pytest.mark.slow
CLASSES = ('a', 'b', 'c')


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder with a config of a tiny detector, ``m.pth``, and four images of 64 x 64."""
    folder = tmp_path_factory.mktemp('export')
    cfg = Config.fromfile(ROOT / 'configs/hit_uav/oriented_rcnn_r18_half_fpn_hit_uav_le90.py')
    cfg.model = configs.fcos('le90')
    cfg.model.test_cfg.update(nms_pre=40, score_thr=0.005)
    cfg.data.test.update(classes=CLASSES)
    cfg.data.test.pipeline[1].img_scale = (64, 64)
    cfg.dump(folder / 'tiny.py')
    torch.save(dict(state_dict=detector('fcos').state_dict(), meta=dict(CLASSES=CLASSES)), folder / 'm.pth')
    for i, path in enumerate(sorted((HIT_UAV / 'images').iterdir())[:4]):
        write_image(folder / f'images/{i}.png', read_image(path)[100:164, 200:264])
    return folder


@pytest.fixture(scope='module')
def model(place):
    return init_detector(place / 'tiny.py', place / 'm.pth', 'cpu')


def export(place, out, *options):
    argv = ['export', place / 'tiny.py', place / 'm.pth', '--out', out, '--images', place / 'images', *options]
    assert main(list(map(str, argv))) == 0


def test_onnx_agrees_and_says_so(place, tmp_path, capsys):
    export(place, tmp_path / 'a.onnx', '--verify')
    said = capsys.readouterr().out
    assert f'written: {tmp_path / "a.onnx"}' in said and '; 0 without a partner' in said
    assert Detector(tmp_path / 'a.onnx').recipe.size == [64, 64]
    assert [path.name for path in tmp_path.iterdir()] == ['a.onnx']


def test_openvino_agrees_and_says_so(place, tmp_path, capsys):
    export(place, tmp_path / 'a.xml', '--format', 'openvino', '--verify')
    assert '; 0 without a partner' in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.bin', 'a.xml']


def test_a_program_of_pytorch_finds_the_same_boxes(place, model, tmp_path):
    export(place, tmp_path / 'a.pt2', '--format', 'torch')
    extra = {KEY: ''}
    program = torch.export.load(tmp_path / 'a.pt2', extra_files=extra).module()
    image = read_image(place / 'images/0.png')
    inputs = (torch.from_numpy(each)[None] for each in Recipe.loads(extra[KEY]).prepare(image))
    dets, labels = (out[0].numpy() for out in program(*inputs))
    found = difference([inference_detector(model, image)], [[dets[labels == i] for i in range(3)]])
    assert found.matched > 5 and found.alone == 0 and found.box < 1e-2


def test_candidates_before_nms_come_out(place, model, tmp_path):
    export(place, tmp_path / 'a.onnx', '--raw', '--normalize')
    raw = Detector(tmp_path / 'a.onnx')
    assert not raw.recipe.with_nms and raw.recipe.normalize
    image = place / 'images/0.png'
    found, kept = (np.concatenate(result) for result in (raw(image), inference_detector(model, str(image))))
    assert len(found) > len(kept)
    for box in kept:  # each is one of the candidates
        assert np.abs(found - box).max(1).min() < 1e-2


@pytest.mark.parametrize('option', ['--int8', '--half'])
def test_smaller_files_give_nearly_the_boxes(option, place, model, tmp_path):
    export(place, tmp_path / 'a.onnx', option)
    result = Detector(tmp_path / 'a.onnx')(place / 'images/0.png')
    best = np.concatenate(inference_detector(model, str(place / 'images/0.png')))[:, 5].max()
    assert [dets.shape[1] for dets in result] == [6] * 3
    assert abs(np.concatenate(result)[:, 5].max() - best) < 0.05
