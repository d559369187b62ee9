"""Every step that moves boxes: drawing them and moving the picture is moving them, to half a pixel."""

import cv2
import numpy as np
import pytest

from mmrotate.core.bbox import obb2poly_np
from mmrotate.datasets.pipelines import Compose

BOX = [70.3, 52.6, 40, 16, 0.4]
SHAPE = (110, 150, 3)
FINE = 8  # parts of a pixel
STEPS = {
    'resize': dict(type='RResize', img_scale=(300, 220)),
    'stretch': dict(type='RResize', img_scale=(240, 140), keep_ratio=False),
    'flip': dict(type='RRandomFlip', flip_ratio=[0.4, 0.3, 0.3], direction=['horizontal', 'vertical', 'diagonal']),
    'pad': dict(type='Pad', size_divisor=32),
    'turn': dict(type='PolyRandomRotate', rotate_ratio=1.0),
    'turn in bounds': dict(type='PolyRandomRotate', rotate_ratio=1.0, auto_bound=True),
    'rotate': dict(type='Rotate', img_fill_val=0, level=8, prob=1.0),
    'rotate and scale': dict(type='Rotate', img_fill_val=0, level=8, prob=1.0, scale=0.8, center=(60, 50)),
    'random rotate': dict(type='RandomRotate', prob=1.0),
    'choice rotate': dict(type='RandomChoiceRotate', prob=1.0, angles=[33, 90, -120]),
    'shear': dict(type='Shear', img_fill_val=0, level=3, prob=1.0),
    'shear down': dict(type='Shear', img_fill_val=0, level=3, prob=1.0, direction='vertical'),
    'translate': dict(type='Translate', img_fill_val=0, level=2, prob=1.0, max_translate_offset=100),
    'affine': dict(type='RandomAffine', border_val=(0, 0, 0), max_translate_ratio=0.1, max_shear_degree=0),
    'shift': dict(type='RandomShift', shift_ratio=1.0),
    'crop': dict(type='RRandomCrop', crop_size=(90, 120)),
    'centre crop': dict(type='RandomCenterCropPad', crop_size=(100, 100)),
    'IoU crop': dict(type='MinIoURandomCrop'),
    'expand': dict(type='Expand', prob=1.0, ratio_range=(1.2, 2)),
}

# they leave the angles as they are
NO_VERSION = {'resize', 'stretch', 'pad', 'expand', 'IoU crop', 'centre crop'}


def drawn(boxes, version, shape):
    """A picture of boxes, white on black, each pixel as white as it is covered."""
    fine = np.zeros((shape[0] * FINE, shape[1] * FINE), np.uint8)
    for corners in obb2poly_np(np.asarray(boxes, np.float32), version).reshape(-1, 4, 2):
        cv2.fillPoly(fine, [np.rint(corners * FINE - 0.5).astype(np.int32)], 255)
    return np.repeat(cv2.resize(fine, shape[1::-1], interpolation=cv2.INTER_AREA)[..., None], 3, 2)


def sample(version, boxes=(BOX,), shape=SHAPE):
    boxes = np.array(boxes, np.float32)
    fields = dict(bbox_fields=['gt_bboxes'], img_fields=['img'], img_shape=shape, pad_shape=shape)
    return dict(img=drawn(boxes, version, shape), gt_bboxes=boxes, gt_labels=np.arange(len(boxes)), **fields)


def centre_and_axis(img):
    """Centre of what is white, in pixels, and the direction of its long axis."""
    moments = cv2.moments(img[..., 0].astype(np.float32))
    centre = np.array([moments['m10'], moments['m01']]) / moments['m00'] + 0.5
    return centre, 0.5 * np.arctan2(2 * moments['mu11'], moments['mu20'] - moments['mu02'])


@pytest.mark.parametrize('version', ['oc', 'le90', 'le135'])
@pytest.mark.parametrize('name', STEPS)
def test_boxes_stay_on_their_pixels(name, version):
    step = Compose([{**STEPS[name], **({'version': version} if name not in NO_VERSION else {})}])
    moved = 0
    for _ in range(5):
        given = sample(version, [[*BOX[:4], np.clip(BOX[4], *((0, 1.5) if version == 'oc' else (-0.7, 1.5)))]])
        results = step(given)
        if results is None or not len(results['gt_bboxes']):
            continue
        assert results['pad_shape'] == results['img'].shape
        again = drawn(results['gt_bboxes'], version, results['img'].shape)
        whole = obb2poly_np(results['gt_bboxes'], version).reshape(4, 2)
        if (whole < 1).any() or (whole > np.array(results['img'].shape[1::-1]) - 1).any():
            continue  # cut: its pixels are fewer than its box
        (centre, axis), (expected, other) = centre_and_axis(results['img']), centre_and_axis(again)
        np.testing.assert_allclose(centre, expected, atol=0.5)
        assert abs(np.sin(axis - other)) < (0.1 if name.startswith(('shear', 'stretch')) else 0.02)
        moved += 1
    assert moved
