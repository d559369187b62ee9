import importlib
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / 'benchmarks'
ROW = dict(matched=7, alone=2, ties=1, box=0.001, score=1e-6, seconds=30, latency=0.2, size=1.5)


@pytest.fixture
def export(monkeypatch):
    """The script, which takes its neighbours from its own folder."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module('export')
    for name in ('export', 'small'):
        sys.modules.pop(name)


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
            assert '| openvino | ValueError: an operator is missing: see above |' in page.read_text('utf-8')
    # what failed is tried again, what did not is not
    assert tried == [('s2anet', 'onnx', 'openvino'), ('r3det', 'onnx', 'openvino'), ('s2anet', 'openvino')]
    assert len(json.loads(rows.read_text())) == 4
    lines = page.read_text('utf-8').splitlines()
    assert len(lines) == 6 and len({line.count('|') for line in lines}) == 1


def test_other_weights_of_the_shipped_model_are_measured_anew(export, monkeypatch, tmp_path, capsys):
    def of_shipped(name, formats, folder, args):
        yield from (dict(format=each, mAP=0.6, **ROW) for each in ('pytorch', *formats[1:]))

    monkeypatch.setattr(export, 'of_shipped', of_shipped)
    weights, rows = tmp_path / 'weights.pth', tmp_path / 'rows.json'
    options = ['--weights', str(weights), '--json', str(rows), '--formats', 'onnx']
    for content in (b'first', b'first', b'second'):
        weights.write_bytes(content)
        monkeypatch.setattr(sys, 'argv', ['export.py', 'shipped', *options])
        export.main()
    found = json.loads(rows.read_text())
    assert [row['format'] for row in found] == 2 * ['pytorch', 'onnx, float32', 'onnx, half', 'onnx, int8']
    assert len({row['method'] for row in found}) == 2
    assert capsys.readouterr().out.count('| onnx, int8 | 0.6000 | 7 | 2 (1) |') == 2
