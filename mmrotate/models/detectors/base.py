"""The protocol of every detector."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import ConfigDict
from torch import Tensor, distributed

from mmrotate.core import aug_multiclass_nms_rotated, bbox_mapping_back, imshow_det_rbboxes, rbbox2result
from mmrotate.models.base_module import BaseModule
from mmrotate.models.builder import build_backbone, build_head, build_neck

# per image: per class an array (n, 6) of x, y, w, h, theta, score
Result = list[np.ndarray]


class RotatedBaseDetector(BaseModule):
    """Backbone and neck, and the ways in: losses, boxes, test-time augmentation, pictures.

    Subclasses give ``_losses`` and ``_detect``. All arguments are configs of what they name, but:

    Args:
        pretrained: A checkpoint of the backbone, the older way to say it.
    """

    CLASSES: Sequence[str] | None = None
    PALETTE: Sequence[Sequence[int]] | None = None
    # every part of the settings, the head that reads it, and that head's list of the keys that it knows
    settings: tuple[tuple[str, str, str], ...] = ()

    def __init__(
        self,
        backbone: dict,
        neck: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        pretrained: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if pretrained is not None:
            backbone = dict(backbone, init_cfg=dict(type='Pretrained', checkpoint=pretrained))
        self.backbone = build_backbone(backbone)
        self.neck = None if neck is None else build_neck(neck)
        # Any: a detector is built without them, too, but does not train or test then
        self.train_cfg: Any = None if train_cfg is None else ConfigDict(train_cfg)
        self.test_cfg: Any = None if test_cfg is None else ConfigDict(test_cfg)

    def _build_head(self, head: dict, train_cfg: dict | None, test_cfg: dict | None) -> Any:
        return build_head(ConfigDict(head, train_cfg=train_cfg, test_cfg=test_cfg))

    def extract_feat(self, img: Tensor) -> Sequence[Tensor]:
        """Images (N, 3, H, W) -> pyramid of maps (N, C, h, w), finest first."""
        x = self.backbone(img)
        return x if self.neck is None else self.neck(x)

    def forward(self, img: Any, img_metas: list, return_loss: bool = True, **kwargs: Any) -> Any:
        """Losses of a training batch, or results of a test batch (see ``forward_test``)."""
        if return_loss:
            return self.forward_train(img, img_metas, **kwargs)
        return self.forward_test(img, img_metas, **kwargs)

    def forward_train(
        self,
        img: Tensor,
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor | list[Tensor]]:
        """Losses of a batch.

        Args:
            img: (N, 3, H, W), normalised and padded.
            img_metas: Per image ``img_shape``, ``pad_shape``, ``scale_factor``, ...
            gt_bboxes: Per image (n, 5): x, y, w, h in pixels, theta in radians.
            gt_labels: Per image (n,) of int64.
            gt_bboxes_ignore: Per image (k, 5): boxes that count neither way.
        """
        return self._losses(self.extract_feat(img), img_metas, gt_bboxes, gt_labels, gt_bboxes_ignore)

    def _losses(self, x: Sequence[Tensor], img_metas: list[dict], *truth: Any) -> dict[str, Tensor | list[Tensor]]:
        """Losses of a pyramid; ``truth`` are the last three arguments of :meth:`forward_train`."""
        raise NotImplementedError

    def simple_test(self, img: Tensor, img_metas: list[dict], rescale: bool = False) -> list[Result]:
        """Results of images (N, 3, H, W); ``rescale`` gives pixels of the original images."""
        detections, classes = self._detect(self.extract_feat(img), img_metas, rescale)
        return [rbbox2result(boxes, labels, classes) for boxes, labels in detections]

    def _detect(self, x: Sequence[Tensor], img_metas: list[dict], rescale: bool) -> tuple[list, int]:
        """Boxes (n, 6) and labels (n,) of each image of a pyramid, and the number of classes."""
        raise NotImplementedError

    def forward_test(self, imgs: Sequence[Tensor], img_metas: list[list[dict]], rescale: bool = False) -> list[Result]:
        """Results of a batch (N, 3, H, W) and the facts of its images, under one or several augmentations."""
        if len(imgs) != len(img_metas):
            raise ValueError(f'{len(imgs)} augmented batches, but {len(img_metas)} lists of facts')
        if len(imgs) == 1:
            return self.simple_test(imgs[0], img_metas[0], rescale=rescale)
        return self.aug_test(imgs, img_metas, rescale=rescale)

    def aug_test(self, imgs: Sequence[Tensor], img_metas: list[list[dict]], rescale: bool = False) -> list[Result]:
        """Results merged over augmentations: mapped back, then one more NMS in each class.

        Without ``rescale`` they are in the pixels of the first augmentation.
        """
        per_aug = [self.simple_test(x, metas) for x, metas in zip(imgs, img_metas, strict=True)]
        images = zip(zip(*per_aug, strict=True), zip(*img_metas, strict=True), strict=True)
        return [self._merge(results, metas, rescale) for results, metas in images]

    def _merge(self, results: Sequence[Result], metas: Sequence[dict], rescale: bool) -> Result:
        cfg = self.test_cfg.get('rcnn', self.test_cfg)
        classes = len(results[0])
        boxes = []
        for result, meta in zip(results, metas, strict=True):
            dets = torch.from_numpy(np.concatenate(result))
            direction = meta.get('flip_direction', 'horizontal')
            back = bbox_mapping_back(dets[:, :5], meta['img_shape'], meta['scale_factor'], meta['flip'], direction)
            boxes.append(torch.cat([back, dets[:, 5:]], 1))
        merged = torch.cat(boxes)
        labels = torch.tensor([i for result in results for i, found in enumerate(result) for _ in found])
        if not rescale:
            merged[:, :4] *= merged.new_tensor(metas[0]['scale_factor'])
        # the views have applied the threshold; FCOS applies it before the centerness
        detections = aug_multiclass_nms_rotated(merged, labels, 0.0, cfg.nms, cfg.max_per_img, classes)
        return rbbox2result(*detections, classes)

    def _parse_losses(self, losses: dict[str, Tensor | list[Tensor]]) -> tuple[Tensor, OrderedDict[str, float]]:
        """Sum of everything named ``loss``, and all values averaged over processes for the log."""
        means: OrderedDict[str, Any] = OrderedDict(
            (name, value.mean() if torch.is_tensor(value) else sum(v.mean() for v in value))
            for name, value in losses.items()
        )
        loss: Any = sum(value for name, value in means.items() if 'loss' in name)
        means['loss'] = loss
        values = torch.stack([value.detach().float() for value in means.values()])
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(values.div_(distributed.get_world_size()))
        return loss, OrderedDict(zip(means, values.tolist(), strict=True))

    def train_step(self, data: dict, optimizer: Any = None) -> dict[str, Any]:
        """Losses of a collated batch: ``loss`` for the gradient, ``log_vars``, ``num_samples``."""
        loss, log_vars = self._parse_losses(self(**data))
        return dict(loss=loss, log_vars=log_vars, num_samples=len(data['img_metas']))

    val_step = train_step

    def show_result(
        self,
        img: str | Path | np.ndarray,
        result: Result,
        score_thr: float = 0.3,
        out_file: str | Path | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """Draw the boxes of one image.

        Args:
            img: BGR image, or its file.
            result: Per class (n, 6).
            score_thr: Boxes below are left out.
            out_file: Where the picture goes; None writes none.
            **kwargs: Arguments of ``imshow_det_rbboxes``.
        """
        boxes = np.concatenate(result)
        labels = np.repeat(np.arange(len(result)), [len(r) for r in result])
        settings = dict(class_names=self.CLASSES, bbox_color=self.PALETTE, show=False) | kwargs
        return imshow_det_rbboxes(img, boxes, labels, score_thr=score_thr, out_file=out_file, **settings)
