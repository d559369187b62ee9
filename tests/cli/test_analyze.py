"""``mmrotate analyze`` from end to end; that of logs is tested in tests/analysis/test_logs.py."""

import csv
import pickle
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from mmrotate.cli import main
from mmrotate.datasets import build_dataset

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs' / 'hit_uav' / 'oriented_rcnn_r18_half_fpn_hit_uav_le90.py'
DATA = ROOT / 'tests' / 'data' / 'hit_uav'
OWN_DATA = ['--cfg-options', f'data.test.ann_file={DATA}/labelTxt', f'data.test.img_prefix={DATA}/images']


@pytest.fixture(scope='module')
def truth():
    """The objects of each image as a result with scores from 0.5 on."""
    folders = {'ann_file': str(DATA / 'labelTxt'), 'img_prefix': str(DATA / 'images')}
    dataset = build_dataset({'type': 'HITUAVDataset', 'version': 'le90', 'pipeline': [], 'test_mode': True, **folders})
    results = []
    for annotation in map(dataset.get_ann_info, range(len(dataset))):
        boxes = np.c_[annotation['bboxes'], np.linspace(0.9, 0.5, len(annotation['labels']))].astype(np.float32)
        results.append([boxes[annotation['labels'] == label] for label in range(4)])
    return results


@pytest.fixture
def results(tmp_path, truth):
    path = tmp_path / 'results.pkl'
    path.write_bytes(pickle.dumps(truth))
    return path


def run(*argv):
    return main(['analyze', *map(str, argv), *OWN_DATA])


def table(path):
    with path.open(newline='') as lines:
        return list(csv.reader(lines))


def test_confusion_goes_beside_the_results(results, capsys):
    assert run('confusion', CONFIG, results) == 0
    folder = results.parent / 'analysis' / 'results'
    assert str(folder / 'confusion_matrix.png') in capsys.readouterr().out
    assert (folder / 'confusion_matrix.png').read_bytes()[1:4] == b'PNG'
    head, *rows = table(folder / 'confusion_matrix.csv')
    assert head == ['truth', 'Person', 'Car', 'Bicycle', 'OtherVehicle', 'background']
    assert [row[0] for row in rows] == head[1:]
    counts = np.array([row[1:] for row in rows], int)
    assert np.trace(counts) == counts.sum() == 215


def test_confusion_takes_the_options_of_the_documents(results, tmp_path):
    options = ['--color-theme', 'viridis', '--score-thr', '0.7', '--tp-iou-thr', '0.9', '--nms-iou-thr', '0.1']
    assert run('confusion', CONFIG, results, tmp_path / 'out', *options) == 0
    counts = np.array([row[1:] for row in table(tmp_path / 'out' / 'confusion_matrix.csv')[1:]], int)
    assert counts[:, -1].sum() > 50 and counts.sum() == 215


def test_scores_are_those_of_the_dataset(results, capsys):
    assert run('eval', CONFIG, results, '--eval', 'mAP', 'AP75', '--eval-options', 'use_07_metric=False') == 0
    scores = eval(capsys.readouterr().out.splitlines()[-1])
    assert scores == pytest.approx({'mAP': 1, 'AP50': 1, 'AP75': 1})


def test_results_are_written_for_a_test_server(results, tmp_path, capsys):
    assert run('eval', CONFIG, results, '--format-only', '--eval-options', f'submission_dir={tmp_path / "sub"}') == 0
    assert len((tmp_path / 'sub' / 'Task1_Bicycle.txt').read_text().splitlines()) == 152


ERRORS = {
    'nothing to do': (['eval'], 'say what to do with the results'),
    'both': (['eval', '--eval', 'mAP', '--format-only'], 'one by one'),
    'an unknown metric': (['eval', '--eval', 'mAp'], "unknown metric 'mAp'; did you mean 'mAP'?"),
    'an unknown option': (['eval', '--eval', 'mAP', '--eval-options', 'iou=1'], "does not know the argument 'iou'"),
    'a theme': (['confusion', '--color-theme', 'plasmo'], "did you mean 'plasma'"),
    'a window': (['confusion', '--show'], 'no window can be opened here'),
}


@pytest.mark.parametrize('argv, told', ERRORS.values(), ids=ERRORS)
def test_what_cannot_be_done_is_said(results, capsys, argv, told):
    assert run(argv[0], CONFIG, results, *argv[1:]) == 1
    assert told in capsys.readouterr().err


def test_results_of_other_data_are_refused(results, truth, capsys):
    results.write_bytes(pickle.dumps(truth[:-1]))
    for command in (['confusion'], ['eval', '--eval', 'mAP']):
        assert run(command[0], CONFIG, results, *command[1:]) == 1
        assert '7 results for 8 images' in capsys.readouterr().err


def test_an_output_over_an_input_is_refused(tmp_path, truth, capsys):
    (tmp_path / 'confusion_matrix.csv').write_bytes(pickle.dumps(truth))
    assert run('confusion', CONFIG, tmp_path / 'confusion_matrix.csv', tmp_path) == 1
    assert 'would overwrite' in capsys.readouterr().err


@pytest.mark.parametrize('script', ['analyze_logs.py', 'confusion_matrix.py', 'eval_metric.py'])
def test_scripts_stand_where_the_documents_say(script, capsys, monkeypatch):
    path = ROOT / 'tools' / 'analysis_tools' / script
    monkeypatch.setattr(sys, 'argv', [str(path), '--help'])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(path), run_name='__main__')
    assert end.value.code == 0
    assert 'usage: mmrotate analyze' in capsys.readouterr().out
