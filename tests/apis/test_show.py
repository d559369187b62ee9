import inspect

import cv2
import numpy as np
from torch import nn

from mmrotate.apis import show_result_pyplot
from mmrotate.models.detectors.base import RotatedBaseDetector


def test_the_picture_has_the_colours_asked_for(tmp_path):
    model = RotatedBaseDetector()
    model.CLASSES = ('a',)
    result = [np.array([[20, 20, 20, 10, 0.5, 0.9], [130, 130, 20, 10, 0.5, 0.1]], np.float32)]
    for i, detector in enumerate((model, nn.DataParallel(model))):
        out = tmp_path / f'{i}.png'
        img = np.zeros((160, 160, 3), np.uint8)
        show_result_pyplot(detector, img, result, palette='red', out_file=out)
        drawn = cv2.imread(str(out))
        assert drawn[..., 2].max() > 250
        assert drawn[10:30, 10:30].any()
        assert not drawn[110:, 110:].any()  # below score_thr
        assert not img.any()


def test_its_arguments_are_those_of_mmdetection():
    signature = inspect.signature(show_result_pyplot)
    expected = "model, img, result, score_thr=0.3, title='result', wait_time=0, palette=None, out_file=None".split(', ')
    shown = [p.name if p.default is p.empty else f'{p.name}={p.default!r}' for p in signature.parameters.values()]
    assert shown == expected
