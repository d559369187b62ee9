"""Scores and submission files of a dataset."""

import re
import zipfile

import numpy as np
import pytest

from mmrotate.datasets import build_dataset
from mmrotate.datasets.metrics import COCO_THRESHOLDS, Asked, evaluate_results
from mmrotate.utils import UserError, get_root_logger
from tests.helpers.metrics import CLASSES, SCORES, newer_images

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


@pytest.mark.parametrize('metric', ['map', 'segm', ['mAP', 'AP90']])
def test_an_unknown_metric_lists_the_known(dataset, metric):
    with pytest.raises(KeyError, match=r'unknown metric.*known metrics.*AP50:95') as error:
        dataset.evaluate(perfect(dataset), metric=metric)
    assert str(error.value).startswith('unknown metric')


def test_rules_of_coco_and_recalls(dataset, capsys):
    results = perfect(dataset)
    results[1][0] = results[1][0][:0]  # one of two planes, of three objects, is not found
    scores = dataset.evaluate(results, metric='coco', classwise=True)
    assert list(scores)[:6] == [f'bbox_mAP{end}' for end in ('', '_50', '_75', '_s', '_m', '_l')]
    assert scores['bbox_mAP'] == pytest.approx((51 / 101 + 1) / 2)
    assert (scores['plane_precision'], scores['ship_precision']) == (pytest.approx(51 / 101), pytest.approx(1))
    assert scores['bbox_mAP_s'] == scores['bbox_mAP'] and scores['bbox_mAP_l'] == -1
    assert '| plane |     2 |      1 |' in capsys.readouterr().out
    options = dict(metric='proposal', proposal_nums=(1, 10), logger='silent')
    expected = {'AR@1': 1 / 3, 'AR@10': 2 / 3, 'AR_s@10': 2 / 3, 'AR_m@10': -1, 'AR_l@10': -1}
    assert dataset.evaluate(results, **options) == pytest.approx(expected)
    fast = dataset.evaluate(results, **options | dict(metric='proposal_fast'))
    assert fast == pytest.approx({'AR@1': 1 / 3, 'AR@10': 2 / 3})
    recalls = dataset.evaluate(results, **options | dict(metric='recall', iou_thrs=[0.5, 0.75]))
    names = ['recall@1@0.5', 'recall@1@0.75', 'recall@10@0.5', 'recall@10@0.75', 'AR@1', 'AR@10']
    assert list(recalls) == names and recalls['recall@10@0.75'] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ('asked', 'key'),
    [
        (Asked('DOTAMetric', iou_thrs=COCO_THRESHOLDS), 'DOTAMetric_50_95'),
        (Asked('RotatedCocoMetric', classwise=True), 'RotatedCocoMetric'),
    ],
)
def test_metrics_by_their_names_of_1x(asked, key):
    scores, expected = evaluate_results(*newer_images(), CLASSES, asked, 'silent'), SCORES[key]
    assert {name: scores[name] for name in expected} == pytest.approx(expected, abs=6e-4)
    assert set(scores) - set(expected) <= {'AP50:95'}


def test_metrics_of_several_kinds(dataset):
    scores = dataset.evaluate(
        perfect(dataset),
        metric=['mAP', 'VOC07', 'VOC12', 'bbox', 'recall'],
        iou_thrs=0.6,
        metric_items=['mAP', 'AR@100'],
        proposal_nums=[100],
        ratio_ranges=[(1, 3)],
        logger='silent',
    )
    names = ['mAP', 'VOC07', 'VOC12', 'mAP_ratio_1_3', 'bbox_mAP', 'bbox_AR@100', 'recall@100@0.6']
    assert list(scores) == names and list(scores.values()) == pytest.approx([1] * 7)


def test_area_and_eleven_points_differ(dataset):
    results = perfect(dataset)
    results[1][0] = results[1][0][:0]
    scores = dataset.evaluate(results, metric=['VOC07', 'VOC12'], logger='silent')
    assert scores == pytest.approx({'mAP': (6 / 11 + 1) / 2, 'VOC07': (6 / 11 + 1) / 2, 'VOC12': 0.75})


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (dict(metric=['proposal', 'recall']), 'scores of the same names'),
        (dict(classwise=True), "classwise=True is for no metric of ['mAP']"),
        (dict(metric='coco', scale_ranges=[(0, 9)]), 'scale_ranges'),
        (dict(metric='coco', metric_items=['mAP_60'], iou_thrs=[0.5]), "there is no 'mAP_60'"),
        (dict(iou_thr=0.5, iou_thrs=0.5), 'two names of one option'),
        (dict(iou_thr=1.5), '1.5'),
        (dict(metric='recall', proposal_nums=0), 'proposal_nums'),
    ],
)
def test_options_that_cannot_be_are_told_before_anything_runs(dataset, options, said):
    for use in (lambda: dataset.score_names(**options), lambda: dataset.evaluate(nothing(dataset), **options)):
        with pytest.raises(UserError, match=re.escape(said)):
            use()


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
