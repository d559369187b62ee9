"""One-stage detectors: a dense head on the pyramid."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mmrotate.core import rbbox2result
from mmrotate.registry import MODELS

from .base import Result, RotatedBaseDetector


@MODELS.register_module()
class RotatedSingleStageDetector(RotatedBaseDetector):
    """Backbone, neck and one dense head.

    Args:
        bbox_head: Config of the head; it gets ``train_cfg`` and ``test_cfg``.

    The others are those of :meth:`RotatedBaseDetector.build_trunk`.
    """

    settings = (('train_cfg', 'bbox_head', 'train_keys'), ('test_cfg', 'bbox_head', 'test_keys'))

    def __init__(
        self,
        backbone: dict,
        neck: dict | None = None,
        bbox_head: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        pretrained: str | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.build_trunk(backbone, neck, train_cfg, test_cfg, pretrained)
        self.bbox_head = self._build_head(bbox_head, self.train_cfg, self.test_cfg)

    def _outputs(self, x: Sequence[Tensor]) -> Any:
        return self.bbox_head(x)

    def _losses(self, x: Sequence[Tensor], img_metas: list[dict], *truth: Any) -> dict[str, Tensor | list[Tensor]]:
        return self.bbox_head.forward_train(x, img_metas, *truth)

    def _detect(self, x: Sequence[Tensor], img_metas: list[dict], rescale: bool) -> tuple[list, int]:
        return self.bbox_head.simple_test(x, img_metas, rescale), self.bbox_head.num_classes

    def aug_test(self, imgs: Sequence[Tensor], img_metas: list[list[dict]], rescale: bool = False) -> list[Result]:
        """As of the base, or as the head does it, if it does."""
        if not hasattr(self.bbox_head, 'aug_test'):
            return super().aug_test(imgs, img_metas, rescale)
        found = self.bbox_head.aug_test([self.extract_feat(img) for img in imgs], img_metas, rescale)
        return [rbbox2result(boxes, labels, self.bbox_head.num_classes) for boxes, labels in found]


@MODELS.register_module()
class RotatedRetinaNet(RotatedSingleStageDetector):
    """RetinaNet (Lin et al., ICCV 2017) with rotated boxes."""


@MODELS.register_module()
class RotatedFCOS(RotatedSingleStageDetector):
    """FCOS (Tian et al., ICCV 2019) with rotated boxes."""


@MODELS.register_module()
class RotatedRepPoints(RotatedSingleStageDetector):
    """RepPoints (Yang et al., ICCV 2019) with rotated boxes, and what builds on it."""


@MODELS.register_module()
class RTMDet(RotatedSingleStageDetector):
    """RTMDet (Lyu et al., 2022) with rotated boxes."""


@MODELS.register_module()
class YOLOX(RotatedSingleStageDetector):
    """YOLOX (Ge et al., 2021) with rotated boxes."""
