"""The key ``workflow``: losses on the validation data between epochs (or iterations) of training."""

import collections
import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader

from mmrotate.engine.batches import restored_modes, to_device
from mmrotate.engine.distributed import rank_and_size
from mmrotate.engine.sharding import gathered
from mmrotate.utils import UserError, seed_iteration


class Workflow:
    """When to validate, as a closed formula of the steps that are done: it has no state.

    Args:
        phases: ``('train', n)`` and ``('val', n)`` in any order, run over and over; a step is an epoch, or an
            iteration if the runner counts those.

    Raises:
        UserError: Something else, or nothing is trained.
    """

    def __init__(self, phases: Iterable[Sequence[Any]]) -> None:
        given = [tuple(phase) for phase in phases]
        self.gaps = [0]  # validations before, between and after the steps of one round
        for phase in given:
            match phase:
                case ('train', int(count)) if count >= 0:
                    self.gaps += [0] * count
                case ('val', int(count)) if count >= 0:
                    self.gaps[-1] += count
                case _:
                    raise UserError(f"workflow must be a list of ('train', n) and ('val', n), got {given}")
        if len(self.gaps) == 1:
            raise UserError(f'workflow {given} trains nothing, so it would never end')

    @property
    def validates(self) -> bool:
        """Whether it validates at all."""
        return any(self.gaps)

    def before(self, done: int) -> int:
        """Validations right before the step that follows ``done`` steps."""
        return self.gaps[0] if done % (len(self.gaps) - 1) == 0 else 0

    def after(self, done: int) -> int:
        """Validations right after the last of ``done`` steps."""
        return self.gaps[(done - 1) % (len(self.gaps) - 1) + 1]

    def so_far(self, done: int) -> int:
        """Validations that are over before the one right after ``done`` steps; 0 for none done."""
        rounds, rest = divmod(max(done - 1, 0), len(self.gaps) - 1)
        return rounds * sum(self.gaps) + (sum(self.gaps[: rest + 1]) if done else 0)


class ValidationLosses:
    """Computes the losses on the validation data where a workflow says so.

    Args:
        loader: Yields batches with ground truth.
        workflow: When.
    """

    def __init__(self, loader: DataLoader, workflow: Workflow) -> None:
        self.loader, self.workflow = loader, workflow
        self._batches: Any = None

    def before(self, runner: Any, done: int) -> None:
        """Validate before the step that follows ``done`` steps."""
        over = self.workflow.so_far(done) + (self.workflow.after(done) if done else 0)
        self._run(runner, done, self.workflow.before(done), over)

    def after(self, runner: Any, done: int) -> None:
        """Validate after the last of ``done`` steps."""
        self._run(runner, done, self.workflow.after(done), self.workflow.so_far(done))

    def _run(self, runner: Any, done: int, count: int, over: int) -> None:
        if not count:
            return
        if runner.train_loop.by_epoch:
            for _ in range(count):
                self._log_means(runner, done, self.loader)
            return
        if self._batches is None:  # a resumed training goes on in the validation data, too
            self._batches = _endless(self.loader)
            collections.deque(itertools.islice(self._batches, over % len(self.loader)), maxlen=0)
        self._log_means(runner, done, itertools.islice(self._batches, count))

    def _log_means(self, runner: Any, done: int, batches: Iterable[Any]) -> None:
        """Log the mean of every loss over ``batches``."""
        detector = runner.detector
        train_loader, runner.mode, runner.data_loader = runner.data_loader, 'val', self.loader
        with restored_modes(detector), torch.no_grad():
            detector.eval()
            runner.call_hook('before_loss_epoch')
            with gathered(detector):
                losses = [self._losses(runner, batch) for batch in _seeded(runner, done, batches)]
            means = {name: sum(one.get(name, 0.0) for one in losses) / len(losses) for name in losses[0]}
            runner.call_hook('after_loss_epoch', losses=means, batches=len(losses))
        runner.mode, runner.data_loader = 'train', train_loader
        shown = {f'val/{name}': value for name, value in means.items()}
        text = ', '.join(f'{name}: {value:.4f}' for name, value in shown.items())
        unit = 'Epoch' if runner.train_loop.by_epoch else 'Iter'
        runner.logger.info('%s(val) [%d] %s', unit, done, text)
        runner.visualizer.add_scalars(shown, step=runner.iter)

    def _losses(self, runner: Any, batch: Any) -> dict[str, float]:
        runner.data_batch = batch
        runner.call_hook('before_loss_iter')
        loss, log_vars = runner.detector._parse_losses(runner.detector(**to_device(batch, runner.device)))
        runner.outputs = dict(loss=loss, log_vars=log_vars, num_samples=len(batch.get('img_metas') or [1]))
        runner.call_hook('after_loss_iter')
        return log_vars


def _seeded(runner: Any, done: int, batches: Iterable[Any]) -> Iterator[Any]:
    """``batches``; what they draw, and what the model draws for them, follows from the steps that are done."""
    again = functools.partial(seed_iteration, runner.seed, rank_and_size()[0], done)
    again()
    for batch in batches:
        again()
        yield batch
        again()


def _endless(loader: DataLoader) -> Iterable[Any]:
    while True:
        yield from loader
