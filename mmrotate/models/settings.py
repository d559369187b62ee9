"""The keys of ``train_cfg`` and ``test_cfg`` that heads know: what stands under a key, None for what is read whole.

A head of one's own that reads others says so: ``test_keys = TEST_KEYS | {'my_key': None}``.
"""

from collections.abc import Iterable
from typing import Any

from mmengine.config import Config, ConfigDict

from mmrotate.core.post_processing import nms_keys
from mmrotate.utils.errors import ArgumentError

TRAIN_KEYS: dict[str, Any] = dict.fromkeys(('assigner', 'sampler', 'allowed_border', 'pos_weight', 'debug'))
# those that only an export reads
_EXPORT_KEYS = ('deploy_nms_pre', 'max_output_boxes_per_class')
TEST_KEYS: dict[str, Any] = {
    **dict.fromkeys(('nms_pre', 'min_bbox_size', 'score_thr', 'max_per_img', *_EXPORT_KEYS)),
    'nms': nms_keys,
}
# those that every head needs for results
RESULT_KEYS = ('score_thr', 'nms', 'max_per_img')
PROPOSAL_KEYS: dict[str, Any] = {
    **dict.fromkeys(('nms_pre', 'min_bbox_size', 'max_per_img')),
    'nms': dict.fromkeys(('type', 'iou_threshold', 'iou_thr')),
}


def with_keys(cfg: Any, name: str, keys: Iterable[str], owner: Any) -> Any:
    """The settings ``cfg``, ``name`` of the part ``owner``; an ArgumentError unless they have these keys."""
    missing = [key for key in keys if cfg is None or key not in cfg]
    if missing:
        raise ArgumentError(f'{type(owner).__name__} lacks {", ".join(missing)} in its {name}')
    return cfg


def settings_of(cfg: Any) -> Any:
    """A dict or a whole config as settings that are read by attribute; None stays None."""
    return None if cfg is None else ConfigDict(cfg.to_dict() if isinstance(cfg, Config) else cfg)


def own_or_given(own: Any, given: Any) -> Any:
    """The settings of a head, empty if it has none, or those that it is given for a call."""
    if given is None:
        return ConfigDict() if own is None else own
    return given if isinstance(given, ConfigDict) else settings_of(given)
