"""Wrong arguments are AssertionErrors, as 0.x raised them, and ValueErrors."""

import numpy as np
import pytest

from mmrotate.apis import inference_detector_by_patches
from mmrotate.core import eval_rbbox_map, imshow_det_rbboxes
from mmrotate.core.patch import get_multiscale_patch, merge_results, slide_window
from mmrotate.datasets import ConcatDataset, build_dataloader
from mmrotate.datasets.submission import check_results
from mmrotate.registry import PIPELINES
from mmrotate.utils import UserError

IMAGE = np.zeros((8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    'step',
    [
        dict(type='RRandomCrop', crop_size=(-1, 0)),
        dict(type='PolyRandomRotate', mode='none', angles_range=180),
        dict(type='PolyRandomRotate', mode='value', angles_range=180),
        dict(type='RResize', img_scale=(8, 8), multiscale_mode='some'),
        dict(type='RRandomFlip', flip_ratio=2.0),
        dict(type='Pad'),
        dict(type='RMosaic', img_scale=(8, 0)),
        dict(type='CutOut', n_holes=1),
        dict(type='RandomShift', shift_ratio=2),
        dict(type='MultiScaleFlipAug', transforms=[]),
    ],
    ids=lambda step: step['type'],
)
def test_of_pipeline_steps(step):
    with pytest.raises(AssertionError) as caught:
        PIPELINES.build(step)
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, UserError)


@pytest.mark.parametrize(
    'call',
    [
        lambda: inference_detector_by_patches(None, IMAGE, [8], [4], [1.0], 0.1, bs=0),
        lambda: eval_rbbox_map([[]], []),
        lambda: imshow_det_rbboxes(IMAGE, np.zeros((1, 4)), np.zeros(1)),
        lambda: slide_window(8, 8, [4], [5]),
        lambda: get_multiscale_patch([4], [2, 2], [1.0]),
        lambda: merge_results([[np.zeros((0, 6))]], np.zeros((2, 2)), (8, 8)),
        lambda: check_results([], 1, ['ship']),
        lambda: ConcatDataset([]),
        lambda: build_dataloader([0], 1, 0, runner_type='Other'),
    ],
)
def test_of_functions(call):
    with pytest.raises(AssertionError):
        call()
