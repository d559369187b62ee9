"""Second stages: RoI heads, box heads and RoI extractors."""

import math

import pytest
import torch
from mmengine.config import ConfigDict
from torchvision.ops import roi_align

from mmrotate.core import obb2poly, obb2xyxy, poly2obb
from mmrotate.models import build_detector, build_head, build_roi_extractor
from mmrotate.utils.graph import Graph, tracing
from tests.helpers import reference
from tests.helpers.configs import gliding_vertex, oriented_rcnn, roi_trans, rotated_faster_rcnn

VERSIONS = ('oc', 'le90', 'le135')
BOXES = torch.tensor([[40.0, 30, 30, 12, 0.4], [60, 40, 40, 10, 1.2], [30, 40, 20, 16, 1e-3]])


def _overlap(a: torch.Tensor, b: torch.Tensor) -> float:
    """Largest distance of a corner of a box from the nearest one of the other, in pixels."""
    corners = [obb2poly(box[None, :5]).view(4, 2) for box in (a, b)]
    return float(torch.cdist(*corners).amin(1).max())


@pytest.mark.parametrize('rescale', [False, True])
@pytest.mark.parametrize('agnostic', [False, True])
@pytest.mark.parametrize('version', VERSIONS)
def test_gliding_vertex_slides_corners_unless_the_box_is_full(version, agnostic, rescale):
    cfg = dict(gliding_vertex(version)['roi_head']['bbox_head'], reg_class_agnostic=agnostic)
    head = build_head(cfg)
    truth = poly2obb(obb2poly(BOXES, 'oc'), version)
    hbb = obb2xyxy(truth, version)
    copies = 1 if agnostic else 3
    fix, ratio = head.fix_coder.encode(truth), head.ratio_coder.encode(truth)
    assert (ratio[:, 0] > 0.8).tolist() == [False, False, True]
    preds = (
        torch.eye(4)[:3] * 20,  # a box of each class
        torch.zeros(3, 4 * copies),
        fix.repeat(1, copies),
        ratio.repeat(1, copies),
    )
    rois = torch.cat([torch.zeros(3, 1), hbb], 1)
    meta = dict(img_shape=(200, 200, 3), scale_factor=[2.0, 4.0, 2.0, 4.0])
    test_cfg = ConfigDict(score_thr=0.5, nms=dict(iou_thr=0.5), max_per_img=10)
    boxes, labels = head.get_bboxes(preds, rois, meta, test_cfg, rescale)
    assert sorted(labels.tolist()) == [0, 1, 2]
    found = boxes[labels.argsort()]
    scale = torch.tensor([2.0, 4.0] if rescale else [1.0, 1.0])
    for i in (0, 1):  # corners first, then the box of what they became
        corners = obb2poly(truth[i : i + 1], version).view(4, 2) / scale
        if not rescale:
            assert _overlap(found[i], truth[i]) < 1e-3
        # the sides of the parallelogram, those of the box that is made of it
        sides = (corners - corners.roll(1, 0)).norm(dim=1)
        torch.testing.assert_close(found[i, 2:4].sort().values, sides[:2].sort().values, atol=1e-3, rtol=1e-4)
        torch.testing.assert_close(found[i, :2], truth[i, :2] / scale, atol=1e-3, rtol=1e-4)
    full = obb2xyxy(found[2:, :5], version) * scale.repeat(2)
    torch.testing.assert_close(full, hbb[2:], atol=1e-3, rtol=1e-4)
    turned = found[2, 4].item() % (math.pi / 2)
    assert min(turned, math.pi / 2 - turned) < 1e-3


def test_gliding_vertex_refuses_a_loss_of_boxes_when_it_is_built():
    cfg = dict(gliding_vertex('le90')['roi_head']['bbox_head'], loss_bbox=dict(type='GIoULoss'))
    with pytest.raises(ValueError, match='GIoULoss is a loss of boxes'):
        build_head(cfg)


def test_gliding_vertex_asks_a_loss_for_nothing_without_an_object():
    class AsksForARow(torch.nn.L1Loss):
        def forward(self, pred, target, *args, **kwargs):
            assert len(pred)
            return super().forward(pred, target)

    head = build_head(gliding_vertex('le90')['roi_head']['bbox_head'])
    head.loss_bbox = AsksForARow()
    preds = head(torch.randn(4, head.in_channels, 7, 7))
    rois = torch.tensor([[0.0, 5, 5, 20, 20]] * 4)
    targets = torch.full((4,), head.num_classes), torch.ones(4), *torch.zeros(2, 4, 4), *torch.zeros(2, 0, 1)
    losses = head.loss(*preds, rois, *targets)
    assert losses['loss_fix'] == losses['loss_ratio'] == 0


def _proposals_and_truth(version):
    truth = poly2obb(obb2poly(BOXES, 'oc'), version)
    proposals = torch.cat([obb2xyxy(truth, version) + 1, torch.full((3, 1), 0.9)], 1)
    return proposals, truth, torch.tensor([0, 1, 2])


@pytest.mark.parametrize('version', VERSIONS)
def test_objects_are_compared_as_horizontal_and_regressed_as_rotated(version):
    head = build_detector(rotated_faster_rcnn(version)).roi_head
    proposals, truth, labels = _proposals_and_truth(version)
    inside = truth[:1] * torch.tensor([1, 1, 5, 5, 1])
    (sample,) = head._samples(0, [], [proposals[:, :4]], [truth], [inside[:0]], [labels])
    assert len(sample.pos_bboxes) == 6  # the objects and the proposals around them
    torch.testing.assert_close(sample.pos_bboxes[:3], obb2xyxy(truth, version))
    assert sample.pos_gt_bboxes.shape == (6, 5)
    torch.testing.assert_close(sample.pos_gt_bboxes, truth[sample.pos_assigned_gt_inds])
    head.assigners[0].ignore_iof_thr = 0.5
    (sample,) = head._samples(0, [], [proposals[:, :4]], [truth], [inside], [labels])
    assert len(sample.bboxes) == 3  # the proposals lie in an ignored box


def test_the_second_stage_gets_the_refined_proposals_without_the_objects():
    model = build_detector(roi_trans('le90'))
    model.roi_head.bbox_head[0].fc_reg.weight.data.zero_()
    model.roi_head.bbox_head[0].fc_reg.bias.data.zero_()
    feats = [torch.zeros(1, 16, 64 // s, 96 // s) for s in (4, 8, 16, 32)]
    proposals, truth, labels = _proposals_and_truth('le90')
    seen = []
    samples = model.roi_head._samples
    model.roi_head._samples = lambda *a: seen.extend(a[2]) or samples(*a)
    metas = reference.metas(64, 96, count=1)
    losses = model.roi_head.forward_train(feats, metas, [proposals], [truth], [labels])
    assert [boxes.shape for boxes in seen] == [(3, 4), (3, 5)]
    back = obb2xyxy(seen[1], 'le90')  # no delta: the same boxes, rotated by nothing
    torch.testing.assert_close(back[back[:, 0].argsort()], proposals[proposals[:, 0].argsort(), :4])
    assert set(losses) == {f's{i}.{n}' for i in (0, 1) for n in ('loss_cls', 'loss_bbox', 'acc')}
    again = dict(losses)
    model.roi_head.stage_loss_weights = [1, 1.0]  # one half before
    losses = model.roi_head.forward_train(feats, metas, [proposals], [truth], [labels])
    torch.testing.assert_close(losses['s1.loss_cls'], 2 * again['s1.loss_cls'])
    torch.testing.assert_close(losses['s1.acc'], again['s1.acc'])


def test_all_stages_vote_on_the_class():
    head = build_detector(roi_trans('le90')).roi_head
    scores = torch.tensor([[3.0, 0, 0, 0]]), torch.tensor([[0.0, 5, 0, 0]])
    head._forward = lambda stage, x, rois: (scores[stage], torch.zeros(1, (5, 15)[stage]))
    proposal = torch.tensor([[10.0, 10, 40, 20, 1]])
    [(boxes, labels)] = head.simple_test([], [proposal], reference.metas(64, 96, count=1))
    expected = ((scores[0] + scores[1]) / 2).softmax(1)
    assert labels.tolist()[0] == 1
    assert boxes[0, 5].item() == pytest.approx(expected[0, 1].item())
    torch.testing.assert_close(boxes[0, :4], torch.tensor([25.0, 15, 30, 10]))


@pytest.mark.parametrize('part', ['stage_loss_weights', 'bbox_head', 'train_cfg'])
def test_every_part_of_a_cascade_is_given_for_each_stage_or_once(part):
    cfg = roi_trans('le90')
    head = dict(cfg['roi_head'], train_cfg=cfg['train_cfg']['rcnn'])
    head[part] = head[part][:1]
    with pytest.raises(ValueError, match=f'{part} must have one item .*num_stages=2, got 1'):
        build_head(head)


def test_one_part_for_all_stages():
    cfg = oriented_rcnn('le90')['roi_head']
    head = build_head(dict(cfg, type='RoITransRoIHead', num_stages=3, stage_loss_weights=[1] * 3))
    assert len(head.bbox_head) == len(head.bbox_roi_extractor) == 3
    assert len({id(part) for part in head.bbox_head}) == 3
    assert head.num_classes == 3


@pytest.mark.parametrize('stages', [1, 2])
def test_the_hardest_proposals_are_those_of_the_stage(stages):
    cfg = roi_trans('le90') if stages == 2 else rotated_faster_rcnn('le90')
    settings = cfg['train_cfg']['rcnn'] if stages == 2 else [cfg['train_cfg']['rcnn']]
    for setting in settings:
        setting['sampler'] = dict(type='OHEMSampler', num=4, pos_fraction=0.25)
    model = build_detector(cfg)
    model.init_weights()
    feats = [torch.randn(1, 16, 64 // s, 96 // s) for s in (4, 8, 16, 32)]
    proposals, truth, labels = _proposals_and_truth('le90')
    metas = reference.metas(64, 96, count=1)
    losses = model.roi_head.forward_train(feats, metas, [proposals], [truth], [labels])
    assert all(value.isfinite() for value in losses.values())


@pytest.mark.parametrize('ratio', [0, 2])
def test_horizontal_features_come_from_the_level_that_fits(ratio):
    layer = dict(type='RoIAlign', output_size=7, sampling_ratio=ratio)
    cfg = dict(type='SingleRoIExtractor', out_channels=4, featmap_strides=[4, 8], roi_layer=layer)
    extractor = build_roi_extractor(cfg)
    feats = [torch.randn(2, 4, 256 // s, 256 // s) for s in (4, 8)]
    rois = torch.tensor([[0.0, 3, 4, 60, 80], [1, 10, 10, 200, 180], [1, 5, 5, 5, 90]])
    assert extractor.map_roi_levels(rois).tolist() == [0, 1, 0]
    got = extractor(feats, rois)
    for roi, out, level in zip(rois, got, (0, 1, 0), strict=True):
        expected = roi_align(feats[level], roi[None], 7, 1 / (4, 8)[level], ratio, aligned=True)
        torch.testing.assert_close(out[None], expected)


@pytest.mark.parametrize('config', [rotated_faster_rcnn, gliding_vertex, roi_trans])
def test_without_proposals_the_same_losses_are_there(config):
    head = build_detector(config('le90')).roi_head
    feats = [torch.randn(1, 16, 64 // s, 96 // s) for s in (4, 8, 16, 32)]
    proposals, truth, labels = _proposals_and_truth('le90')
    metas = reference.metas(64, 96, count=1)
    usual = head.forward_train(feats, metas, [proposals], [truth], [labels])
    losses = head.forward_train(feats, metas, [proposals[:0]], [truth[:0]], [labels[:0]])
    assert list(losses) == list(usual)  # processes add their logs up, name by name
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(parameter.grad is not None for parameter in head.parameters())


def test_a_graph_holds_no_features_of_zeros():
    layer = dict(type='RoIAlign', output_size=2, sampling_ratio=2)
    cfg = dict(type='SingleRoIExtractor', out_channels=3, featmap_strides=[4, 8], roi_layer=layer)
    maps = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 8, 8)
    rois = torch.tensor([[0.0, 0, 0, 30, 30], [0, 5, 5, 60, 64]])
    with tracing(Graph(1)):
        program = torch.export.export(build_roi_extractor(cfg), (maps, rois))
    nodes = [node for node in program.graph.nodes if getattr(node.meta.get('val'), 'ndim', 0) == 4]
    assert any('index_copy' in str(node.target) for node in nodes)
    assert not [node for node in nodes if 'zeros' in str(node.target)]
