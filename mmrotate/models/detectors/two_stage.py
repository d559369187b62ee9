"""Two-stage detectors: proposals, then a head on what is inside them."""

from collections.abc import Sequence
from typing import Any

from mmengine.config import ConfigDict
from torch import Tensor

from mmrotate.core import rbbox2result
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .base import Result, RotatedBaseDetector


@MODELS.register_module()
class RotatedTwoStageDetector(RotatedBaseDetector):
    """Backbone, neck, proposal head and RoI head.

    Args:
        rpn_head: Config of the proposal head; it gets ``train_cfg.rpn`` and ``test_cfg.rpn``.
        roi_head: Config of the RoI head; it gets ``train_cfg.rcnn`` and ``test_cfg.rcnn``.

    The others are those of :meth:`RotatedBaseDetector.build_trunk`. Without a proposal head the proposals come with
    the images, (n, 5 or 6) each: boxes and scores; without a RoI head only proposals are trained.
    """

    settings = (
        ('train_cfg.rpn', 'rpn_head', 'train_keys'),
        ('train_cfg.rpn_proposal', 'rpn_head', 'test_keys'),
        ('train_cfg.rcnn', 'roi_head', 'train_keys'),
        ('test_cfg.rpn', 'rpn_head', 'test_keys'),
        ('test_cfg.rcnn', 'roi_head', 'test_keys'),
    )

    def __init__(
        self,
        backbone: dict,
        neck: dict | None = None,
        rpn_head: dict | None = None,
        roi_head: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        pretrained: str | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.build_trunk(backbone, neck, train_cfg, test_cfg, pretrained)
        train, test = self.train_cfg or ConfigDict(), self.test_cfg or ConfigDict()
        if rpn_head is not None:
            self.rpn_head = self._build_head(rpn_head, train.get('rpn'), test.get('rpn'))
        if roi_head is not None:
            if pretrained is not None and roi_head.get('shared_head') is not None:
                roi_head = dict(roi_head, pretrained=pretrained)
            self.roi_head = self._build_head(roi_head, train.get('rcnn'), test.get('rcnn'))

    @property
    def with_rpn(self) -> bool:
        """Whether there is a proposal head."""
        return getattr(self, 'rpn_head', None) is not None

    @property
    def with_roi_head(self) -> bool:
        """Whether there is a RoI head."""
        return getattr(self, 'roi_head', None) is not None

    def forward_train(
        self,
        img: Tensor,
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
        gt_masks: Any = None,
        proposals: list[Tensor] | None = None,
        **kwargs: Any,
    ) -> dict[str, Tensor | list[Tensor]]:
        """Losses of a batch, see :class:`RotatedBaseDetector`.

        ``proposals`` of each image are taken in place of those of the proposal head; ``gt_masks`` and more are for
        a RoI head of one's own that takes them.
        """
        x = self.extract_feat(img)
        losses: dict[str, Tensor | list[Tensor]] = {}
        if self.with_rpn:
            settings = (self.train_cfg or {}).get('rpn_proposal') or (self.test_cfg or {}).get('rpn') or {}
            losses, found = self.rpn_head.forward_train(
                x, img_metas, gt_bboxes, gt_bboxes_ignore=gt_bboxes_ignore, proposal_cfg=settings
            )
            proposals = found if proposals is None else proposals
        if not self.with_roi_head:
            return losses
        if gt_masks is not None:
            kwargs['gt_masks'] = gt_masks
        proposals = self._given(proposals)
        return losses | self.roi_head.forward_train(
            x, img_metas, proposals, gt_bboxes, gt_labels, gt_bboxes_ignore, **kwargs
        )

    def _given(self, proposals: list[Tensor] | None) -> list[Tensor]:
        if proposals is None:
            raise ArgumentError(f'{type(self).__name__} has no rpn_head: its images must come with proposals')
        return proposals

    def _propose(self, x: Sequence[Tensor], img_metas: list[dict], proposals: list[Tensor] | None) -> list[Tensor]:
        """Proposals of each image of a pyramid: those given, if any."""
        if proposals is None and self.with_rpn:
            return self.rpn_head.simple_test(x, img_metas)
        return self._given(proposals)

    def simple_test(  # type: ignore[override]  # documented in this order
        self, img: Tensor, img_metas: list[dict], proposals: list[Tensor] | None = None, rescale: bool = False
    ) -> list[Result]:
        """Results of images (N, 3, H, W), of their ``proposals`` or those of the proposal head.

        With ``rescale`` they are in pixels of the original images.
        """
        self._require_roi_head()
        x = self.extract_feat(img)
        return self._results(self.roi_head.simple_test(x, self._propose(x, img_metas, proposals), img_metas, rescale))

    async def async_simple_test(  # type: ignore[override]
        self, img: Tensor, img_meta: list[dict], proposals: list[Tensor] | None = None, rescale: bool = False
    ) -> list[Result]:
        """As :meth:`simple_test`, for callers that await."""
        self._require_roi_head()
        x = self.extract_feat(img)
        proposals = self._propose(x, img_meta, proposals)
        return self._results(await self.roi_head.async_simple_test(x, proposals, img_meta, rescale))

    def _results(self, detections: list[tuple[Tensor, Tensor]]) -> list[Result]:
        return [rbbox2result(boxes, labels, self.roi_head.num_classes) for boxes, labels in detections]

    def _require_roi_head(self) -> None:
        if not self.with_roi_head:
            raise ArgumentError(f'{type(self).__name__} has no roi_head: it gives no boxes')

    def extract_feats(self, imgs: Sequence[Tensor]) -> list[Sequence[Tensor]]:
        """Pyramids of several views."""
        return [self.extract_feat(img) for img in imgs]

    def aug_test(self, imgs: Sequence[Tensor], img_metas: list[list[dict]], rescale: bool = False) -> list[Result]:
        """Results merged over augmentations, see :class:`RotatedBaseDetector`."""
        if getattr(self.simple_test, '__func__', None) is not RotatedTwoStageDetector.simple_test:
            return super().aug_test(imgs, img_metas, rescale)  # what another does to one view holds for all
        self._require_roi_head()
        feats = self.extract_feats(imgs)
        proposals = [self._propose(x, metas, None) for x, metas in zip(feats, img_metas, strict=True)]
        return self.roi_head.aug_test(feats, proposals, img_metas, rescale)

    def _outputs(self, x: Sequence[Tensor]) -> tuple:
        """Those of each head there is; the RoI head's for 1000 proposals of no meaning."""
        heads: list[Any] = [self.rpn_head(x)] if self.with_rpn else []
        if self.with_roi_head:
            heads.append(self.roi_head.forward_dummy(x, x[0].new_tensor([[16, 16, 48, 48, 0, 1]]).repeat(1000, 1)))
        return tuple(heads)


class _NeckLast(RotatedTwoStageDetector):
    """The same, with the arguments in the order of its published subclasses."""

    def __init__(
        self,
        backbone: dict,
        rpn_head: dict | None,
        roi_head: dict | None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        neck: dict | None = None,
        pretrained: str | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(backbone, neck, rpn_head, roi_head, train_cfg, test_cfg, pretrained, init_cfg)


@MODELS.register_module()
class OrientedRCNN(_NeckLast):
    """Oriented R-CNN (Xie et al., ICCV 2021)."""


@MODELS.register_module()
class RotatedFasterRCNN(_NeckLast):
    """Faster R-CNN (Ren et al., NeurIPS 2015) with rotated boxes from horizontal proposals."""


@MODELS.register_module()
class RoITransformer(_NeckLast):
    """RoI Transformer (Ding et al., CVPR 2019)."""


@MODELS.register_module()
class GlidingVertex(_NeckLast):
    """Gliding Vertex (Xu et al., TPAMI 2021)."""


@MODELS.register_module()
class ReDet(_NeckLast):
    """ReDet (Han et al., CVPR 2021): rotation-equivariant features, RoI Transformer's head."""
