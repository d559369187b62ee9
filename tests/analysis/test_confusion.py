import itertools

import numpy as np
import pytest
import torch

from mmrotate.analysis.confusion import all_objects, confusion_matrix, draw_confusion, shares
from mmrotate.analysis.figures import save_figure
from tests.helpers.judged import CLASSES, annotation, found, one_image, perfect, random_judged
from tests.ops.oracles import shapely_overlap

BOX = (50, 50, 40, 10, 0.3)
FAR = (150, 150, 30, 10, -0.6)


def brute(judged, iou_thr):
    """The rule of 'pairs' once more, in words of shapely."""
    size = len(CLASSES)
    matrix = np.zeros((size + 1, size + 1), int)
    for result, truth in zip(judged.results, judged.annotations, strict=True):
        dets = [(c, torch.tensor(row[:5])) for c, rows in enumerate(result) for row in rows]
        objects, labels, ignored = all_objects(truth)
        objects = torch.from_numpy(objects)
        hits = np.array([[shapely_overlap(box, other) >= iou_thr for other in objects] for _, box in dets], bool)
        hits = hits.reshape(len(dets), len(objects))
        for (i, (c, _)), j in itertools.product(enumerate(dets), np.flatnonzero(~ignored)):
            matrix[labels[j], c] += hits[i, j]
        for i, (c, _) in enumerate(dets):
            matrix[-1, c] += not hits[i].any()
        for j in np.flatnonzero(~ignored):
            matrix[labels[j], -1] += not any(hits[i, j] and c == labels[j] for i, (c, _) in enumerate(dets))
    return matrix


@pytest.mark.parametrize('iou_thr', [0.3, 0.5])
def test_pairs_are_those_of_another_arithmetic(iou_thr):
    judged = random_judged(np.random.default_rng(0))
    counted = confusion_matrix(judged, iou_thr=iou_thr, counting='pairs')
    assert counted.tolist() == brute(judged, iou_thr).tolist()
    assert np.trace(counted) > 5 and counted[:-1, :-1].sum() > np.trace(counted) and counted[-1].any()


@pytest.mark.parametrize('seed', range(3))
def test_everything_counts_once(seed):
    judged = random_judged(np.random.default_rng(seed), images=6)
    for truth in judged.annotations:
        truth.pop('labels_ignore')
    matrix = confusion_matrix(judged)
    labels = np.concatenate([truth['labels'] for truth in judged.annotations])
    assert matrix.sum(1)[:-1].tolist() == np.bincount(labels, minlength=3).tolist()
    assert matrix.sum(0)[:-1].tolist() == [sum(len(result[c]) for result in judged.results) for c in range(3)]
    pairs = confusion_matrix(judged, counting='pairs')
    assert np.trace(matrix) <= np.trace(pairs)
    assert (matrix[:-1, -1] <= pairs[:-1, -1]).all()  # missed


@pytest.mark.parametrize('counting', ['once', 'pairs'])
def test_what_is_perfect_is_diagonal(counting):
    judged = perfect(np.random.default_rng(0))
    matrix = confusion_matrix(judged, counting=counting)
    count = sum(len(truth['labels']) for truth in judged.annotations)
    assert matrix.sum() == np.trace(matrix) == count > 10
    assert not confusion_matrix(judged, score_thr=1.0)[:, :-1].any()


CASES = {
    'found': ([(0, BOX, 0.9)], 'once', {(0, 0): 1}),
    'wrong class': ([(1, BOX, 0.9)], 'once', {(0, 1): 1}),
    'wrong class, as 0.3 counted': ([(1, BOX, 0.9)], 'pairs', {(0, 1): 1, (0, 3): 1}),
    'missed': ([], 'once', {(0, 3): 1}),
    'nothing there': ([(2, FAR, 0.9)], 'once', {(0, 3): 1, (3, 2): 1}),
    'twice': ([(0, BOX, 0.9), (0, BOX, 0.8)], 'once', {(0, 0): 1, (3, 0): 1}),
    'twice, as 0.3 counted': ([(0, BOX, 0.9), (0, BOX, 0.8)], 'pairs', {(0, 0): 2}),
    'a better score of a wrong class': ([(1, BOX, 0.9), (0, BOX, 0.5)], 'once', {(0, 0): 1, (3, 1): 1}),
    'a low score': ([(0, BOX, 0.2)], 'once', {(0, 3): 1}),
}


@pytest.mark.parametrize('rows, counting, expected', CASES.values(), ids=CASES)
def test_one_object(rows, counting, expected):
    matrix = confusion_matrix(one_image(found(*rows), annotation([BOX], [0])), score_thr=0.3, counting=counting)
    assert {tuple(map(int, at)): int(matrix[tuple(at)]) for at in np.argwhere(matrix)} == expected


@pytest.mark.parametrize('counting', ['once', 'pairs'])
def test_what_lies_at_an_object_to_ignore_does_not_count(counting):
    rows = [(0, FAR, 0.9), (1, FAR, 0.9), (0, BOX, 0.9)]
    matrix = confusion_matrix(one_image(found(*rows), annotation([BOX], [0], [FAR], [0])), counting=counting)
    assert matrix.sum() == matrix[0, 0] == 1


def test_detections_are_thinned_out_on_demand():
    rows = [(0, BOX, 0.9), (0, (52, 50, 40, 10, 0.3), 0.8), (1, BOX, 0.7)]
    judged = one_image(found(*rows), annotation([BOX], [0]))
    assert confusion_matrix(judged)[-1].tolist() == [1, 1, 0, 0]
    assert confusion_matrix(judged, nms_iou_thr=0.5)[-1].tolist() == [0, 1, 0, 0]


def test_detections_choose_the_object_that_they_fit_best():
    """Two objects that both lie under two detections: each gets one."""
    objects = [(50, 50, 40, 20, 0.0), (58, 50, 40, 20, 0.0)]
    rows = [(0, (57, 50, 40, 20, 0.0), 0.9), (0, (53, 50, 40, 20, 0.0), 0.8)]
    matrix = confusion_matrix(one_image(found(*rows), annotation(objects, [0, 0])))
    assert matrix[0].tolist() == [2, 0, 0, 0]


def test_percent_of_rows():
    assert shares(np.array([[3, 1], [0, 0]])).tolist() == [[75, 25], [0, 0]]


def test_the_picture_names_and_numbers_everything(tmp_path):
    names = [f'class number {i}' for i in range(15)]
    matrix = np.diag(np.full(16, 250))
    matrix[0, 1] = 1
    figure = draw_confusion(matrix, names, 'Blues')
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == [*names, 'background']
    assert axes.get_yticklabels()[0].get_text() == 'class number 0 (251)'
    assert sorted(text.get_text() for text in axes.texts) == sorted(['100'] * 16 + ['<1'])
    assert save_figure(figure, tmp_path / 'a.png').stat().st_size > 1000
    boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))
