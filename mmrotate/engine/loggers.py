"""Hooks that log, each at its own interval, from ``runner.log_buffer``."""

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook

from mmrotate.engine.checkpoint_hook import checkpoint_folder
from mmrotate.engine.distributed import rank_and_size
from mmrotate.engine.memory import peak_memory
from mmrotate.registry import HOOKS
from mmrotate.utils import UserError, collect_env

LOG_SUFFIXES = ('.log.json', '.log', '.py')
_NUMBER_OF_BATCHES = 'eval_iter_num'  # as 0.x calls it in ``log_buffer.output``


class LoggerHook(Hook):
    """Base of hooks that log: one overrides ``log``, which reads ``runner.log_buffer.output``.

    Args:
        interval: Iterations between two logs; a value is the mean over them.
        ignore_last: Leave out the last iterations of an epoch if they are fewer than ``interval``. An epoch that is
            shorter than ``interval`` is logged at its end all the same.
        reset_flag: Empty ``output`` after a log.
        by_epoch: Count the iterations of an epoch; False: of the whole training.
    """

    priority = 'VERY_LOW'

    def __init__(
        self, interval: int = 10, ignore_last: bool = True, reset_flag: bool = False, by_epoch: bool = True
    ) -> None:
        self.interval, self.ignore_last, self.reset_flag, self.by_epoch = interval, ignore_last, reset_flag, by_epoch

    def log(self, runner: Any) -> None:
        """Log ``runner.log_buffer.output``."""
        raise NotImplementedError(f'{type(self).__name__} overrides log(self, runner)')

    def get_mode(self, runner: Any) -> str:
        """``train`` or ``val``: what the values of ``output`` are from."""
        return 'train' if runner.mode == 'train' and 'time' in runner.log_buffer.output else 'val'

    def get_epoch(self, runner: Any) -> int:
        """Number of the epoch that the values of ``output`` are from; the first is 1."""
        loop = runner.train_loop
        started = self.get_mode(runner) == 'train' or not loop.by_epoch or loop.iter == 0 or runner.inner_iter > 0
        return loop.epoch + 1 if started else loop.epoch

    def get_iter(self, runner: Any, inner_iter: bool = False) -> int:
        """Iterations that are done, of the epoch if ``inner_iter`` and the hook counts by epoch."""
        finished = runner.inner_iter if inner_iter and self.by_epoch else runner.iter
        return finished + (self.get_mode(runner) == 'train')

    def get_loggable_tags(self, runner: Any) -> dict[str, float]:
        """The numbers of ``output`` under ``train/`` or ``val/``, with learning rate and momentum."""
        mode, output = self.get_mode(runner), runner.log_buffer.output
        skipped = ('time', 'data_time', _NUMBER_OF_BATCHES)
        tags = {f'{mode}/{name}': float(v) for name, v in output.items() if name not in skipped and isinstance(v, Real)}
        for name, values in (('learning_rate', runner.current_lr()), ('momentum', runner.current_momentum())):
            tags[name] = values[0]
        return tags

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Log the means of the last iterations, if it is time."""
        done, length = runner.inner_iter + 1, runner.train_loop.epoch_length
        counted = done if self.by_epoch else runner.iter + 1
        at_end = done == length and (not self.ignore_last or length <= self.interval) and self.by_epoch
        if counted % self.interval == 0 or at_end:
            self._log(runner, average=True)
        elif runner.log_buffer.ready:
            self._log(runner)

    def after_train_epoch(self, runner: Any) -> None:
        """Log what other hooks put into ``output``."""
        if runner.log_buffer.ready:
            self._log(runner)

    def after_val_epoch(self, runner: Any, metrics: Mapping[str, Any] | None = None) -> None:
        """Log the scores of an evaluation."""
        runner.log_buffer.output[_NUMBER_OF_BATCHES] = len(runner.val_dataloader)
        self._log(runner, values=metrics)

    def after_loss_epoch(self, runner: Any, losses: Mapping[str, float], batches: int) -> None:
        """Log losses of validation."""
        runner.log_buffer.output[_NUMBER_OF_BATCHES] = batches
        self._log(runner, values=losses)

    def _log(self, runner: Any, average: bool = False, values: Mapping[str, Any] | None = None) -> None:
        """Log, and leave to the next logger what other hooks had put into ``output``."""
        buffer = runner.log_buffer
        given = dict(buffer.output)
        if average:
            buffer.average(self.interval)
        buffer.output.update(values or {})
        if rank_and_size()[0] == 0:
            self.log(runner)
        ready = buffer.ready and not average and not self.reset_flag
        buffer.clear_output()
        if not self.reset_flag:
            buffer.output.update(given)
            buffer.ready = ready


@HOOKS.register_module()
class TextLoggerHook(LoggerHook):
    """Writes ``TIMESTAMP.log.json`` as 0.x did: a line of what is trained, then one a log.

    ``{"mode": "train", "epoch": 1, "iter": 50, "lr": 0.0025, "memory": 1234, "data_time": ..., "loss": ...}``, and
    ``{"mode": "val", "epoch": 1, "iter": NUMBER_OF_BATCHES, "lr": 0.0025, "mAP": 0.5}``. Numbers that are not finite
    are left out: JSON has none. The text itself is mmengine's log line, at the same interval.

    Args:
        by_epoch, interval, ignore_last, reset_flag: As LoggerHook takes them.
        interval_exp_name: Iterations between two lines that name the experiment.
        out_dir: Folder into which, under the name of the work directory, the logs are copied at the end.
        out_suffix: How the names of the copied files end.
        keep_local: False: remove the copied files from the work directory.
        file_client_args: None or ``dict(backend='disk')``.
    """

    def __init__(
        self,
        by_epoch: bool = True,
        interval: int = 10,
        ignore_last: bool = True,
        reset_flag: bool = False,
        interval_exp_name: int = 1000,
        out_dir: str | None = None,
        out_suffix: str | Sequence[str] = LOG_SUFFIXES,
        keep_local: bool = True,
        file_client_args: dict | None = None,
    ) -> None:
        super().__init__(interval, ignore_last, reset_flag, by_epoch)
        if (file_client_args or {}).get('backend', 'disk') != 'disk':
            raise UserError(f'TextLoggerHook: logs are copied on disks only, got file_client_args={file_client_args}')
        self.interval_exp_name, self.keep_local = interval_exp_name, keep_local
        self.out_dir = out_dir
        self.out_suffix = (out_suffix,) if isinstance(out_suffix, str) else tuple(out_suffix)

    def before_train(self, runner: Any) -> None:
        """Write the first line."""
        self.path = Path(runner.work_dir, f'{runner.timestamp}.log.json')
        if rank_and_size()[0] == 0:
            environment = '\n'.join(f'{key}: {value}' for key, value in collect_env().items())
            names = {'exp_name': runner.meta.get('exp_name'), 'hook_msgs': {}}
            self._write({'env_info': environment, 'config': runner.cfg.pretty_text, 'seed': runner.seed, **names})

    def log(self, runner: Any) -> None:
        """Write a line."""
        output = dict(runner.log_buffer.output)
        iteration = output.pop(_NUMBER_OF_BATCHES, None) or self.get_iter(runner, inner_iter=True)
        line = dict(mode=self.get_mode(runner), epoch=self.get_epoch(runner), iter=iteration, lr=runner.current_lr()[0])
        if line['mode'] == 'train':
            line['memory'] = peak_memory(runner.device)
        self._write({**line, **output})

    def after_run(self, runner: Any) -> None:
        """Copy the logs to ``out_dir``."""
        if self.out_dir is None or rank_and_size()[0] > 0:
            return
        for file in logs_of(runner.work_dir, self.out_suffix):
            copy = checkpoint_folder(runner.work_dir, self.out_dir) / file.relative_to(runner.work_dir)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
            if not self.keep_local:
                file.unlink()

    def _write(self, line: Mapping[str, Any]) -> None:
        with self.path.open('a', encoding='utf-8') as file:
            file.write(json.dumps({key: _plain(value) for key, value in line.items() if _is_known(value)}) + '\n')


def logs_of(folder: str | Path, suffixes: Sequence[str]) -> list[Path]:
    """The files below a work directory whose names end with one of ``suffixes``."""
    return sorted(path for path in Path(folder).rglob('*') if path.name.endswith(tuple(suffixes)) and path.is_file())


def _is_known(value: Any) -> bool:
    return not isinstance(value, Real) or math.isfinite(value)


def _plain(value: Any) -> Any:
    """Numbers with 5 decimals; what JSON does not know as text."""
    if isinstance(value, Real) and not isinstance(value, int):
        return round(float(value), 5)
    return value if isinstance(value, str | int | dict | list | tuple | None) else str(value)
