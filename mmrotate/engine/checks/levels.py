"""Levels: the priors of every head, and the regions of every extractor, on the maps that the neck gives."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from .findings import Finding


def levels_against_maps(model: nn.Module) -> Iterator[Finding]:
    """Heads with priors for more or fewer maps than there are, and extractors that want more."""
    maker, maps = _maps(model)
    if maps is None:
        return
    for name, module in model.named_modules():
        generator = getattr(module, 'prior_generator', None)
        wanted = getattr(generator, 'num_levels', maps)
        strides: Any = getattr(generator, 'strides', ())
        if wanted == maps and getattr(module, 'num_inputs', 0) > maps:  # extractors may take fewer
            wanted, strides = module.num_inputs, getattr(module, 'featmap_strides', ())
        if wanted != maps:
            given = [s[0] if isinstance(s, tuple) and len(set(s)) == 1 else s for s in strides]
            yield Finding(
                f'model.{name} has {wanted} strides {given}, one for each map, but {maker} gives {maps} maps: '
                'change the strides, or the number of maps'
            )


def _maps(model: nn.Module) -> tuple[str, int | None]:
    """What gives the maps, and how many; None where it does not say."""
    neck, backbone = getattr(model, 'neck', None), getattr(model, 'backbone', None)
    if neck is not None:
        count = getattr(neck, 'num_outs', None)
        return 'model.neck (num_outs)', count if isinstance(count, int) else None
    indices = getattr(backbone, 'out_indices', None)
    return 'model.backbone (out_indices)', len(indices) if isinstance(indices, list | tuple) else None
