"""Large images with labels, made for tests."""

import cv2
import numpy as np
import torch

from mmrotate.core.bbox import obb2poly_np, rbbox_overlaps

CLASSES = ('plane', 'ship')


def turned_objects(count, width, height, side=(8, 70)):
    """Corners (n, 8) of at most ``count`` turned boxes within an image, none over another."""
    margin = side[1] * 0.75
    centres = margin + np.random.rand(count, 2) * (width - 2 * margin, height - 2 * margin)
    sides = np.random.uniform(*side, (count, 2))
    boxes = np.concatenate([centres, sides, np.random.uniform(-1.5, 1.5, (count, 1))], 1)
    over = rbbox_overlaps(torch.tensor(boxes), torch.tensor(boxes)).tril(-1) > 0
    return obb2poly_np(boxes[~over.any(1).numpy()], 'le90')


def write_scene(folder, name, size=(700, 500), count=40, classes=CLASSES, suffix='.png', channels=3, decimals=1):
    """An image of ``size`` (width, height) and its labels in ``folder``; gives the corners of the objects."""
    images, labels = folder / 'images', folder / 'labelTxt'
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(exist_ok=True)
    blocks = np.random.randint(0, 256, (size[1] // 16 + 1, size[0] // 16 + 1, channels), np.uint8)
    pixels = blocks.repeat(16, 0).repeat(16, 1)[: size[1], : size[0]]
    (images / f'{name}{suffix}').write_bytes(cv2.imencode(suffix, pixels)[1].tobytes())
    polygons = turned_objects(count, *size).round(decimals)
    lines = [
        f'{" ".join(map(str, corners.tolist()))} {classes[i % len(classes)]} {i % 5 == 0:d}'
        for i, corners in enumerate(polygons)
    ]
    (labels / f'{name}.txt').write_text('\n'.join(lines) + '\n')
    return polygons
