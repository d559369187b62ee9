"""Recall of proposals: a plain program that takes pair by pair gives the same."""

import numpy as np
import pytest

from mmrotate.core.evaluation import eval_recalls, recalls_of, rotated_ious
from tests.helpers.metrics import crowded_images

THRESHOLDS = (0.3, 0.5, 0.7)


def plain_hits(gts, proposals):
    """IoUs of the pairs that are taken one after the other, the largest first."""
    ious, taken = rotated_ious(proposals, gts).copy(), []
    while ious.size and ious.max() > 0:
        i, j = np.unravel_index(ious.argmax(), ious.shape)
        taken.append(ious[i, j])
        ious[i], ious[:, j] = 0, 0
    return np.array(taken)


def test_a_plain_program_gives_the_same():
    results, annotations = crowded_images()
    numbers = (3, 10, 100)
    found = recalls_of(results, annotations, numbers, THRESHOLDS)
    total = sum(len(a['bboxes']) for a in annotations)
    for k, number in enumerate(numbers):
        hits = np.zeros(3)
        for result, annotation in zip(results, annotations, strict=True):
            dets = np.concatenate(result)
            dets = dets[np.argsort(-dets[:, 5], kind='stable')][:number]
            hits += (plain_hits(annotation['bboxes'], dets)[:, None] >= np.float32(THRESHOLDS)).sum(0)
        np.testing.assert_allclose(found[k], hits / total)
    assert (np.diff(found, axis=0) >= 0).all() and found.min() > 0


def test_proposals_without_scores_are_the_best_first(capsys):
    objects = np.array([[10, 10, 8, 4, 0.2], [50, 50, 8, 4, 0.2]])
    proposals = np.array([[200, 200, 8, 4, 0], *objects])
    recalls = eval_recalls([objects], [proposals], (1, 2, 3), 0.5)
    np.testing.assert_allclose(recalls, [[0], [0.5], [1]])
    np.testing.assert_allclose(eval_recalls([objects], [proposals]), [[1]])
    assert eval_recalls([objects[:0]], [proposals], 10).item() == 0
    assert capsys.readouterr().out == ''
    eval_recalls([objects], [proposals], (2,), (0.5,), logger=None)
    assert '        2  0.500' in capsys.readouterr().out


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match='1 images have proposals, but 2'):
        eval_recalls([np.zeros((0, 5))] * 2, [np.zeros((0, 5))])
    with pytest.raises(ValueError, match=r'\(0, 4\)'):
        eval_recalls([np.zeros((0, 5))], [np.zeros((0, 4))])
