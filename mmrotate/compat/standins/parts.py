"""Small functions that mmcv and mmdet give to heads and tools."""

import functools
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine import dist
from mmengine.runner import weights_to_cpu
from torch import Tensor, nn

from mmrotate.utils import UserError, get_root_logger, load_state, load_weights, save_atomically
from mmrotate.utils import load_checkpoint as _load_own

# ---------------------------------------------------------------- of mmcv


def build_from_cfg(cfg: dict, registry: Any, default_args: dict | None = None) -> Any:
    """The object that ``cfg`` names by ``type`` in a registry; ``default_args`` fill the keys it leaves out."""
    return registry.build(cfg, default_args=default_args)


def get_logger(
    name: str, log_file: str | None = None, log_level: int | str = logging.INFO, file_mode: str = 'w'
) -> logging.Logger:
    """A logger below the package's, which writes where that does; ``log_file`` is the package's, too."""
    del file_mode  # a log is never overwritten here
    get_root_logger(log_file, log_level)
    return logging.getLogger(name if name.startswith('mmrotate') else f'mmrotate.{name}')


def _load_checkpoint(filename: str, map_location: Any = None, logger: Any = None) -> dict[str, Any]:
    """The contents of a checkpoint: a dict with ``state_dict`` and ``meta``."""
    del logger
    return load_state(filename, map_location or 'cpu')


def load_checkpoint(
    model: nn.Module,
    filename: str,
    map_location: Any = None,
    strict: bool = False,
    logger: logging.Logger | None = None,
    revise_keys: Sequence[tuple[str, str]] = (),
) -> dict[str, Any]:
    """Load the weights of a checkpoint into ``model``, and give the whole of it.

    Raises:
        UserError: ``revise_keys`` other than the usual ``module.``, which is left out in any case.
    """
    if rest := [pair for pair in revise_keys if pair != (r'^module\.', '')]:
        raise UserError(f'revise_keys={rest}: rename the keys of load_state(...)["state_dict"], then use load_weights')
    return _load_own(model, filename, map_location or 'cpu', strict, logger=logger)


def load_state_dict(
    module: nn.Module, state_dict: Mapping[str, Tensor], strict: bool = False, logger: logging.Logger | None = None
) -> None:
    """Load ``state_dict`` into ``module``; what does not fit is listed in a warning, or an error where ``strict``."""
    load_weights(module, state_dict, strict, logger=logger)


def save_checkpoint(
    model: nn.Module, filename: str, optimizer: Any = None, meta: dict | None = None, file_client_args: Any = None
) -> None:
    """Write weights, the optimizer's state and ``meta`` into one file, which is whole at any moment."""
    if file_client_args is not None:
        raise UserError(f'file_client_args={file_client_args}: checkpoints are written to local files')
    state: dict[str, Any] = dict(meta=dict(meta or {}), state_dict=weights_to_cpu(_bare(model).state_dict()))
    if optimizer is not None:
        several = isinstance(optimizer, Mapping)
        parts = {name: one.state_dict() for name, one in optimizer.items()} if several else optimizer.state_dict()
        state['optimizer'] = parts
    Path(filename).parent.mkdir(parents=True, exist_ok=True)
    save_atomically(state, filename)


def _bare(model: nn.Module) -> nn.Module:
    return model.module if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel) else model


def get_model_complexity_info(model: nn.Module, input_shape: Sequence[int], *args: Any, **kwargs: Any) -> Any:
    """Operations and parameters of a model; tools/analysis_tools/get_flops.py counts the rotated ones, too."""
    raise UserError('get_model_complexity_info: python tools/analysis_tools/get_flops.py CONFIG counts the operations')


# ---------------------------------------------------------------- of mmdet


def multi_apply(func: Callable, *args: Sequence, **kwargs: Any) -> tuple[list, ...]:
    """``func`` on each item of the sequences, and its several results as one list each."""
    function = functools.partial(func, **kwargs)
    return tuple(map(list, zip(*map(function, *args), strict=True)))


def unmap(data: Tensor, count: int, inds: Tensor, fill: float = 0) -> Tensor:
    """``data`` (k, ...) put back to (count, ...) where the mask ``inds`` (count,) is set; the rest is ``fill``."""
    out = data.new_full((count, *data.shape[1:]), fill)
    out[inds.bool()] = data
    return out


def images_to_levels(target: Sequence[Tensor], num_levels: Sequence[int]) -> list[Tensor]:
    """Targets (n, ...) of each image as those (images, n_i, ...) of each level of ``num_levels`` priors."""
    return list(torch.stack(list(target)).split(list(num_levels), 1))


def reduce_mean(tensor: Tensor) -> Tensor:
    """The mean of a tensor over all processes; with one process the tensor itself."""
    if dist.get_world_size() == 1:
        return tensor
    mean = tensor.clone()
    dist.all_reduce(mean, 'mean')
    return mean


def select_single_mlvl(mlvl_tensors: Sequence[Tensor], batch_id: int, detach: bool = True) -> list[Tensor]:
    """The maps of one image, of those (N, ...) of each level."""
    chosen = [tensor[batch_id] for tensor in mlvl_tensors]
    return [tensor.detach() for tensor in chosen] if detach else chosen


def filter_scores_and_topk(scores: Tensor, score_thr: float, topk: int, results: Any = None) -> tuple:
    """Scores (n, C) above a threshold, the ``topk`` best.

    Returns:
        Scores (k,), classes (k,), rows (k,), and ``results`` (a tensor (n, ...), or a list or dict of them) there.
    """
    found = (scores > score_thr).nonzero()
    kept, order = scores[scores > score_thr].sort(descending=True)
    count = min(topk, len(found))
    rows, labels = found[order[:count]].unbind(1)
    if isinstance(results, Mapping):
        picked: Any = {key: value[rows] for key, value in results.items()}
    elif isinstance(results, list | tuple):
        picked = [value[rows] for value in results]
    else:
        picked = None if results is None else results[rows]
    return kept[:count], labels, rows, picked


def flip_tensor(src_tensor: Tensor, flip_direction: str) -> Tensor:
    """Maps (N, C, H, W), mirrored ``'horizontal'``, ``'vertical'`` or ``'diagonal'``."""
    axes = {'horizontal': [3], 'vertical': [2], 'diagonal': [2, 3]}
    if src_tensor.dim() != 4 or flip_direction not in axes:
        shape = tuple(src_tensor.shape)
        raise ValueError(f'maps (N, C, H, W) and one of {list(axes)} are needed, got {shape}, {flip_direction!r}')
    return src_tensor.flip(axes[flip_direction])


def generate_coordinate(featmap_sizes: Sequence[int], device: torch.device | str = 'cpu') -> Tensor:
    """The x and y of every cell, from -1 to 1, of maps (N, C, H, W): (N, 2, H, W)."""
    count, _, height, width = featmap_sizes
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height, device=device), torch.linspace(-1, 1, width, device=device), indexing='ij'
    )
    return torch.stack([x, y]).expand(count, -1, -1, -1)


def get_caller_name() -> str:
    """Name of the function that called the one which asks."""
    return inspect.stack()[2].function
