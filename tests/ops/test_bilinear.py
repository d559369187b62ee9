import math

import torch
from torch.nn import functional

from mmrotate.ops.roi_align_rotated import bilinear


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
