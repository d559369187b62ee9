"""Large images that were split into patches: their results are put together again before they are handed in.

A patch is named ``SCENE__SIZE__X___Y``, by the place of its left upper corner in the scene, as the tools that split
DOTA do: ``P0004__1024__824___0``. Some write the factor by which they had resized the scene in place of the size:
``P0004__0.5__824___0``.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmrotate.core.patch import MergeRule, merge_results
from mmrotate.utils import get_root_logger
from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.ordered import in_order

from .submission import Results

_PATCH = re.compile(r'(.+?)(?:__(\d+(?:\.\d+)?))?__(\d+)___(\d+)')
_SMALLEST_SIZE = 16  # pixels; numbers below it are factors


class Patch(NamedTuple):
    """Where an image lies in its scene."""

    scene: str
    x: int = 0  # of its left upper corner, in pixels of the resized scene
    y: int = 0
    factor: float = 1.0  # by which the scene was resized
    size: float | None = None  # its side in pixels, where the name says it


class Scene(NamedTuple):
    """An image that was split, or one that was not, and its parts."""

    name: str
    indices: list[int]  # of its images among all
    places: list[Patch | None]  # of each; None for an image that is no patch


def patch_name(scene: str, size: int, x: int, y: int) -> str:
    """Name of the patch of ``size`` pixels whose left upper corner is at ``x``, ``y``."""
    return f'{scene}__{size}__{x}___{y}'


def patch_of(name: str) -> Patch | None:
    """The patch that an image of this name, without its ending, is; None for other names."""
    if (match := _PATCH.fullmatch(name)) is None:
        return None
    scene, number, x, y = match.groups()
    given = float(number or 1)
    if 0 < given < _SMALLEST_SIZE:
        return Patch(scene, int(x), int(y), given)
    return Patch(scene, int(x), int(y), size=given or None)


def scenes_of(img_ids: Sequence[str]) -> list[Scene]:
    """The scenes that images of these names, without their endings, are of, in the order of their first image."""
    scenes: dict[str, Scene] = {}
    for i, name in enumerate(img_ids):
        place = patch_of(name)
        scene = scenes.setdefault(place.scene if place else name, Scene(place.scene if place else name, [], []))
        scene.indices.append(i)
        scene.places.append(place)
    return list(scenes.values())


def tell_scenes(scenes: Sequence[Scene]) -> None:
    """Say how many images are patches, if any."""
    if patches := sum(place is not None for scene in scenes for place in scene.places):
        count = sum(any(scene.places) for scene in scenes)
        get_root_logger().info(f'{patches} images are patches of {count} scenes: merged')


def check_sizes(scenes: Sequence[Scene], rule: MergeRule, patch_size: float | None = None) -> None:
    """Raise an ArgumentError where ``rule`` needs the sizes of patches, and nothing says them."""
    rule.check()
    places = (place for scene in scenes for place in scene.places if place is not None)
    if rule.iof_thr is not None and patch_size is None and (lacks := [p for p in places if p.size is None]):
        raise ArgumentError(
            f'iof_thr needs the size of each patch, which the names of {len(lacks)} of them do not say (a part of '
            f'{lacks[0].scene!r} is the first): give patch_size, in pixels'
        )


def merge_scene(
    scene: Scene, results: Sequence[Sequence[np.ndarray]], rule: MergeRule, patch_size: float | None = None
) -> list[np.ndarray]:
    """The result of a scene from those of its images: a list over classes of (n, 6), best first.

    That of an image which is no patch stays as it is.

    Args:
        scene: the scene.
        results: per image of it a list over classes of (n, 6): x, y, w, h, theta, score.
        rule: what goes.
        patch_size: side of the patches whose names do not say it, in pixels; only ``rule.iof_thr`` needs it.
    """
    if len(scene.places) == 1 and scene.places[0] is None:
        return [np.array(dets, np.float32).reshape(-1, 6) for dets in results[0]]
    places = [place or Patch(scene.name) for place in scene.places]
    parts = [[_of_scene(dets, p.factor) for dets in result] for p, result in zip(places, results, strict=True)]
    offsets = np.array([(p.x / p.factor, p.y / p.factor) for p in places], np.float32)
    sizes = None
    if rule.iof_thr is not None:
        sizes = np.array([[(p.size or patch_size or 0) / p.factor] * 2 for p in places], np.float32)
    return merge_results(parts, offsets, (), sizes=sizes, **rule._asdict())


def merge_scenes(
    results: Results,
    img_ids: Sequence[str],
    iou_thr: float = 0.1,
    nproc: int = 1,
    patch_size: float | None = None,
    **rule: float | bool | None,
) -> tuple[list[str], list[list[np.ndarray]]]:
    """Results per scene: those of its patches moved to their place, and overlapping ones of a class suppressed.

    An image that is no patch is a scene of its own, whose results stay as they are.

    Args:
        results: per image a list over classes of arrays (n, 6): x, y, w, h, theta, score.
        img_ids: name of each image without its ending.
        iou_thr: overlap above which the worse of two detections goes.
        nproc: threads; the result does not depend on them.
        patch_size: see :func:`merge_scene`.
        rule: further fields of :class:`mmrotate.core.patch.MergeRule`.

    Returns:
        The names of the scenes, in the order of their first image, and their results, best first.
    """
    if len(results) != len(img_ids):
        raise ValueError(f'{len(results)} results for {len(img_ids)} images')
    how, scenes = MergeRule(iou_thr, **rule), scenes_of(img_ids)  # type: ignore[arg-type]
    check_sizes(scenes, how, patch_size)
    tell_scenes(scenes)

    def merged(scene: Scene) -> list[np.ndarray]:
        return merge_scene(scene, [results[i] for i in scene.indices], how, patch_size)

    return [scene.name for scene in scenes], list(in_order(merged, scenes, nproc))


def _of_scene(dets: np.ndarray, factor: float) -> np.ndarray:
    """Boxes (n, 6) of a patch in pixels of the scene as it was before it was resized."""
    scaled = np.array(dets, np.float32).reshape(-1, 6)
    scaled[:, :4] /= factor
    return scaled
