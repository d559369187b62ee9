"""Five deltas between a prior and a rotated box."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from mmrotate.registry import TASK_UTILS

from ..angle import angle_version, norm_angle, regularize
from .base import (
    WH_RATIO_CLIP,
    DeltaCoder,
    centre_and_size_deltas,
    decode_offsets,
    decode_sides,
    same_count,
    xyxy_to_cxcywh,
)


@TASK_UTILS.register_module()
class DeltaXYWHAOBBoxCoder(DeltaCoder):
    """Deltas (dx, dy, dw, dh, dtheta) from a rotated prior to a rotated box.

    Args:
        target_means: Mean of each delta.
        target_stds: Standard deviation of each delta.
        angle_range: Angle version of the boxes.
        norm_factor: The angle's delta is in units of ``norm_factor * pi``; None for radians.
        edge_swap: Choose the form of the box (sides swapped, a quarter turn) whose angle is
            nearer to the prior's.
        proj_xy: Centre offset in the prior's own frame (Ding et al., RoI Transformer, CVPR 2019).
        add_ctr_clamp: Limit the centre offset to ``ctr_clamp``.
        ctr_clamp: In pixels.
    """

    prior_dim = 5

    def __init__(
        self,
        target_means: Sequence[float] = (0.0, 0.0, 0.0, 0.0, 0.0),
        target_stds: Sequence[float] = (1.0, 1.0, 1.0, 1.0, 1.0),
        angle_range: str = 'oc',
        norm_factor: float | None = None,
        edge_swap: bool = False,
        proj_xy: bool = False,
        add_ctr_clamp: bool = False,
        ctr_clamp: int = 32,
    ) -> None:
        super().__init__(target_means, target_stds)
        angle_version(angle_range)
        self.angle_range = angle_range
        self.angle_unit = 1.0 if norm_factor is None else norm_factor * math.pi
        self.edge_swap = edge_swap
        self.proj_xy = proj_xy
        self.ctr_clamp = ctr_clamp if add_ctr_clamp else None

    def _priors(self, bboxes: Tensor) -> tuple[Tensor, ...]:
        """Centre, sides and angle of the priors, each (n,)."""
        return bboxes[:, :5].unbind(-1)

    def encode(self, bboxes: Tensor, gt_bboxes: Tensor) -> Tensor:
        """Deltas (n, 5) that take the priors (n, 5) to the boxes (n, 5)."""
        same_count(bboxes, gt_bboxes)
        *prior, angle = (p.float() for p in self._priors(bboxes))
        x, y, w, h, theta = gt_bboxes.float().unbind(-1)
        turn = norm_angle(theta - angle, self.angle_range)
        if self.edge_swap:
            quarter = norm_angle(theta - angle + math.pi / 2, self.angle_range)
            keep = turn.abs() < quarter.abs()
            w, h = torch.where(keep, w, h), torch.where(keep, h, w)
            turn = torch.where(keep, turn, quarter)
        if self.proj_xy:
            cos, sin, dx, dy = angle.cos(), angle.sin(), x - prior[0], y - prior[1]
            x, y = prior[0] + cos * dx + sin * dy, prior[1] - sin * dx + cos * dy
        deltas = centre_and_size_deltas(prior, (x, y), (w, h))
        return self._normalize(torch.stack([*deltas, turn / self.angle_unit], -1))

    def decode(
        self,
        bboxes: Tensor,
        pred_bboxes: Tensor,
        max_shape: Sequence[int] | None = None,
        wh_ratio_clip: float = WH_RATIO_CLIP,
    ) -> Tensor:
        """Boxes (n, k * 5) of priors (n, 5) and deltas (n, k * 5), k boxes for each prior.

        Args:
            bboxes: Priors.
            pred_bboxes: Deltas.
            max_shape: Height and width of the image; centres are kept inside it.
            wh_ratio_clip: Sides change by at most a factor ``1 / wh_ratio_clip``.
        """
        same_count(bboxes, pred_bboxes)
        px, py, pw, ph, angle = (p.float()[:, None] for p in self._priors(bboxes))
        dx, dy, dw, dh, turn = self._denormalize(pred_bboxes.float()).unbind(-1)
        theta = angle + turn * self.angle_unit
        dx, dy = decode_offsets((pw, ph), (dx, dy), self.ctr_clamp)
        w, h = decode_sides((pw, ph), (dw, dh), wh_ratio_clip)
        if self.proj_xy:
            cos, sin = angle.cos(), angle.sin()
            dx, dy = dx * cos - dy * sin, dx * sin + dy * cos
        x, y = px + dx, py + dy
        if max_shape is not None:
            x, y = x.clamp(0, max_shape[1] - 1), y.clamp(0, max_shape[0] - 1)
        theta = norm_angle(theta, self.angle_range)
        if self.edge_swap:
            w, h, theta = self._long_edge_first(w, h, theta)
        return torch.stack([x, y, w, h, theta], -1).flatten(1)

    def _long_edge_first(self, w: Tensor, h: Tensor, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sides in falling order; under ``oc`` too, as the published models expect."""
        if angle_version(self.angle_range).long_edge:
            return regularize(w, h, theta, self.angle_range)
        turn = w <= h
        theta = torch.where(turn, theta + math.pi / 2, theta)
        return torch.where(turn, h, w), torch.where(turn, w, h), theta


@TASK_UTILS.register_module()
class DeltaXYWHAHBBoxCoder(DeltaXYWHAOBBoxCoder):
    """The same deltas from a horizontal prior (n, 4): left, top, right, bottom.

    Args:
        target_means: Mean of each delta.
        target_stds: Standard deviation of each delta.
        angle_range: Angle version of the boxes.
        norm_factor: The angle's delta is in units of ``norm_factor * pi``; None for radians.
        edge_swap: Choose the form of the box whose angle is nearer to 0.
        clip_border: Keep decoded centres inside the image.
        add_ctr_clamp: Limit the centre offset to ``ctr_clamp``.
        ctr_clamp: In pixels.
    """

    prior_dim = 4

    def __init__(
        self,
        target_means: Sequence[float] = (0.0, 0.0, 0.0, 0.0, 0.0),
        target_stds: Sequence[float] = (1.0, 1.0, 1.0, 1.0, 1.0),
        angle_range: str = 'oc',
        norm_factor: float | None = None,
        edge_swap: bool = False,
        clip_border: bool = True,
        add_ctr_clamp: bool = False,
        ctr_clamp: int = 32,
    ) -> None:
        super().__init__(
            target_means,
            target_stds,
            angle_range,
            norm_factor,
            edge_swap,
            add_ctr_clamp=add_ctr_clamp,
            ctr_clamp=ctr_clamp,
        )
        self.clip_border = clip_border

    def decode(
        self,
        bboxes: Tensor,
        pred_bboxes: Tensor,
        max_shape: Sequence[int] | None = None,
        wh_ratio_clip: float = WH_RATIO_CLIP,
    ) -> Tensor:
        """Boxes (n, k * 5) of horizontal priors (n, 4) and deltas (n, k * 5), as above."""
        max_shape = max_shape if self.clip_border else None
        return super().decode(bboxes, pred_bboxes, max_shape, wh_ratio_clip)

    def _priors(self, bboxes: Tensor) -> tuple[Tensor, ...]:
        x, y, w, h = xyxy_to_cxcywh(bboxes)
        return x, y, w, h, torch.zeros_like(x)
