"""Which windows a search makes of an image."""

import numpy as np
import pytest
from mmengine.config import Config

from mmrotate.apis.inference import pipeline_scale
from mmrotate.apis.scenes import Search, times_larger
from mmrotate.utils import UserError


def test_an_image_is_one_window_or_tiles():
    assert Search().windows((3000, 2000)).tolist() == [[0, 0, 3000, 2000]]
    search = Search((640, 512), only_large=True)
    assert search.windows((900, 700)).tolist() == [[0, 0, 900, 700]]
    assert not search.reads_windows((700, 900))
    assert Search((640, 512), only_large=True, flips=('vertical',)).reads_windows((700, 900))
    assert len(search.windows((2560, 2048))) == 25
    # what neighbours share: a part of the shorter side, or pixels; at half the scale twice as many
    for overlap in (0.25, 128):
        windows = Search((640, 512), overlap=overlap, scales=(1, 0.5)).windows((6000, 6000))
        widths = windows[:, 2] - windows[:, 0]
        for width, shared in ((640, 128), (1280, 256)):
            lefts = np.unique(windows[widths == width, 0])
            assert lefts[1] == width - shared


def test_times_larger_is_of_the_side_that_shrinks_more_either_way_up():
    assert times_larger((1280, 1280), (640, 512)) == 2.5
    assert times_larger((512, 1280), (640, 512)) == times_larger((1280, 512), (512, 640)) == 2


@pytest.mark.parametrize(
    ('step', 'scale'),
    [
        (dict(type='MultiScaleFlipAug', img_scale=(640, 512)), (640, 512)),
        (dict(type='MultiScaleFlipAug', img_scale=[(800, 800), (400, 400)]), (800, 800)),
        (dict(type='Resize', scale=[1024, 1024]), (1024, 1024)),
    ],
)
def test_the_scale_of_a_pipeline(step, scale):
    dataset = dict(type='DOTADataset', pipeline=[dict(type='LoadImageFromFile'), step])
    assert pipeline_scale(Config(dict(data=dict(test=dataset)))) == scale
    with pytest.raises(UserError, match='no img_scale; give the size'):
        pipeline_scale(Config(dict(data=dict(test=dict(dataset, pipeline=[dict(type='Pad')])))))
