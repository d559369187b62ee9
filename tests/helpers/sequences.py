"""Made sequences of turning objects with known numbers."""

import numpy as np


def crossing(frames=60, objects=10, size=(60, 9), seed=0, miss=0.06, low=0.1, jitter=0.6):
    """Truth and detections of ships that turn while they cross a square of 320 pixels side by side.

    Half of them go in close pairs, whose upright boxes overlap while they themselves do not.

    Returns:
        Per frame the true boxes (objects, 5), and a result over one class (n, 6).
    """
    draw = np.random.default_rng(seed)
    pairs = objects // 2
    starts = draw.uniform(60, 260, (pairs, 2))
    headings, turns = draw.uniform(-np.pi, np.pi, pairs), draw.uniform(-0.03, 0.03, pairs)
    truth, results = [], []
    for frame in range(frames):
        angle = headings + turns * frame
        along = np.stack([np.cos(angle), np.sin(angle)], 1)
        aside = np.stack([-along[:, 1], along[:, 0]], 1)
        middle = starts + (frame - frames / 2) * 2.0 * np.stack([np.cos(headings), np.sin(headings)], 1)
        centres = np.concatenate([middle + 7 * aside, middle - 7 * aside])
        boxes = np.c_[centres, np.tile(size, (objects, 1)), np.concatenate([angle, angle])]
        truth.append(boxes)
        seen = boxes[draw.random(objects) > miss]
        noise = draw.normal(0, jitter, seen.shape) * [1, 1, 1, 0.5, 0.02]
        scores = np.where(
            draw.random(len(seen)) < low, draw.uniform(0.15, 0.45, len(seen)), draw.uniform(0.7, 1, len(seen))
        )
        found = np.c_[seen + noise, scores]
        found[:, 4] = (found[:, 4] + np.pi / 2) % np.pi - np.pi / 2  # le90: the angle jumps while a ship turns
        results.append([found[draw.permutation(len(found))].astype(np.float32)])
    return truth, results


def switches(truth, tracks):
    """How often an object gets another number than it had; and the share of objects that have one at all."""
    last, changes, told = {}, 0, 0
    for boxes, found in zip(truth, tracks, strict=True):
        for number, box in enumerate(boxes):
            if not len(found.ids):
                continue
            apart = np.abs(found.boxes[:, :2] - box[:2]).sum(1)
            nearest = int(apart.argmin())
            if apart[nearest] > 4:
                continue
            told += 1
            changes += last.get(number, found.ids[nearest]) != found.ids[nearest]
            last[number] = found.ids[nearest]
    return int(changes), told / sum(len(boxes) for boxes in truth)
