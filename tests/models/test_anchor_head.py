"""Dense heads as a user's code calls them: targets, results before NMS, views, arguments by position."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmrotate.models import build_head
from mmrotate.models.dense_heads import (
    CSLRFCOSHead,
    CSLRRetinaHead,
    ODMRefineHead,
    OrientedRepPointsHead,
    OrientedRPNHead,
    RotatedAnchorFreeHead,
    RotatedAnchorHead,
    RotatedFCOSHead,
    RotatedRepPointsHead,
    RotatedRetinaHead,
    RotatedRetinaRefineHead,
    SAMRepPointsHead,
)
from mmrotate.ops import ModulatedDeformConv2dPack
from tests.helpers import configs, reference, zoo

SIZE = (64, 96)
SIZES = [(8, 12), (4, 6), (2, 3), (1, 2), (1, 1)]
COUNTS = [h * w * 9 for h, w in SIZES]


def head(**changes):
    cfg = configs.retinanet('le90')
    torch.manual_seed(0)
    parts = {key: cfg[key] for key in ('train_cfg', 'test_cfg')}
    return build_head({**cfg['bbox_head'], **parts, **changes})


def features():
    torch.manual_seed(1)
    return [torch.randn(2, 16, *size) for size in SIZES]


def test_targets_are_lists_over_levels():
    data = zoo.batch((5, 0), SIZE, 'le90')
    own = head()
    anchors, valid = own.get_anchors(SIZES, data['img_metas'], device='cpu')
    assert [[tuple(level.shape) for level in image] for image in anchors] == [[(n, 5) for n in COUNTS]] * 2
    assert [[len(level) for level in image] for image in valid] == [COUNTS] * 2
    facts = (anchors, valid, data['gt_bboxes'], data['img_metas'])
    truth = dict(gt_labels_list=data['gt_labels'], return_sampling_results=True)
    *fields, positive, negative, samples = own.get_targets(*facts, **truth)
    shapes = [[(2, n) for n in COUNTS]] * 2 + [[(2, n, 5) for n in COUNTS]] * 2
    assert [[tuple(level.shape) for level in field] for field in fields] == shapes
    labels, label_weights, targets, weights = (torch.cat(field, 1) for field in fields)
    found = labels < 3
    assert found.sum(1).tolist() == [len(sample.pos_inds) for sample in samples]
    assert positive == found[0].sum() + 1  # at least one of each image
    assert negative == ((label_weights > 0) & ~found).sum()
    assert torch.equal(weights, found[..., None].expand_as(weights).float())
    assert not targets[~found].any()
    with pytest.raises(ValueError, match='unmap_outputs=True'):
        own.get_targets(*facts, unmap_outputs=False)


def test_positions_on_an_image_are_marked_once_for_each_shape():
    own, shapes = head(), [(32, 32), (32, 16), (32, 32)]
    whole, asked = own.prior_generator.valid_flags, []
    own.prior_generator.valid_flags = lambda sizes, shape, device: asked.append(shape) or whole(sizes, shape, device)
    flags = own._valid_flags(SIZES, [dict(pad_shape=shape) for shape in shapes], 'cpu')
    assert sorted(asked) == sorted(set(shapes))
    for shape, marks in zip(shapes, flags, strict=True):
        assert all(map(torch.equal, marks, whole(SIZES, shape, 'cpu')))


def test_a_subclass_weighs_one_level_by_its_own():
    class Own(RotatedRetinaHead):
        def loss_single(
            self, cls_score, bbox_pred, anchors, labels, label_weights, bbox_targets, bbox_weights, **kwargs
        ):
            assert anchors.shape == bbox_targets.shape == bbox_weights.shape == (*labels.shape, 5)
            assert cls_score.shape[2:].numel() * 9 == labels.size(1)
            rest = (bbox_targets, bbox_weights * 2)
            return super().loss_single(cls_score, bbox_pred, anchors, labels, label_weights, *rest, **kwargs)

    data = zoo.batch((5, 3), SIZE, 'le90')
    truth = data['gt_bboxes'], data['gt_labels'], data['img_metas']
    plain, own = (each.loss(*each(features()), *truth) for each in (head(), head(type=Own)))
    assert torch.equal(sum(plain['loss_cls']), sum(own['loss_cls']))
    torch.testing.assert_close(2 * sum(plain['loss_bbox']), sum(own['loss_bbox']))


@pytest.mark.parametrize('kind', ['RotatedRetinaHead', 'OrientedRPNHead'])
def test_boxes_before_nms(kind):
    cfg = configs.oriented_rcnn('le90') if kind == 'OrientedRPNHead' else None
    own = head() if cfg is None else build_head(dict(cfg['rpn_head'], test_cfg=cfg['test_cfg']['rpn']))
    outs, metas = own(features()), reference.metas(*SIZE)
    for boxes, scores in own.get_bboxes(*outs, metas, with_nms=False):
        assert boxes.size(1) == 5 and len(boxes) == len(scores) > 200
        assert scores.size(1) == (1 if cfg else 4)
    after = own.get_bboxes(*outs, metas)[0]
    assert (after if cfg else after[0]).size(1) == 6


@pytest.mark.parametrize('rescale', [True, False])
def test_views_are_mapped_back(rescale):
    own = head(test_cfg=dict(score_thr=0.1, nms=dict(iou_thr=0.1), max_per_img=9))
    box = torch.tensor([[20.0, 30, 30, 10, 0.3]])
    mirrored = torch.tensor([[SIZE[1] - 20.0, 30, 30, 10, -0.3]])
    scores = torch.tensor([[0.9, 0, 0, 0]])
    own.get_bboxes = lambda *outs, img_metas, with_nms: [
        (mirrored if meta['flip'] else box, scores) for meta in img_metas
    ]
    plain = [dict(meta, scale_factor=np.full(4, 2, np.float32)) for meta in reference.metas(*SIZE)]
    flipped = [dict(meta, flip=True, flip_direction='horizontal') for meta in plain]
    for dets, labels in own.aug_test([features()] * 2, [plain, flipped], rescale=rescale):
        assert labels.tolist() == [0]
        expected = box[0, :4] / 2 if rescale else box[0, :4]
        torch.testing.assert_close(dets[0, :4], expected)
    alone = own.merge_aug_bboxes([box, mirrored], None, [[plain[0]], [flipped[0]]])
    torch.testing.assert_close(alone[0], alone[1], atol=1e-5, rtol=0)


GN = dict(type='GN', num_groups=4)


def test_arguments_by_position():
    assert RotatedAnchorHead(3, 16, 8, None, None, True, None).reg_decoded_bbox
    assert RotatedRetinaHead(3, 16, 1, None, GN).norm_cfg == GN
    assert RotatedRetinaRefineHead(3, 16, 1, None, None, None, dict(type='DeltaXYWHAOBBoxCoder')).stacked_convs == 1
    assert len(ODMRefineHead(3, 16).cls_convs) == 2
    assert OrientedRPNHead(16, None, 'le90').version == 'le90'
    coder = dict(type='DeltaXYWHAOBBoxCoder', angle_range='le90')
    assert CSLRRetinaHead(False, True, num_classes=3, in_channels=16, bbox_coder=coder).shield_reg_angle
    assert RotatedAnchorFreeHead(3, 16, 32, 1, (8, 16), True).dcn_on_last_conv
    assert RotatedFCOSHead(3, 16, RotatedFCOSHead(3, 16).regress_ranges, True, 2.5).center_sample_radius == 2.5
    assert not CSLRFCOSHead(True, False, num_classes=3, in_channels=16).is_scale_angle
    assert RotatedRepPointsHead(3, 16, 16, 16, 1, 9, 0.3).gradient_mul == 0.3
    points = (3, 16, 16, 16, 1, 9, 0.1, [8, 16], 2, 'auto')
    sam = SAMRepPointsHead(*points, None, None, None, None, GN, None, None, True, 'rotrect', 3, 0.5)
    assert (sam.topk, sam.anti_factor) == (3, 0.5)
    oriented = OrientedRepPointsHead(*points, *[None] * 6, GN, None, None, True, 'le90', 0.7)
    assert (oriented.version, oriented.top_ratio) == ('le90', 0.7)
    with pytest.raises(TypeError, match='at most 23 arguments by position'):
        SAMRepPointsHead(*range(24))
    with pytest.raises(TypeError, match='multiple values'):
        SAMRepPointsHead(3, num_classes=3)


def test_the_convolutions_of_the_towers_are_what_was_asked_for():
    def convs(tower):
        return [block.conv for block in tower]

    fcos = RotatedFCOSHead(3, 16, feat_channels=32, stacked_convs=2, dcn_on_last_conv=True, conv_bias=True)
    for tower in (fcos.cls_convs, fcos.reg_convs):
        first, last = convs(tower)
        assert type(first) is nn.Conv2d and type(last) is ModulatedDeformConv2dPack
        assert first.bias is not None
    assert all(conv.bias is None for conv in convs(RotatedFCOSHead(3, 16).cls_convs))
    points = RotatedRepPointsHead(3, 16, 16, 16, conv_bias=False, conv_cfg=dict(type='DCNv2'))
    assert all(type(conv) is ModulatedDeformConv2dPack and conv.bias is None for conv in convs(points.cls_convs))
    with pytest.raises(KeyError, match='ConvAWS'):
        RotatedRetinaHead(3, 16, conv_cfg=dict(type='ConvAWS'))


def test_parts_that_do_not_fit_are_assertions_too():
    for error in (AssertionError, ValueError):
        with pytest.raises(error, match='takes 4'):
            head(bbox_coder=dict(type='DeltaXYWHBBoxCoder'))


def test_first_points_on_a_square():
    cfg = configs.reppoints('le90')
    train = cfg['train_cfg']
    with pytest.raises(ValueError, match='needs a MaxConvexIoUAssigner'):
        build_head(dict(cfg['bbox_head'], train_cfg=train, center_init=False))
    train['init']['assigner'] = dict(type='MaxConvexIoUAssigner', pos_iou_thr=0.3, neg_iou_thr=0.1, min_pos_iou=0)
    own = build_head(dict(cfg['bbox_head'], train_cfg=train, center_init=False))
    seen = own._candidates([own._positions(SIZES, 'cpu')])[0][1][7].view(9, 2)
    assert seen.amin(0).tolist() == [0, 0] and seen.amax(0).tolist() == [32, 32]  # 2 strides around (16, 16)
    data = zoo.batch((5, 3), SIZE, 'le90')
    losses = own.loss(*own(features()), data['gt_bboxes'], data['gt_labels'], data['img_metas'])
    assert all(torch.stack(values).isfinite().all() for values in losses.values())
    assert sum(losses['loss_pts_init']) > 0


class Asking(nn.Module):
    """A loss as in a tutorial, which takes no empty batch."""

    def forward(self, pred, target, weight=None, avg_factor=1):
        assert len(pred) == len(target) and target.numel() > 0
        return pred.square().sum() / avg_factor


@pytest.mark.parametrize(
    ('config', 'losses'),
    [
        (configs.retinanet, ('loss_bbox',)),
        (configs.fcos, ('loss_bbox', 'loss_centerness')),
        (configs.reppoints, ('loss_bbox_init', 'loss_bbox_refine')),
    ],
)
def test_a_loss_may_ask_for_a_row(config, losses):
    cfg = config('le90')
    own_losses = {name: dict(type=Asking) for name in losses}
    own = build_head(dict(cfg['bbox_head'], train_cfg=cfg.get('train_cfg'), **own_losses))
    for counts in ((1, 0), (0, 0)):  # on most levels there is no positive
        data = zoo.batch(counts, SIZE, 'le90')
        found = own.loss(*own(features()), data['gt_bboxes'], data['gt_labels'], data['img_metas'])
        total = sum(sum(values) if isinstance(values, list) else values for values in found.values())
        total.backward()
        assert total.isfinite() and all(p.grad is not None for p in own.parameters())


def test_settings_may_be_a_whole_config():
    cfg = configs.retinanet('le90')
    own = head(train_cfg=Config(cfg['train_cfg']), test_cfg=Config(cfg['test_cfg']))
    data = zoo.batch((2, 1), SIZE, 'le90')
    outs = own(features())
    assert set(own.loss(*outs, data['gt_bboxes'], data['gt_labels'], data['img_metas'])) == {'loss_cls', 'loss_bbox'}
    few = own.get_bboxes(*outs, data['img_metas'], Config(dict(cfg['test_cfg'], max_per_img=3)))
    assert len(few[0][0]) == 3 == len(few[0][1])


@pytest.mark.parametrize('loss', ['L1Loss', 'ProbIoULoss'])
@pytest.mark.parametrize('version', zoo.VERSIONS)
def test_anchors_learn_and_find_factors_of_distributions(version, loss):
    data = zoo.batch((5, 0), SIZE, version)
    own = head(bbox_coder=dict(type='GauChoDeltaCoder', angle_range=version), loss_bbox=dict(type=loss))
    outputs = own(features())
    losses = own.loss(*outputs, data['gt_bboxes'], data['gt_labels'], data['img_metas'])
    total = sum(map(sum, losses.values()))
    total.backward()
    assert total.isfinite() and all(p.grad.isfinite().all() for p in own.parameters())
    anchors = torch.cat(own._grid(outputs[0]))[:5]
    found = own._decode(anchors, own.bbox_coder.encode(anchors, data['gt_bboxes'][0]))
    torch.testing.assert_close(found, data['gt_bboxes'][0], rtol=1e-3, atol=1e-2)
