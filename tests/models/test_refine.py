"""Stages that refine: alignment of features, priors that are boxes."""

import itertools
import math

import pytest
import torch
from torch.nn import functional as F

from mmrotate.core import obb2poly
from mmrotate.models import build_detector, build_head
from mmrotate.models.detectors import AlignConv, AlignConvModule, FeatureRefineModule
from mmrotate.models.detectors.alignment import _transposed
from mmrotate.ops import deform_conv2d, rotated_feature_align
from tests.helpers.configs import r3det, s2anet
from tests.helpers.golden import random_boxes
from tests.helpers.reference import metas

STRIDES = [8, 16, 32, 64, 128]


def pyramid(channels=16, count=2, size=(64, 96), seed=0):
    random = torch.Generator().manual_seed(seed)
    shapes = [(count, channels, -(-size[0] // s), -(-size[1] // s)) for s in STRIDES]
    return [torch.randn(shape, generator=random) for shape in shapes]


def boxes_of(maps):
    """Random boxes (H * W, 5) of each image and level."""
    found = []
    for level in maps:
        count, _, height, width = level.shape
        boxes = random_boxes(count * height * width, spread=90.0)
        found.append(boxes.view(count, height * width, 5))
    return by_image(found)


def by_image(levels):
    """Boxes (N, n, 5) per level -> (n, 5) of each image and level."""
    return [list(image) for image in zip(*levels, strict=True)]


def refine_head(kind='RotatedRetinaRefineHead', **changes):
    cfg = r3det('le90')['refine_heads'][0]
    train_cfg = r3det('le90')['train_cfg']['sr'][0]
    head = build_head(dict(cfg, type=kind, train_cfg=train_cfg, **changes))
    head.init_weights()
    return head


def regular(height, width, stride, turn=0.0):
    """The box (1, H * W, 5) that a kernel of 3 covers anyway, at each position."""
    row, col = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
    centre = torch.stack([col, row], -1).view(1, -1, 2) * stride
    shape = torch.tensor([3.0 * stride, 3 * stride, turn]).expand(1, height * width, 3)
    return torch.cat([centre, shape], -1)


def test_the_kernel_on_its_own_points_is_a_convolution():
    conv = AlignConv(4, 3, stride=8)
    x = torch.randn(1, 4, 5, 6)
    expected = F.conv2d(x, conv.deform_conv.weight, padding=1).relu()
    torch.testing.assert_close(conv(x, regular(5, 6, 8)), expected)


def test_the_kernel_turns_with_the_box():
    conv = AlignConv(4, 3, stride=8)
    x = torch.randn(1, 4, 5, 6)
    turned = conv.deform_conv.weight.rot90(-1, (2, 3))  # clockwise on the screen, as theta
    expected = F.conv2d(x, turned, padding=1).relu()
    got = conv(x, regular(5, 6, 8, math.pi / 2))
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_it_is_the_deformable_convolution_of_the_paper():
    conv = AlignConv(3, 3, stride=4)
    x = torch.randn(2, 3, 4, 5, requires_grad=True)
    boxes = random_boxes(40, spread=24.0).view(2, 20, 5)  # some reach beyond the map
    offset = torch.zeros(2, 18, 4, 5)
    for n, row, col, k in itertools.product(range(2), range(4), range(5), range(9)):
        cx, cy, w, h, theta = boxes[n, row * 5 + col].tolist()
        v, u = k // 3 - 1, k % 3 - 1
        px = cx + u * w / 3 * math.cos(theta) - v * h / 3 * math.sin(theta)
        py = cy + u * w / 3 * math.sin(theta) + v * h / 3 * math.cos(theta)
        # down, then right, from where the kernel usually reads
        offset[n, 2 * k, row, col] = py / 4 - (row + v)
        offset[n, 2 * k + 1, row, col] = px / 4 - (col + u)
    weight = conv.deform_conv.weight
    expected = deform_conv2d(x, offset, weight, padding=1).relu()
    got = conv(x, boxes)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    grads = [torch.autograd.grad(out.pow(2).sum(), (x, weight)) for out in (got, expected)]
    torch.testing.assert_close(*grads, rtol=1e-3, atol=1e-4)


def test_refined_features():
    maps = pyramid(4)
    module = FeatureRefineModule(4, STRIDES)
    module.init_weights()
    rois = boxes_of(maps)
    for feat, boxes, stride, got in zip(
        maps, map(torch.stack, zip(*rois, strict=True)), STRIDES, module(maps, rois), strict=True
    ):
        mixed = module.conv_5_1(module.conv_1_5(feat)) + module.conv_1_1(feat)
        aligned = rotated_feature_align(mixed, boxes.view(-1, 5), 1 / stride)
        torch.testing.assert_close(got, feat + aligned)


def test_refined_features_lie_where_their_boxes_do():
    maps = pyramid(4)[:1]
    module = FeatureRefineModule(4, STRIDES[:1], as_published=False)
    module.init_weights()
    height, width = maps[0].shape[2:]
    assert height != width
    own = regular(height, width, STRIDES[0]).expand(2, -1, -1)
    mixed = module.conv_5_1(module.conv_1_5(maps[0])) + module.conv_1_1(maps[0])
    torch.testing.assert_close(module(maps, by_image([own]))[0], maps[0] + 2 * mixed)


def test_transposed_boxes():
    boxes = random_boxes(20)
    expected = obb2poly(boxes, 'le90').view(-1, 4, 2).flip(-1)
    got = obb2poly(_transposed(boxes), 'le90').view(-1, 4, 2)
    apart = (expected[:, :, None] - got[:, None]).norm(dim=-1)
    assert apart.amin(2).max() < 1e-3


@pytest.mark.parametrize('module', [FeatureRefineModule(4, STRIDES), AlignConvModule(4, STRIDES)])
def test_every_level_needs_its_boxes(module):
    maps = pyramid(4)
    with pytest.raises(ValueError, match='shorter'):
        module(maps, [levels[:4] for levels in boxes_of(maps)])


def test_the_best_box_of_each_position():
    model = build_detector(r3det('le90'))
    head = model.bbox_head
    head.init_weights()
    scores, deltas = head(pyramid())
    deltas = [d * 20 for d in deltas]
    boxes = head.filter_bboxes(scores, deltas)
    anchors = head.anchor_generator.grid_priors([tuple(s.shape[-2:]) for s in scores])
    for level, found in enumerate(map(torch.stack, zip(*boxes, strict=True))):
        _, _, height, width = scores[level].shape
        assert found.shape == (2, height * width, 5)
        assert not found.requires_grad
        for image, at in ((0, 0), (1, height * width - 1)):
            row, col = divmod(at, width)
            best = scores[level][image, :, row, col].view(9, 3).amax(1).argmax()
            delta = deltas[level][image, :, row, col].view(9, 5)[best]
            anchor = anchors[level].view(-1, 9, 5)[at, best]
            expected = head.bbox_coder.decode(anchor[None], delta[None])[0]
            torch.testing.assert_close(found[image, at], expected)


@pytest.mark.parametrize('kind', ['RotatedRetinaRefineHead', 'ODMRefineHead'])
def test_the_boxes_before_are_the_priors(kind):
    head = refine_head(kind)
    scores, deltas = head(pyramid())
    nothing = [torch.zeros_like(d) for d in deltas]
    rois = boxes_of(scores)
    pairs = zip(rois, head.refine_bboxes(scores, nothing, rois), strict=True)
    for before, after in itertools.chain.from_iterable(zip(*pair, strict=True) for pair in pairs):
        assert torch.equal(after[..., :2], before[..., :2])
        assert torch.equal(after[..., 2:4].sort().values, before[..., 2:4].sort().values)
    # objects where the boxes of the coarsest level lie already
    truth = [image[-1] for image in rois]
    labels = [torch.zeros(len(t), dtype=torch.long) for t in truth]
    losses = head.loss(scores, nothing, truth, labels, metas(64, 96), rois=rois)
    assert float(losses['loss_bbox'][-1]) == pytest.approx(0, abs=1e-4)
    assert losses['loss_cls'][-1].item() > 0
    results = head.get_bboxes(
        scores,
        nothing,
        metas(64, 96),
        dict(nms_pre=-1, score_thr=0.0, nms=dict(iou_thr=1.0), max_per_img=-1),
        rois=rois,
    )
    every = torch.cat(rois[0])[:, :2].clamp(min=0)
    every = torch.minimum(every, torch.tensor([95.0, 63]))
    found = results[0][0][results[0][1] == 0]
    assert torch.equal(found[:, :2].sort(0).values, every.sort(0).values)


def test_a_refining_head_needs_boxes():
    head = refine_head()
    with pytest.raises(ValueError, match='needs rois'):
        head.get_bboxes(*head(pyramid()), metas(64, 96), dict(nms_pre=-1))


@pytest.mark.parametrize(
    ('name', 'kind'), [('KFIoURRetinaRefineHead', 'RotatedRetinaRefineHead'), ('KFIoUODMRefineHead', 'ODMRefineHead')]
)
def test_names_of_kfiou(name, kind):
    assert refine_head(name).state_dict().keys() == refine_head(kind).state_dict().keys()


def test_every_part_is_initialised():
    model = build_detector(r3det('oc', stages=2))
    model.init_weights()
    for head, module in zip(model.refine_head, model.feat_refine_module, strict=True):
        assert head.retina_cls.bias.tolist() == pytest.approx([-math.log(99)] * 3)
        assert module.conv_1_1.weight.std().item() == pytest.approx(0.01, rel=0.3)
    model = build_detector(s2anet('oc'))
    model.init_weights()
    assert model.odm_head.odm_cls.bias.tolist() == pytest.approx([-math.log(99)] * 3)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(frm_cfgs=[]), 'frm_cfgs must have one item .* num_refine_stages=1, got 0'),
        (dict(num_refine_stages=2), 'frm_cfgs must have one item .* num_refine_stages=2, got 1'),
        (dict(train_cfg=dict(s0=None, sr=[])), 'sr must have one item'),
    ],
)
def test_stages_that_do_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        build_detector({**r3det('oc'), **change})


def test_bad_heads():
    cfg = s2anet('oc')
    with pytest.raises(ValueError, match="type='AlignConv', got"):
        build_detector(dict(cfg, align_cfgs=dict(type='DCN')))
    with pytest.raises(ValueError, match='multiple of 8, got 12'):
        refine_head('ODMRefineHead', feat_channels=12)
    anchors = r3det('oc')['bbox_head']['anchor_generator']
    with pytest.raises(ValueError, match='makes 9: use a PseudoAnchorGenerator'):
        refine_head(anchor_generator=anchors)
