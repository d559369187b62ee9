"""Learning rate and momentum as closed formulas of the training's progress.

The values are those of the 0.x configs' ``lr_config`` policies. A closed formula has no state: a
resumed training has the right values without restoring anything.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any


@dataclass(frozen=True)
class Progress:
    """Where a training stands.

    Attributes:
        epoch: Finished epochs.
        iteration: Finished iterations.
        max_epochs: Epochs of the whole training.
        max_iterations: Iterations of the whole training.
    """

    epoch: int
    iteration: int
    max_epochs: int
    max_iterations: int

    def of(self, by_epoch: bool) -> tuple[int, int]:
        """Steps done and steps in all, in epochs or in iterations."""
        if by_epoch:
            return self.epoch, self.max_epochs
        return self.iteration, self.max_iterations


# base value, steps done, steps in all -> value
Formula = Callable[[float, int, int], float]


def cosine(start: float, end: float, factor: float, weight: float = 1.0) -> float:
    """From ``start`` to ``end`` along half a cosine, ``factor`` in [0, 1]."""
    return end + 0.5 * weight * (start - end) * (math.cos(math.pi * factor) + 1)


def linear(start: float, end: float, factor: float) -> float:
    """From ``start`` to ``end`` along a line, ``factor`` in [0, 1]."""
    return start + (end - start) * factor


_ANNEAL = {'cos': cosine, 'linear': linear}


def _target(base: float, minimum: float | None, ratio: float | None) -> float:
    if (minimum is None) == (ratio is None):
        raise ValueError(
            'exactly one of the lowest value and its ratio to the base is needed '
            f'(min_lr and min_lr_ratio, or min_momentum and its ratio), got {minimum} and {ratio}'
        )
    return minimum if ratio is None else base * ratio  # type: ignore[return-value]


def fixed() -> Formula:
    """The base value, always."""
    return lambda base, done, total: base


def step(step: int | list[int], gamma: float = 0.1, minimum: float | None = None) -> Formula:
    """Times ``gamma`` at every ``step`` (a list), or each ``step`` steps (a number)."""

    def value(base: float, done: int, total: int) -> float:
        drops = done // step if isinstance(step, int) else sum(done >= s for s in step)
        return max(base * gamma**drops, -math.inf if minimum is None else minimum)

    return value


def exponential(gamma: float) -> Formula:
    """``base * gamma ** done``."""
    return lambda base, done, total: base * gamma**done


def polynomial(power: float = 1.0, minimum: float = 0.0) -> Formula:
    """Down to ``minimum`` by ``(1 - done / total) ** power``."""
    return lambda base, done, total: (base - minimum) * max(0.0, 1 - done / total) ** power + minimum


def inverse(gamma: float, power: float = 1.0) -> Formula:
    """``base * (1 + gamma * done) ** -power``."""
    return lambda base, done, total: base * (1 + gamma * done) ** -power


def cosine_annealing(minimum: float | None = None, minimum_ratio: float | None = None) -> Formula:
    """Half a cosine from the base to ``minimum`` or ``base * minimum_ratio`` (arXiv:1608.03983)."""
    return lambda base, done, total: cosine(base, _target(base, minimum, minimum_ratio), done / total)


def linear_annealing(minimum: float | None = None, minimum_ratio: float | None = None) -> Formula:
    """A line from the base to ``minimum`` or ``base * minimum_ratio``."""
    return lambda base, done, total: linear(base, _target(base, minimum, minimum_ratio), done / total)


def flat_cosine_annealing(
    start_percent: float = 0.75, minimum: float | None = None, minimum_ratio: float | None = None
) -> Formula:
    """The base for ``start_percent`` of the training, then half a cosine."""

    def value(base: float, done: int, total: int) -> float:
        start = round(total * start_percent)
        if done < start:
            return base
        target = _target(base, minimum, minimum_ratio)
        return cosine(base, target, (done - start) / (total - start))

    return value


def cosine_restart(
    periods: list[int],
    restart_weights: list[float] | None = None,
    minimum: float | None = None,
    minimum_ratio: float | None = None,
) -> Formula:
    """A cosine that starts anew after each period, at ``restart_weights`` of its height."""
    weights = [1.0] * len(periods) if restart_weights is None else restart_weights
    if len(weights) != len(periods):
        raise ValueError(f'{len(periods)} periods need as many restart_weights, got {len(weights)}')
    ends = list(accumulate(periods))

    def value(base: float, done: int, total: int) -> float:
        index = next((i for i, end in enumerate(ends) if done < end), len(ends) - 1)
        since = done - (ends[index] - periods[index])
        target = _target(base, minimum, minimum_ratio)
        return cosine(base, target, min(since / periods[index], 1), weights[index])

    return value


def cyclic(
    target_ratio: tuple[float, float] = (10, 1e-4),
    cyclic_times: int = 1,
    step_ratio_up: float = 0.4,
    anneal_strategy: str = 'cos',
    gamma: float = 1.0,
) -> Formula:
    """Up to ``target_ratio[0]`` times the base, down to ``target_ratio[1]``; that many cycles."""
    if isinstance(target_ratio, float | int):
        target_ratio = (target_ratio, target_ratio / 1e5)
    high, low = target_ratio
    anneal = _ANNEAL[anneal_strategy]

    def value(base: float, done: int, total: int) -> float:
        length = max(total // cyclic_times, 1)
        up = int(step_ratio_up * length)
        cycle, at = divmod(done, length)
        scale = gamma**cycle
        peak = 1 - scale + high * scale
        if at < up:
            return anneal(base, base * peak, at / up)
        return anneal(base * peak, base * low, (at - up) / (length - up))

    return value


def one_cycle(
    peak: float,
    pct_start: float = 0.3,
    anneal_strategy: str = 'cos',
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    total_steps: int | None = None,
) -> Formula:
    """From ``peak / div_factor`` up to ``peak``, then far down (arXiv:1708.07120).

    The base value has no part in it.
    """
    anneal = _ANNEAL[anneal_strategy]

    def value(base: float, done: int, total: int) -> float:
        total = total_steps or total
        low, top, last = peak / div_factor, float(pct_start * total) - 1, total - 1
        if done <= top:
            return anneal(low, peak, done / top)
        return anneal(peak, low / final_div_factor, min((done - top) / (last - top), 1))

    return value


_FORMULAS: dict[str, Callable[..., Formula]] = {
    'fixed': fixed,
    'step': step,
    'exp': exponential,
    'poly': polynomial,
    'inv': inverse,
    'cosineannealing': cosine_annealing,
    'linearannealing': linear_annealing,
    'flatcosineannealing': flat_cosine_annealing,
    'cosinerestart': cosine_restart,
    'cyclic': cyclic,
    'onecycle': one_cycle,
}
_BY_ITERATION = {'cyclic', 'onecycle'}
_RENAMED = {
    'min_lr': 'minimum',
    'min_lr_ratio': 'minimum_ratio',
    'min_momentum': 'minimum',
    'min_momentum_ratio': 'minimum_ratio',
    'max_lr': 'peak',
}
_WARMUPS = ('constant', 'linear', 'exp')


class Schedule:
    """A value over the training: a policy, and maybe a warm-up before it.

    Args:
        policy: ``fixed``, ``step``, ``exp``, ``poly``, ``inv``, ``CosineAnnealing``,
            ``LinearAnnealing``, ``FlatCosineAnnealing``, ``CosineRestart``, ``cyclic`` or
            ``OneCycle``.
        by_epoch: Whether the policy counts epochs; default: by iteration for cyclic and OneCycle,
            by epoch for the others.
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
        if key not in _FORMULAS:
            raise ValueError(f'unknown policy {policy!r}, known: {sorted(_FORMULAS)}')
        if warmup is not None:
            _check_warmup(warmup, warmup_iters, warmup_ratio)
        named = {_RENAMED.get(name, name): v for name, v in options.items() if v is not None}
        try:
            self._formula = _FORMULAS[key](**named)
        except TypeError as error:
            raise ValueError(f'policy {policy!r} does not take {options}: {error}') from error
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
        """The value for the iteration that comes next.

        Args:
            base: Value of the config.
            progress: What is done so far.
        """
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
        if progress.iteration >= iters:
            return 1.0
        if self.warmup == 'constant':
            return self.warmup_ratio
        rest = 1 - progress.iteration / iters
        if self.warmup == 'linear':
            return 1 - rest * (1 - self.warmup_ratio)
        return self.warmup_ratio**rest


def _check_warmup(warmup: str, iters: int, ratio: float) -> None:
    if warmup not in _WARMUPS:
        raise ValueError(f'unknown warmup {warmup!r}, known: {list(_WARMUPS)}')
    if iters <= 0 or not 0 < ratio <= 1:
        raise ValueError(f'a warmup needs warmup_iters > 0 and a warmup_ratio in (0, 1], got {iters} and {ratio}')
