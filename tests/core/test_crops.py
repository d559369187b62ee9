"""Turned objects cut out upright."""

import cv2
import numpy as np
import pytest

from mmrotate.core.crops import cut_upright
from mmrotate.core.visualization import rbox_corners


def reader(image):

    def pixels(window):
        left, top, right, bottom = window
        framed = cv2.copyMakeBorder(image, 200, 200, 200, 200, cv2.BORDER_CONSTANT)
        return framed[top + 200 : bottom + 200, left + 200 : right + 200]

    return pixels


@pytest.mark.parametrize('theta', [0, 0.4, -1.2, np.pi / 2])
def test_an_object_lies_along_its_crop(theta):
    box = np.array([60.0, 50.0, 40.0, 16.0, theta])
    image = np.zeros((100, 120, 3), np.uint8)
    # filled box, its front half in red
    cv2.fillPoly(image, np.round(rbox_corners(box[None]) * 16).astype(np.int32), (255, 255, 255), shift=4)
    front = [60 + 10 * np.cos(theta), 50 + 10 * np.sin(theta), 20, 16, theta]
    cv2.fillPoly(image, np.round(rbox_corners(np.array([front])) * 16).astype(np.int32), (0, 0, 255), shift=4)
    crop = cut_upright(reader(image), box)
    assert crop.shape == (16, 40, 3)
    assert crop[2:-2, 2:17].min() == 255
    assert (crop[2:-2, 23:-2, 2].min(), crop[2:-2, 23:-2, :2].max()) == (255, 0)


def test_an_upright_box_is_cut_out_as_it_is():
    image = np.random.default_rng(0).integers(0, 255, (50, 60, 3), np.uint8)
    np.testing.assert_array_equal(cut_upright(reader(image), np.array([30, 20, 20, 10, 0, 0.9])), image[15:25, 20:40])
    assert cut_upright(reader(image), np.array([0, 0, 20, 10, 0.3])).shape == (10, 20, 3)
    assert cut_upright(reader(image), np.array([9, 9, 0.2, 0.1, 0.3])).shape == (1, 1, 3)
