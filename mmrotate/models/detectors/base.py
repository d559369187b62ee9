"""The protocol of every detector."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import ConfigDict
from torch import Tensor, distributed

from mmrotate.core import imshow_det_rbboxes, rbbox2result
from mmrotate.core.bbox.angle import VERSIONS
from mmrotate.models.base_module import BaseModule
from mmrotate.models.builder import build_backbone, build_head, build_neck
from mmrotate.models.views import Result, merge_views
from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.fuse import Speedups, sped_up


class RotatedBaseDetector(BaseModule):
    """The ways in: losses, boxes, test-time augmentation, pictures.

    Subclasses build their parts, first of all by :meth:`build_trunk`, and give ``_losses``, ``_detect`` and
    ``_outputs``.
    """

    CLASSES: Sequence[str] | None = None
    PALETTE: Sequence[Sequence[int]] | None = None
    # how tests are made faster; set by init_detector
    speedups: Speedups | None = None
    # every part of the settings, the head that reads it, and that head's list of the keys that it knows
    settings: tuple[tuple[str, str, str], ...] = ()
    backbone: Any
    neck: Any
    # Any: a detector is built without them, too, but does not train or test then
    train_cfg: Any = None
    test_cfg: Any = None

    def __init__(self, init_cfg: dict | list | None = None) -> None:
        super().__init__(init_cfg)

    def build_trunk(
        self,
        backbone: dict,
        neck: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        pretrained: str | None = None,
    ) -> None:
        """Build what lies before the heads, and keep the settings; all are configs but ``pretrained``.

        That is a checkpoint of the backbone, the older way to say its ``init_cfg``.
        """
        if pretrained is not None:
            backbone = dict(backbone, init_cfg=dict(type='Pretrained', checkpoint=pretrained))
        self.backbone = build_backbone(backbone)
        self.neck = None if neck is None else build_neck(neck)
        self.train_cfg = None if train_cfg is None else ConfigDict(train_cfg)
        self.test_cfg = None if test_cfg is None else ConfigDict(test_cfg)

    @property
    def with_neck(self) -> bool:
        """Whether there is a neck."""
        return getattr(self, 'neck', None) is not None

    @property
    def has_front(self) -> bool:
        """Whether its boxes have a front: the angle version of a coder says so."""
        coders = (getattr(module, 'bbox_coder', None) for module in self.modules())
        names = {getattr(coder, key, None) for coder in coders for key in ('angle_version', 'angle_range')}
        return any(version.heading for name, version in VERSIONS.items() if name in names)

    def _build_head(self, head: dict | None, train_cfg: dict | None, test_cfg: dict | None) -> Any:
        if head is None:
            raise ArgumentError(f'{type(self).__name__} needs the config of each of its heads, got None for one')
        return build_head(ConfigDict(head, train_cfg=train_cfg, test_cfg=test_cfg))

    def extract_feat(self, img: Tensor) -> Sequence[Tensor]:
        """Images (N, 3, H, W) -> pyramid of maps (N, C, h, w), finest first."""
        x = self.backbone(img)
        return self.neck(x) if self.with_neck else x

    def forward_dummy(self, img: Tensor) -> Any:
        """Raw outputs of the heads for images (N, 3, H, W), without NMS: to count operations."""
        return self._outputs(self.extract_feat(img))

    def _outputs(self, x: Sequence[Tensor]) -> Any:
        """Raw outputs of the heads of a pyramid."""
        raise NotImplementedError

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

    async def async_simple_test(self, img: Tensor, img_metas: list[dict], rescale: bool = False) -> list[Result]:
        """As :meth:`simple_test`, for callers that await."""
        return self.simple_test(img, img_metas, rescale=rescale)

    def forward_test(
        self, imgs: Sequence[Tensor], img_metas: list[list[dict]], rescale: bool = False, **kwargs: Any
    ) -> list[Result]:
        """Results of a batch (N, 3, H, W) and the facts of its images, under one or several augmentations.

        What a test takes beside them, like proposals, is given for each augmentation too.
        """
        if len(imgs) != len(img_metas):
            raise ArgumentError(f'{len(imgs)} augmented batches, but {len(img_metas)} lists of facts')
        with sped_up(self, self.speedups):
            if len(imgs) == 1:
                facts = {name: value[0] for name, value in kwargs.items()}
                return self.simple_test(imgs[0], img_metas[0], rescale=rescale, **facts)
            return self.aug_test(imgs, img_metas, rescale=rescale, **kwargs)

    async def aforward_test(
        self, img: Sequence[Tensor], img_metas: list[list[dict]], rescale: bool = False
    ) -> list[Result]:
        """As :meth:`forward_test` of one augmentation, for callers that await."""
        if len(img) != 1:
            raise ArgumentError(f'an asynchronous test takes 1 augmentation, got {len(img)}')
        with sped_up(self, self.speedups):
            return await self.async_simple_test(img[0], img_metas[0], rescale=rescale)

    def aug_test(self, imgs: Sequence[Tensor], img_metas: list[list[dict]], rescale: bool = False) -> list[Result]:
        """Results merged over augmentations: mapped back, then one more NMS in each class.

        Without ``rescale`` they are in the pixels of the first augmentation.
        """
        per_aug = [self.simple_test(x, metas) for x, metas in zip(imgs, img_metas, strict=True)]
        return merge_views(per_aug, img_metas, self.test_cfg.get('rcnn', self.test_cfg), rescale, self.has_front)

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
        bbox_color: Any = None,
        text_color: Any = None,
        mask_color: None = None,
        thickness: int | None = None,
        font_size: int | None = None,
        win_name: str = '',
        show: bool = False,
        wait_time: float = 0,
        out_file: str | Path | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """Draw the boxes of one image, a BGR array or its file; ``result`` holds (n, 6) per class.

        Boxes below ``score_thr`` are left out; the colour is by default the palette of the data, or else distinct
        ones. The other arguments are those of ``imshow_det_rbboxes``.
        """
        boxes = np.concatenate(result)
        labels = np.repeat(np.arange(len(result)), [len(r) for r in result])
        return imshow_det_rbboxes(
            img,
            boxes,
            labels,
            score_thr=score_thr,
            bbox_color=self.PALETTE if bbox_color is None else bbox_color,
            text_color=text_color,
            mask_color=mask_color,
            thickness=thickness,
            font_size=font_size,
            win_name=win_name,
            show=show,
            wait_time=wait_time,
            out_file=out_file,
            **dict(class_names=self.CLASSES, show_direction='front' if self.has_front else True) | kwargs,
        )
