"""FCOS's head: targets against plain loops, parts that fit, and angles as classes."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrotate.core import obb2poly
from mmrotate.core.bbox import CSLCoder
from mmrotate.core.bbox.angle import VERSIONS, regularize
from mmrotate.models import build_head, build_loss
from mmrotate.models.dense_heads import fcos_targets
from mmrotate.utils.errors import ArgumentError
from tests.helpers import reference
from tests.helpers.configs import fcos

SIZES = [(12, 16), (6, 8), (3, 4), (2, 2), (1, 1)]
STRIDES = (8, 16, 32, 64, 128)
RANGES = [(-1, 64), (64, 128), (128, 256), (256, 512), (512, 1e8)]


GAUCHO = dict(type='GauChoPointCoder')


def build(angle='together', version='le90', **kwargs):
    cfg = fcos(version, angle)
    torch.manual_seed(0)
    head = build_head({**cfg['bbox_head'], 'test_cfg': cfg['test_cfg'], **kwargs})
    head.init_weights()
    return head


def features(count=2):
    torch.manual_seed(1)
    return [torch.randn(count, 16, *size) for size in SIZES]


def random_boxes(count, seed):
    rng = np.random.RandomState(seed)
    low, high = (0, 0, 4, 4, -1.5), (128, 96, 120, 60, 1.5)
    return torch.from_numpy(rng.uniform(low, high, (count, 5)).astype(np.float32))


def plain_owner(level, row, column, boxes, radius):
    """The object of one position, from corners and plain numbers."""
    stride = STRIDES[level]
    px, py = (column + 0.5) * stride, (row + 0.5) * stride
    found = (math.inf, -1)
    for index, (x, y, w, h, theta) in enumerate(boxes.double().tolist()):
        along = (px - x) * math.cos(theta) + (py - y) * math.sin(theta)
        across = -(px - x) * math.sin(theta) + (py - y) * math.cos(theta)
        sides = (w / 2 + along, h / 2 + across, w / 2 - along, h / 2 - across)
        low, high = RANGES[level]
        near = radius is None or max(abs(along), abs(across)) < radius * stride
        if min(sides) > 0 and low <= max(sides) <= high and near:
            found = min(found, (w * h, index))
    return found[1]


def owners(head, boxes):
    """The object (N, P) of each position, of boxes (N, n, 5)."""
    points = head.prior_generator.grid_priors(SIZES)
    facts = [[stride, *r] for stride, r in zip(STRIDES, RANGES, strict=True)]
    strides, *ranges = torch.cat([p.new_tensor([f] * len(p)) for p, f in zip(points, facts, strict=True)]).split(1, 1)
    radius = strides * (head.center_sample_radius if head.center_sampling else math.inf)
    return fcos_targets.owners(torch.cat(points), torch.cat(ranges, 1), radius, boxes)


@pytest.mark.parametrize('chunk', [4_000_000, 1])
@settings(max_examples=10, deadline=None)
@given(counts=st.tuples(st.integers(0, 9), st.integers(0, 9)), sampling=st.booleans())
def test_targets_are_those_of_plain_loops(chunk, counts, sampling):
    head = build(center_sampling=sampling)
    boxes = [random_boxes(count, i) for i, count in enumerate(counts)]
    padded = torch.nn.utils.rnn.pad_sequence(boxes, batch_first=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fcos_targets, '_CHUNK', chunk)
        owner = owners(head, padded)
    for image, own in enumerate(boxes):
        expected = [
            plain_owner(level, row, column, own, 1.5 if sampling else None)
            for level, (h, w) in enumerate(SIZES)
            for row in range(h)
            for column in range(w)
        ]
        assert owner[image].tolist() == expected


def test_centerness():
    head = build()
    distances = torch.tensor([[5.0, 3, 5, 3], [2, 4, 8, 1]])
    torch.testing.assert_close(head.centerness_target(distances), torch.tensor([1, 0.25]))
    assert head.centerness_target(distances[:0]).shape == (0,)


def losses(head, counts):
    boxes = [random_boxes(count, i) for i, count in enumerate(counts)]
    labels = [torch.arange(count) % 3 for count in counts]
    return head.loss(*head(features()), boxes, labels, reference.metas(96, 128))


@pytest.mark.parametrize('angle', ['together', 'kld', 'separate', 'csl', 'psc', 'acm', 'gaucho', 'probiou'])
@pytest.mark.parametrize('counts', [(3, 7), (4, 0), (0, 0), (500, 1)])
def test_losses_are_finite_and_reach_every_parameter(angle, counts):
    head = build(angle)
    found = losses(head, counts)
    assert set(found) == {'loss_cls', 'loss_bbox', 'loss_centerness'} | (
        {'loss_angle'} if head.separate_angle or angle == 'acm' else set()
    )
    sum(found.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in head.parameters() if p.requires_grad)
    if counts == (0, 0):
        assert found['loss_bbox'] == 0 and found['loss_centerness'] == 0
        assert found['loss_cls'] > 0


def test_boxes_of_no_size_give_a_finite_kld():
    """The reference's Gaussians of such boxes overflow, and its loss is NaN."""
    head = build('kld')
    torch.nn.init.constant_(head.conv_reg.bias, -5)  # every distance is cut to 0
    assert not any(maps.any() for maps in head(features())[1])
    found = losses(head, (5, 5))
    assert found['loss_bbox'].isfinite() and found['loss_bbox'] > 0
    sum(found.values()).backward()
    assert all(p.grad.isfinite().all() for p in head.parameters() if p.grad is not None)


def exact_outputs(head, boxes, label, logit=8.0):
    """Outputs that say exactly the boxes (n, 5) of one image."""
    owner = owners(head, boxes[None])[0]
    points = torch.cat(head.prior_generator.grid_priors(SIZES))
    known = owner >= 0
    wanted = (head.gaussian_coder or head.bbox_coder).encode(points, boxes[owner.clamp(min=0)])
    if head.norm_on_bbox and head.training:
        counts = [h * w for h, w in SIZES]
        wanted[:, :4] /= torch.tensor(STRIDES).repeat_interleave(torch.tensor(counts))[:, None]
    scores = torch.full((len(owner), head.num_classes), -logit)
    scores[known, label] = logit
    angle = wanted[:, 4:]
    if isinstance(head.angle_coder, CSLCoder):
        angle = head.angle_coder.encode(angle) * 2 * logit - logit
    else:
        angle = head.angle_coder.encode(angle)
    distances = head.bbox_coder.encode(points, boxes[owner.clamp(min=0)])[:, :4]
    central = torch.where(known, head.centerness_target(distances.abs()), 0)[:, None].logit(1e-6)
    fields = (scores, wanted[:, :4], angle, central)
    counts = [h * w for h, w in SIZES]
    return [
        [part.T.reshape(1, -1, *size) for part, size in zip(field.split(counts), SIZES, strict=True)]
        for field in fields
    ]


BOXES = torch.tensor([[40.0, 40, 40, 20, 0.5], [90, 50, 60, 30, -1.2], [64, 80, 24, 16, 0.02]])


@pytest.mark.parametrize('pairs', [False, True])
@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize('angle', ['together', 'separate', 'csl', 'psc', 'acm', 'gaucho'])
def test_exact_outputs_give_the_objects(angle, version, pairs):
    if (angle, version) == ('gaucho', 'r360'):  # a normal distribution has no front
        with pytest.raises(ArgumentError, match='it loses the front of r360'):
            build(angle, version)
        return
    head = build(angle, version).eval()
    head.test_cfg.nms_pre_of_pairs = pairs
    objects = torch.stack([*BOXES[:, :2].T, *regularize(*BOXES[:, 2:].T, version)], 1)
    outputs = exact_outputs(head, objects, 2)
    meta = dict(reference.metas(96, 128)[0], scale_factor=np.float32([2, 2, 2, 2]))
    for rescale in (False, True):
        dets, labels = head.get_bboxes(*outputs, img_metas=[meta], rescale=rescale)[0]
        assert labels.tolist() == [2, 2, 2]
        factor = torch.tensor([0.5, 0.5, 0.5, 0.5, 1]) if rescale else torch.ones(5)
        found = dets[dets[:, 0].argsort(), :5]
        expected = (objects * factor)[objects[:, 0].argsort()]
        if angle == 'csl':  # bins of four degrees
            assert (obb2poly(found) - obb2poly(expected)).abs().max() < math.radians(2) * 40
        else:
            torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize('angle', ['together', 'separate', 'psc', 'acm', 'gaucho', 'probiou'])
def test_exact_outputs_lose_nothing(angle):
    head = build(angle)
    outputs = exact_outputs(head, BOXES, 1)
    args = ([BOXES], [torch.ones(3, dtype=torch.long)], reference.metas(96, 128)[:1])
    found = head.loss(*outputs, *args)
    assert found['loss_cls'] < 1e-3 and found['loss_bbox'] < 1e-3
    if angle in ('separate', 'psc', 'acm'):
        assert found['loss_angle'] < 1e-5


def test_angles_are_learned_as_classes():
    """The reference cannot train this head: it asks for an attribute that is misspelt."""
    head = build('csl')
    outputs = exact_outputs(head, BOXES, 1)
    args = ([BOXES], [torch.ones(3, dtype=torch.long)], reference.metas(96, 128)[:1])
    outputs[2] = [torch.randn_like(maps) for maps in outputs[2]]
    found = head.loss(*outputs, *args)
    owner = owners(head, BOXES[None])[0]
    logits = torch.cat([maps[0].flatten(1).T for maps in outputs[2]])[owner >= 0]
    wanted = head.angle_coder.encode(BOXES[owner[owner >= 0], 4:])
    loss = build_loss(dict(type='SmoothFocalLoss'))(logits, wanted, avg_factor=(owner >= 0).sum())
    torch.testing.assert_close(found['loss_angle'], loss)


def test_distances_are_in_pixels_when_testing():
    head = build(scale_angle=False)
    for parameter in head.scales.parameters():
        torch.nn.init.constant_(parameter, 1.5)
    torch.nn.init.constant_(head.conv_reg.bias, 1)
    training = head(features())[1]
    for stride, train, test in zip(STRIDES, training, head.eval()(features())[1], strict=True):
        torch.testing.assert_close(train * stride, test)
    plain = build(norm_on_bbox=False)
    assert all((maps > 0).all() for maps in plain(features())[1])


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (dict(separate_angle=True), 'upright boxes .* got RotatedIoULoss'),
        (dict(loss_bbox=dict(type='GIoULoss')), 'rotated boxes .* got GIoULoss'),
        (dict(loss_bbox=dict(type='KFLoss')), 'no deltas.*KFLoss'),
        (dict(angle_coder=dict(type='CSLCoder', angle_version='le90')), 'separate_angle=True'),
        (
            dict(loss_bbox=dict(type='GDLoss_GauCho', loss_type='kld', gaussian_prediction=True)),
            'needs a gaussian_coder',
        ),
        (dict(gaussian_coder=GAUCHO), 'norm_on_bbox must be False'),
        (dict(gaussian_coder=GAUCHO, loss_angle=dict(type='L1Loss')), 'predicts no angle'),
        (dict(use_hbbox_loss=True), 'upright boxes .* got RotatedIoULoss'),
        (dict(regress_ranges=((-1, 64),)), 'of one length'),
        (dict(loss_cls=dict(type='CrossEntropyLoss')), 'use_sigmoid=True'),
    ],
)
def test_parts_that_do_not_fit_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        build(**wrong)
