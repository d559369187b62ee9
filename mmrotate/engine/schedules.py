"""Learning rate and momentum as closed formulas of the training's progress.

The values are those of the 0.x configs' ``lr_config`` policies. A closed formula has no state: a resumed training has
the right values without restoring anything.
"""

import functools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
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
    target_ratio: float | tuple[float, ...] = (10, 1e-4),
    cyclic_times: int = 1,
    step_ratio_up: float = 0.4,
    anneal_strategy: str = 'cos',
    gamma: float = 1.0,
) -> float:
    """Up to ``target_ratio[0]`` times the base, down to ``target_ratio[1]``; that many cycles."""
    ratios = (target_ratio,) if isinstance(target_ratio, float | int) else tuple(target_ratio)
    high, low = (*ratios, ratios[0] / 1e5) if len(ratios) == 1 else ratios
    anneal = _ANNEAL[anneal_strategy]
    length = max(total // cyclic_times, 1)
    up = int(step_ratio_up * length)
    cycle, at = divmod(done, length)
    scale = gamma**cycle
    peak = base * (1 - scale + high * scale)
    return anneal(base, peak, at / up) if at < up else anneal(peak, base * low, (at - up) / (length - up))


def _one_cycle(
    low: float,
    top: float,
    last: float,
    done: int,
    total: int,
    pct_start: float = 0.3,
    anneal_strategy: str = 'cos',
    three_phase: bool = False,
) -> float:
    """From ``low`` to ``top`` for ``pct_start`` of the training, then to ``last`` (arXiv:1708.07120).

    With ``three_phase`` it goes back to ``low`` as fast as it came, and from there to ``last``.
    """
    anneal, peak = _ANNEAL[anneal_strategy], pct_start * total - 1
    points = [(0.0, low), (peak, top), *([(2 * peak, low)] if three_phase else []), (total - 1, last)]
    for (start, before), (end, after) in pairwise(points):
        if done <= end:
            return anneal(before, after, (done - start) / (end - start)) if end > start else after
    return last


def _lr_cycle(
    base: float,
    done: int,
    total: int,
    max_lr: float,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    total_steps: int | None = None,
    **shape: Any,
) -> float:
    """From ``max_lr / div_factor`` up to ``max_lr``, then far down, whatever the base."""
    low = max_lr / div_factor
    return _one_cycle(low, max_lr, low / final_div_factor, done, total_steps or total, **shape)


def _momentum_cycle(
    base: float, done: int, total: int, base_momentum: float = 0.85, max_momentum: float = 0.95, **shape: Any
) -> float:
    """From ``max_momentum`` down to ``base_momentum`` while the learning rate rises, and back up."""
    return _one_cycle(max_momentum, base_momentum, max_momentum, done, total, **shape)


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
    'onecycle': _lr_cycle,
}
# what the policies do differently for the momentum
_MOMENTUM_POLICIES: dict[str, Callable[..., float]] = {
    **_POLICIES,
    'step': functools.partial(_step, gamma=0.5),
    'cyclic': functools.partial(_cyclic, target_ratio=(0.85 / 0.95, 1)),
    'onecycle': _momentum_cycle,
}
_PER_GROUP = ('max_lr', 'base_momentum', 'max_momentum')  # options that may be lists, a value for each group
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
            ``FlatCosineAnnealing``, ``CosineRestart``, ``cyclic`` or ``OneCycle``; see :class:`YoloxSchedule` too.
        by_epoch: Whether the policy counts epochs; default: by iteration for cyclic and OneCycle, by epoch for the
            others.
        warmup: ``constant``, ``linear``, ``exp`` or None.
        warmup_iters: Iterations (epochs, if ``warmup_by_epoch``) of warm-up.
        warmup_ratio: First value of the warm-up, as a part of the regular one, in (0, 1]; default: 0.1, for the
            momentum 0.9.
        warmup_by_epoch: Whether ``warmup_iters`` counts epochs.
        of: ``lr`` or ``momentum``: whose defaults and names of options the policy has.
        options: Arguments of the policy's formula, under the names of 0.x. ``max_lr``, ``base_momentum`` and
            ``max_momentum`` of OneCycle are numbers, or lists with a number for each group of the optimizer.

    Raises:
        ValueError: An unknown policy, warm-up or argument.
    """

    def __init__(
        self,
        policy: str,
        by_epoch: bool | None = None,
        warmup: str | None = None,
        warmup_iters: int = 0,
        warmup_ratio: float | None = None,
        warmup_by_epoch: bool = False,
        of: str = 'lr',
        **options: Any,
    ) -> None:
        policies = _MOMENTUM_POLICIES if of == 'momentum' else _POLICIES
        key = policy.lower().removesuffix(f'{of}updaterhook')
        if key not in policies:
            raise ValueError(f'unknown policy {policy!r}, known: {sorted({*policies, "yolox"})}')
        if warmup_ratio is None:
            warmup_ratio = 0.9 if of == 'momentum' else 0.1
        if warmup not in (None, *_WARMUPS):
            raise ValueError(f'unknown warmup {warmup!r}, known: {list(_WARMUPS)}')
        if warmup is not None and (warmup_iters <= 0 or not 0 < warmup_ratio <= 1):
            given = f'{warmup_iters} and {warmup_ratio}'
            raise ValueError(f'a warmup needs warmup_iters > 0 and a warmup_ratio in (0, 1], got {given}')
        # min_lr or min_momentum is the minimum, min_lr_ratio or min_momentum_ratio its ratio to the base
        named = {re.sub(f'^min_{of}', 'minimum', name): v for name, v in options.items() if v is not None}
        self._per_group = {name: v for name, v in named.items() if name in _PER_GROUP and isinstance(v, list | tuple)}
        self._total = named.get('total_steps')
        self._formula = functools.partial(policies[key], **named)
        try:
            for group in range(max(map(len, self._per_group.values()), default=1)):
                # options that it does not take are told now, not at the first iteration
                self._formula(1.0, 1, 1000, **self._of_group(group))
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            reason = re.sub(r'^\S+\(\) ', '', str(error))
            raise ValueError(f'policy {policy!r} does not take {options}: {reason}') from error
        self.by_epoch = key not in _BY_ITERATION if by_epoch is None else by_epoch
        self.warmup = warmup
        self.warmup_iters = warmup_iters
        self.warmup_ratio = warmup_ratio
        self.warmup_by_epoch = warmup_by_epoch

    @classmethod
    def from_config(cls, config: Mapping[str, Any], of: str = 'lr') -> 'Schedule':
        """Schedule of an ``lr_config`` or, ``of='momentum'``, a ``momentum_config`` (``policy``, older: ``type``)."""
        options = dict(config)
        policy = options.pop('policy', None) or options.pop('type', None)
        if not isinstance(policy, str):
            raise ValueError(f'a schedule needs the key "policy", got {dict(config)}')
        if of == 'lr' and policy.lower().removesuffix('lrupdaterhook') == 'yolox':
            return YoloxSchedule(**options)
        return cls(policy, **{**options, 'of': of})

    def check(self, groups: int, progress: Progress) -> None:
        """Raise ValueError where the options do not fit that many groups of the optimizer, or are for fewer steps."""
        for name, values in self._per_group.items():
            if len(values) != groups:
                raise ValueError(f'{name} has {len(values)} values, but the optimizer {groups} groups of parameters')
        steps = progress.of(self.by_epoch)[1]
        if self._total is not None and self._total < steps:
            raise ValueError(f'total_steps is {self._total}, but the training has {steps}')

    def value(self, base: float, progress: Progress, group: int = 0) -> float:
        """The value for the iteration that comes next, from the value of the config, for a group of the optimizer."""
        return self.regular(base, progress, group) * self.warmup_factor(progress)

    def regular(self, base: float, progress: Progress, group: int = 0) -> float:
        """The value without a warm-up."""
        return self._formula(base, *progress.of(self.by_epoch), **self._of_group(group))

    def _of_group(self, group: int) -> dict[str, float]:
        return {name: values[group] for name, values in self._per_group.items()}

    def warmup_factor(self, progress: Progress) -> float:
        """What the regular value is multiplied by: 1 after the warm-up."""
        if self.warmup is None:
            return 1.0
        iters = self._warmup_steps(progress)
        done = progress.iteration / iters if iters else 1
        return 1.0 if done >= 1 else _WARMUPS[self.warmup](self.warmup_ratio, 1 - done)

    def _warmup_steps(self, progress: Progress) -> int:
        return self.warmup_iters * (_epoch_length(progress) if self.warmup_by_epoch else 1)


def _epoch_length(progress: Progress) -> int:
    return progress.max_iterations // max(progress.max_epochs, 1)


class YoloxSchedule(Schedule):
    """The policy ``YOLOX``: up by the square of the iterations, down by half a cosine, and low for the last epochs.

    Args:
        num_last_epochs: Epochs at the end that have the lowest value.
        by_epoch: False.
        options: ``warmup='exp'`` and its kin, and ``min_lr`` or ``min_lr_ratio``, as of :class:`Schedule`.
    """

    def __init__(self, num_last_epochs: int | None = None, by_epoch: bool = False, **options: Any) -> None:
        if num_last_epochs is None or by_epoch or options.get('warmup') != 'exp':
            raise ValueError("the policy YOLOX needs num_last_epochs, by_epoch=False and warmup='exp'")
        super().__init__('CosineAnnealing', by_epoch=False, **options)
        self.num_last_epochs = num_last_epochs

    def _falling_steps(self, progress: Progress) -> int:
        last = self.num_last_epochs * _epoch_length(progress)
        return progress.max_iterations - self._warmup_steps(progress) - last

    def check(self, groups: int, progress: Progress) -> None:
        """See :meth:`Schedule.check`; the warm-up and the last epochs must be shorter than the training."""
        super().check(groups, progress)
        if self._falling_steps(progress) < 1:
            raise ValueError(f'warm-up and num_last_epochs leave none of {progress.max_iterations} iterations between')

    def value(self, base: float, progress: Progress, group: int = 0) -> float:
        """See :meth:`Schedule.value`."""
        begun, warm, falling = progress.iteration + 1, self._warmup_steps(progress), self._falling_steps(progress)
        if begun <= warm:
            return base * self.warmup_ratio * (begun / warm) ** 2
        return self._formula(base, min(begun - warm, falling), falling)
