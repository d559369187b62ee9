"""Detectors that learn from several views of the images of a batch."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmrotate.core.bbox import bbox_flip, in_version
from mmrotate.models.turn import Turn
from mmrotate.registry import MODELS

from .single_stage import RotatedSingleStageDetector


@MODELS.register_module()
class H2RBoxDetector(RotatedSingleStageDetector):
    """H2RBox (Yang et al., ICLR 2023): the image, and it turned by any angle.

    Args:
        crop_size: Height and width of the middle of the images that is learned from, which leaves out the most of
            what is not in a turned image; smaller images are taken whole.
        padding: What comes in at the corners of turned images: 'reflection', 'zeros' or 'border'.
        **kwargs: See :class:`RotatedSingleStageDetector`.
    """

    # the angles of the turned view, in half turns
    view_range: Sequence[float] = (-1.0, 1.0)

    def __init__(
        self, *args: Any, crop_size: Sequence[int] = (768, 768), padding: str = 'reflection', **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.crop_size, self.padding = tuple(crop_size), padding

    def _draw_angle(self) -> float:
        low, high = self.view_range
        return math.pi * (low + float(torch.rand(1)) * (high - low))

    def _middle(self, img: Tensor) -> tuple[Tensor, int, int]:
        """The middle of images, and how far it is from their left and upper side."""
        # a pixel less where otherwise the centres would differ
        pairs = zip(img.shape[-2:], self.crop_size, strict=True)
        top, left = (max(whole - size + 1, 0) // 2 for whole, size in pairs)
        return img[..., top : img.size(-2) - top, left : img.size(-1) - left], left, top

    def _cropped(self, img: Tensor, boxes: list[Tensor]) -> tuple[Tensor, list[Tensor], Tensor, Turn]:
        """The middle of images, their boxes, the middle of the turned images, and the turn as seen from there."""
        whole = Turn(self._draw_angle(), *img.shape[-2:])
        own, left, top = self._middle(img)
        boxes = [each - each.new_tensor([left, top, 0, 0, 0]) for each in boxes]
        turned = self._middle(whole.images(img, self.padding))[0]
        return own, boxes, turned, Turn(whole.angle, *own.shape[-2:])

    def forward_train(
        self,
        img: Tensor,
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Any]:
        """See the base."""
        img, gt_bboxes, turned, turn = self._cropped(img, gt_bboxes)
        x = self.extract_feat(torch.cat([img, turned]))
        losses: dict[str, Any] = self.bbox_head.forward_train(
            x, img_metas, gt_bboxes, gt_labels, gt_bboxes_ignore, turn=turn
        )
        return losses


@MODELS.register_module()
class H2RBoxV2Detector(H2RBoxDetector):
    """H2RBox-v2 (Yu et al., NeurIPS 2023): the image, it turned, and it upside down.

    Args:
        view_range: Least and greatest angle of the turned view, in half turns.
        **kwargs: See :class:`H2RBoxDetector`.
    """

    def __init__(self, *args: Any, view_range: Sequence[float] = (0.25, 0.75), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.view_range = view_range

    def forward_train(
        self,
        img: Tensor,
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Any]:
        """See the base."""
        img, own, turned, turn = self._cropped(img, gt_bboxes)
        boxes = [*own, *map(turn.boxes, own), *(bbox_flip(each, img.shape[-2:], 'vertical') for each in own)]
        boxes = [in_version(each, self.bbox_head.angle_version) for each in boxes]
        x = self.extract_feat(torch.cat([img, turned, img.flip(-2)]))
        ignore = None if gt_bboxes_ignore is None else gt_bboxes_ignore * 3
        return self._losses(x, img_metas * 3, boxes, gt_labels * 3, ignore)
