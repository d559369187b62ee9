import cv2
import numpy as np
import pytest

from mmrotate.datasets.pipelines import Compose
from mmrotate.datasets.pipelines.corrupt import CORRUPTIONS
from mmrotate.utils import UserError


def image():
    """Coloured shapes on a soft ground."""
    y, x = np.mgrid[:96, :128]
    img = np.stack([x * 1.5, y * 2.0, 180 - x], axis=2).astype(np.uint8)
    for i, centre in enumerate(((30, 30), (90, 40), (60, 70))):
        cv2.ellipse(img, centre, (14, 7), 40 * i, 0, 360, (40 * i, 250 - 90 * i, 90 * i), -1)
    return img


def corrupt(img, **options):
    return Compose([dict(type='Corrupt', **options)])({'img': img.copy()})['img']


@pytest.mark.parametrize('name', CORRUPTIONS)
def test_each_corruption_grows_with_its_severity(name):
    img = image()
    made = [corrupt(img, corruption=name, severity=severity, seed=0) for severity in range(6)]
    assert all(other.shape == img.shape and other.dtype == np.uint8 for other in made)
    assert np.array_equal(made[0], img)
    if name == 'saturate':  # weaker colours, then stronger ones
        spread = [_spread(other) for other in made]
        assert spread[2] < spread[1] < spread[0] < spread[3] <= spread[5]
        return
    changes = [float(np.abs(other.astype(int) - img).mean()) for other in made]
    assert changes[1] > 0.1
    assert min(changes[3:]) > changes[1]


def _spread(img):
    return float((img.max(axis=2).astype(int) - img.min(axis=2)).mean())


def test_a_seed_makes_the_noise_that_of_the_image():
    img = image()
    options = dict(corruption='gaussian_noise', severity=2)
    assert np.array_equal(corrupt(img, seed=1, **options), corrupt(img, seed=1, **options))
    assert not np.array_equal(corrupt(img, seed=1, **options), corrupt(img, seed=2, **options))
    noise = [corrupt(one, seed=1, **options).astype(int) - one for one in (img, img // 2 + 64)]
    assert not np.array_equal(*noise)
    assert not np.array_equal(corrupt(img, **options), corrupt(img, **options))


def test_gaussian_noise_has_its_published_strength():
    grey = np.full((200, 200, 3), 128, np.uint8)
    for severity, sigma in ((1, 0.08), (2, 0.12), (3, 0.18)):
        noisy = corrupt(grey, corruption='gaussian_noise', severity=severity, seed=0)
        assert np.std(noisy / 255.0) == pytest.approx(sigma, rel=0.03)


def test_drops_are_light_water_and_then_dark_mud():
    grey = np.full((96, 128, 3), 128, np.uint8)
    made = [corrupt(grey, corruption='spatter', severity=severity, seed=0) for severity in range(1, 6)]
    assert all((drops >= 128).all() and (drops == 128).any() for drops in made[:3])
    for mud in made[3:]:
        assert (mud <= 128).all() and (mud == 128).any()
        assert (mud[..., 2] > mud[..., 0])[mud[..., 0] < 100].all(), 'brown'


def test_frost_covers_from_all_sides():
    grey = np.full((96, 128, 3), 64, np.uint8)
    ice = corrupt(grey, corruption='frost', severity=3, seed=0).astype(int)
    bright = [(part > 64).mean() for half in np.split(ice, 2) for part in np.split(half, 2, axis=1)]
    assert min(bright) > 0.5
    assert (ice[..., 0] >= ice[..., 2]).all(), 'bluish'


@pytest.mark.parametrize('options', [dict(corruption='rain'), dict(corruption='fog', severity=6)])
def test_wrong_arguments(options):
    with pytest.raises(ValueError, match='must be'):
        corrupt(image(), **options)


def test_it_stands_before_normalize():
    with pytest.raises(UserError, match='before Normalize'):
        corrupt(image().astype(np.float32), corruption='fog')
