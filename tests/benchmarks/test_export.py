"""benchmarks/export.py holds files of small methods against PyTorch, and names what stops one."""

import argparse
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from mmrotate.utils import UserError

ARGS = argparse.Namespace(base=8, channels=32, dynamic=True, formats=['onnx', 'openvino'], threads=1)
METHOD = 'rotated_fcos/rotated_fcos_r50_fpn_1x_dota_le90'


@pytest.fixture
def script(monkeypatch):
    """The script, whose files are not written, and find what PyTorch finds with an error of 0.001."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / 'benchmarks'))
    script = importlib.import_module('export')
    script.results = []

    def written(model, how, file, kinds):
        assert how.size is None
        file.write_bytes(b'0' * 1000)
        return dict.fromkeys(kinds, file)

    def detector(file, threads):
        return lambda images, batch_size: [[part + 1e-3 for part in result] for result in script.results[0]]

    own_boxes = script.own_boxes
    monkeypatch.setattr(script, 'own_boxes', lambda *args: script.results.append(own_boxes(*args)) or script.results[0])
    monkeypatch.setattr(script, 'written', written)
    monkeypatch.setattr(script, 'Detector', detector)
    yield script
    for name in ('export', 'small'):
        sys.modules.pop(name)


def test_a_method_has_a_row_for_each_format(script, tmp_path):
    rows = script.measured(METHOD, tmp_path, ARGS)
    assert [row['format'] for row in rows] == ['onnx', 'openvino']
    for row in rows:
        assert row['matched'] > 50 and row['alone'] == 0
        assert 1e-4 < row['box'] < 1e-1 and row['score'] == pytest.approx(1e-3, rel=1e-2)
        assert row['size'] == 1e-3 and row['own'] > 0
    scores = np.concatenate([part[:, 5] for image in script.results[0] for part in image])
    assert scores.min() > 0.01 and scores.max() < 0.999  # they tell boxes apart
    lines = script.table(rows).splitlines()
    assert len(lines) == 4 and len({line.count('|') for line in lines}) == 1


def test_what_stops_a_method_is_its_row(script, tmp_path, monkeypatch):
    def refused(*args):
        raise UserError('soft NMS cannot be exported')

    monkeypatch.setattr(script, 'written', refused)
    rows = script.measured(METHOD, tmp_path, ARGS)
    assert rows == [dict(method=METHOD, error='UserError: soft NMS cannot be exported')]
    assert 'soft NMS' in script.table(rows).splitlines()[2]
