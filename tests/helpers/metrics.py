"""Six images of three classes, and what the metrics of MMRotate 1.x make of them."""

import json

import numpy as np

from tests.helpers.reference import GOLDEN

CLASSES = ('alpha', 'beta', 'gamma')
SCORES = json.loads((GOLDEN / 'metrics.json').read_text())


def newer_images():
    """Results and annotations of the six images."""
    results, annotations = [], []
    with np.load(GOLDEN / 'metrics.npz') as arrays:
        for i in range(6):
            gt, labels, ignore = (arrays[f'{i}/{key}'] for key in ('gt', 'labels', 'ignore'))
            kinds = (('', ~ignore), ('_ignore', ignore))
            annotations.append({k + end: v[m] for end, m in kinds for k, v in (('bboxes', gt), ('labels', labels))})
            scored = np.c_[arrays[f'{i}/dets'], arrays[f'{i}/scores']]
            results.append([scored[arrays[f'{i}/det_labels'] == c] for c in range(3)])
    return results, annotations


def crowded_images(images=4, classes=3, count=12, found=30, seed=0):
    """Objects that overlap, some to ignore, and detections around them of which several lie at one object."""
    draw = np.random.default_rng(seed)
    results, annotations = [], []
    for _ in range(images):
        gts = np.c_[draw.random((count, 2)) * 60, draw.random((count, 2)) * 60 + 10, draw.random(count) * 3]
        labels, ignored = draw.integers(0, classes, count), draw.random(count) < 0.25
        chosen = draw.integers(0, count, found)
        dets = gts[chosen] * (1 + 0.1 * draw.normal(size=(found, 5)))
        dets = np.c_[dets, np.round(draw.random(found), 1)].astype(np.float32)  # many scores are equal
        results.append([dets[labels[chosen] == c] for c in range(classes)])
        kinds = (('', ~ignored), ('_ignore', ignored))
        gts = gts.astype(np.float32)
        annotations.append({k + end: v[m] for end, m in kinds for k, v in (('bboxes', gts), ('labels', labels))})
    return results, annotations
