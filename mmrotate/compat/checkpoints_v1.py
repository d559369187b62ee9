"""Checkpoints of MMRotate 1.x under the names of 0.x, which are those of today."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

# a pyramid's levels, which share one aligned convolution in 1.x and have one each here
_LEVELS = 5
_ALIGNED = 'bbox_head_refine.0.feat_refine_module.deform_conv.'
_S2ANET = (
    (r'bbox_head_init\.', 'fam_head.'),
    (r'bbox_head_refine\.0\.retina_(cls|reg)\.', r'odm_head.odm_\1.'),
    (r'bbox_head_refine\.0\.', 'odm_head.'),
)
_R3DET = (
    (r'bbox_head_init\.', 'bbox_head.'),
    (r'bbox_head_refine\.(\d+)\.feat_refine_module\.', r'feat_refine_module.\1.'),
    (r'bbox_head_refine\.(\d+)\.', r'refine_head.\1.'),
)


def renamed_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the names of today.

    S2A-Net and R3Det have other names in 1.x, and S2A-Net's aligned convolution becomes one per level of the pyramid;
    the means and deviations of the data's preparation are left out, as they stand in the config. Everything else that
    both have is called the same.
    """
    rules = _S2ANET if any('.or_conv.' in key for key in state) else _R3DET
    weights: dict[str, Tensor] = {}
    for key, value in state.items():
        if key.startswith('data_preprocessor.'):
            continue
        if key.startswith(_ALIGNED):
            rest = key.removeprefix(_ALIGNED)
            weights.update({f'align_conv.ac.{level}.deform_conv.{rest}': value for level in range(_LEVELS)})
            continue
        matching = ((pattern, name) for pattern, name in rules if re.match(pattern, key))
        weights[re.sub(*rule, key, count=1) if (rule := next(matching, None)) else key] = value
    return weights


def renamed_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The facts, as :func:`mmrotate.utils.load_state` reads them: the text of the config is under ``config``."""
    facts = {key: value for key, value in meta.items() if key not in ('dataset_meta', 'cfg')}
    if 'cfg' in meta:
        facts['config'] = meta['cfg']
    return facts
