"""Small sets of detections and objects, for tests of analyses."""

import numpy as np

from mmrotate.analysis.results import Judged

CLASSES = ('car', 'ship', 'plane')


def boxes(*rows):
    """Boxes (n, 5) from rows of numbers."""
    return np.array(rows, np.float32).reshape(-1, 5)


def annotation(objects, labels, ignored=(), ignored_labels=()):
    return {
        'bboxes': boxes(*objects),
        'labels': np.array(labels, int),
        'bboxes_ignore': boxes(*ignored),
        'labels_ignore': np.array(ignored_labels, int),
    }


def found(*rows):
    """A result from rows (label, box, score)."""
    return [
        np.array([[*box, score] for label, box, score in rows if label == c], np.float32).reshape(-1, 6)
        for c in range(len(CLASSES))
    ]


def one_image(result, truth):
    return Judged(['a.png'], CLASSES, [result], [truth])


def random_judged(rng, images=4, shift=3.0, wrong=0.2):
    """Objects far enough from each other or not, and detections near them or anywhere, some of a wrong class."""
    results, annotations = [], []
    for _ in range(images):
        count = int(rng.integers(0, 9))
        objects = np.c_[rng.uniform(0, 90, (count, 2)), rng.uniform(8, 30, (count, 2)), rng.uniform(-1.5, 1.5, count)]
        labels = rng.integers(0, len(CLASSES), count)
        near = np.concatenate([objects, objects[: count // 2]]) + rng.normal(0, shift, (count + count // 2, 5)) / [
            [1, 1, 1, 1, 10]
        ]
        near[:, 2:4] = near[:, 2:4].clip(4)
        as_class = np.concatenate([labels, labels[: count // 2]])
        as_class = np.where(rng.random(len(as_class)) < wrong, rng.integers(0, len(CLASSES), len(as_class)), as_class)
        results.append(found(*((c, box, rng.random()) for c, box in zip(as_class, near, strict=True))))
        known = rng.random(count) < 0.85
        annotations.append(annotation(objects[known], labels[known], objects[~known], labels[~known]))
    return Judged([f'{i}.png' for i in range(images)], CLASSES, results, annotations)


def perfect(rng, images=3):
    """Objects that do not touch, and what is exactly these."""
    results, annotations = [], []
    for _ in range(images):
        places = [(40 * x + 20, 40 * y + 20) for x in range(4) for y in range(4)]
        rows = [[x, y, *rng.uniform(8, 20, 2), rng.uniform(-1.5, 1.5)] for x, y in places[: rng.integers(4, 16)]]
        labels = rng.integers(0, len(CLASSES), len(rows))
        annotations.append(annotation(rows, labels))
        results.append(found(*((c, row, rng.uniform(0.5, 1)) for c, row in zip(labels, rows, strict=True))))
    return Judged([f'{i}.png' for i in range(images)], CLASSES, results, annotations)
