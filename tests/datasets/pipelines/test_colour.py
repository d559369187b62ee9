import sys
from types import ModuleType

import numpy as np
import pytest

from mmrotate.datasets.pipelines import Albu, BadImageError, PhotoMetricDistortion, YOLOXHSVRandomAug
from mmrotate.utils import UserError


def image(dtype=np.uint8):
    return np.random.randint(0, 256, (6, 8, 3)).astype(dtype)


@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
def test_distortions_of_every_kind_come(dtype):
    img = image(dtype)
    before = img.copy()
    step = PhotoMetricDistortion()
    changed = [step(dict(img=img))['img'] for _ in range(60)]
    assert all(each.dtype == np.float32 and each.shape == img.shape for each in changed)
    assert any(np.allclose(each, img, atol=0.1) for each in changed)  # a chance of one in 32
    np.testing.assert_array_equal(img, before)
    step = PhotoMetricDistortion(0, (1, 1), (1, 1), 0)
    swapped = [step(dict(img=img))['img'] for _ in range(20)]
    assert all(np.allclose(np.sort(each, 2), np.sort(img.astype(float), 2), atol=0.1) for each in swapped)
    assert any(not np.allclose(each, img, atol=0.1) for each in swapped)


def test_brightness_is_added_and_contrast_multiplied():
    img = image()
    np.random.seed(0)
    grey = np.repeat(img[..., :1], 3, 2)  # neither hue, saturation nor the order of channels change it
    for each in (PhotoMetricDistortion()(dict(img=grey))['img'] for _ in range(10)):
        slope, offset = np.polyfit(grey.ravel().astype(float), each.ravel().astype(float), 1)
        assert 0.49 < slope < 1.51 and -49 < offset < 49


def test_hue_saturation_and_value():
    img = image()
    changed = [YOLOXHSVRandomAug()(dict(img=img))['img'] for _ in range(20)]
    assert all(each.dtype == np.uint8 for each in changed)
    assert len({each.tobytes() for each in changed}) > 5
    still = YOLOXHSVRandomAug(0, 0, 0)(dict(img=img))['img']
    assert np.abs(still.astype(int) - img).max() <= 8  # what the way to HSV and back costs
    assert all(np.abs(each.astype(int) - img).max() <= 90 for each in changed)


@pytest.mark.parametrize('step', [PhotoMetricDistortion, YOLOXHSVRandomAug])
def test_images_without_colours_are_refused(step):
    for img in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)):
        with pytest.raises(BadImageError, match=r'\(H, W, 3\)'):
            step()(dict(img=img))
    with pytest.raises(BadImageError, match='uint8'):
        YOLOXHSVRandomAug()(dict(img=image(np.float32)))


@pytest.fixture
def library(monkeypatch):
    """A stand-in for albumentations, with what the step uses of it."""
    module = ModuleType('albumentations')

    class ImageOnlyTransform:
        def __init__(self, p=0.5, limit=0):
            self.p, self.limit = p, limit

        def __call__(self, image):
            return image + self.limit

    class Compose:
        def __init__(self, transforms, p=1.0):
            self.transforms, self.p = transforms, p

        def set_random_seed(self, seed):
            self.seed = seed

        def __call__(self, image):
            for step in self.transforms:
                image = step(image=image)['image'] if isinstance(step, Compose) else step(image)
            return {'image': image}

    module.ImageOnlyTransform, module.Compose = ImageOnlyTransform, Compose
    module.Blur = type('Blur', (ImageOnlyTransform,), {})
    module.OneOf = type('OneOf', (Compose,), {})
    module.ShiftScaleRotate = type('ShiftScaleRotate', (), {})
    monkeypatch.setitem(sys.modules, 'albumentations', module)


def test_colour_steps_of_albumentations(library):
    steps = [dict(type='Blur', p=1.0, limit=2), dict(type='OneOf', transforms=[dict(type='Blur', limit=3)], p=1.0)]
    box_names = dict(type='BboxParams', format='pascal_voc', label_fields=['gt_labels'])
    step = Albu(steps, bbox_params=box_names, keymap=dict(img='image'), skip_img_without_anno=True)
    img = np.zeros((4, 4, 3), np.uint8)
    assert (step(dict(img=img, gt_bboxes=np.ones((1, 5))))['img'] == 5).all()
    assert step(dict(img=img, gt_bboxes=np.zeros((0, 5)))) is None
    first = step.aug.seed
    step(dict(img=img, gt_bboxes=np.ones((1, 5))))
    assert step.aug.seed != first


def test_steps_that_move_pixels_are_refused(library):
    for steps in ([dict(type='ShiftScaleRotate')], [dict(type='OneOf', transforms=[dict(type='ShiftScaleRotate')])]):
        with pytest.raises(ValueError, match='ShiftScaleRotate moves pixels'):
            Albu(steps)
    with pytest.raises(ValueError, match="no step 'Blurr'"):
        Albu([dict(type='Blurr')])


def test_without_albumentations(monkeypatch):
    monkeypatch.setitem(sys.modules, 'albumentations', None)
    with pytest.raises(UserError, match=r"pip install 'mmrotate\[albu\]'"):
        Albu([])
