"""The functions beneath the losses and coders of 0.3 give the values of the classes."""

import pytest
import torch
from mmrotate.core.bbox.coder import delta_midpointoffset_rbbox_coder as midpoint
from mmrotate.core.bbox.coder import delta_xywha_hbbox_coder as horizontal
from mmrotate.core.bbox.coder import delta_xywha_rbbox_coder as rotated
from mmrotate.models.losses.kf_iou_loss import kfiou_loss
from mmrotate.models.losses.rotated_iou_loss import rotated_iou_loss
from mmrotate.models.losses.smooth_focal_loss import smooth_focal_loss

from mmrotate.core import GaussianMixture, gt2gaussian, obb2xyxy
from mmrotate.core.bbox import coders
from mmrotate.models import build_loss, losses
from mmrotate.models.losses import convex_giou_loss, kld_reppoints_loss, spatial_border_loss
from mmrotate.models.losses import gaussian_dist_loss as gd
from mmrotate.models.losses import gaussian_dist_loss_v1 as gd_v1
from tests.helpers.golden import random_boxes, tensor

PRED, TARGET = random_boxes(8, 0, 40), random_boxes(8, 1, 40)
WEIGHT = torch.tensor([0.5, 0, 1, 2, 1, 1, 0, 1])
SETS, POLYGONS = (tensor(f'loss_kld_reppoints/{name}') for name in ('pred', 'target'))


@pytest.mark.parametrize('kind', ['gwd', 'kld', 'jd', 'kld_symmax', 'kld_symmin'])
@pytest.mark.parametrize(('fun', 'tau'), [('log1p', 1.0), ('sqrt', 2.0), ('none', 0.0)])
def test_distances_of_normal_distributions(kind, fun, tau):
    loss = losses.GDLoss(kind, fun=fun, tau=tau)
    moments = [gd.xy_wh_r_2_xy_sigma(boxes) for boxes in (PRED, TARGET)]
    function = getattr(gd, f'{kind}_loss')
    got = function(*moments, WEIGHT, fun=fun, tau=tau, avg_factor=5)
    torch.testing.assert_close(got, loss(PRED, TARGET, WEIGHT, 5), rtol=1e-3, atol=1e-4)
    each = function(*moments, fun=fun, tau=tau, reduction='none')
    torch.testing.assert_close(each, loss(PRED, TARGET, reduction_override='none'), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ('kind', 'fun'), [('gwd', ''), ('gwd', 'sqrt'), ('bcd', ''), ('bcd', 'log1p'), ('kld', 'sqrt')]
)
def test_the_first_form(kind, fun):
    moments = [gd_v1.xy_wh_r_2_xy_sigma(boxes) for boxes in (PRED, TARGET)]
    got = getattr(gd_v1, f'{kind}_loss')(*moments, fun=fun, tau=1.5)
    expected = losses.GDLoss_v1(kind, fun, 1.5)(PRED, TARGET, reduction_override='none')
    assert got.shape == ((8,) if kind == 'gwd' else (8, 1))
    torch.testing.assert_close(got.flatten(), expected, rtol=1e-3, atol=1e-4)


def test_postprocess():
    distance = torch.tensor([0.5, 4.0])
    torch.testing.assert_close(gd.postprocess(distance, 'sqrt', 2.0), 1 - 1 / (2 + distance.sqrt()))
    torch.testing.assert_close(gd.postprocess(distance, 'none', 0), distance)


def test_losses_of_boxes_and_classes():
    boxes = dict(pred_decode=PRED, targets_decode=TARGET)
    expected = losses.KFLoss('ln')(PRED, TARGET, WEIGHT, 5, **boxes)
    torch.testing.assert_close(kfiou_loss(PRED, TARGET, WEIGHT, fun='ln', avg_factor=5, **boxes), expected)
    expected = losses.RotatedIoULoss(mode='square')(PRED, TARGET, WEIGHT, 5)
    torch.testing.assert_close(rotated_iou_loss(PRED, TARGET, WEIGHT, mode='square', avg_factor=5), expected)
    logits, soft = torch.randn(8, 3), torch.rand(8, 3)
    expected = losses.SmoothFocalLoss()(logits, soft, WEIGHT, 5)
    torch.testing.assert_close(smooth_focal_loss(logits, soft, WEIGHT, avg_factor=5), expected)
    flat = WEIGHT[:, None].expand(-1, 3).flatten()
    torch.testing.assert_close(smooth_focal_loss(logits, soft, flat, avg_factor=5), expected)


def test_losses_of_points():
    expected = losses.KLDRepPointsLoss()(SETS, POLYGONS)
    torch.testing.assert_close(kld_reppoints_loss.kld_loss(SETS, POLYGONS), expected)
    mixture = GaussianMixture(1)
    mixture.fit(SETS.view(-1, 9, 2))
    divergence = kld_reppoints_loss.kld_single2single(mixture, gt2gaussian(POLYGONS.view(-1, 4, 2)))
    assert divergence.shape == (len(SETS), 1)
    each = losses.KLDRepPointsLoss()(SETS, POLYGONS, reduction_override='none')
    torch.testing.assert_close(1 - 1 / (2 + divergence[:, 0].sqrt()), each, rtol=1e-3, atol=1e-4)
    for name in ('ConvexGIoULoss', 'BCConvexGIoULoss'):
        got = getattr(convex_giou_loss, f'{name}Fuction').apply(SETS, POLYGONS, None, 'mean', None, 2.0)
        torch.testing.assert_close(got, build_loss(dict(type=name, loss_weight=2.0))(SETS, POLYGONS))
    rows = torch.ones(len(SETS))
    border = losses.SpatialBorderLoss()(SETS, POLYGONS, rows)
    got = spatial_border_loss.weighted_spatial_border_loss(SETS, POLYGONS, rows)
    torch.testing.assert_close(got, border[None])
    torch.testing.assert_close(spatial_border_loss.spatial_border_loss(SETS, POLYGONS), border * len(SETS))


def test_deltas():
    five, corners = ((0.1,) * 5, (0.2,) * 5), obb2xyxy(PRED, 'le90')
    coder = coders.DeltaXYWHAOBBoxCoder(*five, 'le90', None, True, True)
    deltas = rotated.bbox2delta(PRED, TARGET, *five, 'le90', None, True, True)
    assert torch.equal(deltas, coder.encode(PRED, TARGET))
    decoded = rotated.delta2bbox(PRED, deltas, *five, (30, 30), angle_range='le90', edge_swap=True, proj_xy=True)
    assert torch.equal(decoded, coder.decode(PRED, deltas, (30, 30)))
    coder = coders.DeltaXYWHAHBBoxCoder(*five, 'le90')
    deltas = horizontal.bbox2delta(corners, TARGET, *five, 'le90')
    assert torch.equal(deltas, coder.encode(corners, TARGET))
    assert torch.equal(horizontal.delta2bbox(corners, deltas, *five, angle_range='le90'), coder.decode(corners, deltas))
    coder = coders.MidpointOffsetCoder(angle_range='le90')
    deltas = midpoint.bbox2delta(corners, TARGET, version='le90')
    assert torch.equal(deltas, coder.encode(corners, TARGET))
    assert torch.equal(midpoint.delta2bbox(corners, deltas, version='le90'), coder.decode(corners, deltas))
