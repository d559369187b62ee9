"""The best and the worst images of a detector, truth beside prediction."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from mmrotate.core.evaluation import all_objects, eval_rbbox_map_thresholds
from mmrotate.core.visualization import imshow_det_rbboxes
from mmrotate.core.visualization.text import label_patch

from .results import Judged

_THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
_GAP = 4  # pixels between the two pictures


class Ranked(NamedTuple):
    """How well one image went."""

    image: int  # index
    score: float  # mAP of the image by itself, mean over the IoU thresholds 0.5, 0.55, ... 0.95
    objects: int
    detections: int  # from the score on that counts


def rank_images(judged: Judged, score_thr: float = 0.0, progress: bool = False) -> list[Ranked]:
    """All images, the best first; of equal ones the one with more objects, or with fewer detections.

    An image without objects has no mAP: with detections from ``score_thr`` on, which all are false, it counts as 0,
    without them it is left out.
    """
    ranked = []
    images = zip(judged.results, judged.annotations, strict=True)
    for i, (result, annotation) in enumerate(tqdm(images, 'images', len(judged), disable=not progress, mininterval=1)):
        objects = int((~all_objects(annotation)[2]).sum())
        detections = sum(int((dets[:, 5] >= score_thr).sum()) for dets in result)
        if not objects and not detections:
            continue
        scores = eval_rbbox_map_thresholds([result], [annotation], _THRESHOLDS, use_07_metric=False)
        ranked.append(Ranked(i, float(np.mean([mean for mean, _ in scores])), objects, detections))
    return sorted(ranked, key=lambda image: (-image.score, -image.objects, image.detections))


def side_by_side(
    image: str | Path | np.ndarray,
    result: Sequence[np.ndarray],
    annotation: dict[str, np.ndarray],
    classes: Sequence[str],
    palette: Any = None,
    score_thr: float = 0.0,
) -> np.ndarray:
    """Truth at the left, prediction at the right, uint8 (H, 2 W + 4, 3), BGR.

    Args:
        image: A file, or an image as :func:`mmrotate.core.images.as_image` takes it.
        result: Over the classes arrays (n, 6).
        annotation: As of a dataset; objects to ignore are drawn too.
        classes: Names.
        palette: Colours, see :func:`mmrotate.core.visualization.get_palette`.
        score_thr: Lowest score that is drawn.
    """
    objects, labels, _ = all_objects(annotation)
    found_as = np.repeat(np.arange(len(result)), [len(dets) for dets in result])
    panels = []
    for name, boxes, its_labels in (('truth', objects, labels), ('prediction', np.concatenate(result), found_as)):
        drawn = imshow_det_rbboxes(
            image, boxes, its_labels, class_names=classes, score_thr=score_thr, bbox_color=palette, show=False
        )
        panels.append(_titled(drawn, name))
    gap = np.full((len(panels[0]), _GAP, 3), 255, np.uint8)
    return cv2.hconcat([panels[0], gap, panels[1]])


def _titled(picture: np.ndarray, title: str) -> np.ndarray:
    """The picture with its title in a strip above."""
    return cv2.vconcat([padded(label_patch(title, 16, (255, 255, 255)), picture.shape[1]), picture])


def padded(picture: np.ndarray, width: int) -> np.ndarray:
    """The picture at the left of a white one of a width."""
    whole = np.full((len(picture), width, 3), 255, np.uint8)
    whole[:, : picture.shape[1]] = picture[:, :width]
    return whole


def picture_name(name: str, score: float) -> str:
    """Name of the file for an image, as 0.3 has it: NAME_SCORE.jpg."""
    path = Path(name)
    return str(path.with_name(f'{path.stem}_{score:.3f}{path.suffix}'))
