"""Keys of a config that say in a word what longer ones say too: ``ema``, ``nominal_batch``."""

import math
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from mmrotate.engine.config_values import OPTIMIZER_HOOKS
from mmrotate.engine.distributed import rank_and_size
from mmrotate.utils import UserError, compat_cfg

# an average over the last 10,000 iterations or so, that of the first ones being short
_EMA = {'type': 'ExpMomentumEMAHook', 'momentum': 0.0001, 'total_iter': 2000, 'priority': 'ABOVE_NORMAL'}


def short_hooks(config: Config) -> list[dict[str, Any]]:
    """Configs of the hooks that short keys ask for.

    Raises:
        UserError: ``custom_hooks`` has an average of the weights, too.
    """
    given = config.get('ema')
    if not given and given != {}:
        return []
    kinds = [str(hook.get('type')) for hook in config.get('custom_hooks') or [] if isinstance(hook, Mapping)]
    if others := [kind for kind in kinds if 'EMA' in kind]:
        raise UserError(f'ema (--ema) and {others[0]} of custom_hooks average the weights twice: keep one')
    return [{**_EMA, **(given if isinstance(given, Mapping) else {})}]


def batches_a_step(config: Config) -> int:
    """Batches whose gradients are summed up for one step, from ``nominal_batch`` or ``cumulative_iters``.

    Raises:
        UserError: Both are given, or a hook of the user's own counts.
    """
    options = config.get('optimizer_config') or {}
    nominal = config.get('nominal_batch')
    if nominal is None:
        return options.get('cumulative_iters', 1)
    if options.get('cumulative_iters', 1) > 1:
        raise UserError('nominal_batch and optimizer_config.cumulative_iters both say when to step: keep one')
    if (kind := options.get('type')) not in (None, *OPTIMIZER_HOOKS):
        raise UserError(f'nominal_batch has no effect on optimizer_config.type={kind!r}, which steps itself')
    images = compat_cfg(config).data.train_dataloader.get('samples_per_gpu', 1)
    if images == 'auto':  # it is found later, and this is read again
        return 1
    return max(1, math.ceil(nominal / (images * rank_and_size()[1])))
