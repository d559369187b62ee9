import cv2
import numpy as np
import pytest

from mmrotate.datasets.pipelines.image import pad, rescaled_size, resize, swap_red_and_blue

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)


@pytest.mark.parametrize(
    ('size', 'scale', 'expected'),
    [
        ((640, 512), (1024, 1024), (1024, 819)),
        ((512, 640), (1024, 1024), (819, 1024)),
        ((1000, 600), (1333, 800), (1333, 800)),
        ((600, 1000), (800, 1333), (800, 1333)),
        ((800, 800), (800, 512), (512, 512)),
        ((3, 5), 0.5, (2, 3)),
    ],
)
def test_size_that_keeps_the_ratio(size, scale, expected):
    assert rescaled_size(size, scale) == expected


def test_scale_must_be_positive():
    with pytest.raises(ValueError, match='positive'):
        rescaled_size((4, 4), 0.0)


def test_resize_is_bilinear_and_copies_nothing_in_vain():
    np.testing.assert_array_equal(resize(GREY, (16, 12)), cv2.resize(GREY, (16, 12)))
    assert resize(GREY, (8, 6)) is GREY
    assert resize(GREY, (0, 3)).shape == (3, 1)


def test_pad():
    padded = pad(GREY, (7, 10), 9)
    assert padded.shape == (7, 10) and (padded[6] == 9).all() and (padded[:, 8:] == 9).all()
    np.testing.assert_array_equal(padded[:6, :8], GREY)
    assert pad(GREY, (6, 8)) is GREY
    with pytest.raises(ValueError, match='cannot pad'):
        pad(GREY, (5, 10))


@pytest.mark.parametrize(('channels', 'order'), [(1, [0]), (3, [2, 1, 0]), (4, [2, 1, 0, 3])])
def test_red_and_blue_are_swapped(channels, order):
    img = np.arange(6 * channels, dtype=np.uint8).reshape(2, 3, channels)
    np.testing.assert_array_equal(swap_red_and_blue(img), img[..., order])
    np.testing.assert_array_equal(swap_red_and_blue(GREY), GREY)
