"""Queries made of the objects and noise, beside those that have to find them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from mmrotate.utils.errors import ArgumentError

from .positions import inverse_sigmoid

_GROUPS = dict(dynamic=True, num_dn_queries=100, num_groups=None, max_num_groups=None)
_MODES = ('only_xyxy', 'only_xywh', 'only_angle', 'all_xyxya')


class Noised(NamedTuple):
    """Noised queries of a batch: ``groups`` times one near to each object, then one further away."""

    query: Tensor  # (N, D, C)
    reference: Tensor  # boxes (N, D, 5) in shares of the image
    mask: Tensor  # (D + Q, D + Q): whether a query is hidden from another
    groups: int

    @property
    def length(self) -> int:
        """D."""
        return self.query.size(1)

    def near(self, objects: int) -> Tensor:
        """Indices (groups, objects) of the queries that lie near to the objects of an image."""
        step = self.length // self.groups
        start = torch.arange(self.groups, device=self.query.device)[:, None] * step
        return start + torch.arange(objects, device=self.query.device)


class NoisedQueries(nn.Module):
    """Makes them (Zhang et al., DINO, ICLR 2023); key ``label_embedding``.

    Args:
        num_classes: Classes.
        embed_dims: Numbers of a query.
        label_noise_scale: Twice the share of labels that are drawn anew.
        box_noise_scale: Largest noise of those near to their objects, in halves of a side; those further away have
            between once and twice as much.
        group_cfg: With ``dynamic`` as many groups as make about ``num_dn_queries`` queries near to objects, at most
            ``max_num_groups``; else ``num_groups``.
        angle_noise_scale: Likewise of angles, in eighteenths of themselves.
        noise_mode: What is noised: ``'only_xyxy'``: the corners of the unturned box; ``'only_xywh'``: its centre and
            sides; ``'only_angle'``; or ``'all_xyxya'``: its corners and its angle.
    """

    def __init__(
        self,
        num_classes: int,
        embed_dims: int,
        label_noise_scale: float = 0.5,
        box_noise_scale: float = 1.0,
        group_cfg: dict | None = None,
        angle_noise_scale: float = 1.0,
        noise_mode: str = 'only_xywh',
    ) -> None:
        super().__init__()
        if noise_mode not in _MODES:
            raise ArgumentError(f'noise_mode must be one of {_MODES}, got {noise_mode!r}')
        self.group_cfg = {**_GROUPS, **(group_cfg or {})}
        if set(self.group_cfg) != set(_GROUPS):
            raise ArgumentError(f'group_cfg knows {sorted(_GROUPS)}, got {sorted(self.group_cfg)}')
        if not self.group_cfg['dynamic'] and not self.group_cfg['num_groups']:
            raise ArgumentError('group_cfg with dynamic=False needs num_groups')
        self.noise_mode, self.label_noise_scale = noise_mode, label_noise_scale
        self.box_noise_scale, self.angle_noise_scale = box_noise_scale, angle_noise_scale
        self.label_embedding = nn.Embedding(num_classes, embed_dims)

    def forward(self, boxes: Sequence[Tensor], labels: Sequence[Tensor], queries: int) -> Noised:
        """Noised queries of a batch.

        Args:
            boxes: Per image (k, 5), in shares of the image, angles in [0, 1].
            labels: Per image (k,).
            queries: Those that have to find the objects, which stand behind them.
        """
        real, truth, classes = (pad_sequence(list(field), True) for field in (map(_ones, boxes), boxes, labels))
        most = real.size(1)
        groups = self._groups(most)
        shape = (len(boxes), groups, 2, most)
        noised = self._noised_labels(classes[:, None, None].expand(shape))
        content = self.label_embedding(noised) * real[:, None, None, :, None]
        near = self._noised_boxes(truth[:, None, None].expand(*shape, 5))
        # where an image has fewer objects: a box in the middle
        reference = (inverse_sigmoid(near, 1e-3) * real[:, None, None, :, None]).sigmoid()
        count = 2 * groups * most
        place = torch.arange(count + queries, device=real.device)
        among = place < count
        group = torch.where(among, place // max(2 * most, 1), -1)
        # nobody sees noised queries but those of their own group
        mask = (group[:, None] != group) & among
        return Noised(content.flatten(1, 3), reference.flatten(1, 3), mask, groups)

    def _groups(self, most: int) -> int:
        if not self.group_cfg['dynamic']:
            return self.group_cfg['num_groups']
        groups = max(self.group_cfg['num_dn_queries'] // max(most, 1), 1)
        return min(groups, self.group_cfg['max_num_groups'] or groups)

    def _noised_labels(self, labels: Tensor) -> Tensor:
        """Labels of any shape, some of them drawn anew."""
        drawn = torch.rand(labels.shape, device=labels.device) < self.label_noise_scale / 2
        return torch.where(drawn, torch.randint_like(labels, self.label_embedding.num_embeddings), labels)

    def _noised_boxes(self, boxes: Tensor) -> Tensor:
        """Boxes (N, groups, 2, k, 5) with noise, once less and once more of it, in [0, 1]."""
        noise = torch.rand_like(boxes)
        noise[:, :, 1] += 1
        noise = noise * (torch.randint_like(noise, 2) * 2 - 1)
        centre, size, angle = boxes.split((2, 2, 1), -1)
        if self.noise_mode != 'only_angle':
            step = size * (self.box_noise_scale / 2)
            first, second = noise[..., :2] * step, noise[..., 2:4] * step
            if self.noise_mode != 'only_xywh':  # of two corners
                first, second = (first + second) / 2, second - first
            centre, size = centre + first, size + second
        if self.noise_mode in ('only_angle', 'all_xyxya'):
            angle = angle + noise[..., 4:] * angle * (self.angle_noise_scale / 18)
        return torch.cat([centre, size, angle], -1).clamp(0, 1)


def _ones(boxes: Tensor) -> Tensor:
    """A one for each of boxes (k, 5)."""
    return torch.ones_like(boxes[:, 0])
