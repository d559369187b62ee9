"""Deltas between priors and boxes."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmrotate.registry import TASK_UTILS
from mmrotate.utils.errors import ArgumentError

from ..angle import angle_version, norm_angle, regularize

Parts = Sequence[Tensor]


def same_count(priors: Tensor, others: Tensor) -> None:
    """Raise ValueError unless there are as many priors as others."""
    # not len(): in a graph it would be a constant
    if priors.size(0) != others.size(0):
        raise ArgumentError(f'as many priors as boxes are needed, got {priors.size(0)}, {others.size(0)}')


def xyxy_to_cxcywh(boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Centre and sides of horizontal boxes (n, 4), each (n,)."""
    left, top, right, bottom = boxes[:, :4].unbind(-1)
    return (left + right) * 0.5, (top + bottom) * 0.5, right - left, bottom - top


def inside_image(boxes: Tensor, max_shape: Sequence[int] | None) -> Tensor:
    """Boxes (..., 4), as corners, clipped to an image of this height and width; None for any."""
    if max_shape is None:
        return boxes
    return boxes.clamp(min=0).minimum(_limits(max_shape, boxes).repeat(2))


def _limits(max_shape: Sequence[int] | Tensor, like: Tensor) -> Tensor:
    """Width and height (2,) of a shape, in the type of another tensor."""
    return torch.as_tensor(max_shape[:2]).to(like).flip(0)


class DeltaCoder:
    """Deltas (dx, dy, dw, dh, ...) from a prior to a box (Girshick et al., R-CNN, CVPR 2014, appendix C).

    dx, dy are in units of the prior's sides, dw, dh log ratios of the sides.

    Args:
        target_means: Mean of each delta; None for 0.
        target_stds: Standard deviation of each delta, not 0; None for 1.
        clip_border: Keep decoded boxes inside the image.
        add_ctr_clamp: Limit the centre offset to ``ctr_clamp``.
        ctr_clamp: In pixels.
    """

    # numbers of a prior
    prior_dim = 4
    # deltas of one box
    encode_size = 4

    def __init__(
        self,
        target_means: Sequence[float] | None = None,
        target_stds: Sequence[float] | None = None,
        clip_border: bool = True,
        add_ctr_clamp: bool = False,
        ctr_clamp: int = 32,
    ) -> None:
        self.means = (0.0,) * self.encode_size if target_means is None else tuple(target_means)
        self.stds = (1.0,) * self.encode_size if target_stds is None else tuple(target_stds)
        if not len(self.means) == len(self.stds) == self.encode_size:
            raise ArgumentError(
                f'{type(self).__name__}: target_means and target_stds must be of length {self.encode_size}, '
                f'got {len(self.means)} and {len(self.stds)}'
            )
        self.clip_border = clip_border
        self.ctr_clamp = ctr_clamp if add_ctr_clamp else None

    def encode(self, bboxes: Tensor, gt_bboxes: Tensor) -> Tensor:
        """Deltas (n, encode_size) that take the priors (n, prior_dim) to the boxes (n, 4 or 5)."""
        same_count(bboxes, gt_bboxes)
        px, py, pw, ph, *_ = prior = self._prior(bboxes.float())
        x, y, w, h, *further = self._target(prior, gt_bboxes.float())
        deltas = torch.stack([(x - px) / pw, (y - py) / ph, (w / pw).log(), (h / ph).log(), *further], -1)
        return (deltas - deltas.new_tensor(self.means)) / deltas.new_tensor(self.stds)

    def decode(
        self, bboxes: Tensor, pred_bboxes: Tensor, max_shape: Any = None, wh_ratio_clip: float = 0.016
    ) -> Tensor:
        """Boxes (n, k * 4 or 5) of priors (n, prior_dim) and deltas (n, k * encode_size), k for each prior.

        Args:
            bboxes: Priors; or (b, n, prior_dim) of a batch, which gives boxes (b, n, ...).
            pred_bboxes: Deltas, likewise.
            max_shape: Height and width of the image, for ``clip_border``; of a batch, of each image.
            wh_ratio_clip: Sides change by at most a factor ``1 / wh_ratio_clip``: an untrained head's stay finite.
        """
        if bboxes.dim() == 3:
            same_count(bboxes, pred_bboxes)
            shapes = [None] * len(bboxes) if max_shape is None else max_shape
            parts = zip(bboxes, pred_bboxes, shapes, strict=True)
            return torch.stack([self.decode(*part, wh_ratio_clip) for part in parts])
        same_count(bboxes, pred_bboxes)
        prior = [part[:, None] for part in self._prior(bboxes.float())]
        deltas = pred_bboxes.float().unflatten(1, (-1, self.encode_size))
        deltas = deltas * deltas.new_tensor(self.stds) + deltas.new_tensor(self.means)
        dx, dy, dw, dh, *further = deltas.unbind(-1)
        sides, factor = prior[2:4], abs(math.log(wh_ratio_clip))
        offset = [side * delta for side, delta in zip(sides, (dx, dy), strict=True)]
        if self.ctr_clamp is not None:
            offset = [d.clamp(-self.ctr_clamp, self.ctr_clamp) for d in offset]
        sides = [side * delta.clamp(-factor, factor).exp() for side, delta in zip(sides, (dw, dh), strict=True)]
        return self._boxes(prior, (*offset, *sides, *further), max_shape if self.clip_border else None).flatten(1)

    def _prior(self, bboxes: Tensor) -> Parts:
        """Centre, sides and, of a rotated one, angle of the priors, each (n,)."""
        return xyxy_to_cxcywh(bboxes)

    def _target(self, prior: Parts, gt_bboxes: Tensor) -> Parts:
        """Centre and sides of the boxes, each (n,), and the further deltas."""
        raise NotImplementedError

    def _boxes(self, prior: Parts, parts: Parts, max_shape: Sequence[int] | None) -> Tensor:
        """Boxes (n, k, 4 or 5) of centre offset, sides and further deltas, each (n, k)."""
        raise NotImplementedError


@TASK_UTILS.register_module()
class DeltaXYWHBBoxCoder(DeltaCoder):
    """Four deltas between horizontal boxes (n, 4), as corners; see :class:`DeltaCoder`."""

    def _target(self, prior: Parts, gt_bboxes: Tensor) -> Parts:
        return xyxy_to_cxcywh(gt_bboxes)

    def _boxes(self, prior: Parts, parts: Parts, max_shape: Sequence[int] | None) -> Tensor:
        dx, dy, w, h = parts
        x, y = prior[0] + dx, prior[1] + dy
        return inside_image(torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], -1), max_shape)


@TASK_UTILS.register_module()
class DeltaXYWHAOBBoxCoder(DeltaCoder):
    """Deltas (dx, dy, dw, dh, dtheta) from a rotated prior (n, 5) to a rotated box.

    Args:
        target_means: See :class:`DeltaCoder`.
        target_stds: Likewise.
        angle_range: Angle version of the boxes.
        norm_factor: The angle's delta is in units of ``norm_factor * pi``; None for radians.
        edge_swap: Choose the form of the box (sides swapped, a quarter turn) whose angle is nearer to the prior's.
        proj_xy: Centre offset in the prior's own frame (Ding et al., RoI Transformer, CVPR 2019).
        add_ctr_clamp: See :class:`DeltaCoder`.
        ctr_clamp: Likewise.
        clip_border: Keep centres inside the image.
    """

    prior_dim = 5
    encode_size = 5

    def __init__(
        self,
        target_means: Sequence[float] | None = None,
        target_stds: Sequence[float] | None = None,
        angle_range: str = 'oc',
        norm_factor: float | None = None,
        edge_swap: bool = False,
        proj_xy: bool = False,
        add_ctr_clamp: bool = False,
        ctr_clamp: int = 32,
        *,
        clip_border: bool = True,
    ) -> None:
        super().__init__(target_means, target_stds, clip_border, add_ctr_clamp, ctr_clamp)
        if angle_version(angle_range).heading and edge_swap:
            raise ArgumentError(f'edge_swap=True exchanges sides, so the front is lost: {angle_range} needs False')
        self.angle_range = angle_range
        self.angle_unit = 1.0 if norm_factor is None else norm_factor * math.pi
        self.edge_swap, self.proj_xy = edge_swap, proj_xy

    def _prior(self, bboxes: Tensor) -> Parts:
        return bboxes[:, :5].unbind(-1)

    def _target(self, prior: Parts, gt_bboxes: Tensor) -> Parts:
        px, py, _, _, angle = prior
        x, y, w, h, theta = gt_bboxes.unbind(-1)
        turn = norm_angle(theta - angle, self.angle_range)
        if self.edge_swap:
            quarter = norm_angle(theta - angle + math.pi / 2, self.angle_range)
            keep = turn.abs() < quarter.abs()
            w, h = torch.where(keep, w, h), torch.where(keep, h, w)
            turn = torch.where(keep, turn, quarter)
        if self.proj_xy:
            cos, sin, dx, dy = angle.cos(), angle.sin(), x - px, y - py
            x, y = px + cos * dx + sin * dy, py - sin * dx + cos * dy
        return x, y, w, h, turn / self.angle_unit

    def _boxes(self, prior: Parts, parts: Parts, max_shape: Sequence[int] | None) -> Tensor:
        px, py, _, _, angle = prior
        dx, dy, w, h, turn = parts
        if self.proj_xy:
            cos, sin = angle.cos(), angle.sin()
            dx, dy = dx * cos - dy * sin, dx * sin + dy * cos
        x, y = px + dx, py + dy
        if max_shape is not None:
            x, y = (at.clamp(min=0).minimum(last) for at, last in zip((x, y), _limits(max_shape, x) - 1, strict=True))
        theta = norm_angle(angle + turn * self.angle_unit, self.angle_range)
        if self.edge_swap:
            w, h, theta = self._long_edge_first(w, h, theta)
        return torch.stack([x, y, w, h, theta], -1)

    def _long_edge_first(self, w: Tensor, h: Tensor, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sides in falling order; under ``oc`` too, as the published models expect."""
        if angle_version(self.angle_range).long_edge:
            return regularize(w, h, theta, self.angle_range)
        turn = w <= h
        theta = torch.where(turn, theta + math.pi / 2, theta)
        return torch.where(turn, h, w), torch.where(turn, w, h), theta


@TASK_UTILS.register_module()
class DeltaXYWHAHBBoxCoder(DeltaXYWHAOBBoxCoder):
    """The same deltas from a horizontal prior (n, 4), as corners: its angle is 0.

    Args:
        target_means: See :class:`DeltaXYWHAOBBoxCoder`, as all of the following.
        target_stds: Standard deviation of each delta.
        angle_range: Angle version of the boxes.
        norm_factor: Unit of the angle's delta.
        edge_swap: Choose the form of the box whose angle is nearer to 0.
        clip_border: Keep centres inside the image; not by default, as the published models do not.
        add_ctr_clamp: Limit the centre offset.
        ctr_clamp: In pixels.
        proj_xy: No difference here: the frame of a horizontal prior is the image's.
    """

    prior_dim = 4

    def __init__(
        self,
        target_means: Sequence[float] | None = None,
        target_stds: Sequence[float] | None = None,
        angle_range: str = 'oc',
        norm_factor: float | None = None,
        edge_swap: bool = False,
        clip_border: bool = False,
        add_ctr_clamp: bool = False,
        ctr_clamp: int = 32,
        *,
        proj_xy: bool = False,
    ) -> None:
        super().__init__(
            target_means,
            target_stds,
            angle_range,
            norm_factor,
            edge_swap,
            proj_xy,
            add_ctr_clamp,
            ctr_clamp,
            clip_border=clip_border,
        )

    def _prior(self, bboxes: Tensor) -> Parts:
        x, y, w, h = xyxy_to_cxcywh(bboxes)
        return x, y, w, h, torch.zeros_like(x)
