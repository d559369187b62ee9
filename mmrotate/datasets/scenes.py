"""Large images that were split into patches: their results are put together again before they are handed in.

A patch is named ``SCENE__SIZE__X___Y``, by the place of its left upper corner in the scene, as the tools that split
DOTA do: ``P0004__1024__824___0``. Some write the factor by which they had resized the scene in place of the size:
``P0004__0.5__824___0``.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmrotate.core.patch import merge_results
from mmrotate.utils import get_root_logger

from .submission import Results

_PATCH = re.compile(r'(.+?)(?:__(\d+(?:\.\d+)?))?__(\d+)___(\d+)')
_SMALLEST_SIZE = 16  # pixels; numbers below it are factors


class Patch(NamedTuple):
    """Where an image lies in its scene."""

    scene: str
    x: int = 0  # of its left upper corner, in pixels of the resized scene
    y: int = 0
    factor: float = 1.0  # by which the scene was resized


def patch_name(scene: str, size: int, x: int, y: int) -> str:
    """Name of the patch of ``size`` pixels whose left upper corner is at ``x``, ``y``."""
    return f'{scene}__{size}__{x}___{y}'


def patch_of(name: str) -> Patch | None:
    """The patch that an image of this name, without its ending, is; None for other names."""
    if (match := _PATCH.fullmatch(name)) is None:
        return None
    scene, size, x, y = match.groups()
    factor = float(size or 1)
    return Patch(scene, int(x), int(y), factor if 0 < factor < _SMALLEST_SIZE else 1.0)


def merge_scenes(
    results: Results, img_ids: Sequence[str], iou_thr: float = 0.1
) -> tuple[list[str], list[list[np.ndarray]]]:
    """Results per scene: those of its patches moved to their place, and overlapping ones of a class suppressed.

    An image that is no patch is a scene of its own, whose results stay as they are.

    Args:
        results: per image a list over classes of arrays (n, 6): x, y, w, h, theta, score.
        img_ids: name of each image without its ending.
        iou_thr: overlap above which the worse of two detections goes.

    Returns:
        The names of the scenes, in the order of their first image, and their results, best first.
    """
    scenes: dict[str, list[tuple[Patch, list[np.ndarray]]]] = {}
    alone = set()
    for name, result in zip(img_ids, results, strict=True):
        patch = patch_of(name)
        if patch is None:
            alone.add(name)
        place = patch or Patch(name)
        scenes.setdefault(place.scene, []).append((place, [_of_scene(dets, place.factor) for dets in result]))
    merged = []
    for scene, parts in scenes.items():
        if scene in alone and len(parts) == 1:
            merged.append(parts[0][1])
            continue
        offsets = np.array([(place.x / place.factor, place.y / place.factor) for place, _ in parts], np.float32)
        merged.append(merge_results([result for _, result in parts], offsets, (), iou_thr))
    if patches := len(img_ids) - len(alone):
        get_root_logger().info(f'{patches} images are patches of {len(scenes) - len(alone)} scenes: merged')
    return list(scenes), merged


def _of_scene(dets: np.ndarray, factor: float) -> np.ndarray:
    """Boxes (n, 6) of a patch in pixels of the scene as it was before it was resized."""
    scaled = np.array(dets, np.float32).reshape(-1, 6)
    scaled[:, :4] /= factor
    return scaled
