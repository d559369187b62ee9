"""``mmrotate analyze`` from end to end; that of logs is tested in tests/analysis/test_logs.py."""

import csv
import json
import pickle
import runpy
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mmrotate.analysis.error_report import FILES
from mmrotate.apis import write_results_json
from mmrotate.cli import main
from mmrotate.datasets import build_dataset

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs' / 'hit_uav' / 'oriented_rcnn_r18_half_fpn_hit_uav_le90.py'
CLASSES = ('Person', 'Car', 'Bicycle', 'OtherVehicle')
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


SCRIPTS = ('analyze_logs', 'analyze_results', 'coco_error_analysis', 'confusion_matrix', 'eval_metric')


@pytest.mark.parametrize('script', SCRIPTS)
def test_scripts_stand_where_the_documents_say(script, capsys, monkeypatch):
    path = ROOT / 'tools' / 'analysis_tools' / f'{script}.py'
    monkeypatch.setattr(sys, 'argv', [str(path), '--help'])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(path), run_name='__main__')
    assert end.value.code == 0
    assert 'usage: mmrotate analyze' in capsys.readouterr().out


def test_errors_go_beside_the_results(results, capsys):
    assert run('errors', results, '--ann', CONFIG) == 0
    folder = results.parent / 'analysis' / 'results'
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, 'examples.png'])
    assert str(folder) in capsys.readouterr().out
    content = json.loads((folder / 'errors.json').read_text())
    assert (content['mAP'], content['iou_thr']) == (1.0, 0.5)
    assert [row['count'] for row in content['by_kind']] == [0] * 7


def test_errors_from_a_score_and_at_an_iou(results, tmp_path):
    options = ['--score-thr', '0.8', '--iou-thr', '0.75', '--types', 'bbox']
    assert run('errors', results, tmp_path / 'out', '--ann', CONFIG, *options) == 0
    content = json.loads((tmp_path / 'out' / 'errors.json').read_text())
    assert content['iou_thr'] == 0.75 and content['mAP'] < 1
    counts = {row['kind']: row['count'] for row in content['by_kind']}
    assert counts['missed'] == sum(counts.values()) > 50


def test_errors_of_coco_files(tmp_path, capsys):
    truth = {
        'images': [{'id': 1, 'file_name': 'a.png'}],
        'categories': [{'id': 1, 'name': 'car'}],
        'annotations': [dict(image_id=1, category_id=1, bbox=[0, 0, 9, 9], segmentation=[[4, 0, 9, 4, 5, 9, 0, 5]])],
    }
    found = [{**truth['annotations'][0], 'score': 0.5}]
    for name, content in (('results.bbox.json', found), ('truth.json', truth)):
        (tmp_path / name).write_text(json.dumps(content))
    argv = ['analyze', 'errors', f'{tmp_path}/results.bbox.json', f'{tmp_path}/out', f'--ann={tmp_path}/truth.json']
    assert main([*argv, '--types', 'bbox', 'segm']) == 0
    assert {path.name for path in (tmp_path / 'out').iterdir()} == {'bbox', 'segm'}
    assert json.loads((tmp_path / 'out' / 'segm' / 'errors.json').read_text())['mAP'] == 1
    assert main([*argv, '--cfg-options', 'a=1']) == 1
    assert 'needs a config' in capsys.readouterr().err


def test_errors_beside_a_folder_of_labels(truth, tmp_path, capsys):
    """Images need not be there; the labels are those of the config, so what is told is the same."""

    def beside(*argv):
        return main(['analyze', 'errors', *map(str, argv)])

    labels = DATA / 'labelTxt'
    names = [f'{path.stem}.jpg' for path in sorted(labels.iterdir())]
    write_results_json(tmp_path / 'found.json', names, truth, CLASSES)
    assert beside(tmp_path / 'found.json', tmp_path / 'out', '--ann', labels) == 0
    assert json.loads((tmp_path / 'out' / 'errors.json').read_text())['mAP'] == 1
    assert 'is dota: ' in capsys.readouterr().out
    write_results_json(tmp_path / 'few.json', names[1:], truth[1:], CLASSES)
    assert beside(tmp_path / 'few.json', tmp_path / 'few', '--ann', labels) == 1
    assert f'no results of 1 of the images, the first: {Path(names[0]).stem}' in capsys.readouterr().err
    (tmp_path / 'found.pkl').write_bytes(pickle.dumps(truth))
    assert beside(tmp_path / 'found.pkl', tmp_path / 'pkl', '--ann', labels) == 1
    assert 'names no images' in capsys.readouterr().err


def test_masks_of_a_config_are_refused(results, capsys):
    assert run('errors', results, '--ann', CONFIG, '--types', 'segm') == 1
    assert 'rotated boxes' in capsys.readouterr().err


def test_best_and_worst_images(results, truth, tmp_path):
    spoiled = [*truth[:-1], [dets[:1] for dets in truth[-1]]]
    results.write_bytes(pickle.dumps(spoiled))
    options = ['--topk', '2', '--show-score-thr', '0.3', '--wait-time', '1']
    assert run('results', CONFIG, results, tmp_path / 'out', *options) == 0
    names = {kind: sorted(path.name for path in (tmp_path / 'out' / kind).iterdir()) for kind in ('good', 'bad')}
    assert len(names['good']) == len(names['bad']) == 2 and not set(names['good']) & set(names['bad'])
    assert all(name.endswith('_1.000.jpg') for name in names['good'])
    head, *rows = table(tmp_path / 'out' / 'images.csv')
    assert head == ['image', 'mAP', 'objects', 'detections'] and len(rows) == 8
    assert rows[-1][0].startswith('1_90_50_0_04923') and float(rows[-1][1]) < 1
    assert any(name.startswith('1_90_50_0_04923_0.') for name in names['bad'])


def test_best_and_worst_images_beside_the_results(results):
    assert run('results', CONFIG, results) == 0
    folder = results.parent / 'analysis' / 'results'
    assert [len(list((folder / kind).iterdir())) for kind in ('good', 'bad')] == [4, 4]


@pytest.fixture
def windows(monkeypatch):
    """Titles of windows, where there is a screen."""
    titles = []
    show = lambda picture, title, wait_time: titles.append((title, wait_time))  # noqa: E731
    monkeypatch.setattr('mmrotate.core.visualization.image._show', show)
    backend = plt.get_backend()
    plt.switch_backend('template')  # knows windows, but opens none
    yield titles
    plt.switch_backend(backend)


def test_pictures_are_shown_on_demand(results, windows, tmp_path):
    assert run('confusion', CONFIG, results, '--show') == 0
    assert run('results', CONFIG, results, '--show', '--wait-time', '2', '--topk', '1') == 0
    (tmp_path / 'a.log.json').write_text('{"mode": "val", "epoch": 1, "iter": 1, "bbox_mAP": 0.5}')
    assert main(['analyze', 'logs', 'plot_curve', str(tmp_path / 'a.log.json'), '--title', 'mine']) == 0
    titles, times = zip(*windows, strict=True)
    assert titles[0] == 'confusion matrix' and titles[-1] == 'mine'
    assert titles[1].startswith('good: ') and titles[2].startswith('bad: ')
    assert times == (0, 2, 2, 0)
    assert not (tmp_path / 'analysis' / 'bbox_mAP.png').exists()


def test_joined_test_sets_are_analyzed_as_one(tmp_path, truth):
    path = tmp_path / 'twice.pkl'
    path.write_bytes(pickle.dumps([*truth, *truth]))
    own = ['{0}={1},{1}'.format(*part.split('=', 1)) for part in OWN_DATA[1:]]  # each place twice
    for argv in (['confusion', CONFIG, path], ['results', CONFIG, path], ['errors', path, '--ann', CONFIG]):
        assert main(['analyze', *map(str, argv), '--cfg-options', *own]) == 0
    folder = tmp_path / 'analysis' / 'twice'
    assert sum(sum(map(int, row[1:])) for row in table(folder / 'confusion_matrix.csv')[1:]) == 2 * 215
    assert json.loads((folder / 'errors.json').read_text())['mAP'] == 1
    assert {path.parent.name for path in (folder / 'good').rglob('*.jpg')} <= {'0', '1'}
