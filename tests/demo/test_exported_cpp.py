"""The example in C++ gives the boxes of the runtime; it is compiled by the lines of docs/export.md."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mmrotate.export.runtime import INPUTS, KEY, Detector, Recipe
from tests.helpers.pages import ROOT, blocks

pytestmark = pytest.mark.skipif(
    shutil.which('g++') is None or importlib.util.find_spec('openvino') is None, reason='no C++ compiler or OpenVINO'
)
RECIPE = Recipe(['a', 'b'], None, 'le90', [50, 40], True, [1.0] * 3, [2.0] * 3, True, 32, normalize=True)


def write_model(path):
    """A file whose boxes hold what goes in: two values of the pixels, height and width, one factor, a score."""
    number = TensorProto.FLOAT
    inputs = [
        helper.make_tensor_value_info(name, number, ['n', *shape])
        for name, shape in zip(INPUTS, ([3, 'h', 'w'], [2], [4]), strict=True)
    ]
    outputs = [
        helper.make_tensor_value_info('dets', number, ['n', 'k', 6]),
        helper.make_tensor_value_info('labels', TensorProto.INT64, [1, 2]),
    ]
    constants = {
        'weights': np.array([[[[1.0]], [[2.0]], [[4.0]]]], np.float32),
        'axes': np.array([2, 3]),
        'scores': np.array([[[0.9], [0.2]]], np.float32),
        'twice': np.array([1, 2, 1]),
        'middle': np.array([1]),
        'one': np.array([1]),
        'two': np.array([2]),
        'first': np.array([0]),
        'labels': np.array([[1, 0]]),
    }
    nodes = [
        helper.make_node('Mul', ['image', 'weights'], ['by_channel']),
        helper.make_node('ReduceSum', ['by_channel', 'axes'], ['sums'], keepdims=0),  # (n, 3)
        helper.make_node('Slice', ['sums', 'first', 'two', 'one'], ['pair']),
        helper.make_node('Slice', ['scale_factor', 'first', 'one', 'one'], ['factor']),
        helper.make_node('Concat', ['pair', 'img_shape', 'factor'], ['box'], axis=1),
        helper.make_node('Unsqueeze', ['box', 'middle'], ['boxes']),
        helper.make_node('Tile', ['boxes', 'twice'], ['both']),
        helper.make_node('Concat', ['both', 'scores'], ['dets'], axis=2),
    ]
    graph = helper.make_graph(
        nodes, 'detector', inputs, outputs, [numpy_helper.from_array(v, name) for name, v in constants.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 20)], ir_version=10)
    helper.set_model_props(model, {KEY: RECIPE.dumps()})
    onnx.save(model, path)


def test_the_example_finds_the_boxes_of_the_runtime(tmp_path):
    write_model(tmp_path / 'detector.onnx')
    image = np.random.randint(0, 256, (40, 50, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'picture.ppm'), image)
    wanted = Detector(tmp_path / 'detector.onnx', 1)(image)[1][0]
    (tmp_path / 'demo').symlink_to(ROOT / 'demo')
    (lines,) = (code for code, *_ in blocks(ROOT / 'docs/export.md', 'bash') if 'g++' in code)
    environment = {**os.environ, 'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}'}
    options = dict(cwd=tmp_path, env=environment, capture_output=True, text=True)
    run = subprocess.run(['bash', '-ec', lines], **options)
    assert run.returncode == 0, run.stderr
    (line,) = run.stdout.splitlines()
    label, score, *box = map(float, line.split())
    assert (label, score) == (1, 0.9)
    np.testing.assert_allclose(box, wanted[:5], rtol=1e-6)
    (tmp_path / 'picture.ppm').write_bytes(b'P6 9 9 255\n123')
    run = subprocess.run(['./detect', 'detector.onnx', 'picture.ppm'], **options)
    assert run.returncode == 1 and run.stderr.strip() == 'error: picture.ppm is cut off'
