"""Anchors."""

import pytest
import torch

from mmrotate.core import build_prior_generator
from tests.helpers.golden import tensor


def _rotated(**kwargs):
    return build_prior_generator(dict(type='RotatedAnchorGenerator', **kwargs))


SIZES = [(5, 6), (3, 3), (2, 2)]


def test_reference():
    octaves = _rotated(octave_base_scale=4, scales_per_octave=3, ratios=[1.0, 0.5, 2.0], strides=[8, 16, 32])
    got = torch.cat(octaves.grid_priors(SIZES))
    torch.testing.assert_close(got, tensor('anchors_3/out'), atol=1e-3, rtol=0)
    single = _rotated(scales=[4], ratios=[1.0], strides=[8, 16])
    got = torch.cat(single.grid_priors(SIZES[:2]))
    torch.testing.assert_close(got, tensor('anchors_2/out'), atol=1e-3, rtol=0)


def test_horizontal_anchors_are_the_same_boxes():
    settings = dict(scales=[2, 4], ratios=[0.5, 1, 2], strides=[8, 16])
    corners = build_prior_generator(dict(type='AnchorGenerator', **settings))
    assert corners.num_base_priors == corners.num_base_anchors == [6, 6]
    assert corners.num_levels == 2
    for upright, rotated in zip(
        corners.grid_priors(SIZES[:2]), _rotated(**settings).grid_priors(SIZES[:2]), strict=True
    ):
        w, h = (upright[:, 2:] - upright[:, :2]).unbind(1)
        torch.testing.assert_close(torch.stack([w, h], 1), rotated[:, 2:4])
        torch.testing.assert_close((upright[:, :2] + upright[:, 2:]) / 2, rotated[:, :2])
        assert (rotated[:, 4] == 0).all()
        ratios = (h / w)[:6].view(3, 2)
        torch.testing.assert_close(ratios, torch.tensor([0.5, 1, 2])[:, None].expand(3, 2))


def test_order_of_scales_and_centres():
    settings = dict(type='AnchorGenerator', scales=[1, 2], ratios=[1, 4], strides=[8])
    minor = build_prior_generator(dict(settings, scale_major=False)).base_anchors[0]
    major = build_prior_generator(settings).base_anchors[0]
    torch.testing.assert_close(minor[[0, 2, 1, 3]], major)
    centred = build_prior_generator(dict(settings, center_offset=0.5)).base_anchors[0]
    torch.testing.assert_close(centred, major + 4)
    placed = build_prior_generator(dict(settings, centers=[(3.0, 5.0)])).base_anchors[0]
    torch.testing.assert_close(placed, major + torch.tensor([3.0, 5, 3, 5]))


def test_positions_beyond_the_image_are_not_valid():
    generator = _rotated(scales=[4], ratios=[1.0], strides=[8, 16])
    flags = generator.valid_flags([(4, 4), (2, 2)], (20, 9, 3))
    assert flags[0].view(4, 4).tolist() == [[True, True, False, False]] * 3 + [[False] * 4]
    assert flags[1].view(2, 2).tolist() == [[True, False], [True, False]]


def test_no_positions():
    generator = _rotated(scales=[4], ratios=[1.0], strides=[8])
    assert generator.grid_priors([(0, 3)])[0].shape == (0, 5)
    assert generator.valid_flags([(0, 3)], (8, 8))[0].shape == (0,)


def test_strides_may_differ_in_x_and_y():
    generator = _rotated(scales=[1], ratios=[1.0], strides=[(8, 4)])
    assert generator.grid_priors([(2, 2)])[0][:, :4].tolist() == [
        [0, 0, 4, 4],
        [8, 0, 4, 4],
        [0, 4, 4, 4],
        [8, 4, 4, 4],
    ]
    assert generator.valid_flags([(2, 2)], (4, 9))[0].tolist() == [True, True, False, False]


def test_types_and_errors():
    generator = _rotated(scales=[4], ratios=[1.0], strides=[8])
    assert generator.grid_priors([(2, 2)], dtype=torch.float64)[0].dtype == torch.float64
    with pytest.raises(ValueError, match='1 strides, but there are 2 maps'):
        generator.grid_priors([(2, 2), (1, 1)])
    with pytest.raises(ValueError, match='either scales'):
        _rotated(ratios=[1.0], strides=[8])
    with pytest.raises(ValueError, match='base_sizes'):
        _rotated(scales=[4], ratios=[1.0], strides=[8], base_sizes=[8, 16])


def test_points_stand_in_the_middle_of_their_cells():
    points = build_prior_generator(dict(type='MlvlPointGenerator', strides=[8, (4, 2)]))
    first, second = points.grid_priors([(2, 3), (1, 2)])
    assert first.tolist() == [[4, 4], [12, 4], [20, 4], [4, 12], [12, 12], [20, 12]]
    assert second.tolist() == [[2, 1], [6, 1]]
    assert points.num_base_priors == [1, 1]
    corners = build_prior_generator(dict(type='MlvlPointGenerator', strides=[8], offset=0))
    assert corners.grid_priors([(1, 2)])[0].tolist() == [[0, 0], [8, 0]]
