"""Detectors in several one-stage steps, each on features aligned with the boxes before."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmengine.config import ConfigDict
from mmengine.model import ModuleList
from torch import Tensor

from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .alignment import AlignConvModule, FeatureRefineModule
from .base import Result, RotatedBaseDetector

# prefix of the losses, their weight, alignment (None in the first stage) and head
Stage = tuple[str, float, Any, Any]


class RefineSingleStageDetector(RotatedBaseDetector):
    """The first head's priors are anchors, a later one's the best boxes of the head before.

    Subclasses give ``_stages``, and the method of the first head that makes the boxes for the second.
    """

    first_rois = 'filter_bboxes'

    def _stages(self) -> list[Stage]:
        """The stages in their order."""
        raise NotImplementedError

    def _run(self, x: Sequence[Tensor]) -> Iterator[tuple[Stage, tuple, dict[str, Any]]]:
        """Each stage, its head's outputs, and its rois: none in the first, else (n, 5) of each image and level."""
        (_, _, _, head), *later = stages = self._stages()
        outs = head(x)
        given: dict[str, Any] = {}
        yield stages[0], outs, given
        refine = getattr(head, self.first_rois)
        for stage in later:
            given = dict(rois=refine(*outs, **given))
            _, _, align, head = stage
            outs, refine = head(align(x, given['rois'])), head.refine_bboxes
            yield stage, outs, given

    def _losses(self, x: Sequence[Tensor], img_metas: list[dict], *truth: Any) -> dict[str, Tensor | list[Tensor]]:
        gt_bboxes, gt_labels, ignore = truth
        losses: dict[str, Tensor | list[Tensor]] = {}
        for (prefix, weight, _, head), outs, given in self._run(x):
            stage = head.loss(*outs, gt_bboxes, gt_labels, img_metas, gt_bboxes_ignore=ignore, **given)
            for name, values in stage.items():
                losses[f'{prefix}.{name}'] = (
                    values * weight if torch.is_tensor(values) else [v * weight for v in values]
                )
        return losses

    def _detect(self, x: Sequence[Tensor], img_metas: list[dict], rescale: bool) -> tuple[list, int]:
        *_, ((*_, head), outs, given) = self._run(x)
        return head.get_bboxes(*outs, img_metas=img_metas, rescale=rescale, **given), head.num_classes

    def _outputs(self, x: Sequence[Tensor]) -> Any:
        """Those of the last stage."""
        *_, (_, outs, _) = self._run(x)
        return outs

    def simple_test(self, img: Tensor, img_meta: list[dict], rescale: bool = False) -> list[Result]:
        """As of the base; 0.x named the facts of the images so here."""
        return super().simple_test(img, img_meta, rescale)


@MODELS.register_module()
class R3Det(RefineSingleStageDetector):
    """R3Det (Yang et al., AAAI 2021).

    Args:
        num_refine_stages: Stages after the first.
        bbox_head: Config of the first head; it gets ``train_cfg.s0``.
        frm_cfgs: Arguments of each stage's :class:`FeatureRefineModule`.
        refine_heads: Config of each stage's head; it gets its item of ``train_cfg.sr``.

    The others are those of :meth:`RotatedBaseDetector.build_trunk`; ``train_cfg.stage_loss_weights`` are the factors
    of the later stages' losses.
    """

    settings = (
        ('train_cfg.s0', 'bbox_head', 'train_keys'),
        ('train_cfg.sr', 'refine_head', 'train_keys'),
        ('train_cfg.stage_loss_weights', '', ''),
        ('test_cfg', 'bbox_head', 'test_keys'),
    )

    def __init__(
        self,
        num_refine_stages: int,
        backbone: dict,
        neck: dict | None = None,
        bbox_head: dict | None = None,
        frm_cfgs: Sequence[dict] | None = None,
        refine_heads: Sequence[dict] | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        pretrained: str | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.build_trunk(backbone, neck, train_cfg, test_cfg, pretrained)
        frm_cfgs, refine_heads = frm_cfgs or [], refine_heads or []
        train = self.train_cfg or ConfigDict()
        settings = train.get('sr', [None] * num_refine_stages)
        self.stage_loss_weights = train.get('stage_loss_weights', [1.0] * num_refine_stages)
        parts = dict(frm_cfgs=frm_cfgs, refine_heads=refine_heads, sr=settings)
        for name, part in (parts | dict(stage_loss_weights=self.stage_loss_weights)).items():
            if len(part) != num_refine_stages:
                wanted = f'one item for each of num_refine_stages={num_refine_stages}'
                raise ArgumentError(f'{name} must have {wanted}, got {len(part)}')
        self.bbox_head = self._build_head(bbox_head, train.get('s0'), self.test_cfg)
        # these lists initialise their members
        self.feat_refine_module = ModuleList(FeatureRefineModule(**cfg) for cfg in frm_cfgs)
        self.refine_head = ModuleList(
            self._build_head(*head, self.test_cfg) for head in zip(refine_heads, settings, strict=True)
        )

    def _stages(self) -> list[Stage]:
        later = zip(self.stage_loss_weights, self.feat_refine_module, self.refine_head, strict=True)
        return [('s0', 1.0, None, self.bbox_head), *((f'sr{i}', *stage) for i, stage in enumerate(later))]


@MODELS.register_module()
class S2ANet(RefineSingleStageDetector):
    """S2A-Net (Han et al., TGRS 2021): feature alignment, then orientation-aware detection.

    Args:
        fam_head: Config of the first head, with one anchor per position; it gets ``train_cfg.fam_cfg``.
        align_cfgs: ``dict(type='AlignConv', channels, featmap_strides, kernel_size)``.
        odm_head: Config of the second head; it gets ``train_cfg.odm_cfg``.

    The others are those of :meth:`RotatedBaseDetector.build_trunk`.
    """

    first_rois = 'refine_bboxes'
    settings = (
        ('train_cfg.fam_cfg', 'fam_head', 'train_keys'),
        ('train_cfg.odm_cfg', 'odm_head', 'train_keys'),
        ('test_cfg', 'odm_head', 'test_keys'),
    )

    def __init__(
        self,
        backbone: dict,
        neck: dict | None = None,
        fam_head: dict | None = None,
        align_cfgs: dict | None = None,
        odm_head: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        pretrained: str | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.build_trunk(backbone, neck, train_cfg, test_cfg, pretrained)
        train = self.train_cfg or ConfigDict()
        align = dict(align_cfgs or {})
        if align.pop('type', None) != 'AlignConv':
            raise ArgumentError(f"align_cfgs must have type='AlignConv', got {align_cfgs}")
        self.fam_head = self._build_head(fam_head, train.get('fam_cfg'), self.test_cfg)
        self.align_conv = AlignConvModule(**align)
        self.odm_head = self._build_head(odm_head, train.get('odm_cfg'), self.test_cfg)

    def _stages(self) -> list[Stage]:
        return [('fam', 1.0, None, self.fam_head), ('odm', 1.0, self.align_conv, self.odm_head)]
