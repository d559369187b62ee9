"""Steps take the angle version of their dataset."""

import numpy as np
import pytest

from mmrotate.datasets.pipelines import Compose, RRandomFlip
from mmrotate.datasets.pipelines.versions import AngleVersionError, inherit_version
from mmrotate.utils import UserError

FLIP = dict(type='RRandomFlip', flip_ratio=1.0)


def test_a_step_without_a_version_takes_the_datasets_also_inside_of_another():
    steps = [FLIP, dict(type='PolyRandomRotate'), dict(type='MultiScaleFlipAug', img_scale=(8, 8), transforms=[FLIP])]
    flip, rotate, nested = Compose(inherit_version(steps, 'le135')).transforms
    assert [step.version for step in (flip, rotate, *nested.transforms.transforms)] == ['le135'] * 3
    assert 'version' not in FLIP and 'version' not in steps[2]['transforms'][0]


def test_by_hand_the_default_stays():
    assert [step.version for step in Compose([FLIP, dict(type='PolyRandomRotate')]).transforms] == ['oc', 'le90']


@pytest.mark.parametrize('step', [dict(FLIP, version='oc'), dict(type=RRandomFlip, version='oc'), RRandomFlip(0.5)])
def test_another_version_is_refused(step):
    with pytest.raises(AngleVersionError, match=r"RRandomFlip has version='oc', but its dataset version='le90'"):
        inherit_version([dict(type='MultiScaleFlipAug', img_scale=(8, 8), transforms=[step])], 'le90')


def test_other_steps_stay_as_they_are():
    def own(results, version=2):
        return results

    steps = [own, dict(type='RResize', img_scale=(8, 8)), dict(type='Unknown')]
    assert inherit_version(steps, 'le90') == steps


def test_a_flipped_box_keeps_the_long_edge_version():
    (flip,) = Compose(inherit_version([FLIP], 'le90')).transforms
    sample = dict(img=np.zeros((80, 100, 3), np.uint8), img_shape=(80, 100, 3), bbox_fields=['gt_bboxes'])
    sample['gt_bboxes'] = np.array([[30, 20, 50, 20, 0]], np.float32)
    np.testing.assert_allclose(flip(sample)['gt_bboxes'], [[70, 20, 50, 20, 0]], atol=1e-4)


def test_a_version_that_does_not_exist():
    with pytest.raises(ValueError, match="got 'le91'"):
        inherit_version([FLIP], 'le91')


def test_a_step_before_the_one_that_it_needs_is_named():
    with pytest.raises(UserError, match=r"pipeline step 1 \(RResize\) needs 'img', which no step before it gives"):
        Compose([dict(type='RResize', img_scale=(8, 8))])({})
