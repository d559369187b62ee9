"""Angles as waves: the cosines of a phase, so that nothing jumps where a range of angles ends."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmrotate.registry import TASK_UTILS
from mmrotate.utils.errors import ArgumentError

from ..angle import angle_version as version_of
from ..angle import periods_into

# below this squared length a pair of cosine and sine has no direction, and its phase no gradient
_NO_DIRECTION = 1e-12


@TASK_UTILS.register_module()
class PseudoAngleCoder:
    """The angle as it is: what a head predicts without a coder of angles.

    All coders of angles have what this one has.
    """

    encode_size = 1
    # whether the codes are scores of classes, which no gradient passes
    of_classes = False

    def encode(self, angle_targets: Tensor) -> Tensor:
        """Angles (n, 1) in radians -> codes (n, encode_size)."""
        return angle_targets

    def decode(self, angle_preds: Tensor, keepdim: bool = False) -> Tensor:
        """Codes (n, encode_size) -> angles (n,) in radians, or (n, 1) for ``keepdim``."""
        return angle_preds if keepdim else angle_preds.squeeze(-1)


def code_size(coder: Any) -> int:
    """Numbers in which a coder of angles says one, under the name that 0.3 or 1.x has for it."""
    return getattr(coder, 'coding_len', None) or coder.encode_size


class WaveCoder(PseudoAngleCoder):
    """A phase of ``omega`` times the angle as its shares on some axes, and for two frequencies that of the double too.

    A box looks the same after half a turn, so the phase is twice the angle (once it, if boxes have a front). A
    square does after a quarter: the phase of the double tells it from its neighbours, and the first one which half is
    meant.

    Args:
        angle_version: Of the decoded angles.
        axes: Directions (k, 2) whose shares of (cos, sin) are the codes; their squares must be
            of one sum along cos and along sin.
        omega: Phase per angle; above 0.
        dual_freq: Two frequencies.
        thr_mod: Where the squared length of what the codes of the highest frequency span is below it, the angle is 0.
    """

    def __init__(
        self, angle_version: str, axes: Sequence[tuple[float, float]], omega: float, dual_freq: bool, thr_mod: float
    ) -> None:
        version_of(angle_version)
        if omega <= 0 or thr_mod < 0:
            raise ArgumentError(f'omega must be above 0 and thr_mod at least 0, got {omega} and {thr_mod}')
        self.angle_version, self.axes, self.omega = angle_version, list(axes), omega
        self.dual_freq, self.thr_mod = dual_freq, thr_mod
        self.encode_size = len(self.axes) * (2 if dual_freq else 1)

    def encode(self, angle_targets: Tensor) -> Tensor:
        """Angles (..., 1) in radians -> codes (..., encode_size) in [-1, 1]."""
        phase = angle_targets.float() * self.omega
        axes = phase.new_tensor(self.axes).T  # (2, k)
        phases = (phase, 2 * phase) if self.dual_freq else (phase,)
        return torch.cat([p.cos() * axes[0] + p.sin() * axes[1] for p in phases], -1)

    def decode(self, angle_preds: Tensor, keepdim: bool = False) -> Tensor:
        """Codes (..., encode_size) -> angles (...,) in radians, in the version's half turn; (..., 1) by ``keepdim``."""
        codes = angle_preds.float().unflatten(-1, (-1, len(self.axes)))
        axes = codes.new_tensor(self.axes).T
        cos, sin = ((codes * axis).sum(-1) for axis in axes)  # (..., frequencies)
        length = cos.square() + sin.square()
        some = length > _NO_DIRECTION
        phases = torch.atan2(torch.where(some, sin, 0.0), torch.where(some, cos, 1.0))
        phase = phases[..., -1]
        if self.dual_freq:
            # of the two angles that the double fits, that on the side of the first
            phase = phase / 2
            away = (phases[..., 0] - phase).cos() < 0
            phase = torch.where(away, phase % (2 * math.pi) - math.pi, phase)
        phase = torch.where(length[..., -1] < self.thr_mod, 0.0, phase)
        angle = periods_into(phase / self.omega, self.angle_version)
        return angle[..., None] if keepdim else angle


@TASK_UTILS.register_module()
class PSCCoder(WaveCoder):
    """Phase-shifting coder (Yu and Da, CVPR 2023): the cosines of ``num_step`` shifted phases.

    Args:
        angle_version: Angle version of the boxes.
        dual_freq: Two frequencies (PSCD).
        num_step: Shifts of each; at least 3.
        thr_mod: See :class:`WaveCoder`: objects without a direction, as round ones.
    """

    def __init__(self, angle_version: str, dual_freq: bool = True, num_step: int = 3, thr_mod: float = 0.47) -> None:
        if num_step < 3:
            raise ArgumentError(f'num_step must be at least 3, got {num_step}')
        self.num_step = num_step
        shifts = [2 * math.pi * step / num_step for step in range(num_step)]
        axes = [(math.cos(shift), -math.sin(shift)) for shift in shifts]
        omega = 2 * math.pi / version_of(angle_version).period
        super().__init__(angle_version, axes, omega, dual_freq, thr_mod)


@TASK_UTILS.register_module()
class ACMCoder(WaveCoder):
    """Angle correct module (Xu et al., "Rethinking boundary discontinuity", CVPR 2024): cosine and sine of the phase.

    Its point is that the loss of the box is taken of the decoded angle too.

    Args:
        angle_version: Angle version of the boxes.
        base_omega: Phase per angle; by default the phase has the period of the version: 2, or 1 where boxes have a
            front.
        dual_freq: Two frequencies.

    Raises:
        ArgumentError: The phase has a shorter period than a box with a front, and so would lose it.
    """

    def __init__(self, angle_version: str, base_omega: float | None = None, dual_freq: bool = True) -> None:
        whole = 2 * math.pi / version_of(angle_version).period
        base_omega = whole if base_omega is None else base_omega
        if version_of(angle_version).heading and base_omega > whole:
            raise ArgumentError(f'base_omega {base_omega} loses the front of boxes: at most 1 under {angle_version}')
        super().__init__(angle_version, [(1.0, 0.0), (0.0, 1.0)], base_omega, dual_freq, 0.0)
