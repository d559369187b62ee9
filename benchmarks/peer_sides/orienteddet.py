"""OrientedDet's detectors, in an environment of its own."""

from collections.abc import Callable
from typing import Any

import torch
from answering import CLASSES, answer, as_trained, damped, objects, step
from oriented_det import models


def _model(method: str) -> Any:
    if method == 'oriented_rcnn':
        proposals = dict(rpn_pre_nms_top_n=2000, rpn_post_nms_top_n=2000, rpn_nms_threshold=0.8)
        found = models.OrientedRCNN(CLASSES, inference_pre_nms_score_threshold=0.9, **proposals)
    else:
        kind = models.RotatedRetinaNet if method == 'retinanet' else models.RotatedFCOS
        found = kind(CLASSES, score_threshold=0.9, pretrained_backbone=False)
    return damped(found)


def infer(settings: dict, method: str) -> Callable[[], Any]:
    """A detection in an image of noise."""
    model, image = _model(method).eval(), torch.rand(3, settings['size'], settings['size'])
    return torch.no_grad()(lambda: model([image]))


def train(settings: dict, method: str, count: int) -> Callable[[], Any]:
    """A training step on two images with so many objects each."""
    size = settings['size'] // 2
    model = as_trained(_model(method))
    boxes, labels = objects(count, size)
    images, targets = list(torch.rand(2, 3, size, size)), [dict(rboxes=boxes, labels=labels + 1)] * 2

    def losses() -> torch.Tensor:
        found = model(images, targets)
        return found['loss'] if 'loss' in found else sum(v for k, v in found.items() if 'loss' in k)

    return step(model, losses)


if __name__ == '__main__':
    answer(dict(infer=infer, train=train))
