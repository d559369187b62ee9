import math

import pytest
import torch
from torch.nn import functional

from mmrotate.ops import backend as module
from mmrotate.ops import roi_align_rotated
from mmrotate.ops.roi_samples import bilinear
from tests.helpers.roi_loop import plain_loop

# regions, and what a pixel of the image is on the map
VAST = {
    'a square of 1e6 pixels': ([[0, 7, 9, 1e6, 1e6, 0.3]], 1.0),
    'long': ([[0, 5, 6, 1e9, 10, 0.3], [0, 5, 6, 8, 1e9, 2]], 1.0),
    'as far as large': ([[0, 1e20, 32, 1e10, 1e10, 0.785]], 1.0),
    'larger than any count': ([[0, 7, 9, 1e30, 1e30, 0.3]], 1.0),
    'scaled up': ([[0, 7, 9, 5, 5, 0.3]], 1e30),
    'some samples on the map': ([[0, 16, 10, 600, 400, 0.3], [0, 3, 8, 500, 800, -1.3]], 1.0),
}


@pytest.mark.parametrize('name', VAST)
def test_a_vast_region_costs_what_its_map_has(monkeypatch, name):
    rois, scale = torch.tensor(VAST[name][0], dtype=torch.float64), VAST[name][1]
    found = []
    for choice in ('torch', 'cpp') if module._library() else ('torch',):
        monkeypatch.setenv('MMROTATE_OPS_BACKEND', choice)
        maps = torch.ones(1, 2, 11, 8, dtype=torch.float64, requires_grad=True)
        out = roi_align_rotated(maps, rois, 2, scale)
        out.sum().backward()
        assert ((out >= 0) & (out <= 1)).all()
        # what is read of maps of ones is what each pixel counts
        torch.testing.assert_close(out.sum(), maps.grad.sum())
        found.append((out, maps.grad))
    for values in zip(*found, strict=True):
        torch.testing.assert_close(values[0], values[-1], rtol=1e-9, atol=0)


def test_of_a_vast_region_the_samples_on_the_map_count(backend):
    # a sample a pixel: in a region that holds the whole map, its share of the samples
    maps = torch.ones(1, 1, 40, 40, dtype=torch.float64)
    rois = torch.tensor([[0, 20, 20, 2000, 2000, 0], [0, 20, 20, 2000, 2000, 0.4]], dtype=torch.float64)
    share = roi_align_rotated(maps, rois, 1).flatten()
    # the border is read from up to a pixel further out
    assert share[0] == pytest.approx(42**2 / 2000**2, rel=1e-9)
    assert share[1] == pytest.approx(41**2 / 2000**2, rel=0.05)
    expected = plain_loop(maps, rois.new_tensor([0, 20, 20, 150, 150, 0.4]), 1, 1.0, 0, True, False)
    small = rois.new_tensor([[0, 20, 20, 150, 150, 0.4]])
    torch.testing.assert_close(roi_align_rotated(maps, small, 1)[0], expected, rtol=1e-9, atol=0)


def read(image, x, y):
    pixels, weights = bilinear(x, y, *image.shape)
    return (image.flatten()[pixels] * weights).sum(-1)


def test_inside_it_is_the_sampling_of_torch():
    image = torch.rand(7, 9, dtype=torch.float64)
    x, y = torch.rand(50, dtype=torch.float64) * 8, torch.rand(50, dtype=torch.float64) * 6
    grid = torch.stack([x / 8 * 2 - 1, y / 6 * 2 - 1], -1)[None, None]
    expected = functional.grid_sample(image[None, None], grid, align_corners=True)[0, 0, 0]
    torch.testing.assert_close(read(image, x, y), expected)


def test_the_border_reaches_one_pixel_out():
    image = torch.arange(1.0, 7).view(2, 3)
    points = {(-1, -1): 1, (3, 0): 3, (0.5, 2): 4.5, (-1.01, 0): 0, (3.01, 0): 0, (0, 2.01): 0}
    x, y = torch.tensor(list(points), dtype=torch.float32).T
    assert read(image, x, y).tolist() == list(points.values())


def test_what_is_not_finite_reads_nothing():
    image = torch.ones(4, 4)
    bad = torch.tensor([math.nan, math.inf, -math.inf])
    pixels, weights = bilinear(bad, torch.zeros(3), 4, 4)
    assert weights.abs().max() == 0
    assert ((pixels >= 0) & (pixels < 16)).all()
    assert read(image, torch.zeros(3), bad).tolist() == [0, 0, 0]
