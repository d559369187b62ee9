"""Mean average precision, and its table."""

import logging

import numpy as np
import pytest

from mmrotate.core.evaluation import (
    Span,
    average_precision,
    eval_rbbox_map,
    eval_rbbox_map_thresholds,
    match_classes,
    of_class,
    print_map_summary,
    rotated_ious,
    score_class,
)
from tests.helpers.golden import array, random_boxes
from tests.helpers.metrics import SCORES, crowded_images, newer_images


def _reference():
    dets, annotations = [], []
    for i in range(6):
        gt, labels, ignore = (array(f'eval_{i}/{key}') for key in ('gt', 'labels', 'ignore'))
        annotations.append(
            dict(bboxes=gt[~ignore], labels=labels[~ignore], bboxes_ignore=gt[ignore], labels_ignore=labels[ignore])
        )
        scored = np.c_[array(f'eval_{i}/dets'), array(f'eval_{i}/scores')]
        dets.append([scored[array(f'eval_{i}/det_labels') == c] for c in range(3)])
    return dets, annotations


@pytest.mark.parametrize('voc07', [0, 1])
@pytest.mark.parametrize('thr', [0.5, 0.75])
def test_reference(voc07, thr):
    mean, classes = eval_rbbox_map(*_reference(), iou_thr=thr, use_07_metric=bool(voc07), logger='silent')
    name = f'eval_map_07{voc07}_{thr}'
    assert mean == pytest.approx(float(array(f'{name}/mAP')), abs=1e-6)
    for key in ('ap', 'num_gts', 'num_dets'):
        expected = array(f'{name}/{key}')
        np.testing.assert_allclose([c[key] for c in classes], expected, atol=1e-6)


def _truth(images=3, classes=3, count=6):
    annotations = []
    for i in range(images):
        boxes = random_boxes(count, i, 2000).numpy()
        annotations.append(dict(bboxes=boxes, labels=np.arange(count) % classes))
    return annotations


def _as_results(annotations, classes=3):
    return [
        [np.c_[a['bboxes'], np.ones(len(a['bboxes']))][a['labels'] == c].astype(np.float32) for c in range(classes)]
        for a in annotations
    ]


@pytest.mark.parametrize('voc07', [True, False])
@pytest.mark.parametrize('classes', [1, 2, 15])
def test_ground_truth_scores_one_and_nothing_zero(voc07, classes):
    annotations = _truth(classes=classes, count=30)
    results = _as_results(annotations, classes)
    options = dict(use_07_metric=voc07, logger='silent')
    mean, per_class = eval_rbbox_map(results, annotations, **options)
    assert mean == 1.0
    assert [c['ap'] for c in per_class] == [1.0] * classes
    nothing = [[np.zeros((0, 6), np.float32)] * classes for _ in annotations]
    assert eval_rbbox_map(nothing, annotations, **options)[0] == 0.0


def test_a_second_detection_of_an_object_is_wrong():
    annotations = _truth(1, 1, 1)
    box = np.append(annotations[0]['bboxes'][0], 0.9)
    twice = [[np.stack([box, box])]]
    _, (result,) = eval_rbbox_map(twice, annotations, use_07_metric=False, logger='silent')
    np.testing.assert_allclose(result['precision'], [1, 0.5])
    assert result['ap'] == pytest.approx(1.0)
    others = _truth(1, 1, 2)  # the duplicate comes before the second object: 2 of 3 are right
    first, second = others[0]['bboxes']
    late = [[np.array([[*first, 0.9], [*first, 0.8], [*second, 0.7]])]]
    for voc07, expected in ((False, 0.5 + 0.5 * 2 / 3), (True, (6 + 5 * 2 / 3) / 11)):
        mean, _ = eval_rbbox_map(late, others, use_07_metric=voc07, logger='silent')
        assert mean == pytest.approx(expected)


def test_ignored_objects_count_neither_way():
    annotations = _truth(1, 1, 2)
    boxes = annotations[0]['bboxes']
    ignoring = [
        dict(bboxes=boxes[:1], labels=np.zeros(1, int), bboxes_ignore=boxes[1:], labels_ignore=np.zeros(1, int))
    ]
    results = [[np.c_[boxes, [0.5, 0.9]]]]
    _, (result,) = eval_rbbox_map(results, ignoring, use_07_metric=False, logger='silent')
    assert result['num_gts'] == 1
    assert result['ap'] == pytest.approx(1.0)
    hidden = [dict(bboxes=boxes[:1], labels=np.zeros(1, int))]
    _, (result,) = eval_rbbox_map(results, hidden, use_07_metric=False, logger='silent')
    assert result['ap'] == pytest.approx(0.5)


def test_no_objects_at_all():
    nothing = [dict(bboxes=np.zeros((0, 5)), labels=np.zeros(0, int))]
    mean, _ = eval_rbbox_map([[np.zeros((0, 6))] * 2], nothing, logger='silent')
    assert mean == 0.0
    found = [[np.array([[5.0, 5, 4, 4, 0, 0.5]]), np.zeros((0, 6))]]
    mean, classes = eval_rbbox_map(found, nothing, logger='silent')
    assert mean == 0.0
    assert [(c['num_gts'], c['num_dets'], c['ap']) for c in classes] == [(0, 1, 0), (0, 0, 0)]


def test_classes_without_objects_do_not_count_in_the_mean():
    annotations = _truth(1, 1, 2)
    results = _as_results(annotations, 3)
    assert eval_rbbox_map(results, annotations, logger='silent')[0] == 1.0


def test_ranges_of_size():
    small, large = [0, 0, 10, 10, 0.1], [300, 300, 100, 100, 0.1]
    annotations = [dict(bboxes=np.array([small, large]), labels=np.zeros(2, int))]
    results = [[np.array([[*small, 0.9]])]]
    means, classes = eval_rbbox_map(results, annotations, scale_ranges=[(0, 50), (50, 500)], logger='silent')
    assert means == [pytest.approx(1.0), 0.0]
    (result,) = classes
    assert result['num_dets'] == 1
    np.testing.assert_array_equal(result['num_gts'], [1, 1])
    np.testing.assert_allclose(result['ap'], [1, 0])
    assert result['recall'].shape == result['precision'].shape == (2, 1)
    # a wrong detection counts in the range of its own size
    wrong = [[np.array([[*small, 0.8], [900, 900, 10, 10, 0, 0.9], [*large, 0.7]])]]
    means, _ = eval_rbbox_map(
        wrong, annotations, scale_ranges=[(0, 50), (50, 500)], use_07_metric=False, logger='silent'
    )
    assert means == [pytest.approx(0.5), pytest.approx(1)]


@pytest.mark.parametrize('voc07', [True, False])
def test_several_thresholds_at_once(voc07):
    thrs = (0.5, 0.3, 0.75)
    several = eval_rbbox_map_thresholds(*_reference(), thrs, voc07)
    for thr, (mean, classes) in zip(thrs, several, strict=True):
        options = dict(iou_thr=thr, use_07_metric=voc07, logger='silent')
        expected, expected_classes = eval_rbbox_map(*_reference(), **options)
        assert mean == expected
        for got, want in zip(classes, expected_classes, strict=True):
            np.testing.assert_equal(got, want)
    assert several[0][0] > several[2][0]


def test_lengths_must_agree():
    with pytest.raises(ValueError, match='1 images have detections, but 2'):
        eval_rbbox_map([[np.zeros((0, 6))]], _truth(2), logger='silent')


def test_average_precision():
    recall, precision = np.array([0.5, 1.0]), np.array([1.0, 0.5])
    assert average_precision(recall, precision) == pytest.approx(0.75)
    expected = (6 * 1.0 + 5 * 0.5) / 11
    assert average_precision(recall, precision, '11points') == pytest.approx(expected)
    stacked = average_precision(np.stack([recall] * 2), np.stack([precision] * 2))
    np.testing.assert_allclose(stacked, [0.75, 0.75])
    with pytest.raises(ValueError, match='10points'):
        average_precision(recall, precision, '10points')


def test_labels_may_be_lists():
    """A list compared to a number is no mask: its objects would silently be none."""
    annotations = _truth(2, 2, 4)
    lists = [{key: value.tolist() for key, value in a.items()} for a in annotations]
    lists[0] |= dict(bboxes_ignore=[[9e3, 0, 9, 9, 0]], labels_ignore=[0])
    mean, (first, _) = eval_rbbox_map(_as_results(annotations, 2), lists, logger='silent')
    assert mean == pytest.approx(1.0)
    assert first['num_gts'] == 4


def test_the_table(capsys, caplog):
    results = [dict(num_gts=4, num_dets=7, recall=np.array([0.25]), ap=0.125)]
    print_map_summary(0.125, results, ['ship'])
    row = next(line for line in capsys.readouterr().out.splitlines() if 'ship' in line)
    assert row.split() == ['|', 'ship', '|', '4', '|', '7', '|', '0.250', '|', '0.125', '|']
    print_map_summary(0.125, results, logger='silent')
    assert capsys.readouterr().out == ''
    with caplog.at_level(logging.INFO):
        print_map_summary(0.125, results, None, (0, 32), logging.getLogger('table'))
    assert '0.125' in caplog.text
    assert 'sides 0 to 32 px' in caplog.text


def test_a_class_without_detections(capsys):
    none = dict(num_gts=3, num_dets=0, recall=np.zeros(0), ap=0.0)
    print_map_summary(0.0, [none, none])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    # without names the classes are numbered
    assert ['|', '1', '|', '3', '|', '0', '|', '0.000', '|', '0.000', '|'] in rows


def test_a_table_without_objects_says_so(capsys):
    result = dict(num_gts=0, num_dets=2, recall=np.zeros(2), ap=0.0)
    print_map_summary(0.0, [result])
    assert 'no objects were annotated' in capsys.readouterr().out
    print_map_summary(0.0, [dict(result, num_gts=1)])
    assert 'no objects' not in capsys.readouterr().out


@pytest.mark.parametrize('column', range(6))
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_a_detection_that_is_not_finite_is_no_hit(log, column, value):
    annotations = _truth()
    found = [[np.c_[t['bboxes'], np.ones(6)][t['labels'] == c] for c in range(3)] for t in annotations]
    good, _ = eval_rbbox_map(found, annotations, logger='silent', use_07_metric=False)
    for per_class in found:
        for boxes in per_class:
            boxes[0, column] = value  # of two objects one is lost
    mean, classes = eval_rbbox_map(found, annotations, logger='silent', use_07_metric=False)
    assert good == pytest.approx(1) and mean == pytest.approx(0.5)
    assert [c['num_dets'] for c in classes] == [3, 3, 3]
    assert '9 detections in 3 images have a score or box that is not finite' in log[0].getMessage()


@pytest.mark.parametrize('mode', ['11points', 'area'])
def test_values_of_dota_metric(mode):
    """Those of MMRotate 1.x."""
    thresholds = [round(0.5 + 0.05 * i, 2) for i in range(10)]
    scored = eval_rbbox_map_thresholds(*newer_images(), thresholds, mode == '11points')
    for threshold, (mean, classes) in zip(thresholds, scored, strict=True):
        expected = SCORES[f'dota_{mode}_{threshold}']
        assert mean == pytest.approx(expected['mAP'], abs=1e-6)
        for key in ('ap', 'num_gts', 'num_dets'):
            np.testing.assert_allclose([c[key] for c in classes], expected[key], atol=1e-6)
    if mode == '11points':
        whole = SCORES['DOTAMetric_50_95']
        assert np.mean([mean for mean, _ in scored]) == pytest.approx(whole['mAP'], abs=1e-6)
        assert [mean for mean, _ in scored] == pytest.approx([whole[f'AP{100 * t:.0f}'] for t in thresholds], abs=6e-4)


def plain_map(results, annotations, label, threshold):
    """The rules of DOTA's server, detection by detection: those of VOC, by the area under the curve."""
    truth = [of_class(annotation, label) for annotation in annotations]
    flat = [(score, i, box) for i, r in enumerate(results) for *box, score in r[label].tolist()]
    taken, flags = set(), []
    for _, i, box in sorted(flat, key=lambda each: -each[0]):
        gts, difficult = truth[i]
        ious = rotated_ious(np.array([box]), gts)[0]
        j = int(ious.argmax()) if len(ious) else -1
        if j < 0 or ious[j] < threshold:
            flags.append(0)
        elif not difficult[j]:
            flags.append(int((i, j) not in taken))
            taken.add((i, j))
    num_gts = sum(int((~difficult).sum()) for _, difficult in truth)
    hits = np.cumsum(flags)
    recall, precision = hits / num_gts, hits / np.arange(1, len(flags) + 1)
    return sum(max(precision[k:]) * step for k, step in enumerate(np.diff(recall, prepend=0)))


def test_a_plain_program_gives_the_same():
    images = crowded_images(images=6)
    for threshold in (0.3, 0.6):
        _, classes = eval_rbbox_map(*images, iou_thr=threshold, use_07_metric=False, logger='silent')
        for label, found in enumerate(classes):
            assert found['ap'] == pytest.approx(plain_map(*images, label, threshold), abs=1e-6)


def test_boxes_of_many_objects_are_compared_in_blocks(monkeypatch):
    images = crowded_images(images=2)
    whole = eval_rbbox_map(*images, logger='silent')[0]
    monkeypatch.setattr('mmrotate.core.bbox.overlaps._PAIRS', 40)
    assert eval_rbbox_map(*images, logger='silent')[0] == whole > 0


def test_ranges_of_shape():
    square, long = [0, 0, 10, 10, 0.1], [300, 300, 100, 10, 0.1]
    annotations = [dict(bboxes=np.array([square, long]), labels=np.zeros(2, int))]
    (found,) = match_classes([[np.array([[*long, 0.9], [50, 50, 20, 10, 0, 0.95]])]], annotations)
    scores = [score_class(found, 0.5, Span(*ends, 'ratio'), 'area') for ends in ((1, 2), (2, 5), (5, 20))]
    assert [s['num_gts'] for s in scores] == [1, 0, 1]
    assert [s['ap'] for s in scores] == [0, 0, pytest.approx(1)]  # the false one is of the second range
    assert score_class(found, 0.5, None, 'area')['ap'] == pytest.approx(0.25)
