"""Several processes: start, gather, share. CUDA (nccl) and CPU (gloo) alike."""

import datetime
import functools
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from mmengine import dist as mmengine_dist
from torch import distributed as dist
from torch import nn

from mmrotate.engine.launchers import LAUNCHERS, name_processes
from mmrotate.utils import UserError, get_root_logger

DEVICES = 'cpu, cuda, cuda:1'
_Found = TypeVar('_Found')
_DAY = datetime.timedelta(days=1)
_BLINK = 0.05  # seconds between two looks

# rank of this process and number of processes; (0, 1) without a group
rank_and_size = mmengine_dist.get_dist_info


def init_dist(launcher: str, backend: str | None = None, port: int | None = None, **kwargs: Any) -> None:
    """Join the process group that a launcher prepared.

    Args:
        launcher: ``pytorch`` (torchrun), ``slurm`` or ``mpi``; ``none`` does nothing.
        backend: ``nccl`` or ``gloo``; default: nccl with CUDA. Without CUDA nccl becomes gloo.
        port: Where the processes meet under slurm and mpi; default: ``MASTER_PORT``, or 29500. Torchrun has its own.
        kwargs: Arguments of ``torch.distributed.init_process_group``; ``timeout`` in seconds.

    Raises:
        UserError: The launcher is unknown, did not start this process, or the group does not come together; a process
            has no GPU where there are some.
    """
    if launcher not in LAUNCHERS:
        raise UserError(f'unknown launcher {launcher!r}, known: {list(LAUNCHERS)}')
    if launcher == 'none' or dist.is_initialized():
        return
    name_processes(launcher, port)
    if launcher == 'pytorch' and port is not None and str(port) != os.environ.get('MASTER_PORT'):
        get_root_logger().warning(
            'dist_params.port=%s has no effect: torchrun meets at MASTER_PORT=%s (PORT=... of tools/dist_train.sh)',
            port,
            os.environ.get('MASTER_PORT'),
        )
    if backend in (None, 'nccl'):
        backend = 'nccl' if torch.cuda.is_available() else 'gloo'
    gpus, local_rank = torch.cuda.device_count(), int(os.environ['LOCAL_RANK'])
    if torch.cuda.is_available() and local_rank >= gpus:
        raise UserError(
            f'process {local_rank + 1} of this machine has no GPU: {gpus} are visible. Start as many processes as GPUs '
            '(--nproc_per_node); to train on the CPU hide them (CUDA_VISIBLE_DEVICES=-1)'
        )
    if backend == 'nccl':
        torch.cuda.set_device(local_rank)
    if isinstance(timeout := kwargs.get('timeout'), int | float):
        kwargs['timeout'] = datetime.timedelta(seconds=timeout)
    dist.init_process_group(backend, **_meeting(launcher), **kwargs)


def _meeting(launcher: str) -> dict[str, Any]:
    """Where processes meet. Torchrun's store outlives them: each start has a part of it, without the dead of others."""
    if launcher != 'pytorch' or 'TORCHELASTIC_RUN_ID' not in os.environ:
        return {}
    store, rank, size = _store_of_torchrun()
    return dict(store=dist.PrefixStore(_agree(store, rank, size), store), rank=rank, world_size=size)


@functools.lru_cache(maxsize=1)
def _store_of_torchrun() -> tuple[Any, int, int]:
    """The store, the rank of this process and the number of processes."""
    return next(dist.rendezvous('env://'))


def began_before(work: str) -> bool:
    """Whether torchrun has started processes for this ``work`` that have ended; one process asks, once."""
    if 'TORCHELASTIC_RUN_ID' not in os.environ or not dist.is_initialized():
        return False
    begins: int = _store_of_torchrun()[0].add(f'begins {work}', 1)
    return begins > 1 or os.environ.get('TORCHELASTIC_RESTART_COUNT', '0') != '0'


def _agree(store: Any, rank: int, size: int) -> str:
    """A name that all processes of this start share, and none of an earlier one.

    Each writes a name of its own. The first tells whom it sees until all have found themselves among them; machines
    may be started anew at different times, and count their starts differently.
    """
    mine = uuid.uuid4().hex
    store.set(f'here {rank}', mine)
    while True:
        if rank == 0:
            keys = [f'here {other}' for other in range(size)]
            store.set('seen', json.dumps([store.get(key).decode() if store.check([key]) else '' for key in keys]))
        seen = json.loads(store.get('seen'))
        if len(seen) == size and seen[rank] == mine:
            store.set(f'{seen[0]} {rank}', '')
            if rank > 0 or store.check([f'{mine} {other}' for other in range(size)]):
                return str(seen[0])
        time.sleep(_BLINK)


def leave_dist() -> None:
    """Leave the process group, if there is one: connections are closed in good order."""
    if mmengine_dist.is_distributed():
        dist.destroy_process_group()
        _waiting_group.cache_clear()  # a group that lives on ends the process with an abort


def is_device(value: Any) -> bool:
    """Whether ``value`` names a device that a detector can run on, be it here or not."""
    if str(value) in ('', 'auto'):
        return True
    try:
        return isinstance(value, str | torch.device) and torch.device(value).type not in ('meta', 'mkldnn', 'fpga')
    except RuntimeError:
        return False


def pick_device(device: str | torch.device | None = None) -> torch.device:
    """``device``; by default this process's GPU, or the CPU where there is none.

    Raises:
        UserError: It is no device, or one that is not here.
    """
    if device is None or str(device) in ('', 'auto'):
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    if not is_device(device):
        raise UserError(f'device must be a device such as {DEVICES}, got {device!r}')
    device = torch.device(device)
    if device.type == 'cuda' and not torch.cuda.is_available():
        raise UserError(f'device {device} is asked for, but PyTorch sees no CUDA device here')
    if device.type == 'cuda' and device.index is None:
        device = torch.device('cuda', torch.cuda.current_device())
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # cuda:9 of a machine with two
        raise UserError(f'device {device} cannot be used here: {str(error).splitlines()[0]}') from error
    return device


@functools.lru_cache(maxsize=1)
def _waiting_group(group: Any) -> Any:
    # Python objects travel over the CPU, and rank 0 may evaluate longer than nccl waits
    del group
    return dist.new_group(backend='gloo', timeout=_DAY)


def _side_group() -> Any:
    return _waiting_group(dist.group.WORLD) if rank_and_size()[1] > 1 else None


def gather_objects(value: Any) -> list[Any] | None:
    """On rank 0 what every rank gave, by rank; None on the other ranks."""
    return mmengine_dist.gather_object(value, dst=0, group=_side_group())


def share_from_first(value: Any) -> Any:
    """What rank 0 gave, on every rank."""
    content = [value]
    mmengine_dist.broadcast_object_list(content, src=0, group=_side_group())
    return content[0]


def ask_first(find_out: Callable[[], _Found]) -> _Found:
    """What rank 0 finds out, on every rank, on which its UserErrors are raised too."""
    found: Any = None
    if rank_and_size()[0] == 0:
        try:
            found = find_out()
        except UserError as error:
            found = error
    if isinstance(found := share_from_first(found), UserError):
        raise found
    return found  # type: ignore[no-any-return]


def interleave(parts: list[list[Any]], count: int) -> list[Any]:
    """The first ``count`` items of the ranks' lists, where rank r of n holds items r, r + n, ... and maybe padding."""
    return [parts[i % len(parts)][i // len(parts)] for i in range(count)]


def share_batch_norm(model: nn.Module) -> None:
    """Give every rank the running statistics of rank 0, which are those that get saved."""
    for statistic in _statistics(model):
        mmengine_dist.broadcast(statistic, src=0)


def average_batch_norm(model: nn.Module) -> None:
    """Give every rank the mean of all ranks' running statistics."""
    for statistic in _statistics(model):
        mmengine_dist.all_reduce(statistic, op='mean')


def _statistics(model: nn.Module) -> Iterator[torch.Tensor]:
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._NormBase):
            yield from (each for each in (module.running_mean, module.running_var) if each is not None)
