"""Which keys of a 0.x config have an effect here."""

import re
from collections.abc import Mapping

from mmengine.config import Config

from mmrotate.engine.config_values import OPTIMIZER_HOOKS

# keys whose own keys are checked too
_TRAINING: dict[str, set[str]] = {
    'optimizer_config': {
        'type', 'grad_clip', 'loss_scale', 'cumulative_iters', 'coalesce', 'bucket_size_mb', 'distributed',
        'detect_anomalous_params',
    },
    'runner': {'type', 'max_epochs', 'max_iters'},
    'checkpoint_config': {
        'type', 'interval', 'by_epoch', 'save_optimizer', 'out_dir', 'max_keep_ckpts', 'save_last', 'create_symlink',
        'meta', 'sync_buffer', 'file_client_args', 'filename_tmpl',
    },
    'log_config': {'interval', 'hooks'},
    'data': {
        'samples_per_gpu', 'imgs_per_gpu', 'workers_per_gpu', 'persistent_workers', 'train', 'val', 'test',
        'train_dataloader', 'val_dataloader', 'test_dataloader',
    },
    'fp16': {'loss_scale'},
    'auto_scale_lr': {'enable', 'base_batch_size'},
    'dist_params': {'backend', 'port', 'timeout'},
    'ddp': {'bucket_cap_mb', 'gradient_as_bucket_view', 'static_graph'},
    'fsdp': {'min_params'},
}  # fmt: skip
# keys that are read whole: what they hold is checked where it is built
_WHOLE = {
    'model', 'train_cfg', 'test_cfg', 'optimizer', 'lr_config', 'momentum_config', 'evaluation', 'custom_hooks',
    'custom_imports', 'total_epochs', 'total_iters', 'bf16', 'resume_from', 'load_from', 'auto_resume', 'workflow',
    'seed', 'deterministic', 'cudnn_benchmark', 'log_level', 'find_unused_parameters', 'opencv_num_threads',
    'mp_start_method', 'work_dir', 'gpu_ids', 'device', 'sync_bn', 'detect_nonfinite', 'filename', 'diff_seed',
    'channels_last', 'fuse_conv_bn', 'report', 'patience', 'ema', 'compile', 'nominal_batch',
}  # fmt: skip
# usual names of the building blocks of a file, used by its other keys
_HELPERS = {
    'dataset_type', 'data_root', 'img_norm_cfg', 'img_scale', 'angle_version', 'norm_cfg', 'conv_cfg', 'act_cfg',
    'train_pipeline', 'val_pipeline', 'test_pipeline', 'classes', 'CLASSES', 'num_classes', 'pretrained',
    'checkpoint_file', 'albu_train_transforms', 'file_client_args', 'backend_args', 'find_unused', 'max_epochs',
    'max_iters', 'base_lr', 'interval', 'num_stages', 'crop_size', 'image_size', 'version', 'train_dataset',
}  # fmt: skip


def unknown_keys(config: Config) -> list[str]:
    """Keys that nothing reads, as ``'lr_config.foo'``.

    Known are the keys of the dialect, usual names of building blocks, names with a leading ``_``,
    and names that the files of the config use as a value elsewhere (building blocks).
    """
    code = re.sub(r'#.*', '', config.text)
    unknown = []
    for key, value in config.items():
        if key in _TRAINING:
            if isinstance(value, Mapping):
                own = key == 'optimizer_config' and value.get('type') not in (None, *OPTIMIZER_HOOKS)
                unknown += [] if own else [f'{key}.{sub}' for sub in value if sub not in _TRAINING[key]]
        elif not (key in _WHOLE or key in _HELPERS or key.startswith('_') or _is_used(key, code)):
            unknown.append(key)
    return unknown


def _is_used(name: str, code: str) -> bool:
    """Whether ``name`` stands in ``code`` otherwise than before an equals sign or in quotes."""
    start = r'(?<![\w.\'"])'
    base = rf'_base_\.{name}\b'  # {{_base_.name}}
    return re.search(rf'{start}{name}\b(?!\s*=[^=])(?![\'"])|{base}', code) is not None
