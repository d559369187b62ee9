"""What the values of a config must be: one table, checked before any work."""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mmrotate.engine.distributed import DEVICES, is_device
from mmrotate.utils import UserError
from mmrotate.utils.files import split_template

_HUGE = 2**63
_LEVELS = ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')
_SPLITS = ('train', 'val', 'test')
OPTIMIZER_HOOKS = (
    'OptimizerHook', 'DistOptimizerHook', 'Fp16OptimizerHook', 'GradientCumulativeOptimizerHook',
    'GradientCumulativeFp16OptimizerHook',
)  # fmt: skip
_SWITCHES = (
    'bf16', 'auto_resume', 'deterministic', 'diff_seed', 'cudnn_benchmark', 'find_unused_parameters',
    'detect_nonfinite', 'channels_last', 'fuse_conv_bn', 'report',
)  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """What a value must be: in words, and as a test of it."""

    expected: str
    holds: Callable[[Any], bool]

    def __or__(self, other: 'Rule') -> 'Rule':
        return Rule(f'{self.expected} or {other.expected}', lambda value: self.holds(value) or other.holds(value))


def whole(low: int, high: int = _HUGE) -> Rule:
    """A whole number from ``low`` on and below ``high``."""
    return Rule(
        f'a whole number from {low} on', lambda v: isinstance(v, int) and not isinstance(v, bool) and low <= v < high
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def choice(*values: Any) -> Rule:
    """One of ``values``."""
    return Rule(' or '.join(map(repr, values)), lambda v: any(type(v) is type(one) and v == one for one in values))


def with_keys(*keys: str) -> Rule:
    """A dict without other keys than ``keys``."""
    return Rule(f'a dict with keys among {", ".join(keys)}', lambda v: isinstance(v, Mapping) and set(v) <= set(keys))


def listing(of: Rule, words: str) -> Rule:
    """A list or tuple of values that keep a rule; ``words`` says it in the plural."""
    return Rule(f'a list of {words}', lambda v: isinstance(v, list | tuple | range) and all(map(of.holds, v)))


def _are_intervals(value: Any) -> bool:
    """Pairs of whole numbers from 0 and from 1 on, the first ones rising."""
    if not listing(listing(whole(0), ''), '').holds(value) or any(len(pair) != 2 or pair[1] < 1 for pair in value):
        return False
    return all(before[0] < after[0] for before, after in pairwise(value))


NONE = choice(None)
FLAG = Rule('True or False', lambda v: isinstance(v, bool)) | NONE
TEMPLATE = Rule(
    "a file name with {} for the number, such as 'model_{}.pth'",
    lambda v: isinstance(v, str) and split_template(v) is not None,
)
TEXT = Rule('a text', lambda v: isinstance(v, str) and v != '')
DICT = Rule('a dict', lambda v: isinstance(v, Mapping))
TYPE = Rule('a name or a class', lambda v: (isinstance(v, str) and v != '') or isinstance(v, type))
NOT_NEGATIVE = Rule('a finite number from 0 on', lambda v: _is_number(v) and 0 <= v < math.inf)
POSITIVE_FINITE = Rule('a finite number above 0', lambda v: _is_number(v) and 0 < v < math.inf)
POSITIVE = Rule('a number above 0', lambda v: _is_number(v) and v > 0)
FRACTION = Rule('a number above 0, up to 1', lambda v: _is_number(v) and 0 < v <= 1)
LEVEL = Rule(f'one of {", ".join(_LEVELS)}', lambda v: v in _LEVELS if isinstance(v, str) else whole(0).holds(v))
DEVICE = Rule(f'a device such as {DEVICES}', is_device)
# ``interval`` of what may also be left to the end
REGULARLY = Rule('a whole number from 1 on, or -1 for never', lambda v: v == -1 or whole(1).holds(v))

_SCHEDULE = {
    '': DICT | NONE,
    'policy': TEXT,
    'by_epoch': FLAG,
    'warmup': choice('constant', 'linear', 'exp') | NONE,
    'warmup_iters': whole(1),
    'warmup_ratio': FRACTION,
    'warmup_by_epoch': FLAG,
    'step': whole(1) | listing(whole(1), 'whole numbers from 1 on'),
    **dict.fromkeys(('gamma', 'power', 'min_lr', 'min_lr_ratio'), NOT_NEGATIVE | NONE),
    **dict.fromkeys(('min_momentum', 'min_momentum_ratio'), NOT_NEGATIVE | NONE),
    'target_ratio': NOT_NEGATIVE | listing(NOT_NEGATIVE, 'such numbers'),
    'cyclic_times': whole(1),
    'step_ratio_up': Rule('a number from 0 on, below 1', lambda v: _is_number(v) and 0 <= v < 1),
    # OneCycle; a list has a number for each group of the optimizer
    'max_lr': POSITIVE_FINITE | listing(POSITIVE_FINITE, 'such numbers'),
    **dict.fromkeys(('base_momentum', 'max_momentum'), FRACTION | listing(FRACTION, 'such numbers')),
    'total_steps': whole(1) | NONE,
    'pct_start': Rule('a number from 0 to 1', lambda v: _is_number(v) and 0 <= v <= 1),
    'anneal_strategy': choice('cos', 'linear'),
    **dict.fromkeys(('div_factor', 'final_div_factor'), POSITIVE_FINITE),
    'three_phase': FLAG,
    'num_last_epochs': whole(0),
}
_LOADER = {
    '': DICT | NONE,
    'samples_per_gpu': whole(1),
    'batch_size': whole(1),
    'workers_per_gpu': whole(0),
    'num_workers': whole(0),
    'shuffle': FLAG,
    'persistent_workers': FLAG,
}


def _under(name: str, rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """The rules of a dict and of its keys, under its own name."""
    return {f'{name}.{key}'.rstrip('.'): rule for key, rule in rules.items()}


# a key follows that of the dict it stands in; what is not given is not looked at
RULES: dict[str, Rule] = {
    'model': DICT,
    'model.type': TYPE,
    'train_cfg': DICT | NONE,
    'test_cfg': DICT | NONE,
    'custom_imports': with_keys('imports', 'allow_failed_imports') | NONE,
    'custom_imports.imports': TEXT | listing(TEXT, 'names of modules'),
    'custom_imports.allow_failed_imports': FLAG,
    'custom_hooks': listing(DICT, 'dicts') | NONE,
    'data': DICT | NONE,
    'data.samples_per_gpu': whole(1) | choice('auto'),
    'data.imgs_per_gpu': whole(1),
    'data.workers_per_gpu': whole(0),
    'data.persistent_workers': FLAG,
    **{f'data.{split}': DICT | listing(DICT, 'dicts') | NONE for split in _SPLITS},
    **{f'data.{split}.samples_per_gpu': whole(1) for split in _SPLITS},
    **{key: rule for split in _SPLITS for key, rule in _under(f'data.{split}_dataloader', _LOADER).items()},
    'optimizer': DICT | NONE,
    'optimizer.type': TYPE,
    'optimizer.lr': NOT_NEGATIVE | choice('auto'),
    **{f'optimizer.{key}': NOT_NEGATIVE for key in ('momentum', 'weight_decay', 'dampening', 'eps')},
    'optimizer.nesterov': FLAG,
    'optimizer.amsgrad': FLAG,
    'optimizer.betas': listing(Rule('', lambda v: _is_number(v) and 0 <= v < 1), 'numbers from 0 on, below 1'),
    'optimizer.paramwise_cfg': DICT | NONE,
    'optimizer.constructor': TEXT | NONE,
    'optimizer_config': DICT | NONE,
    'optimizer_config.type': TYPE | NONE,
    'optimizer_config.detect_anomalous_params': FLAG,
    'optimizer_config.grad_clip': (
        with_keys('max_norm', 'norm_type', 'error_if_nonfinite', 'foreach', 'type', 'clip_value') | NONE
    ),
    'optimizer_config.grad_clip.max_norm': POSITIVE,
    'optimizer_config.grad_clip.norm_type': POSITIVE,
    'optimizer_config.grad_clip.clip_value': POSITIVE,
    'optimizer_config.grad_clip.type': choice('norm', 'value'),
    'optimizer_config.cumulative_iters': whole(1),
    **_under('lr_config', _SCHEDULE),
    **_under('momentum_config', _SCHEDULE),
    'runner': DICT | NONE,
    'runner.type': choice('EpochBasedRunner', 'IterBasedRunner'),
    'runner.max_epochs': whole(1) | NONE,
    'runner.max_iters': whole(1) | NONE,
    'total_epochs': whole(1) | NONE,
    'total_iters': whole(1) | NONE,
    'checkpoint_config': DICT | NONE,
    'checkpoint_config.type': TEXT,
    'checkpoint_config.interval': REGULARLY,
    'checkpoint_config.max_keep_ckpts': REGULARLY,
    'checkpoint_config.out_dir': TEXT | NONE,
    'checkpoint_config.filename_tmpl': TEMPLATE | NONE,
    **{f'checkpoint_config.{key}': FLAG for key in ('by_epoch', 'save_optimizer', 'save_last', 'create_symlink')},
    'log_config': DICT | NONE,
    'log_config.interval': whole(1),
    'log_config.hooks': listing(DICT, 'dicts'),
    'evaluation': DICT | NONE | choice(False),
    'evaluation.interval': whole(1),
    'evaluation.start': whole(0) | NONE,
    'evaluation.by_epoch': FLAG,
    'evaluation.save_best': TEXT | NONE,
    'evaluation.dynamic_intervals': Rule(
        'a list of pairs (epoch, interval), each epoch after the one before, such as [(10, 2)]', _are_intervals
    ) | NONE,
    'evaluation.out_dir': TEXT | NONE,
    **{f'evaluation.{key}': TEXT | listing(TEXT, 'names of scores') | NONE for key in ('greater_keys', 'less_keys')},
    'evaluation.rule': choice('greater', 'less', None),
    'workflow': Rule(
        "a list such as [('train', 1)]",
        lambda v: isinstance(v, list | tuple) and all(isinstance(one, list | tuple) and len(one) == 2 for one in v),
    ),
    'fp16': DICT | FLAG,
    'fp16.loss_scale': POSITIVE | choice('dynamic') | DICT,
    'auto_scale_lr': DICT | NONE,
    'auto_scale_lr.enable': FLAG,
    'auto_scale_lr.base_batch_size': whole(1),
    'dist_params': DICT | NONE,
    'dist_params.backend': TEXT | NONE,
    'dist_params.port': whole(1) | NONE,
    **dict.fromkeys(_SWITCHES, FLAG),
    **dict.fromkeys(('load_from', 'resume_from', 'work_dir'), TEXT | NONE),
    'seed': whole(0) | NONE,
    **dict.fromkeys(('patience', 'nominal_batch'), whole(1) | NONE),
    **dict.fromkeys(('ema', 'compile'), DICT | FLAG),
    'compile.whole': FLAG,
    'ddp': with_keys('bucket_cap_mb', 'gradient_as_bucket_view', 'static_graph') | NONE,
    'ddp.bucket_cap_mb': POSITIVE_FINITE,
    'ddp.gradient_as_bucket_view': FLAG,
    'ddp.static_graph': FLAG,
    'fsdp': with_keys('min_params') | FLAG,
    'fsdp.min_params': whole(1),
    'log_level': LEVEL,
    'device': DEVICE | NONE,
    'gpu_ids': listing(whole(0), 'whole numbers from 0 on') | NONE,
    'opencv_num_threads': whole(0) | NONE,
    'mp_start_method': choice('fork', 'spawn', 'forkserver', None),
}  # fmt: skip


def check_values(config: Mapping[str, Any]) -> None:
    """Refuse values that make no sense, all of them in one line.

    Raises:
        UserError: Each wrong key with what it must be and what was given.
    """
    wrong = [
        f'{key} must be {rule.expected}, got {_short(value)}'
        for key, rule in RULES.items()
        if (value := _value(config, key)) is not _ABSENT and not rule.holds(value)
    ]
    if wrong:
        raise UserError('; '.join(wrong))


_ABSENT = object()


def _value(config: Mapping[str, Any], key: str) -> Any:
    """The value of a key with dots; ``_ABSENT`` where it is not given, or what it stands in is no dict."""
    return functools.reduce(
        lambda part, name: part.get(name, _ABSENT) if isinstance(part, Mapping) else _ABSENT,
        key.split('.')[1:],
        config.get(key.split('.')[0], _ABSENT),
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f'{text[:97]}...'
