"""The compiled operations of mmcv 2.x, called as mmcv calls them, against the operations here and their gradients."""

import pytest
import torch

from mmrotate import ops
from mmrotate.compat.standins import mmcv_ext
from mmrotate.utils import UserError

BOXES = torch.tensor([[10.0, 10, 8, 4, 0.3], [11, 10, 8, 4, 0.3], [30, 30, 5, 5, 0.0]])
SCORES = torch.tensor([0.5, 0.9, 0.7])


def gradients(function, inputs, grad):
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    return torch.autograd.grad(function(*leaves), leaves, grad)


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_suppression():
    order, empty = SCORES.argsort(descending=True), torch.empty(0)
    assert mmcv_ext.nms_rotated(BOXES, SCORES, order, BOXES[order], empty, 0.3, False).tolist() == [1, 2]
    labels = torch.tensor([0, 1, 0])
    labelled = torch.cat([BOXES, labels[:, None]], 1)
    assert mmcv_ext.nms_rotated(labelled, SCORES, order, labelled[order], labels, 0.3, True).tolist() == [1, 2, 0]
    upright = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]])
    assert mmcv_ext.nms(upright, SCORES, iou_threshold=0.5, offset=0).tolist() == [1, 2]
    dets = torch.zeros(3, 5)
    kept = mmcv_ext.softnms(upright, SCORES, dets, 0.3, 0.5, 1e-3, 1, 0)
    assert kept.tolist() == [1, 2, 0]
    assert torch.allclose(dets[2, 4], SCORES[0] * (1 - 90 / 110)) and torch.equal(dets[:, :4], upright[kept])


def test_overlaps():
    ious = torch.zeros(9)
    mmcv_ext.box_iou_rotated(BOXES, BOXES, ious, mode_flag=0, aligned=False)
    assert torch.equal(ious.view(3, 3), ops.box_iou_rotated(BOXES, BOXES))
    upright = torch.tensor([[0.0, 0, 9, 9]])
    out = torch.zeros(1)
    mmcv_ext.bbox_overlaps(upright, torch.tensor([[0.0, 0, 9, 4]]), out, mode=0, aligned=True, offset=1)
    assert torch.allclose(out, torch.tensor([0.5]))


@pytest.mark.parametrize('rotated', [False, True])
def test_regions(rotated):
    maps = torch.randn(2, 3, 16, 16)
    common = dict(spatial_scale=0.5, sampling_ratio=2, aligned=True)
    if rotated:
        rois = torch.tensor([[0.0, 10, 10, 12, 6, 0.4], [1, 16, 16, 10, 10, 0]])
        given = dict(common, pooled_height=2, pooled_width=3, clockwise=True)
        expected = ops.roi_align_rotated(maps, rois, (2, 3), 0.5, 2, True, True)
    else:
        rois = torch.tensor([[0.0, 4, 4, 20, 24], [1, 0, 0, 30, 10]])
        given = dict(common, aligned_height=2, aligned_width=3, pool_mode=1)
        expected = mmcv_ext.upright.roi_align(maps, rois, (2, 3), 0.5, 2)
    out, grad = torch.zeros_like(expected), torch.randn_like(expected)
    grad_maps, rest = torch.zeros_like(maps), [] if rotated else [torch.empty(0)] * 2
    name = 'roi_align_rotated' if rotated else 'roi_align'
    getattr(mmcv_ext, f'{name}_forward')(maps, rois, out, *rest, **given)
    getattr(mmcv_ext, f'{name}_backward')(grad, rois, *rest, grad_maps, **given)
    assert torch.equal(out, expected)
    # linear in the maps: the gradient times the maps is the result times its own
    assert torch.isclose((grad_maps * maps).sum(), (grad * out).sum(), atol=1e-3)


def test_largest_of_regions():
    maps, rois = torch.randn(1, 2, 8, 8), torch.tensor([[0.0, 0, 0, 7, 7]])
    given = dict(pooled_height=2, pooled_width=2, spatial_scale=1.0)
    out, where, grad_maps = torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2, dtype=torch.int), torch.zeros_like(maps)
    mmcv_ext.roi_pool_forward(maps, rois, out, where, **given)
    mmcv_ext.roi_pool_backward(torch.ones_like(out), rois, where, grad_maps, **given)
    assert out[0, 0, 0, 0] == maps[0, 0, :4, :4].max()
    assert grad_maps.sum() == 8 and torch.equal(maps[grad_maps > 0].sort().values, out.flatten().sort().values)


def test_modulated_convolution():
    x, weight, bias = torch.randn(2, 4, 6, 6), torch.randn(3, 4, 3, 3), torch.randn(3)
    offset, mask, none = torch.randn(2, 18, 6, 6), torch.rand(2, 9, 6, 6), torch.empty(0)
    sides = ('stride', 1), ('pad', 1), ('dilation', 1)
    given = {f'{name}_{axis}': value for name, value in sides for axis in 'hw'}
    given |= dict(kernel_h=3, kernel_w=3, group=1, deformable_group=1, with_bias=True)

    def convolve(x, weight, bias, offset, mask):
        return ops.modulated_deform_conv2d(x, offset, mask, weight, bias, padding=1)

    expected = convolve(x, weight, bias, offset, mask)
    out, grad = torch.zeros_like(expected), torch.randn_like(expected)
    mmcv_ext.modulated_deform_conv_forward(x, weight, bias, none, offset, mask, out, none, **given)
    inputs = (x, weight, bias, offset, mask)
    grads = [torch.zeros_like(tensor) for tensor in inputs]
    mmcv_ext.modulated_deform_conv_backward(x, weight, bias, none, offset, mask, none, *grads, grad, **given)
    assert torch.equal(out, expected)
    assert_same(grads, gradients(convolve, inputs, grad))
    # offsets of a larger map, read as they are stored
    larger = torch.cat([offset.flatten(1), torch.randn(2, 18 * 28)], 1).view(2, 18, 8, 8)
    factors = torch.cat([mask.flatten(1), torch.rand(2, 9 * 28)], 1).view(2, 9, 8, 8)
    mmcv_ext.modulated_deform_conv_forward(x, weight, bias, none, larger, factors, out, none, **given)
    assert torch.equal(out, expected)


def test_focal_loss():
    logits, target, out = torch.randn(4, 3), torch.tensor([0, 1, 2, 3]), torch.zeros(4, 3)
    mmcv_ext.sigmoid_focal_loss_forward(logits, target, torch.empty(0), out, gamma=2.0, alpha=0.25)
    assert torch.equal(out, ops.sigmoid_focal_loss(logits, target, reduction='none'))
    grad = torch.zeros(4, 3)
    mmcv_ext.sigmoid_focal_loss_backward(logits, target, torch.empty(0), grad, gamma=2.0, alpha=0.25)
    total = gradients(lambda x: ops.sigmoid_focal_loss(x, target, reduction='sum'), [logits], torch.ones(()))
    assert_same([grad], total)


def test_reassembly():
    maps, kernel, scale = torch.randn(1, 4, 3, 3), 3, 2
    weights = torch.rand(1, 2 * kernel**2, 6, 6)
    given = dict(kernel_size=kernel, group_size=2, scale_factor=scale)
    kept, out = torch.zeros_like(maps), torch.zeros(1, 4, 6, 6)
    mmcv_ext.carafe_forward(maps, weights, kept, torch.empty(0), torch.empty(0), out, **given)
    padded = torch.nn.functional.pad(maps, (1, 1, 1, 1))
    for channel, y, x in ((0, 0, 0), (1, 3, 4), (3, 5, 2)):
        window = padded[0, channel, y // 2 : y // 2 + 3, x // 2 : x // 2 + 3]
        factors = weights[0, (channel // 2) * 9 : (channel // 2) * 9 + 9, y, x].view(3, 3)
        assert torch.isclose(out[0, channel, y, x], (window * factors).sum(), atol=1e-5)
    grads = [torch.zeros_like(maps), torch.zeros_like(weights)]
    mmcv_ext.carafe_backward(torch.ones_like(out), kept, weights, *[torch.empty(0)] * 4, *grads, **given)
    assert torch.isclose((grads[0] * maps).sum(), out.sum(), atol=1e-3)
    assert torch.isclose((grads[1] * weights).sum(), out.sum(), atol=1e-3)


def test_turned_filters():
    layer = ops.ORConv2d(1, 2, 3, arf_config=(1, 4))
    filters, indices = layer.weight.detach(), layer.indices
    expected = ops.active_rotated_filter(filters, indices)
    out, grad = torch.zeros_like(expected), torch.randn_like(expected)
    grad_filters = torch.zeros_like(filters)
    mmcv_ext.active_rotated_filter_forward(filters, indices, out)
    mmcv_ext.active_rotated_filter_backward(grad, indices, grad_filters)
    assert torch.equal(out, expected)
    assert_same([grad_filters], gradients(lambda x: ops.active_rotated_filter(x, indices), [filters], grad))


def test_an_operation_that_is_not_here_says_so():
    with pytest.raises(UserError, match='ball_query_forward'):
        mmcv_ext.absent('ball_query_forward')(1, x=2)
