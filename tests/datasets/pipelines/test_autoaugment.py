import numpy as np
import pytest

from mmrotate.datasets.pipelines import (
    AutoAugment,
    BadImageError,
    BrightnessTransform,
    ColorTransform,
    ContrastTransform,
    EqualizeTransform,
)

BLENDS = [ColorTransform, BrightnessTransform, ContrastTransform]
IMG = np.random.RandomState(0).randint(0, 100, (6, 8, 3)).astype(np.uint8)


def run(step):
    return step(dict(img=IMG))['img'].astype(float)


def spread(img):
    return dict(color=np.ptp(img, axis=2).mean(), brightness=img.mean(), contrast=img.std())


@pytest.mark.parametrize(('step', 'measure'), [*zip(BLENDS, ['color', 'brightness', 'contrast'], strict=True)])
def test_a_level_is_a_strength(step, measure):
    np.testing.assert_allclose(run(step(5, 1.0)), IMG, atol=1)
    whole = spread(IMG.astype(float))[measure]
    assert spread(run(step(0, 1.0)))[measure] == pytest.approx(0.1 * whole, rel=0.1)
    assert spread(run(step(8, 1.0)))[measure] > 1.3 * whole
    assert run(step(10, 0.0)).tolist() == IMG.tolist()
    assert step(3, 1.0)(dict(img=IMG.astype(np.float32)))['img'].dtype == np.float32
    with pytest.raises(ValueError, match='level'):
        step(11)


def test_histograms_are_equalized():
    large = np.resize(IMG, (48, 64, 3))
    assert np.ptp(EqualizeTransform(1.0)(dict(img=large))['img']) > 200 > np.ptp(IMG)
    assert run(EqualizeTransform(0.0)).tolist() == IMG.tolist()
    with pytest.raises(BadImageError, match='uint8'):
        EqualizeTransform(1.0)(dict(img=IMG.astype(np.float32)))
    with pytest.raises(ValueError, match='prob'):
        EqualizeTransform(2)


def test_a_policy_is_drawn():
    policies = [[dict(type='BrightnessTransform', level=0, prob=1.0)], [dict(type='EqualizeTransform', prob=1.0)]]
    means = {round(run(AutoAugment(policies)).mean()) for _ in range(20)}
    assert len(means) == 2
    for wrong in ([], [[]], dict(type='RResize')):
        with pytest.raises(ValueError, match='policies'):
            AutoAugment(wrong)


def test_grey_images_have_no_colours():
    with pytest.raises(BadImageError, match=r'\(H, W, 3\)'):
        ColorTransform(5, 1.0)(dict(img=IMG[..., 0]))
