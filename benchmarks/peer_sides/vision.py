"""torchvision's upright detectors and suppression."""

from collections.abc import Callable
from typing import Any

import torch
import torchvision
from answering import CLASSES, answer, as_trained, damped, nms_boxes, objects, step, upright
from torchvision.models import detection

_PROPOSALS = {
    'rpn_pre_nms_top_n_train': 2000, 'rpn_pre_nms_top_n_test': 2000, 'rpn_post_nms_top_n_train': 2000,
    'rpn_post_nms_top_n_test': 2000, 'rpn_nms_thresh': 0.8,
}  # fmt: skip


def _model(method: str, size: int) -> Any:
    make = {
        'oriented_rcnn': detection.fasterrcnn_resnet50_fpn,
        'retinanet': detection.retinanet_resnet50_fpn,
        'fcos': detection.fcos_resnet50_fpn,
    }[method]
    threshold = {'box_score_thresh': 0.9, **_PROPOSALS} if method == 'oriented_rcnn' else {'score_thresh': 0.9}
    sizes = dict(min_size=size, max_size=size, num_classes=CLASSES + 1)
    return damped(make(weights=None, weights_backbone=None, **sizes, **threshold))


def infer(settings: dict, method: str) -> Callable[[], Any]:
    """A detection in an image of noise."""
    model = _model(method, settings['size']).eval()
    image = torch.rand(3, settings['size'], settings['size'])
    return torch.no_grad()(lambda: model([image]))


def train(settings: dict, method: str, count: int) -> Callable[[], Any]:
    """A training step on two images with so many objects each."""
    size = settings['size'] // 2
    model = as_trained(_model(method, size))
    boxes, labels = objects(count, size)
    images, targets = list(torch.rand(2, 3, size, size)), [dict(boxes=upright(boxes), labels=labels + 1)] * 2
    return step(model, lambda: sum(model(images, targets).values()))


def nms(settings: dict, kind: str, labels: int) -> Callable[[], Any]:
    """Suppression at 0.7 of 10,000 boxes in so many classes."""
    boxes, scores, draws = nms_boxes(kind)
    hbb, of_class = upright(boxes), (draws * labels).long()
    if labels == 1:
        return lambda: torchvision.ops.nms(hbb, scores, 0.7)
    return lambda: torchvision.ops.batched_nms(hbb, scores, of_class, 0.7)


if __name__ == '__main__':
    answer(dict(infer=infer, train=train, nms=nms))
