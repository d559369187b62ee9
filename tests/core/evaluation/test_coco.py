"""Rules of COCO: values of MMRotate 1.x, and of a plain program that goes detection by detection."""

import numpy as np
import pytest
import torch

from mmrotate.core.evaluation import AREAS, eval_coco, rotated_ious
from mmrotate.core.evaluation.columns import all_objects
from mmrotate.ops import box_iou_rotated
from tests.helpers.metrics import SCORES, crowded_images, newer_images

THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))


def test_values_of_rotated_coco_metric():
    found = eval_coco(*newer_images(), THRESHOLDS)
    expected = SCORES['RotatedCocoMetric_stats']
    got = {'mAP': found.mean('precision', number=0)}
    got |= {f'mAP_{name}': found.mean('precision', threshold=i) for name, i in (('50', 0), ('75', 5))}
    got |= {f'AR@{number}': found.mean('recall', number=i) for i, number in enumerate((100, 300, 1000))}
    for area in 'sml':
        got[f'mAP_{area}'], got[f'AR_{area}@1000'] = found.mean('precision', area), found.mean('recall', area)
    assert got == pytest.approx(expected, abs=1e-6)
    per_class = [SCORES['RotatedCocoMetric'][f'{name}_precision'] for name in ('alpha', 'beta', 'gamma')]
    np.testing.assert_allclose(found.precision[:, :, 0, 0].mean(0), per_class, atol=1e-3)


def plain_choice(dets, gts, ignored, crowd, ious, threshold):
    """Per detection 1, 0, or None where it counts neither way without regard to its own size."""
    taken, out = set(), []
    for i in range(len(dets)):
        best, chosen = min(threshold, 1 - 1e-10), None
        for j in sorted(range(len(gts)), key=lambda k: ignored[k]):
            if j in taken and not crowd[j]:
                continue
            if chosen is not None and not ignored[chosen] and ignored[j]:
                break
            if ious[i, j] >= best:
                best, chosen = ious[i, j], j
        taken.add(chosen)
        out.append(0 if chosen is None else None if ignored[chosen] else 1)
    return out


def plain_average(flags, num_gts):
    """Average precision of (score, flag)s."""
    flags = [flag for _, flag in sorted(flags, key=lambda pair: -pair[0]) if flag is not None]
    hits = np.cumsum(flags)
    recall, precision = hits / num_gts, hits / np.arange(1, len(flags) + 1)
    return np.mean([max(precision[recall >= point], default=0) for point in np.linspace(0, 1, 101)])


def plain_coco(results, annotations, label, threshold, area, number, crowd_mode):
    flags, num_gts = [], 0
    low, high = AREAS[area]
    for result, annotation in zip(results, annotations, strict=True):
        gts, labels, crowd = all_objects(annotation)
        gts, crowd = gts[labels == label], crowd[labels == label]
        dets = result[label][np.argsort(-result[label][:, 5], kind='stable')][:number]
        sizes, own = gts[:, 2] * gts[:, 3], dets[:, 2] * dets[:, 3]
        ignored = crowd | (sizes < low) | (sizes > high)
        ious = rotated_ious(dets, gts)
        if crowd_mode == 'iof' and crowd.any():
            ious[:, crowd] = box_iou_rotated(*map(torch.from_numpy, (dets[:, :5].copy(), gts[crowd])), 'iof').numpy()
        found = plain_choice(dets, gts, ignored, crowd, ious, threshold)
        inside = (own >= low) & (own <= high)
        flags += [(s, None if f == 0 and not i else f) for s, f, i in zip(dets[:, 5], found, inside, strict=True)]
        num_gts += int((~ignored).sum())
    return plain_average(flags, num_gts) if num_gts else np.nan


@pytest.mark.parametrize('crowd_mode', ['iou', 'iof'])
@pytest.mark.parametrize('numbers', [(100,), (4, 100)])
def test_a_plain_program_gives_the_same(crowd_mode, numbers):
    images = crowded_images()
    thresholds = (0.3, 0.5, 0.7)
    found = eval_coco(*images, thresholds, numbers, crowd_mode=crowd_mode)
    expected = [
        [[[plain_coco(*images, c, thr, area, n, crowd_mode) for n in numbers] for area in AREAS] for c in range(3)]
        for thr in thresholds
    ]
    np.testing.assert_allclose(found.precision, expected, atol=1e-6)
    assert 0.05 < np.nanmean(found.precision) < 0.95


def test_without_classes_all_are_one():
    results, annotations = crowded_images()
    as_one = [[np.concatenate(result)] for result in results]
    single = [{k: v * 0 if k.startswith('labels') else v for k, v in a.items()} for a in annotations]
    found = eval_coco(results, annotations, (0.5,), class_agnostic=True)
    expected = eval_coco(as_one, single, (0.5,))
    for key, value in expected._asdict().items():
        np.testing.assert_array_equal(getattr(found, key), value)


def test_crowds_are_chosen_by_many_and_count_neither_way():
    box = [50, 50, 20, 10, 0.3]
    crowd = dict(bboxes=np.zeros((0, 5)), labels=np.zeros(0, int), bboxes_ignore=np.array([box]), labels_ignore=[0])
    other = [10, 10, 8, 8, 0]
    crowd |= dict(bboxes=np.array([other]), labels=np.zeros(1, int))
    dets = np.array([[*box, 0.9], [*box, 0.8], [*other, 0.7]], np.float32)
    assert eval_coco([[dets]], [crowd], (0.5,)).mean('precision') == pytest.approx(1)
    single = dict(bboxes=np.array([box, other]), labels=np.zeros(2, int))
    assert eval_coco([[dets]], [single], (0.5,)).mean('precision') < 0.9


def test_without_objects_the_scores_are_minus_one():
    nothing = dict(bboxes=np.zeros((0, 5)), labels=np.zeros(0, int))
    found = eval_coco([[np.array([[5.0, 5, 4, 4, 0, 0.5]])]], [nothing], (0.5,))
    assert found.mean('precision') == found.mean('recall', 's') == -1
    assert found.num_dets.tolist() == [1]
    with pytest.raises(ValueError, match='1 images have detections, but 0'):
        eval_coco([[np.zeros((0, 6))]], [], (0.5,))


def test_objects_of_classes_that_no_detector_knows_do_not_matter():
    results, annotations = crowded_images()
    fewer = eval_coco([result[:2] for result in results], annotations, (0.5,))
    whole = eval_coco(results, annotations, (0.5,))
    np.testing.assert_array_equal(fewer.precision, whole.precision[:, :2])
    assert fewer.num_gts.tolist() == whole.num_gts.tolist()[:2]
