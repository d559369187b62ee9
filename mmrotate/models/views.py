"""Results of several views of the same images (test-time augmentation) as one."""

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.config import ConfigDict

from mmrotate.core import aug_multiclass_nms_rotated, bbox_mapping_back, rbbox2result

# per image: per class an array (n, 6) of x, y, w, h, theta, score
Result = list[np.ndarray]


def merge_views(
    views: Sequence[Sequence[Result]],
    img_metas: Sequence[Sequence[dict]],
    cfg: ConfigDict,
    rescale: bool,
    heading: bool = False,
) -> list[Result]:
    """One result of each image: mapped back, then one more NMS in each class.

    Args:
        views: The results of each view, in its own pixels.
        img_metas: The facts of the images of each view.
        cfg: ``nms`` and ``max_per_img``.
        rescale: Give pixels of the original images, not those of the first view.
        heading: The boxes have a front.
    """
    images = zip(zip(*views, strict=True), zip(*img_metas, strict=True), strict=True)
    return [_merge(results, metas, cfg, rescale, heading) for results, metas in images]


def _merge(results: Sequence[Result], metas: Sequence[dict], cfg: ConfigDict, rescale: bool, heading: bool) -> Result:
    classes = len(results[0])
    boxes = []
    for result, meta in zip(results, metas, strict=True):
        dets = torch.from_numpy(np.concatenate(result))
        direction = meta.get('flip_direction', 'horizontal')
        facts = (meta['img_shape'], meta['scale_factor'], meta['flip'], direction)
        back = bbox_mapping_back(dets[:, :5], *facts, heading)
        boxes.append(torch.cat([back, dets[:, 5:]], 1))
    merged = torch.cat(boxes)
    labels = torch.tensor([i for result in results for i, found in enumerate(result) for _ in found])
    if not rescale:
        merged[:, :4] *= merged.new_tensor(metas[0]['scale_factor'])
    # the views have applied the threshold; FCOS applies it before the centerness
    detections = aug_multiclass_nms_rotated(merged, labels, 0.0, cfg.nms, cfg.max_per_img, classes)
    return rbbox2result(*detections, classes)
