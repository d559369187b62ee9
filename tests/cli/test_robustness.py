"""robustness and robustness-eval."""

import json
import re

import cv2
import numpy as np
import pytest

from mmrotate.cli import main, robustness
from mmrotate.cli.robustness_eval import BENCHMARK, GROUPS, summary
from mmrotate.datasets.pipelines.corrupt import CORRUPTIONS
from tests.helpers.tiny import train, write_config


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Config, checkpoint."""
    folder = tmp_path_factory.mktemp('robustness')
    train(write_config(folder), folder / 'work')
    return [str(folder / 'tiny.py'), str(folder / 'work/latest.pth')]


def run(*argv):
    return main([str(arg) for arg in argv])


def test_each_condition_is_scored_and_written(files, tmp_path, capsys):
    out, pictures = tmp_path / 'a.json', tmp_path / 'pictures'
    options = ['--corruptions', 'snow', 'gaussian_noise', '--severities', 0, 1, 5, '--iou-thr', 0.1]
    assert run('robustness', *files, '--out', out, '--show-dir', pictures, *options) == 0
    scores = json.loads(out.read_text())['scores']
    assert list(scores) == ['snow', 'gaussian_noise']
    assert all(list(levels) == ['0', '1', '5'] for levels in scores.values())
    assert scores['snow']['0'] == scores['gaussian_noise']['0']
    values = {json.dumps(found) for levels in scores.values() for found in levels.values()}
    assert len(values) > 1  # the images did change
    assert re.search(r'P \(.*\) over 2 corruptions: 0\.\d+\nmPC .*: 0\.\d+\nrPC ', capsys.readouterr().out)
    drawn = [cv2.imread(str(pictures / 'snow' / level / 'img0.png')) for level in '05']
    assert drawn[1].mean() > drawn[0].mean() + 20
    capsys.readouterr()
    assert run('robustness-eval', out, '--prints', 'mPC', '--metric', 'mAP') == 0
    table = capsys.readouterr().out
    assert 'gaussian_noise' in table
    assert 'rPC' not in table


def test_a_run_goes_on_where_it_was_left(files, tmp_path, capsys, monkeypatch):
    options = [*files, '--out', tmp_path / 'a.json', '--severities', 0, 1]
    assert run('robustness', *options, '--corruptions', 'fog') == 0
    before = json.loads((tmp_path / 'a.json').read_text())['scores']
    scored = []
    real = robustness._score
    monkeypatch.setattr(robustness, '_score', lambda *args: scored.append(str(args[4])) or real(*args))
    assert run('robustness', *options, '--corruptions', 'fog', 'contrast', '--resume') == 0
    assert len(scored) == 1  # contrast at 1; clean images are known
    after = json.loads((tmp_path / 'a.json').read_text())['scores']
    assert after['fog'] == before['fog']
    assert after['contrast']['0'] == before['fog']['0']
    capsys.readouterr()
    assert run('robustness', *options, '--corruptions', 'fog', '--resume', '--seed', 3) == 1
    assert 'was made with another seed' in capsys.readouterr().err


def test_what_cannot_be_done_is_said_before_anything_runs(files, tmp_path, capsys):
    for options, reason in ((['--out', 'a.pkl'], 'ends in .json'), (['--eval', 'segm'], 'segm')):
        assert run('robustness', *files, *options) == 1
        assert reason in capsys.readouterr().err
    (tmp_path / 'other.json').write_text('{"scores": 3}')
    assert run('robustness-eval', tmp_path / 'other.json') == 1
    assert 'no file that mmrotate robustness wrote' in capsys.readouterr().err


def test_figures_by_hand():
    scores = {
        'fog': {'0': {'mAP': 0.8}, '1': {'mAP': 0.6}, '2': {'mAP': 0.2}},
        'snow': {'0': {'mAP': 0.8}, '3': {'mAP': 0.6}},
    }
    assert summary(scores, 'mAP') == pytest.approx({'P': 0.8, 'mPC': 0.5, 'rPC': 0.625})
    assert summary({'fog': {'1': {'mAP': 0.6}}}, 'mAP') == {'P': None, 'mPC': 0.6, 'rPC': None}


def test_groups_hold_each_corruption_once():
    names = [name for group in GROUPS.values() for name in group]
    assert sorted(names) == sorted(CORRUPTIONS)
    assert len(BENCHMARK) == 15
    assert np.array_equal(names[: len(BENCHMARK)], BENCHMARK)
