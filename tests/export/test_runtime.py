"""Model files run without PyTorch, and images are prepared as the config's pipeline does."""

import json
import subprocess
import sys

import cv2
import numpy as np
import onnx
import pytest
import torch
from mmengine.config import Config
from onnx import TensorProto, helper, numpy_helper

from benchmarks.serve import png
from mmrotate.apis import init_detector
from mmrotate.apis.inference import ModelSight, Preparation
from mmrotate.apis.results import image_entry
from mmrotate.apis.scenes import Search
from mmrotate.apis.tiles import detect_windows, joined
from mmrotate.export import runtime
from mmrotate.export.files import graph_of
from mmrotate.export.recipe import recipe_of
from mmrotate.utils import UserError
from tests.helpers.pages import HIT_UAV, ROOT

CONFIG = ROOT / 'configs/hit_uav/oriented_rcnn_r18_half_fpn_hit_uav_le90.py'
WEIGHTS = ROOT / 'demo/oriented_rcnn_r18_half_fpn_hit_uav_le90.pth'
IMAGES = sorted((HIT_UAV / 'images').iterdir())[:2]
DETS = np.array([[[30, 20, 8, 4, 0.5, 0.9], [50, 60, 9, 3, -0.2, 0.4], [0] * 6]], np.float32)
LABELS = np.array([[1, 0, -1]])


class Model:
    """What a recipe is made of."""

    CLASSES, PALETTE = ('car', 'person'), [(1, 2, 3), (4, 5, 6)]

    def __init__(self, *steps):
        self.cfg = Config.fromfile(CONFIG)
        self.cfg.data.test.pipeline[1]['transforms'] += steps


@pytest.fixture
def file(tmp_path):
    """An ONNX file of the form of an exported one, that finds the same boxes in every image."""
    number = TensorProto.FLOAT
    inputs = [
        helper.make_tensor_value_info(name, number, ['n', *shape])
        for name, shape in zip(runtime.INPUTS, ([3, 'h', 'w'], [2], [4]), strict=True)
    ]
    outputs = [
        helper.make_tensor_value_info('dets', number, DETS.shape),
        helper.make_tensor_value_info('labels', TensorProto.INT64, LABELS.shape),
    ]
    nodes = [
        helper.make_node('Constant', [], [name], value=numpy_helper.from_array(value, name))
        for name, value in (('dets', DETS), ('labels', LABELS))
    ]
    graph = helper.make_graph(nodes, 'detector', inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 20)], ir_version=10)
    helper.set_model_props(model, {runtime.KEY: recipe_of(Model()).dumps()})
    onnx.save(model, tmp_path / 'detector.onnx')
    return tmp_path / 'detector.onnx'


def test_importing_it_loads_neither_pytorch_nor_mmengine():
    code = 'import sys, mmrotate.export.runtime; print([m for m in ("torch", "mmengine") if m in sys.modules])'
    out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == '[]'


@pytest.mark.parametrize('size', [None, (300, 400), (700, 333)])
def test_images_are_prepared_as_by_the_pipeline(size):
    image = cv2.imread(str(IMAGES[0]))
    image = image if size is None else cv2.resize(image, size)
    model = Model()
    wanted = Preparation(model.cfg)(image)
    pixels, shape, factor = recipe_of(model).prepare(image)
    meta = wanted['img_metas'][0]
    np.testing.assert_array_equal(pixels, wanted['img'][0].numpy())
    assert shape.tolist() == list(meta['img_shape'][:2])
    np.testing.assert_array_equal(factor, meta['scale_factor'])


def test_a_file_of_fixed_size_takes_images_of_any():
    recipe = recipe_of(Model(), (512, 640), normalize=True)
    pixels, shape, _ = recipe.prepare(np.full((640, 320, 3), 9, np.uint8))
    assert pixels.shape == (3, 512, 640) and shape.tolist() == [512, 256]
    assert (pixels[:, :, :256] == 9).all() and not pixels[:, :, 256:].any()


def test_a_recipe_is_read_as_it_was_written():
    recipe = recipe_of(Model(), (512, 640))
    assert runtime.Recipe.loads(recipe.dumps()).dumps() == recipe.dumps()
    assert recipe.angle_version == 'le90' and recipe.classes == ['car', 'person']


def test_results_are_a_list_over_classes(file):
    detector = runtime.Detector(file, threads=1)
    person, car = DETS[0, 1:2], DETS[0, :1]
    for result in (detector(IMAGES[0]), *detector([cv2.imread(str(path)) for path in IMAGES])):
        np.testing.assert_array_equal(result[0], person)
        np.testing.assert_array_equal(result[1], car)


def test_detections_are_printed(file, capsys):
    runtime.main([str(file), str(IMAGES[0])])
    line = json.loads(capsys.readouterr().out)
    assert [found['label'] for found in line['detections']] == ['person', 'car']
    assert line == image_entry(str(IMAGES[0]), runtime.Detector(file)(IMAGES[0]), ('car', 'person'), 0.3)
    with pytest.raises(SystemExit):
        runtime.main(['nothing.onnx', str(IMAGES[0])])
    assert 'there is no file nothing.onnx' in capsys.readouterr().err


@torch.no_grad()
def test_tiles_are_those_of_the_detector_in_pytorch():
    options = {'data.test.pipeline.1.img_scale': (320, 256), 'model.test_cfg.rcnn.score_thr': 0.3}
    model = init_detector(CONFIG, WEIGHTS, 'cpu', options)
    graph, detector = graph_of(model), runtime.Detector.__new__(runtime.Detector)
    detector.recipe = recipe_of(model)
    detector._run = lambda inputs: [out.numpy() for out in graph(*map(torch.from_numpy, inputs.values()))]
    image = cv2.imread(str(ROOT / 'demo/images/1_60_30_0_00147.jpg'))[:256]
    search = Search((320, 256), overlap=0.25)

    def read(window):
        return image[window[1] : window[3], window[0] : window[2]]

    wanted = joined(detect_windows(ModelSight(model), read, search.windows((640, 256)), search.rule))
    found = detector.tiles(image, overlap=0.25, batch_size=2)
    assert sum(map(len, wanted)) > 5
    for own, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-3)


def test_files_that_cannot_be_used_are_named(file, tmp_path):
    with pytest.raises(runtime.ModelFileError, match='ends in'):
        runtime.Detector(tmp_path / 'model.pth')
    bare = onnx.load(file)
    del bare.metadata_props[:]
    onnx.save(bare, tmp_path / 'bare.onnx')
    with pytest.raises(runtime.ModelFileError, match='was not written by'):
        runtime.Detector(tmp_path / 'bare.onnx')
    detector = runtime.Detector(file)
    with pytest.raises(runtime.ModelFileError, match='cannot read the image'):
        detector(tmp_path / 'none.png')
    data = IMAGES[0].read_bytes()
    for name, content, reason in (
        ('cut.jpg', data[:1000], r'is truncated \(1000 bytes\)'),
        ('empty.jpg', b'', 'is an empty file'),
        ('noise.jpg', b'noise', 'it is damaged, or of a format'),
        ('huge.png', png(60000, 60000), 'cannot read the image'),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(runtime.ModelFileError, match=reason):
            detector(tmp_path / name)
    with pytest.raises(runtime.ModelFileError, match=r'overlap is a part in \[0, 1\)'):
        detector.tiles(IMAGES[0], overlap=1)
    for name, content in (('noise.onnx', b'noise'), ('noise.xml', b'noise'), ('cut.onnx', file.read_bytes()[:-200])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(runtime.ModelFileError, match=f'cannot run .*{name}: [^\n]+$'):
            runtime.Detector(tmp_path / name)
    bare.metadata_props.add(key=runtime.KEY, value='{"classes": ["a"]}')
    onnx.save(bare, tmp_path / 'old.onnx')
    with pytest.raises(runtime.ModelFileError, match='of another version'):
        runtime.Detector(tmp_path / 'old.onnx')
    with pytest.raises(runtime.ModelFileError, match='uint8, is needed'):
        detector(np.zeros((3, 4, 3)))


def test_pipelines_that_only_pytorch_has_are_refused():
    with pytest.raises(UserError, match='also has PolyRandomRotate'):
        recipe_of(Model(dict(type='PolyRandomRotate')))
    model = Model()
    model.cfg.data.test.pipeline[1]['img_scale'] = [(640, 512), (800, 640)]
    with pytest.raises(UserError, match='one img_scale'):
        recipe_of(model)
