"""mmengine's Runner with the package's own checkpoints, devices and log."""

import inspect
import itertools
import logging
import math
import os
from numbers import Real
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import master_only
from mmengine.model import convert_sync_batchnorm, revert_sync_batchnorm
from mmengine.runner import LogProcessor
from mmengine.visualization import LocalVisBackend
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import mmrotate
from mmrotate.engine.amp import AmpWrapper
from mmrotate.engine.batches import map_tensors
from mmrotate.engine.checkpoint_hook import CheckpointHook
from mmrotate.engine.checks import names_against, report
from mmrotate.engine.compiling import compile_parts
from mmrotate.engine.distributed import rank_and_size
from mmrotate.engine.former_runner import FormerRunner
from mmrotate.engine.log_buffer import LogBuffer
from mmrotate.engine.memory import peak_memory
from mmrotate.engine.optimizers import each_optimizer, wrapped_optimizer
from mmrotate.engine.sharding import TakingWhole, clip_by_shares, is_asked_for, is_sharded, shard, share_state, whole
from mmrotate.models.layers import make_convs_sound
from mmrotate.utils import get_root_logger, load_state, load_weights, save_atomically, set_random_seed
from mmrotate.utils.files import write_atomically
from mmrotate.utils.fuse import channels_last

_numbers = itertools.count()
# each process keeps its own statistics of batches: since PyTorch 2.13 asked for by another name
_SYNC_BUFFERS = ('forward_sync_buffers', 'broadcast_buffers')
_BUFFERS = next(name for name in _SYNC_BUFFERS if name in inspect.signature(DistributedDataParallel).parameters)


class DetectorRunner(FormerRunner):
    """Trains a detector.

    Args:
        model: The detector, with its weights initialised.
        device: Where it is trained.
        amp: Arguments of :class:`AmpWrapper` for mixed precision; None for float32.
        meta: Plain values that every checkpoint carries (``CLASSES``, ...).
        log_length: Iterations that ``log_buffer`` keeps: the longest interval of the loggers.
        timestamp: Name of the log file; by default the time at which the runner is made.
        kwargs: Arguments of mmengine's ``Runner``.
    """

    def __init__(
        self,
        model: nn.Module,
        device: torch.device,
        amp: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
        timestamp: str | None = None,
        log_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.device, self.amp = device, amp
        self.mode, self.outputs, self.log_buffer = 'train', {}, LogBuffer(log_length)
        self.meta = dict(meta or {})
        self._given_timestamp = timestamp
        # mmengine keeps loggers and log values by this name: two runners must not share them
        name = f'{kwargs.pop("experiment_name", None) or "train"}_{os.getpid()}_{next(_numbers)}'
        super().__init__(model, experiment_name=name, default_scope=None, param_scheduler=None, **kwargs)

    @property
    def detector(self) -> nn.Module:
        """The detector itself, without the wrapper of distributed training."""
        return self.model.module if isinstance(self.model, DistributedDataParallel) else self.model

    def setup_env(self, env_cfg: dict) -> None:
        """Set up the processes; keep the time that the caller's log file is named by."""
        super().setup_env(env_cfg)
        self._timestamp: str = self._given_timestamp or self.timestamp

    @master_only
    def dump_config(self) -> None:
        """Write the config into the work directory, but not over the file that it was read from."""
        name = os.path.basename(self.cfg.filename or f'{self.timestamp}.py')
        if self.cfg.filename and os.path.realpath(self.cfg.filename) == os.path.realpath(Path(self.work_dir, name)):
            name = f'{self.timestamp}_{name}'
        write_atomically(Path(self.work_dir, name), self.cfg.dump())

    def build_logger(self, log_level: int | str = 'INFO', **kwargs: Any) -> Any:
        """The package's logger, writing into the work directory as in 0.x."""
        return get_root_logger(Path(self.work_dir, f'{self.timestamp}.log'), log_level)

    def set_randomness(self, seed: int, diff_rank_seed: bool = False, deterministic: bool = False) -> None:
        """Seed this process; the training loop seeds every epoch and iteration anew."""
        self._seed, self._deterministic = seed, deterministic
        set_random_seed(seed + (rank_and_size()[0] if diff_rank_seed else 0), deterministic)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """The model on its device; for several processes under DistributedDataParallel, or spread over them."""
        model = model.to(self.device)
        if self.cfg.get('channels_last'):
            channels_last(model)
        if self.amp and self.device.type == 'cpu':
            make_convs_sound(model)
        compile_parts(model, self.cfg.get('compile'))
        if not self.distributed:
            return revert_sync_batchnorm(model)
        if self.cfg.get('sync_bn'):
            model = convert_sync_batchnorm(model, self.cfg.sync_bn)
        if is_asked_for(self.cfg):
            shard(model, self.device, self.cfg.fsdp)
            return model
        sync: dict[str, Any] = {_BUFFERS: False}
        return DistributedDataParallel(
            model,
            device_ids=[self.device.index] if self.device.type == 'cuda' else None,
            **sync,
            find_unused_parameters=bool(self.cfg.get('find_unused_parameters', False)),
            **self.cfg.get('ddp') or {},
        )

    def _init_model_weights(self) -> None:
        """Nothing: the caller initialised the weights, DistributedDataParallel spread them."""

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """The optimizer, under mixed precision where asked for; its constructor may be one that knows nothing of it."""
        built = wrapped_optimizer(self.detector, optim_wrapper) or super().build_optim_wrapper(optim_wrapper)
        if is_sharded(self.model):
            clip_by_shares(built)
        if self.amp is None or isinstance(built, AmpWrapper):
            return built
        wrapper = AmpWrapper(**self.amp, optimizer=built.optimizer, accumulative_counts=built._accumulative_counts)
        wrapper.clip_grad_kwargs = built.clip_grad_kwargs
        if built.clip_grad_kwargs:
            wrapper.clip_func, wrapper.grad_name = built.clip_func, built.grad_name
        return wrapper

    def load_checkpoint(
        self, filename: str, map_location: Any = 'cpu', strict: bool = False, **kwargs: Any
    ) -> dict[str, Any]:
        """Load weights; nothing is unpickled, and what does not fit is listed."""
        checkpoint = load_state(filename, map_location)
        with TakingWhole():
            self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
            level = logging.ERROR if strict else logging.INFO  # other classes are what fine-tuning is for
            names = checkpoint['meta'].get('CLASSES'), filename, self.meta.get('CLASSES'), 'data.train'
            report(names_against(*names, level))
            load_weights(self.detector, checkpoint['state_dict'], strict, source=filename, logger=self.logger)
        self._has_loaded = True
        self.logger.info('loaded the weights of %s', filename)
        return checkpoint

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Go on from a checkpoint: weights, optimizer, place in the training, best score."""
        checkpoint = self.load_checkpoint(filename, strict=True)
        meta = checkpoint['meta']
        if 'epoch' not in meta or 'iter' not in meta:
            raise ValueError(
                f'{filename} does not say how far its training was: give it as load_from, which takes the weights alone'
            )
        if 'optimizer' in checkpoint:
            self.optim_wrapper.load_state_dict(checkpoint['optimizer'])
            share_state(each_optimizer(self.optim_wrapper.optimizer))
        else:
            self.logger.warning('%s holds no optimizer: its momenta start anew', filename)
        self.train_loop.restore(meta['epoch'], meta['iter'], meta.get('epoch_length'), meta.get('evaluated'))
        messages = meta.get('hook_msgs') or {}
        for hook in self.hooks:
            if isinstance(hook, CheckpointHook):
                hook.best = {k: messages[k] for k in ('best_score', 'best_ckpt') if k in messages}
        self.logger.info('resumed after epoch %d, iteration %d', self.epoch, self.iter)
        if self.iter >= self.train_loop.max_iters:
            self.logger.warning(
                'nothing is left to train: %s is at the end that the config sets (max_epochs %d, max_iters %d)',
                filename, self.train_loop.max_epochs, self.train_loop.max_iters,
            )  # fmt: skip

    def save_checkpoint_file(
        self, path: Path, epoch: int, iteration: int, save_optimizer: bool = True, messages: dict | None = None
    ) -> None:
        """Write a checkpoint of plain values and tensors, on rank 0; at no moment is the file half written.

        ``epoch`` and ``iteration`` are finished ones, ``messages`` what the hooks need after resuming. Of weights that
        are spread over the processes all of them give their shares, and the file is as any other.
        """
        first = rank_and_size()[0] == 0
        if not (first or is_sharded(self.model)):
            return
        meta = {
            **self.meta,
            'epoch': epoch,
            'iter': iteration,
            'epoch_length': self.train_loop.epoch_length,
            'evaluated': self.train_loop.evaluated,
            'seed': self.seed,
            'hook_msgs': dict(messages or {}),
            'mmrotate_version': mmrotate.__version__,
            'torch_version': str(torch.__version__),
        }
        checkpoint: dict[str, Any] = {'meta': meta, 'state_dict': self.detector.state_dict()}
        if save_optimizer:
            checkpoint['optimizer'] = self.optim_wrapper.state_dict()
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        content = map_tensors(checkpoint, lambda tensor: _saved(tensor.detach(), first))
        if first:
            save_atomically(content, path)


def _saved(tensor: torch.Tensor, kept: bool) -> torch.Tensor | None:
    """A tensor as a checkpoint has it, whole and on the CPU; None where it is not ``kept``."""
    tensor = whole(tensor)
    return tensor.cpu() if kept else None


class DetectorLogProcessor(LogProcessor):
    """mmengine's log line, with the memory of the process where there is no GPU."""

    def get_log_after_iter(self, runner: Any, batch_idx: int, mode: str) -> tuple[dict, str]:
        """Values and text of a log line; memory in MB."""
        tag, text = super().get_log_after_iter(runner, batch_idx, mode)
        if mode == 'train' and 'memory' not in tag:
            tag['memory'] = self._get_max_memory(runner)
            text = f'{text}  memory: {tag["memory"]}'
        return tag, text

    def _get_max_memory(self, runner: Any) -> int:
        return peak_memory(runner.device)  # that of mmengine starts counting anew


class JsonScalars(LocalVisBackend):
    """Writes scalars as JSON lines, without those that are not finite: JSON has none. The log's text has them."""

    def _dump(self, value_dict: dict, file_path: str, file_format: str) -> None:
        kept = {key: value for key, value in value_dict.items() if not isinstance(value, Real) or math.isfinite(value)}
        super()._dump(kept, file_path, file_format)
