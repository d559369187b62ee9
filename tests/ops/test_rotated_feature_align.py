import math

import pytest
import torch

from mmrotate.ops import rotated_feature_align
from mmrotate.ops.roi_samples import bilinear
from tests.ops.oracles import golden, random_boxes


def plain_loop(features, boxes, scale, points):
    """Position by position, with the pixels that all sampling operations share."""
    _, _, height, width = features.shape
    out = features.clone()
    for n, row, col in torch.ones_like(boxes[..., 0]).nonzero().tolist():
        cx, cy, w, h, theta = boxes[n, row, col].tolist()
        cos, sin = math.cos(theta), math.sin(theta)
        for u, v in [(0, 0), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5)][:points]:
            # the centre's x counts down the map
            x = (cy + u * w * cos - v * h * sin) * scale
            y = (cx + u * w * sin + v * h * cos) * scale
            at, weight = bilinear(features.new_tensor(x), features.new_tensor(y), height, width)
            out[n, :, row, col] += (features[n].flatten(1)[:, at] * weight).sum(-1)
    return out


def case(count=2, height=5, width=6, dtype=torch.float64):
    features = torch.randn(count, 3, height, width, dtype=dtype)
    boxes = random_boxes(count * height * width, size=60.0, dtype=dtype)
    return features, boxes.view(count, height, width, 5)


@pytest.mark.parametrize('points', [1, 5])
def test_reference(points):
    data = golden(f'rotated_feature_align_{points}')
    features = data['feat'].requires_grad_()
    out = rotated_feature_align(features, data['boxes'], 1 / 8, points)
    torch.testing.assert_close(out, data['out'], rtol=1e-4, atol=5e-5)
    out.sum().backward()
    torch.testing.assert_close(features.grad, data['grad_feat'], rtol=1e-4, atol=5e-5)


@pytest.mark.parametrize('points', [1, 5])
@pytest.mark.parametrize('size', [(5, 6), (1, 1), (1, 4)])
def test_it_is_the_plain_loop(points, size):
    features, boxes = case(2, *size)
    got = rotated_feature_align(features, boxes, 0.125, points)
    torch.testing.assert_close(got, plain_loop(features, boxes, 0.125, points))
    rows = rotated_feature_align(features, boxes.view(-1, 5), 0.125, points)
    assert torch.equal(rows, got)


@pytest.mark.parametrize('points', [1, 5])
def test_gradcheck(points):
    features, boxes = case(1, 3, 4)
    features.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: rotated_feature_align(x, boxes, 0.06, points), features)


def test_boxes_outside_or_not_finite_add_nothing():
    features, boxes = case()
    boxes[0, ..., 0], boxes[1, ..., 0] = 1e6, math.nan
    boxes[1, 0, 0] = math.inf
    features.requires_grad_()
    out = rotated_feature_align(features, boxes, points=5)
    assert torch.equal(out, features)
    out.sum().backward()
    assert torch.equal(features.grad, torch.ones_like(features))


def test_no_image_and_strides():
    features, boxes = case()
    assert rotated_feature_align(features[:0], boxes[:0]).shape == (0, 3, 5, 6)
    assert rotated_feature_align(features[..., :0], boxes[:, :, :0]).shape == (2, 3, 5, 0)
    expected = rotated_feature_align(features, boxes)
    strided = boxes.permute(3, 0, 1, 2).contiguous().permute(1, 2, 3, 0)
    last = features.to(memory_format=torch.channels_last)
    torch.testing.assert_close(rotated_feature_align(last, strided), expected)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_computes_in_float32(dtype):
    features, boxes = case()
    features = features.to(dtype)
    got = rotated_feature_align(features, boxes.float(), points=5)
    expected = rotated_feature_align(features.float(), boxes.float(), points=5)
    assert torch.equal(got, expected.to(dtype))


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        ((torch.zeros(3, 5, 6), torch.zeros(5, 6, 5)), r'got \(3, 5, 6\) of torch.float32'),
        ((torch.zeros(1, 3, 5, 6).long(), torch.zeros(1, 5, 6, 5)), 'of torch.int64'),
        ((torch.zeros(1, 3, 5, 6), torch.zeros(1, 4, 6, 5)), r'\(1, 5, 6, 5\), got \(1, 4, 6, 5\)'),
        ((torch.zeros(1, 3, 5, 6), torch.zeros(1, 5, 5, 6)), r'got \(1, 5, 5, 6\)'),
        ((torch.zeros(1, 3, 5, 6), torch.zeros(1, 5, 6, 5), 1.0, 4), r'one of \(1, 5\), got 4'),
    ],
)
def test_bad_input(args, message):
    with pytest.raises(ValueError, match=message):
        rotated_feature_align(*args)


def test_compiles_as_one_graph():
    features, boxes = case()
    compiled = torch.compile(rotated_feature_align, fullgraph=True, backend='aot_eager')
    got = compiled(features, boxes, points=5)
    torch.testing.assert_close(got, rotated_feature_align(features, boxes, points=5))
