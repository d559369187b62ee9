"""benchmarks/export.py holds files of small methods against PyTorch, names what stops one, and goes on."""

import argparse
import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmrotate.utils import UserError

BENCHMARKS = Path(__file__).parents[2] / 'benchmarks'
ARGS = argparse.Namespace(mode='methods', base=8, channels=32, dynamic=True, threads=1, known=[])
METHOD, FORMATS = 'rotated_fcos/rotated_fcos_r50_fpn_1x_dota_le90', ['onnx, dynamic', 'openvino, dynamic']
ROW = dict(matched=7, alone=2, ties=1, box=0.001, score=1e-6, seconds=30, latency=0.2, size=1.5)


@pytest.fixture
def export(monkeypatch):
    """The script, which takes its neighbours from its own folder."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module('export')
    for name in ('export', 'small'):
        sys.modules.pop(name)


@pytest.fixture
def results(export, monkeypatch):
    """What PyTorch finds, by the scale of images; the files are not written, and find it with an error of 0.001."""
    found = {}
    own_boxes = export.own_boxes

    def own(model, recipe, images, shake=0.0):
        result = own_boxes(model, recipe, images, shake)
        return result if shake else found.setdefault(tuple(recipe.scale), result)

    class File:
        def __init__(self, file, threads):
            self.recipe = None

        def __call__(self, images, batch_size):
            return [[part + 1e-3 for part in result] for result in found[tuple(self.recipe.scale)]]

    def write(program, kind, file, how):
        assert how.size is None
        for ending in ('.onnx', '.xml', '.bin'):
            file.with_suffix(ending).write_bytes(b'0' * 1000)

    def ignored(*args):
        return None

    monkeypatch.setattr(export, 'own_boxes', own)
    monkeypatch.setattr(export, 'timed', lambda run: (run(), 0.5))
    for name, fake in (
        ('trace', ignored),
        ('digest_of', lambda program: 'abc'),
        ('write', write),
        ('to_openvino', ignored),
        ('Detector', File),
    ):
        monkeypatch.setattr(export, name, fake)
    return found


def test_a_method_has_a_row_for_each_format(export, results, tmp_path):
    rows = list(export.measured(METHOD, FORMATS, tmp_path / 'new', ARGS))
    assert [row['format'] for row in rows] == FORMATS
    assert list(results) == list(export.OTHER_SCALES)
    for row in rows:
        assert row['matched'] > 50 and row['alone'] == 0
        # of corners: an angle is off, too
        assert 1e-4 < row['box'] < 1 and row['score'] == pytest.approx(1e-3, rel=1e-2)
        assert 0 < row['noise'] < 1 and 0 < row['noise_score'] < 0.1
        assert row['size'] == (2e-3 if 'openvino' in row['format'] else 1e-3) and row['own'] > 0
    scores = np.concatenate([part[:, 5] for images in results.values() for image in images for part in image])
    assert scores.min() > 0.004 and scores.max() < 0.999  # they tell boxes apart
    lines = export.table([rows[0] | {'size': 1.5}, rows[1]], 'methods').splitlines()
    # both formats in a line, and what is the same for them once
    assert len(lines) == 3 and len({line.count('|') for line in lines}) == 1
    assert lines[-1].startswith('| rotated_fcos_r50_fpn_1x_dota_le90, dynamic | ') and '| 1.5 / 0.0 |' in lines[-1]


def test_a_graph_that_is_known_is_not_measured_again(export, results, tmp_path, monkeypatch):
    rows = [dict(method='other', format=each, graph='abc', noise=0, noise_score=0, own=0, **ROW) for each in FORMATS]
    monkeypatch.setattr(export, 'write', None)
    found = list(export.measured(METHOD, FORMATS, tmp_path, argparse.Namespace(**{**vars(ARGS), 'known': rows})))
    assert found == [row | {'method': METHOD} for row in rows]
    (line,) = export.table(rows + found, 'methods').splitlines()[2:]
    assert line.startswith('| other, rotated_fcos_r50_fpn_1x_dota_le90, dynamic | 7 | 2 (1) |')


def test_boxes_of_equal_scores_are_left_out_wherever_they_are_equal(export):
    def result(*scores):
        return [np.array([[20.0 * i, 0, 9, 5, 0.1, score] for i, score in enumerate(scores)])]

    # the second and the third may come in any order in the one, and are told apart in the last bit by the other
    one, other = result(0.9, 0.7, 0.7, 0.3), result(0.9, 0.7, 0.7000001, 0.3)
    for pair in ((one, other), (other, one)):
        assert export.agreed(*([each] for each in pair)) == dict(matched=2, box=0, score=0, alone=0, ties=0)


def test_a_digest_is_of_operators_and_weights(export):
    def program(factor, weight):
        layer = torch.nn.Linear(1, 1)
        torch.nn.init.constant_(layer.weight, weight)
        torch.nn.init.zeros_(layer.bias)
        return torch.export.export(torch.nn.Sequential(layer, torch.nn.Softplus(factor)), (torch.ones(1, 1),))

    digests = [export.digest_of(program(*each)) for each in ((1, 1), (1, 1), (2, 1), (1, 2))]
    assert digests[0] == digests[1] and len(set(digests)) == 3


def test_what_stops_a_method_is_its_row(export, results, tmp_path, monkeypatch):
    def refused(*args):
        raise UserError('soft NMS cannot be exported')

    monkeypatch.setattr(export, 'graph_of', refused)
    rows = list(export.measured(METHOD, FORMATS[:1], tmp_path, ARGS))
    assert rows == [dict(method=METHOD, format=FORMATS[0], error='UserError: soft NMS cannot be exported')]


def test_what_was_interrupted_goes_on(export, monkeypatch, tmp_path):
    tried = []

    def of_method(name, formats, folder, args):
        tried.append((name.split('/')[0], *formats))
        for kind in formats:
            if len(tried) == 1 and kind == 'openvino':
                raise ValueError('an operator is missing: see above')
            yield dict(format=kind, noise=1e-5, noise_score=1e-7, own=0.1, **ROW)

    monkeypatch.setattr(export, 'of_method', of_method)
    rows, page = tmp_path / 'rows.json', tmp_path / 'page.md'
    options = ['--json', str(rows), '--markdown', str(page)]
    for only in ('s2anet_r50', 's2anet_r50|r3det_tiny'):
        monkeypatch.setattr(sys, 'argv', ['export.py', 'methods', '--only', only, *options])
        export.main()
        if only == 's2anet_r50':
            assert '| 7 / openvino: ValueError: an operator is missing: see above |' in page.read_text('utf-8')
    # what failed is tried again, what did not is not
    assert tried == [('s2anet', 'onnx', 'openvino'), ('r3det', 'onnx', 'openvino'), ('s2anet', 'openvino')]
    assert len(json.loads(rows.read_text())) == 4
    lines = page.read_text('utf-8').splitlines()
    assert [line.split(' ')[1] for line in lines[2:]] == [
        'r3det_tiny_r50_fpn_1x_dota_oc',
        's2anet_r50_fpn_1x_dota_le135',
    ]
    assert len({line.count('|') for line in lines}) == 1


def test_other_weights_of_a_shipped_model_are_measured_anew(export, monkeypatch, tmp_path, capsys):
    def of_shipped(name, formats, folder, args):
        yield from (dict(format=each, mAP=0.6, gap=-0.01, **ROW) for each in ('pytorch', *formats[1:]))

    monkeypatch.setattr(export, 'of_shipped', of_shipped)
    weights, rows = tmp_path / 'weights.pth', tmp_path / 'rows.json'
    options = ['--weights', str(weights), '--json', str(rows), '--formats', 'onnx']
    for content in (b'first', b'first', b'second'):
        weights.write_bytes(content)
        monkeypatch.setattr(sys, 'argv', ['export.py', 'shipped', *options])
        export.main()
    found = json.loads(rows.read_text())
    assert [row['format'] for row in found] == 2 * ['pytorch', 'onnx, float32', 'onnx, int8', 'onnx, half']
    assert len({row['method'] for row in found}) == 2
    assert capsys.readouterr().out.count('| onnx, int8 | 0.6000 | -0.0100 | 7 | 2 (1) |') == 2
