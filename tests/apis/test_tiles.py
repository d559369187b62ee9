"""Detection in windows of an image: batches, flips, empty windows, and what comes out early."""

import numpy as np
import pytest
import torch
from torch import nn

from mmrotate.apis import inference_detector, init_detector
from mmrotate.apis.inference import ModelSight
from mmrotate.apis.tiles import FLIPS, detect_windows, joined
from mmrotate.core.images import read_image
from mmrotate.core.patch import MergeRule, tile_windows
from tests.helpers.pages import ROOT

CONFIG = ROOT / 'configs/hit_uav/oriented_rcnn_r18_half_fpn_hit_uav_le90.py'
WEIGHTS = ROOT / 'demo/oriented_rcnn_r18_half_fpn_hit_uav_le90.pth'
SAME = MergeRule(0.1)


@pytest.fixture(scope='module')
def model():
    return init_detector(CONFIG, WEIGHTS, 'cpu', {'data.test.pipeline.1.img_scale': (320, 256)})


@pytest.fixture(scope='module')
def image():
    return read_image(ROOT / 'demo/images/1_60_30_0_00147.jpg')[:256, :320]


def reader(image):
    return lambda window: image[window[1] : window[3], window[0] : window[2]]


def strong(result):
    return [dets[dets[:, 5] >= 0.3] for dets in result]


def test_a_mosaic_in_tiles_has_what_its_parts_have(model, image):
    height, width = image.shape[:2]
    mosaic = np.tile(image, (2, 1, 1))
    alone = strong(inference_detector(model, image))
    assert sum(map(len, alone)) >= 3  # persons in full; one more is cut off
    windows = tile_windows(width, 2 * height, [(width, height)], 0)
    parts = list(detect_windows(ModelSight(model), reader(mosaic), windows, SAME, batch_size=1, score_thr=0.3))
    assert len(parts) == 2  # a row each
    found = joined(parts)
    for dets, expected in zip(found, alone, strict=True):
        shifts = np.array([[0, y * height, 0, 0, 0, 0] for y in range(2)])
        everywhere = (expected + shifts[:, None]).reshape(-1, 6)
        order, wanted = (np.lexsort(each[:, :2].round().T) for each in (dets, everywhere))
        np.testing.assert_allclose(dets[order], everywhere[wanted], atol=1e-2)


class Brightest(nn.Module):
    """Finds the brightest pixel, as a box of 8 x 4 pixels that points down to the right; by its brightness."""

    def __init__(self, cfg):
        super().__init__()
        self.cfg, self.CLASSES, self.weight = cfg, ('bright',), nn.Parameter(torch.zeros(()))
        self.batches = []

    def forward(self, img, img_metas, return_loss, rescale):
        self.batches.append(len(img[0]))
        results = []
        for pixels, meta in zip(img[0].mean(1), img_metas[0], strict=True):
            y, x = divmod(int(pixels.argmax()), pixels.shape[1])
            place = (np.array([x, y]) + 0.5) / meta['scale_factor'][:2]
            results.append([np.array([[*place, 8, 4, 0.5, 0.9]], np.float32)])
        return results


def test_a_flipped_view_gives_boxes_where_the_objects_are(model):
    image = np.zeros((256, 320, 3), np.uint8)
    image[100, 200] = 255
    fake = Brightest(model.cfg)
    found = joined(
        detect_windows(ModelSight(fake), reader(image), np.array([[0, 0, 320, 256]]), MergeRule(1), list(FLIPS), 3)
    )
    assert fake.batches == [3, 1]
    np.testing.assert_allclose(found[0][:, :2], np.full((4, 2), [200.5, 100.5]), atol=0.01)
    np.testing.assert_allclose(found[0][:, 4], [0.5, -0.5, -0.5, 0.5], atol=1e-6)


def test_empty_windows_are_passed_over_and_counted(model, image):
    seen = []
    windows = tile_windows(image.shape[1], image.shape[0], [(160, 128)], 0)
    parts = detect_windows(ModelSight(model), lambda window: None, windows, SAME, progress=seen.append)
    assert joined(parts) == []
    assert sum(seen) == len(windows) == 4


def test_an_error_of_reading_comes_through(model):
    def read(window):
        raise OSError('the disk is gone')

    with pytest.raises(OSError, match='the disk is gone'):
        list(detect_windows(ModelSight(model), read, np.array([[0, 0, 64, 64]]), SAME))
