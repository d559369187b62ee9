"""Learning rate and momentum as closed formulas of the training's progress.

The values are those of the 0.x configs' ``lr_config`` policies. A closed formula has no state: a resumed training has
the right values without restoring anything.
"""

import functools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any


@dataclass(frozen=True)
class Progress:
    """Where a training stands: what is finished, and what it is in all."""

    epoch: int
    iteration: int
    max_epochs: int
    max_iterations: int

    def of(self, by_epoch: bool) -> tuple[int, int]:
        """Steps done and steps in all, in epochs or in iterations."""
        return (self.epoch, self.max_epochs) if by_epoch else (self.iteration, self.max_iterations)


def cosine(start: float, end: float, factor: float, weight: float = 1.0) -> float:
    """From ``start`` to ``end`` along half a cosine, ``factor`` in [0, 1]."""
    return end + 0.5 * weight * (start - end) * (math.cos(math.pi * factor) + 1)


def linear(start: float, end: float, factor: float) -> float:
    """From ``start`` to ``end`` along a line, ``factor`` in [0, 1]."""
    return start + (end - start) * factor


_ANNEAL = {'cos': cosine, 'linear': linear}


def _lowest(base: float, minimum: float | None = None, minimum_ratio: float | None = None) -> float:
    """Where an annealing ends."""
    if (minimum is None) == (minimum_ratio is None):
        raise ValueError(
            'exactly one of the lowest value and its ratio to the base is needed '
            f'(min_lr and min_lr_ratio, or min_momentum and its ratio), got {minimum} and {minimum_ratio}'
        )
    return minimum if minimum_ratio is None else base * minimum_ratio  # type: ignore[return-value]


def _step(
    base: float, done: int, total: int, step: int | list[int], gamma: float = 0.1, minimum: float = -math.inf
) -> float:
    """Times ``gamma`` at every ``step`` (a list), or each ``step`` steps (a number)."""
    drops = done // step if isinstance(step, int) else sum(done >= s for s in step)
    return max(base * gamma**drops, minimum)


def _flat_cosine_annealing(base: float, done: int, total: int, start_percent: float = 0.75, **lowest: float) -> float:
    """The base for ``start_percent`` of the training, then half a cosine."""
    start, end = round(total * start_percent), _lowest(base, **lowest)
    return base if done < start else cosine(base, end, (done - start) / (total - start))


def _cosine_restart(
    base: float, done: int, total: int, periods: list[int], restart_weights: list[float] | None = None, **lowest: float
) -> float:
    """A cosine that starts anew after each period, at ``restart_weights`` of its height."""
    weights = [1.0] * len(periods) if restart_weights is None else restart_weights
    if len(weights) != len(periods):
        raise ValueError(f'{len(periods)} periods need as many restart_weights, got {len(weights)}')
    ends = list(accumulate(periods))
    index = next((i for i, end in enumerate(ends) if done < end), len(ends) - 1)
    since = done - (ends[index] - periods[index])
    return cosine(base, _lowest(base, **lowest), min(since / periods[index], 1), weights[index])


def _cyclic(
    base: float,
    done: int,
    total: int,
    target_ratio: float | tuple[float, float] = (10, 1e-4),
    cyclic_times: int = 1,
    step_ratio_up: float = 0.4,
    anneal_strategy: str = 'cos',
    gamma: float = 1.0,
) -> float:
    """Up to ``target_ratio[0]`` times the base, down to ``target_ratio[1]``; that many cycles."""
    high, low = (target_ratio, target_ratio / 1e5) if isinstance(target_ratio, float | int) else target_ratio
    anneal = _ANNEAL[anneal_strategy]
    length = max(total // cyclic_times, 1)
    up = int(step_ratio_up * length)
    cycle, at = divmod(done, length)
    scale = gamma**cycle
    peak = base * (1 - scale + high * scale)
    return anneal(base, peak, at / up) if at < up else anneal(peak, base * low, (at - up) / (length - up))


def _one_cycle(
    base: float,
    done: int,
    total: int,
    max_lr: float,
    pct_start: float = 0.3,
    anneal_strategy: str = 'cos',
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    total_steps: int | None = None,
) -> float:
    """From ``max_lr / div_factor`` up to ``max_lr``, then far down (arXiv:1708.07120), whatever the base."""
    anneal = _ANNEAL[anneal_strategy]
    total = total_steps or total
    low, top, last = max_lr / div_factor, float(pct_start * total) - 1, total - 1
    if done <= top:
        return anneal(low, max_lr, done / top)
    return anneal(max_lr, low / final_div_factor, min((done - top) / (last - top), 1))


# the base value, the steps done, the steps in all and the policy's options give the value
_POLICIES: dict[str, Callable[..., float]] = {
    'fixed': lambda base, done, total: base,
    'step': _step,
    'exp': lambda base, done, total, gamma: base * gamma**done,
    'poly': lambda base, done, total, power=1.0, minimum=0.0: (
        (base - minimum) * max(0.0, 1 - done / total) ** power + minimum
    ),
    'inv': lambda base, done, total, gamma, power=1.0: base * (1 + gamma * done) ** -power,
    # half a cosine down to the lowest value (arXiv:1608.03983)
    'cosineannealing': lambda base, done, total, **lowest: cosine(base, _lowest(base, **lowest), done / total),
    'linearannealing': lambda base, done, total, **lowest: linear(base, _lowest(base, **lowest), done / total),
    'flatcosineannealing': _flat_cosine_annealing,
    'cosinerestart': _cosine_restart,
    'cyclic': _cyclic,
    'onecycle': _one_cycle,
}
_BY_ITERATION = {'cyclic', 'onecycle'}
# the first value as a part of the regular one, and the part of the warm-up that is left, give the factor
_WARMUPS: dict[str, Callable[[float, float], float]] = {
    'constant': lambda ratio, rest: ratio,
    'linear': lambda ratio, rest: 1 - rest * (1 - ratio),
    'exp': lambda ratio, rest: ratio**rest,
}


class Schedule:
    """A value over the training: a policy, and maybe a warm-up before it.

    Args:
        policy: ``fixed``, ``step``, ``exp``, ``poly``, ``inv``, ``CosineAnnealing``, ``LinearAnnealing``,
            ``FlatCosineAnnealing``, ``CosineRestart``, ``cyclic`` or ``OneCycle``.
        by_epoch: Whether the policy counts epochs; default: by iteration for cyclic and OneCycle, by epoch for the
            others.
        warmup: ``constant``, ``linear``, ``exp`` or None.
        warmup_iters: Iterations (epochs, if ``warmup_by_epoch``) of warm-up.
        warmup_ratio: First value of the warm-up, as a part of the regular one, in (0, 1].
        warmup_by_epoch: Whether ``warmup_iters`` counts epochs.
        options: Arguments of the policy's formula, under the names of 0.x.

    Raises:
        ValueError: An unknown policy, warm-up or argument.
    """

    def __init__(
        self,
        policy: str,
        by_epoch: bool | None = None,
        warmup: str | None = None,
        warmup_iters: int = 0,
        warmup_ratio: float = 0.1,
        warmup_by_epoch: bool = False,
        **options: Any,
    ) -> None:
        key = policy.lower().removesuffix('lrupdaterhook').removesuffix('momentumupdaterhook')
        if key not in _POLICIES:
            raise ValueError(f'unknown policy {policy!r}, known: {sorted(_POLICIES)}')
        if warmup not in (None, *_WARMUPS):
            raise ValueError(f'unknown warmup {warmup!r}, known: {list(_WARMUPS)}')
        if warmup is not None and (warmup_iters <= 0 or not 0 < warmup_ratio <= 1):
            given = f'{warmup_iters} and {warmup_ratio}'
            raise ValueError(f'a warmup needs warmup_iters > 0 and a warmup_ratio in (0, 1], got {given}')
        # min_lr and min_momentum are the minimum, min_lr_ratio and min_momentum_ratio its ratio to the base
        named = {re.sub('^min_(lr|momentum)', 'minimum', name): v for name, v in options.items() if v is not None}
        self._formula = functools.partial(_POLICIES[key], **named)
        try:
            self._formula(1.0, 1, 1000)  # options that it does not take are told now, not at the first iteration
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            reason = re.sub(r'^\S+\(\) ', '', str(error))
            raise ValueError(f'policy {policy!r} does not take {options}: {reason}') from error
        self.by_epoch = key not in _BY_ITERATION if by_epoch is None else by_epoch
        self.warmup = warmup
        self.warmup_iters = warmup_iters
        self.warmup_ratio = warmup_ratio
        self.warmup_by_epoch = warmup_by_epoch

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> 'Schedule':
        """Schedule of an ``lr_config`` or ``momentum_config`` (``policy``, older: ``type``)."""
        options = dict(config)
        policy = options.pop('policy', None) or options.pop('type', None)
        if not isinstance(policy, str):
            raise ValueError(f'a schedule needs the key "policy", got {dict(config)}')
        return cls(policy, **options)

    def value(self, base: float, progress: Progress) -> float:
        """The value for the iteration that comes next, from the value of the config."""
        return self.regular(base, progress) * self.warmup_factor(progress)

    def regular(self, base: float, progress: Progress) -> float:
        """The value without a warm-up."""
        return self._formula(base, *progress.of(self.by_epoch))

    def warmup_factor(self, progress: Progress) -> float:
        """What the regular value is multiplied by: 1 after the warm-up."""
        if self.warmup is None:
            return 1.0
        iters = self.warmup_iters
        if self.warmup_by_epoch:
            iters *= progress.max_iterations // max(progress.max_epochs, 1)
        done = progress.iteration / iters if iters else 1
        return 1.0 if done >= 1 else _WARMUPS[self.warmup](self.warmup_ratio, 1 - done)
