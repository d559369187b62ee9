"""Hooks of mmdet that few trainings need: by name in ``custom_hooks``."""

import random
from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook

from mmrotate.datasets.pipelines import Compose
from mmrotate.datasets.pipelines.versions import inherit_version
from mmrotate.engine.distributed import average_batch_norm
from mmrotate.registry import HOOKS
from mmrotate.utils import UserError
from mmrotate.utils.imports import import_package

_MB = 2**20


@HOOKS.register_module()
class SyncNormHook(Hook):
    """Averages the statistics of normalisation layers over the processes, after every ``interval``-th epoch.

    Args:
        num_last_epochs: From the epoch before the last of these many on, after every epoch.
        interval: Epochs between two averages before.
    """

    priority = 'ABOVE_NORMAL'  # before averages of the weights, evaluation and checkpoint

    def __init__(self, num_last_epochs: int = 15, interval: int = 1) -> None:
        self.num_last_epochs, self.interval = num_last_epochs, interval

    def after_train_epoch(self, runner: Any) -> None:
        """Average, if it is time."""
        if _is_late(runner, self.num_last_epochs) or self.every_n_epochs(runner, self.interval):
            average_batch_norm(runner.detector)


@HOOKS.register_module()
class SyncRandomSizeHook(Hook):
    """Tells the dataset a new size of images, the same in all processes, by ``update_dynamic_scale((w, h))``.

    The sizes follow from the seed and the iteration: a resumed training has those of an unbroken one.

    Args:
        ratio_range: Least and greatest width in units of 32 pixels, both included; None: no new sizes.
        img_scale: Width and height whose ratio is kept.
        interval: Iterations with one size.
        device: Of no effect: nothing needs to be sent.
    """

    def __init__(
        self,
        ratio_range: tuple[int, int] | None = (14, 26),
        img_scale: tuple[int, int] = (640, 640),
        interval: int = 1,
        device: str = 'cuda',
    ) -> None:
        self.ratio_range, self.img_scale, self.interval = ratio_range, img_scale, interval

    def before_train(self, runner: Any) -> None:
        """Refuse a dataset that has one size; a resumed training gets the size of its place."""
        if not hasattr(_dataset(runner), 'update_dynamic_scale'):
            raise UserError(
                f'SyncRandomSizeHook: {type(_dataset(runner)).__name__} has no method update_dynamic_scale; sizes are '
                "drawn by a step of the pipeline instead: dict(type='RResize', img_scale=[...])"
            )
        if runner.iter >= self.interval:
            self._tell(runner, runner.iter // self.interval)

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Tell a new size, if it is time."""
        if self.every_n_train_iters(runner, self.interval):
            self._tell(runner, (runner.iter + 1) // self.interval)

    def _tell(self, runner: Any, turn: int) -> None:
        if self.ratio_range is not None:
            units = random.Random(f'{runner.seed} {turn}').randint(*self.ratio_range)
            width, height = self.img_scale
            _dataset(runner).update_dynamic_scale((32 * units, 32 * int(units * height / width)))


@HOOKS.register_module()
class YOLOXModeSwitchHook(Hook):
    """Towards the end of the training, leaves out the steps that mix images and adds the L1 loss of the head.

    Args:
        num_last_epochs: The switch comes one epoch before the last of these many, as in 0.x.
        skip_type_keys: Types of steps of a MultiImageMixDataset.
    """

    def __init__(
        self, num_last_epochs: int = 15, skip_type_keys: Sequence[str] = ('Mosaic', 'RandomAffine', 'MixUp')
    ) -> None:
        self.num_last_epochs, self.skip_type_keys = num_last_epochs, skip_type_keys
        self._switched = False

    def before_train(self, runner: Any) -> None:
        """Refuse a dataset that mixes no images."""
        if not hasattr(_dataset(runner), 'update_skip_type_keys'):
            kind = type(_dataset(runner)).__name__
            raise UserError(f'YOLOXModeSwitchHook needs data.train of type MultiImageMixDataset, got a {kind}')

    def before_train_epoch(self, runner: Any) -> None:
        """Switch, if it is time; a training that is resumed later switches at once."""
        if self._switched or not _is_late(runner, self.num_last_epochs):
            return
        runner.logger.info('no more steps %s from here on', list(self.skip_type_keys))
        _dataset(runner).update_skip_type_keys(self.skip_type_keys)
        _restart_workers(runner)
        head: Any = getattr(runner.detector, 'bbox_head', None)
        if hasattr(head, 'use_l1'):
            head.use_l1 = True
        self._switched = True


@HOOKS.register_module()
class PipelineSwitchHook(Hook):
    """From an epoch on makes the training samples by other steps, such as without mixing images (mmdet 3.x).

    Args:
        switch_epoch: Finished epochs until then.
        switch_pipeline: The steps of each dataset from then on, config dicts.
    """

    def __init__(self, switch_epoch: int, switch_pipeline: Sequence[dict]) -> None:
        self.switch_epoch, self.switch_pipeline = switch_epoch, switch_pipeline
        self._switched = False

    def before_train(self, runner: Any) -> None:
        """Build the steps once, so that what is wrong with them is told at the start."""
        for leaf in _dataset(runner).leaves:
            Compose(inherit_version(self.switch_pipeline, leaf.version))

    def before_train_epoch(self, runner: Any) -> None:
        """Switch, if it is time; a training that is resumed later switches at once."""
        if self._switched or runner.epoch < self.switch_epoch:
            return
        runner.logger.info('samples are made by switch_pipeline from here on')
        for leaf in _dataset(runner).leaves:
            leaf.set_pipeline(self.switch_pipeline)
        _restart_workers(runner)
        self._switched = True


@HOOKS.register_module()
class MemoryProfilerHook(Hook):
    """Logs the memory of the system and of this process every ``interval`` iterations; needs the package psutil."""

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        self.psutil = import_package('psutil', type(self).__name__)

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Log, if it is time."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        memory, swap = self.psutil.virtual_memory(), self.psutil.swap_memory()
        own = self.psutil.Process().memory_full_info().uss
        runner.logger.info(
            'Memory information available_memory: %d MB, used_memory: %d MB, memory_utilization: %s %%, '
            'available_swap_memory: %d MB, used_swap_memory: %d MB, swap_memory_utilization: %s %%, '
            'current_process_memory: %d MB',
            memory.available // _MB, memory.used // _MB, memory.percent,
            swap.free // _MB, swap.used // _MB, swap.percent, own // _MB,
        )  # fmt: skip


def _dataset(runner: Any) -> Any:
    return runner.train_dataloader.dataset


def _restart_workers(runner: Any) -> None:
    """Have new workers from the next epoch on, for the old have a copy of the dataset."""
    if runner.train_dataloader.persistent_workers:
        runner.train_dataloader._iterator = None


def _is_late(runner: Any, num_last_epochs: int) -> bool:
    """Whether the last epochs, or the one before them, have begun."""
    return runner.epoch + 1 >= runner.max_epochs - num_last_epochs
