"""Saving checkpoints: regularly, the last, and the best."""

import math
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook

from mmrotate.engine.distributed import rank_and_size
from mmrotate.utils.files import numbered_files, replacing, split_template
from mmrotate.utils.lock import remove_leftovers

_GREATER = ('acc', 'top', 'ar', 'auc', 'precision', 'map', 'ap', 'dice', 'recall', 'f1', 'iou')
_LESS = ('loss', 'error')


@dataclass(eq=False)
class CheckpointHook(Hook):
    """Writes ``epoch_N.pth`` or ``iter_N.pth``, or by ``filename_tmpl``; ``latest.pth``, and ``best_METRIC_*.pth``.

    Every file is written under another name and then renamed: a process killed while it saves leaves the checkpoints
    before it whole.
    """

    priority = 'VERY_LOW'

    interval: int = -1  # epochs or iterations between checkpoints; below 1: only the last
    by_epoch: bool = True  # whether ``interval`` counts epochs
    save_optimizer: bool = True  # save what resuming needs
    out_dir: str | None = None  # default: the work directory
    max_keep_ckpts: int = -1  # older regular checkpoints than these many are deleted; below 1: none
    save_last: bool = True  # save at the end of the training also when the interval says no
    create_symlink: bool = True  # keep ``latest.pth`` pointing at the newest
    save_best: str | None = None  # metric whose best checkpoint is kept, 'auto' for the first one; None: none
    filename_tmpl: str | None = None  # names of the regular checkpoints, with {} for the number: 'model_{:03d}.pth'
    rule: str | None = None  # 'greater' or 'less'; default: by the metric's name
    greater_keys: Sequence[str] | None = None  # names, or parts of names, of metrics of which more is better
    less_keys: Sequence[str] | None = None  # and of those of which less is better
    best_dir: str | None = None  # folder for the best, as ``out_dir``; default: the work directory
    best_by_epoch: bool = True  # whether evaluations, and with them the names of the best, count epochs
    best: dict[str, Any] = field(default_factory=dict, init=False)  # best_score, best_ckpt; travels in the checkpoints

    def before_train(self, runner: Any) -> None:
        """Delete what killed trainings left half written."""
        if rank_and_size()[0] > 0:
            return
        folders = {self._folder(runner), checkpoint_folder(runner.work_dir, self.best_dir)}
        if left := [file for folder in folders for file in remove_leftovers(folder)]:
            runner.logger.info('removed %d half-written files of killed trainings', len(left))

    def after_train_epoch(self, runner: Any) -> None:
        """Save after an epoch."""
        loop = runner.train_loop
        if self.by_epoch and loop.by_epoch and self._is_due(loop.epoch + 1, loop.max_epochs):
            self._save(runner, 'epoch', loop.epoch + 1, loop.epoch + 1, loop.iter)

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Save after an iteration."""
        loop = runner.train_loop
        done = loop.iter + 1
        if not (self.by_epoch and loop.by_epoch) and self._is_due(done, loop.max_iters):
            epoch = loop.epoch if loop.by_epoch else done // loop.epoch_length
            self._save(runner, 'iter', done, epoch, done)

    def after_val_epoch(self, runner: Any, metrics: Mapping[str, Any] | None = None) -> None:
        """Save if the metric is the best so far."""
        if not self.save_best or not metrics:
            return
        name = next(iter(metrics)) if self.save_best == 'auto' else self.save_best
        if name not in metrics:
            raise KeyError(f'save_best={name!r} is not among the metrics {list(metrics)}')
        score = float(metrics[name])
        if not self._is_better(name, score):
            return
        loop = runner.train_loop
        unit, done = ('epoch', loop.epoch) if loop.by_epoch and self.best_by_epoch else ('iter', loop.iter)
        path = checkpoint_folder(runner.work_dir, self.best_dir) / f'best_{name.replace("/", "_")}_{unit}_{done}.pth'
        old = self.best.get('best_ckpt')
        self.best = {'best_score': score, 'best_ckpt': str(path)}
        runner.save_checkpoint_file(path, loop.epoch, loop.iter, self.save_optimizer, self.best)
        if rank_and_size()[0] == 0 and old and Path(old) != path:
            Path(old).unlink(missing_ok=True)
        runner.logger.info('best %s so far: %.4f, saved as %s', name, score, path.name)

    def _is_better(self, name: str, score: float) -> bool:
        rule = self.rule or rule_of(name, self.greater_keys, self.less_keys)
        return is_better(score, self.best.get('best_score'), rule)

    def _is_due(self, done: int, last: int) -> bool:
        return (self.interval > 0 and done % self.interval == 0) or (self.save_last and done == last)

    def _folder(self, runner: Any) -> Path:
        return checkpoint_folder(runner.work_dir, self.out_dir)

    def _save(self, runner: Any, unit: str, number: int, epoch: int, iteration: int) -> None:
        folder, template = self._folder(runner), self.filename_tmpl or f'{unit}_{{}}.pth'
        path = folder / template.format(number)
        runner.logger.info('saving checkpoint %s', path)
        runner.save_checkpoint_file(path, epoch, iteration, self.save_optimizer, self.best)
        if rank_and_size()[0] > 0:
            return
        runner.last_checkpoint = str(path)
        if self.create_symlink:
            _point_at(folder / 'latest.pth', path)
        with replacing(folder / 'last_checkpoint') as temporary:
            temporary.write_text(str(path))
        if self.max_keep_ckpts > 0:
            pattern = r'(\d+)'.join(map(re.escape, split_template(template) or ()))
            earlier = [file for n, file in numbered_files(folder, pattern) if n <= number]
            for file in earlier[: -self.max_keep_ckpts]:
                file.unlink(missing_ok=True)


def checkpoint_folder(work_dir: str | Path, out_dir: str | None) -> Path:
    """Where the checkpoints of a training go."""
    return Path(work_dir) if out_dir is None else Path(out_dir) / Path(work_dir).name


def is_better(score: float, best: float | None, rule: str) -> bool:
    """Whether a score is better than the best so far, None for none; NaN never is. ``rule``: 'greater' or 'less'."""
    if best is None or math.isnan(score):
        return not math.isnan(score)
    return score > best if rule == 'greater' else score < best


def rule_of(metric: str, greater: Sequence[str] | None = None, less: Sequence[str] | None = None) -> str:
    """Whether more or less of a metric is better, 'greater' or 'less', by its name in any case.

    Args:
        metric: Name of the metric.
        greater: Names of metrics of which more is better; those that only contain one of them follow it too.
        less: The same of those of which less is better.

    Raises:
        ValueError: It is none of theirs, nor of the usual ones where a list is left out.
    """
    name, more, fewer = metric.lower(), _lower(greater), _lower(less)
    for rule, keys in (('greater', more), ('less', fewer)):
        if name in keys:
            return rule
    usual = (('less', _LESS if less is None else ()), ('greater', _GREATER if greater is None else ()))
    for rule, keys in (('greater', more), ('less', fewer), *usual):
        if any(key in name for key in keys):
            return rule
    raise ValueError(f"evaluation.rule is needed ('greater' or 'less'): it does not follow from {metric!r}")


def _lower(keys: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(key.lower() for key in keys or ())


def _point_at(link: Path, target: Path) -> None:
    """Make ``link`` a relative link to ``target``, or a copy where links are not to be had."""
    with replacing(link) as temporary:
        try:
            temporary.symlink_to(target.name)
        except OSError:
            shutil.copyfile(target, temporary)
