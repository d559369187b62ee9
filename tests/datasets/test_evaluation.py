"""Scores and submission files of a dataset."""

import zipfile

import numpy as np
import pytest

from mmrotate.datasets import build_dataset
from mmrotate.utils import UserError, get_root_logger

from .conftest import SQUARE

OTHER = '35 25 55 25 55 35 35 35'


@pytest.fixture
def dataset(folder):
    folder.add('a', f'{SQUARE} plane 0\n{OTHER} ship 0\n')
    folder.add('b', f'{OTHER} plane 0\n')
    folder.add('c', '')
    return build_dataset(folder.cfg(test_mode=True, classes=['plane', 'ship']))


def perfect(dataset):
    """The ground truth as detections of score 1."""
    results = []
    for i in range(len(dataset)):
        ann = dataset.get_ann_info(i)
        scored = np.concatenate([ann['bboxes'], np.ones((len(ann['labels']), 1))], axis=1)
        scored = scored.astype(np.float32)
        results.append([scored[ann['labels'] == label] for label in range(len(dataset.CLASSES))])
    return results


def nothing(dataset):
    return [[np.zeros((0, 6), np.float32)] * len(dataset.CLASSES)] * len(dataset)


def test_ground_truth_scores_one_and_nothing_zero(dataset):
    assert dataset.evaluate(perfect(dataset), nproc=1) == {'mAP': pytest.approx(1.0)}
    assert dataset.evaluate(nothing(dataset), nproc=1) == {'mAP': 0.0}


def test_metrics_asked_for_are_given(dataset):
    results = perfect(dataset)
    for per_class in results:
        per_class[0][:, 0] += 3  # planes are 20 x 10: IoU 17 / 23 = 0.739
    assert dataset.evaluate(results, metric='AP75', nproc=1) == {
        'mAP': pytest.approx(1.0),
        'AP50': pytest.approx(1.0),
        'AP75': pytest.approx(0.5),
    }
    scores = dataset.evaluate(results, metric=['mAP', 'AP50:95'], nproc=1)
    assert list(scores) == ['mAP', 'AP50', 'AP75', 'AP50:95']
    assert scores['AP50'] == pytest.approx(1) and scores['AP75'] == pytest.approx(0.5)
    assert scores['AP50:95'] == pytest.approx((5 * 1 + 5 * 0.5) / 10)
    scores = dataset.evaluate(results, iou_thr=[0.5, 0.75], nproc=1)
    assert scores == {'mAP': pytest.approx(0.75), 'AP50': pytest.approx(1), 'AP75': pytest.approx(0.5)}


def test_one_threshold_that_is_asked_for(dataset):
    assert dataset.evaluate(perfect(dataset), metric='AP50') == {'mAP': pytest.approx(1), 'AP50': pytest.approx(1)}


def test_table_names_threshold_classes_and_counts(dataset, capsys, log):
    dataset.evaluate(perfect(dataset), iou_thr=0.6)
    printed = capsys.readouterr().out
    assert 'mAP at IoU 0.6' in printed
    (plane,) = (line for line in printed.splitlines() if line.startswith('| plane'))
    assert plane.replace('|', '').split()[:3] == ['plane', '2', '2']
    dataset.evaluate(perfect(dataset), logger='silent')
    assert capsys.readouterr().out == ''
    dataset.evaluate(perfect(dataset), logger=get_root_logger())
    assert any('| ship' in record.getMessage() for record in log)


def test_objects_are_scored_by_size(folder):
    folder.add('a', f'{SQUARE} plane 0\n5 25 9 25 9 29 5 29 plane 0\n')
    dataset = build_dataset(folder.cfg(test_mode=True, classes='plane'))
    results = perfect(dataset)
    results[0][0] = results[0][0][:1]  # the small one is not found
    scores = dataset.evaluate(results, scale_ranges=[(0, 8), (8, 100)], use_07_metric=False)
    assert scores == {'mAP': pytest.approx(0.5), 'mAP_0_8': 0, 'mAP_8_100': pytest.approx(1)}


@pytest.mark.parametrize('metric', ['map', 'bbox', ['mAP', 'AP90']])
def test_an_unknown_metric_lists_the_known(dataset, metric):
    with pytest.raises(KeyError, match=r'unknown metric.*known metrics.*AP50:95') as error:
        dataset.evaluate(perfect(dataset), metric=metric)
    assert str(error.value).startswith('unknown metric')


def test_ignored_objects_are_neither_hits_nor_errors(folder):
    folder.add('a', f'{SQUARE} plane 0\n{OTHER} plane 2\n')
    strict = build_dataset(folder.cfg(test_mode=True, classes='plane'))
    lenient = build_dataset(folder.cfg(test_mode=True, classes='plane', difficulty=1))
    results = perfect(strict)
    results[0][0][1, 5] = 2  # the difficult one is found with the highest score
    assert lenient.evaluate(results, nproc=1)['mAP'] == pytest.approx(1)
    assert lenient.evaluate(perfect(lenient), nproc=1)['mAP'] == pytest.approx(1)


def test_results_that_do_not_fit(dataset):
    with pytest.raises(ValueError, match='2 results for 3 images'):
        dataset.evaluate(perfect(dataset)[:2])
    with pytest.raises(ValueError, match='has 1 classes, the dataset 2'):
        dataset.evaluate([per_class[:1] for per_class in perfect(dataset)])
    scoreless = [[boxes[:, :5] for boxes in per_class] for per_class in perfect(dataset)]
    for use in (dataset.evaluate, dataset.format_results):
        with pytest.raises(ValueError, match=r'image 0 must be arrays \(n, 6\): .*; got \(\d, 5\)'):
            use(scoreless)


def test_submission_files(dataset, tmp_path):
    results = perfect(dataset)
    results[1][0][:, 5] = 0.25
    target = tmp_path / 'new' / 'task1'
    files, where = dataset.format_results(results, submission_dir=str(target))
    assert where == str(target)
    assert [file.split('/')[-1] for file in files] == ['Task1_plane.txt', 'Task1_ship.txt']
    lines = (target / 'Task1_plane.txt').read_text().splitlines()
    assert [line.split()[:2] for line in lines] == [['a', '1'], ['b', '0.25']]
    corners = np.array(lines[0].split()[2:], float).reshape(4, 2)
    expected = np.array(SQUARE.split(), float).reshape(4, 2)
    assert sorted(corners.tolist()) == sorted(expected.tolist())
    with zipfile.ZipFile(target / 'task1.zip') as archive:
        assert archive.namelist() == ['Task1_plane.txt', 'Task1_ship.txt']
    with pytest.raises(ValueError, match='holds files'):
        dataset.format_results(results, submission_dir=str(target))


def test_submission_without_folder_and_without_objects(dataset):
    files, where = dataset.format_results(nothing(dataset), with_zip=False)
    assert all(file.startswith(where) for file in files)
    assert [open(file).read() for file in files] == ['', '']


def test_scoring_needs_labels(folder):
    folder.add('a', None)
    dataset = build_dataset(folder.cfg(test_mode=True))
    with pytest.raises(UserError, match='format-only'):
        dataset.evaluate(nothing(dataset))
