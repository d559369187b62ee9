"""Documented methods of steps are on the path that runs."""

import numpy as np
import pytest

from mmrotate.datasets.pipelines import PolyRandomRotate, RRandomFlip


def sample():
    boxes = np.array([[20.0, 20, 12, 8, 0.3]], np.float32)
    img = np.zeros((40, 40, 3), np.uint8)
    return dict(
        img=img, img_shape=img.shape, gt_bboxes=boxes, gt_labels=np.zeros(1, int), bbox_fields=['gt_bboxes']
    )  # fmt: skip


@pytest.mark.parametrize(
    ('base', 'args', 'method'),
    [
        (RRandomFlip, (1.0,), 'bbox_flip'),
        *(
            (PolyRandomRotate, (1.0, 'range', 180, auto_bound, None, 'le90'), method)
            for method in ('apply_coords', 'apply_image', 'create_rotation_matrix', 'filter_border')
            for auto_bound in (True, False)
        ),
    ],
)
def test_an_override_is_called(base, args, method):
    calls = []

    def counted(self, *args, **kwargs):
        calls.append(method)
        return getattr(base, method)(self, *args, **kwargs)

    assert type('Mine', (base,), {method: counted})(*args)(sample()) is not None
    assert calls


def test_whether_to_rotate_may_be_decided_by_a_subclass():
    class Never(PolyRandomRotate):
        @property
        def is_rotate(self):
            return False

    results = Never(1.0)(sample())
    assert results['rotate'] is False
    assert results['rotate_angle'] == 0
