"""RoIAlign of one rotated region, sample by sample."""

import math

import torch


def pixel(image, y, x):
    """Channels of a map (C, H, W) at a point, by the rule of Mask R-CNN."""
    _, height, width = image.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return torch.zeros(len(image), dtype=image.dtype)
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    fy, fx = y - top, x - left
    upper = image[:, top, left] * (1 - fx) + image[:, top, right] * fx
    lower = image[:, bottom, left] * (1 - fx) + image[:, bottom, right] * fx
    return upper * (1 - fy) + lower * fy


def plain_loop(maps, roi, size, scale, sampling, aligned, clockwise):
    """Features (C, size, size) of one region, sample by sample."""
    index, x, y, w, h, theta = roi.tolist()
    offset = 0.5 if aligned else 0
    x, y, w, h = x * scale - offset, y * scale - offset, w * scale, h * scale
    if not aligned:
        w, h = max(w, 1), max(h, 1)
    cos, sin = math.cos(theta), math.sin(theta if clockwise else -theta)
    rows = sampling or math.ceil(h / size)
    cols = sampling or math.ceil(w / size)
    out = maps.new_zeros(maps.size(1), size, size)
    for i in range(size * rows):
        for j in range(size * cols):
            u, v = w * ((j + 0.5) / (size * cols) - 0.5), h * ((i + 0.5) / (size * rows) - 0.5)
            value = pixel(maps[int(index)], y + u * sin + v * cos, x + u * cos - v * sin)
            out[:, i // rows, j // cols] += value / (rows * cols)
    return out
