"""The keys of ``train_cfg`` and ``test_cfg`` that heads know: what stands under a key, None for what is read whole.

A head of one's own that reads others says so: ``test_keys = TEST_KEYS | {'my_key': None}``.
"""

from typing import Any

from mmengine.config import Config, ConfigDict

from mmrotate.core.post_processing import nms_keys

TRAIN_KEYS: dict[str, Any] = dict.fromkeys(('assigner', 'sampler', 'allowed_border', 'pos_weight', 'debug'))
# those that only an export reads
_EXPORT_KEYS = ('deploy_nms_pre', 'max_output_boxes_per_class')
TEST_KEYS: dict[str, Any] = {
    **dict.fromkeys(('nms_pre', 'min_bbox_size', 'score_thr', 'max_per_img', *_EXPORT_KEYS)),
    'nms': nms_keys,
}
PROPOSAL_KEYS: dict[str, Any] = {
    **dict.fromkeys(('nms_pre', 'min_bbox_size', 'max_per_img')),
    'nms': dict.fromkeys(('type', 'iou_threshold', 'iou_thr')),
}


def settings_of(cfg: Any) -> Any:
    """A dict or a whole config as settings that are read by attribute; None stays None."""
    return None if cfg is None else ConfigDict(cfg.to_dict() if isinstance(cfg, Config) else cfg)


def own_or_given(own: Any, given: Any) -> Any:
    """The settings of a head, or those that it is given for a call."""
    if given is None:
        return own
    return given if isinstance(given, ConfigDict) else settings_of(given)
