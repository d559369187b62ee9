"""What every dense head shares: the path from features to losses and to boxes."""

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from mmengine.model import initialize
from torch import Tensor
from torch.nn import functional as F

from mmrotate.core import multiclass_nms_rotated
from mmrotate.core.bbox import batch_method
from mmrotate.models.base_module import BaseModule
from mmrotate.models.builder import build_loss
from mmrotate.models.settings import RESULT_KEYS, TEST_KEYS, TRAIN_KEYS, own_or_given, settings_of, with_keys
from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.graph import current_graph, largest

# per image: boxes (n, 6) as x, y, w, h, theta, score, and labels (n,)
Detections = tuple[Tensor, ...]
# a tensor of each level of the pyramid
Levels = list[Tensor]


class BaseDenseHead(BaseModule):
    """A head on a feature pyramid: subclasses give ``forward_single``, ``loss`` and ``get_bboxes``.

    In all heads ``loss_...``, ``..._coder`` and ``..._cfg`` are configs: of losses, of coders between
    predictions and boxes, of normalisation and initialisation.

    Args:
        num_classes: Classes without background.
        in_channels: Channels of the pyramid.
        feat_channels: Channels of the head's own maps.
        loss_cls: The loss of the classes.
        train_cfg: Assigner, sampler and weights of training.
        test_cfg: ``nms_pre``, ``score_thr``, ``nms``, ``max_per_img``.
        init_cfg: By default weights near 0.
    """

    # layers that predict classes: a prior of 1% for each class keeps the first losses of many positions small
    cls_layers: tuple[str, ...] = ()
    # initialisation of other layers that are not as the rest
    other_init: tuple[dict, ...] = ()
    # whether classes must be independent of each other
    needs_sigmoid = False
    # places of the predictions, see mmrotate.core.anchor
    prior_generator: Any
    # what is read of both settings, and what configs of 0.x have there without effect
    train_keys: Mapping[str, Any] = TRAIN_KEYS
    test_keys: Mapping[str, Any] = TEST_KEYS

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        feat_channels: int = 256,
        *,
        loss_cls: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        rare = [dict(type='Normal', name=name, std=0.01, bias_prob=0.01) for name in self.cls_layers]
        self.own_init = dict(type='Normal', layer='Conv2d', std=0.01, override=[*rare, *self.other_init])
        super().__init__(init_cfg or self.own_init)
        self.num_classes, self.in_channels, self.feat_channels = num_classes, in_channels, feat_channels
        self.loss_cls = build_loss(loss_cls or dict(type='FocalLoss', use_sigmoid=True))
        self.use_sigmoid_cls = getattr(self.loss_cls, 'use_sigmoid', False)
        if self.needs_sigmoid and not self.use_sigmoid_cls:
            raise ArgumentError(f'{type(self).__name__}: loss_cls must be one with use_sigmoid=True')
        self.cls_out_channels = num_classes + (0 if self.use_sigmoid_cls else 1)
        # a head is built without them, too, but does not train or test then
        self.train_cfg, self.test_cfg = settings_of(train_cfg), settings_of(test_cfg)

    def init_weights(self) -> None:
        """As of the base; what pretrained weights leave out, such as other classes, is as without them."""
        if not self.is_init and isinstance(self.init_cfg, dict) and self.init_cfg.get('type') == 'Pretrained':
            initialize(self, self.own_init)
        super().init_weights()

    def forward_single(self, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        """Predictions of one level's map (N, C, H, W)."""
        raise NotImplementedError

    def forward(self, feats: Sequence[Tensor]) -> tuple[Levels, ...]:
        """Pyramid -> what :meth:`forward_single` gives, a list over levels each."""
        return self._over_levels(feats)

    def _over_levels(self, *facts: Iterable) -> tuple[Levels, ...]:
        outs = itertools.starmap(self.forward_single, zip(*facts, strict=True))
        return tuple(map(list, zip(*outs, strict=True)))

    def loss(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Losses of the outputs of ``forward``, a list over levels each."""
        raise NotImplementedError

    def get_bboxes(self, *args: Any, **kwargs: Any) -> list:
        """Boxes (n, 6) and labels (n,) of each image after NMS, of the outputs of ``forward``."""
        raise NotImplementedError

    def test_settings(self, cfg: dict | None) -> Any:
        """``cfg``, or the head's own settings, empty if it has none."""
        return own_or_given(self.test_cfg, cfg)

    def forward_train(
        self,
        x: Sequence[Tensor],
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor] | None = None,
        gt_bboxes_ignore: list[Tensor] | None = None,
        proposal_cfg: dict | None = None,
    ) -> Any:
        """Losses of a pyramid of maps (N, C, H, W), for the arguments see :class:`RotatedBaseDetector`.

        The labels are None for a class-agnostic head. Where ``proposal_cfg``, in the form of ``test_cfg``, asks
        for them, the proposals are given too.
        """
        outs = self(x)
        labels = () if gt_labels is None else (gt_labels,)
        losses = self.loss(*outs, gt_bboxes, *labels, img_metas, gt_bboxes_ignore=gt_bboxes_ignore)
        if proposal_cfg is None:
            return losses
        with torch.no_grad():
            return losses, self.get_bboxes(*outs, img_metas=img_metas, cfg=proposal_cfg)

    def simple_test(self, x: Sequence[Tensor], img_metas: list[dict], rescale: bool = False) -> list:
        """Boxes of each image; ``rescale`` gives them in the pixels of the original image."""
        return self.get_bboxes(*self(x), img_metas=img_metas, rescale=rescale)

    # ------------------------------------------------- the walks over images and levels
    def _grid(self, maps: Sequence[Tensor]) -> Levels:
        """Priors (n, d) of each level."""
        return self.prior_generator.grid_priors(sizes_of(maps), device=maps[0].device)

    def _valid_flags(
        self, featmap_sizes: Sequence[tuple[int, int]], img_metas: list[dict], device: torch.device | str | None
    ) -> list[Levels]:
        """Masks (n,) of the priors whose position is on the image; per image a list over levels."""
        device = next(self.parameters()).device if device is None else device
        shapes = [tuple(meta['pad_shape']) for meta in img_metas]
        # images of a shape share them: small operations cost a GPU more than large ones
        flags = {shape: self.prior_generator.valid_flags(featmap_sizes, shape, device) for shape in set(shapes)}
        return [flags[shape] for shape in shapes]

    def _bboxes(
        self, outs: Sequence[Levels], priors: Sequence[Levels], img_metas: list[dict], cfg: dict | None, *how: Any
    ) -> list:
        """What ``_get_bboxes_single`` finds in each image of the outputs; ``how`` are its last arguments."""
        settings = self.test_settings(cfg)
        one_by_one = torch.compiler.is_compiling() or current_graph() is not None
        together = None if one_by_one else batch_method(self, '_get_bboxes_single')
        if together is not None:
            return together(*outs, priors[0], img_metas, settings, *how)
        results = []
        for i, (meta, levels) in enumerate(zip(img_metas, priors, strict=True)):
            image = ([m[i] for m in maps] for maps in outs)
            facts = (meta['img_shape'], meta.get('scale_factor'))
            results.append(self._get_bboxes_single(*image, levels, *facts, settings, *how))
        return results

    def _get_bboxes_single(self, *args: Any, **kwargs: Any) -> Any:
        """Result of one image: its maps (C, H, W) and priors by level, shape, scale factor, settings."""
        raise NotImplementedError

    def _detections(
        self,
        boxes: Tensor,
        scores: Tensor,
        scale_factor: Any,
        cfg: Any,
        rescale: bool | None,
        with_nms: bool = True,
        factors: Tensor | None = None,
    ) -> Detections:
        """Result of an image, of its boxes (n, 5), scores (n, C) and, if any, their factors (n,).

        Without ``with_nms`` the boxes and their scores (n, C + 1), the background's last.
        """
        if self.use_sigmoid_cls:  # the last column is the background's
            scores = F.pad(scores, (0, 1))
        if rescale:
            boxes = in_original(boxes, scale_factor)
        if not with_nms:
            return boxes, scores
        with_keys(cfg, 'test_cfg', RESULT_KEYS, self)
        factor = () if factors is None else (factors,)
        return multiclass_nms_rotated(boxes, scores, cfg.score_thr, cfg.nms, cfg.max_per_img, *factor)


def in_original(boxes: Tensor, scale_factor: Any) -> Tensor:
    """Boxes (n, 5) in the pixels of the original image, of which the image is ``scale_factor`` (4,) times as large."""
    return torch.cat([boxes[:, :4] / torch.as_tensor(scale_factor).to(boxes), boxes[:, 4:]], 1)


def sizes_of(maps: Sequence[Tensor]) -> list[tuple[int, int]]:
    """Height and width of each map."""
    return [(m.size(-2), m.size(-1)) for m in maps]


def rows_of(maps: Tensor, channels: int | None = None) -> Tensor:
    """Maps (..., A * channels, H, W) -> (..., H * W * A, channels), in float32; A is 1 without ``channels``."""
    return maps.movedim(-3, -1).reshape(*maps.shape[:-3], -1, channels or maps.size(-3)).float()


def stacked(images: Sequence[Levels]) -> Tensor:
    """Rows (n, ...) of each image's levels -> (N, n, ...); images may share them."""
    if all(levels is images[0] for levels in images):
        rows = torch.cat(images[0])
        return rows.expand(len(images), *rows.shape)
    return torch.stack([torch.cat(levels) for levels in images])


def positional(names: str) -> Callable:
    """Decorates a constructor of ``**kwargs``: arguments by position have these names, in this order."""
    order = names.split()

    def decorate(init: Callable) -> Callable:
        @functools.wraps(init)
        def taking_positions(self: Any, *args: Any, **kwargs: Any) -> None:
            if len(args) > len(order):
                raise TypeError(f'{type(self).__name__} takes at most {len(order)} arguments by position')
            init(self, **dict(zip(order, args, strict=False)), **kwargs)

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter('self', kind), *(inspect.Parameter(name, kind, default=...) for name in order)]
        more = inspect.Parameter('kwargs', inspect.Parameter.VAR_KEYWORD)
        taking_positions.__signature__ = inspect.Signature([*parameters, more])  # type: ignore[attr-defined]
        return taking_positions

    return decorate


def check_unmapped(unmap_outputs: bool) -> None:
    """Targets are of all priors; ValueError for another wish."""
    if not unmap_outputs:
        raise ArgumentError('targets are those of all priors: leave unmap_outputs=True, and select by the weights')


def best_scores(scores: Tensor, count: int) -> Tensor:
    """Indices (..., count) of the largest scores (..., n), best first; of equal ones the first."""
    chosen = scores.topk(count, sorted=False).indices.sort().values
    return chosen.gather(-1, scores.gather(-1, chosen).sort(descending=True, stable=True).indices)


def keep_best(count: int, ranking: Tensor, *fields: Tensor) -> tuple[Tensor, ...]:
    """Fields (n, ...) at the at most ``count`` largest of ``ranking`` (n,), best first; or (N, n, ...) and (N, n).

    All of them, in their order, if ``count`` is not above 0 or they are not more.
    """
    if current_graph() is not None and count > 0:  # no branch on a size
        best = largest(ranking, count)
    elif 0 < count < ranking.size(-1):
        best = best_scores(ranking, count)
    else:
        return fields
    places = (best,) if best.dim() == 1 else (torch.arange(best.size(0), device=best.device)[:, None], best)
    return tuple(field[places] for field in fields)
