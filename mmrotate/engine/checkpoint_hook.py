"""Saving checkpoints: regularly, the last, and the best."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook

from mmrotate.engine.distributed import rank_and_size

_GREATER = ('acc', 'top', 'ar', 'auc', 'precision', 'map', 'ap', 'dice', 'recall', 'f1', 'iou')
_LESS = ('loss', 'error')


class CheckpointHook(Hook):
    """Writes ``epoch_N.pth`` or ``iter_N.pth``, ``latest.pth``, and ``best_METRIC_*.pth``.

    Every file is written under another name and then renamed: a process killed while it saves
    leaves the checkpoints before it whole.

    Args:
        interval: Epochs or iterations between checkpoints; below 1: only the last.
        by_epoch: Whether ``interval`` counts epochs.
        save_optimizer: Save what resuming needs.
        out_dir: Folder; default: the work directory.
        max_keep_ckpts: Older regular checkpoints than these many are deleted; below 1: none.
        save_last: Save at the end of the training also when the interval says no.
        create_symlink: Keep ``latest.pth`` pointing at the newest.
        save_best: Metric whose best checkpoint is kept, ``'auto'`` for the first one; None: none.
        rule: ``'greater'`` or ``'less'``; default: by the metric's name.
    """

    priority = 'VERY_LOW'

    def __init__(
        self,
        interval: int = -1,
        by_epoch: bool = True,
        save_optimizer: bool = True,
        out_dir: str | None = None,
        max_keep_ckpts: int = -1,
        save_last: bool = True,
        create_symlink: bool = True,
        save_best: str | None = None,
        rule: str | None = None,
    ) -> None:
        self.interval = interval
        self.by_epoch = by_epoch
        self.save_optimizer = save_optimizer
        self.out_dir = out_dir
        self.max_keep_ckpts = max_keep_ckpts
        self.save_last = save_last
        self.create_symlink = create_symlink
        self.save_best = save_best
        self.rule = rule
        self.best: dict[str, Any] = {}  # best_score, best_ckpt; travels in the checkpoints

    def after_train_epoch(self, runner: Any) -> None:
        """Save after an epoch."""
        loop = runner.train_loop
        if not (self.by_epoch and loop.by_epoch):
            return
        if self._is_due(loop.epoch + 1, loop.max_epochs):
            self._save(runner, f'epoch_{loop.epoch + 1}.pth', loop.epoch + 1, loop.iter)

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Save after an iteration."""
        loop = runner.train_loop
        if self.by_epoch and loop.by_epoch:
            return
        done = loop.iter + 1
        if self._is_due(done, loop.max_iters):
            epoch = loop.epoch if loop.by_epoch else done // loop.epoch_length
            self._save(runner, f'iter_{done}.pth', epoch, done)

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
        unit, done = ('epoch', loop.epoch) if loop.by_epoch else ('iter', loop.iter)
        path = self._folder(runner) / f'best_{name.replace("/", "_")}_{unit}_{done}.pth'
        old = self.best.get('best_ckpt')
        self.best = {'best_score': score, 'best_ckpt': str(path)}
        runner.save_checkpoint_file(path, loop.epoch, loop.iter, self.save_optimizer, self.best)
        if rank_and_size()[0] == 0 and old and Path(old) != path:
            Path(old).unlink(missing_ok=True)
        runner.logger.info('best %s so far: %.4f, saved as %s', name, score, path.name)

    def _is_better(self, name: str, score: float) -> bool:
        best = self.best.get('best_score')
        if score != score:  # NaN is never the best
            return False
        if best is None:
            return True
        return score > best if self._rule(name) == 'greater' else score < best

    def _rule(self, name: str) -> str:
        if self.rule is not None:
            return self.rule
        key = name.lower()
        if any(word in key for word in _LESS):
            return 'less'
        if any(word in key for word in _GREATER):
            return 'greater'
        raise ValueError(f"evaluation.rule is needed ('greater' or 'less'): it does not follow from {name!r}")

    def _is_due(self, done: int, last: int) -> bool:
        return (self.interval > 0 and done % self.interval == 0) or (self.save_last and done == last)

    def _folder(self, runner: Any) -> Path:
        if self.out_dir is None:
            return Path(runner.work_dir)
        return Path(self.out_dir) / Path(runner.work_dir).name

    def _save(self, runner: Any, name: str, epoch: int, iteration: int) -> None:
        folder = self._folder(runner)
        path = folder / name
        runner.logger.info('saving checkpoint %s', path)
        runner.save_checkpoint_file(path, epoch, iteration, self.save_optimizer, self.best)
        if rank_and_size()[0] > 0:
            return
        if self.create_symlink:
            _point_at(folder / 'latest.pth', path)
        _replace_text(folder / 'last_checkpoint', str(path))
        self._delete_old(folder, path)

    def _delete_old(self, folder: Path, newest: Path) -> None:
        if self.max_keep_ckpts < 1:
            return
        prefix = newest.stem.rsplit('_', 1)[0]
        numbers = sorted(
            int(file.stem.rsplit('_', 1)[1])
            for file in folder.glob(f'{prefix}_*.pth')
            if file.stem.rsplit('_', 1)[1].isdigit()
        )
        current = int(newest.stem.rsplit('_', 1)[1])
        earlier = [number for number in numbers if number <= current]
        for number in earlier[: -self.max_keep_ckpts]:
            (folder / f'{prefix}_{number}.pth').unlink(missing_ok=True)


def _point_at(link: Path, target: Path) -> None:
    """Make ``link`` a relative link to ``target``, or a copy where links are not to be had."""
    temporary = link.with_name(f'.{link.name}.{os.getpid()}.tmp')
    temporary.unlink(missing_ok=True)
    try:
        temporary.symlink_to(target.name)
    except OSError:
        shutil.copyfile(target, temporary)
    os.replace(temporary, link)


def _replace_text(path: Path, text: str) -> None:
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    temporary.write_text(text)
    os.replace(temporary, path)
