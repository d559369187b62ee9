"""Images that look alike are found, whatever their size and quality, and others are not."""

import cv2
import numpy as np
import pytest

from mmrotate.datasets.likeness import alike, fingerprint, gather_prints
from tests.helpers.pages import HIT_UAV

IMAGES = [cv2.imread(str(path)) for path in sorted((HIT_UAV / 'images').glob('*.jpg'))]
CHANGES = {
    'another quality': lambda image: cv2.imdecode(cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 1),
    'smaller': lambda image: cv2.resize(image, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA),
    'brighter': lambda image: np.clip(image.astype(int) + 4, 0, 255).astype(np.uint8),
    'grey': lambda image: cv2.cvtColor(image, cv2.COLOR_BGR2GRAY),
    'a pixel on': lambda image: np.roll(image, 1, 1),
}


def prints(images):
    return gather_prints([fingerprint(image) for image in images])


@pytest.mark.parametrize('change', CHANGES.values(), ids=CHANGES)
def test_an_image_is_known_again(change):
    found = list(alike(prints(IMAGES), prints([change(image) for image in IMAGES])))
    assert found == [(i, i) for i in range(len(IMAGES))]


def test_a_flipped_image_is_another_one():
    assert not list(alike(prints(IMAGES), prints([image[:, ::-1] for image in IMAGES])))


def test_images_without_contrast_or_print_are_like_no_other():
    flat = prints([np.full((50, 60), 90, np.uint8)] * 2)
    assert not list(alike(flat, flat))
    none = gather_prints(['', ''])
    assert not list(alike(none, none))
    assert not list(alike(prints(IMAGES), gather_prints([])))


def test_many_are_compared_in_parts():
    images = np.random.randint(0, 255, (600, 8, 9), np.uint8)
    found = list(alike(prints(images), prints(images[::-1])))
    assert found == [(i, 599 - i) for i in range(600)]
