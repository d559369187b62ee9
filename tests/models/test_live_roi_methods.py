"""Methods that a user may override, by the names of 0.x: each is on the path that trains or tests."""

import asyncio

import pytest
import torch

from mmrotate.core import bbox2roi
from mmrotate.models import build_detector, build_head, build_roi_extractor, detectors, roi_heads
from mmrotate.models.base_module import BaseModule
from mmrotate.models.layers import ConvWS2d
from mmrotate.models.losses import CrossEntropyLoss
from mmrotate.registry import MODELS
from tests.helpers import reference
from tests.helpers.configs import (
    gliding_vertex,
    oriented_rcnn,
    r3det,
    retinanet,
    roi_trans,
    rotated_faster_rcnn,
    s2anet,
)

SIZE = (64, 96)
TWO_STAGE = [oriented_rcnn, rotated_faster_rcnn, roi_trans, gliding_vertex]


def batch(count=1):
    truth = torch.tensor([[40.0, 30, 30, 12, 0.4], [60, 40, 40, 10, 1.2]])
    return dict(
        img=reference.image('x', *SIZE)[:count],
        img_metas=reference.metas(*SIZE, count=count),
        gt_bboxes=[truth] * count,
        gt_labels=[torch.tensor([0, 2])] * count,
    )


@pytest.mark.parametrize('config', TWO_STAGE)
def test_proposals_may_come_with_the_images(config):
    cfg = dict(config('le90'), rpn_head=None)
    model = build_detector(cfg).eval()
    assert not model.with_rpn
    assert model.with_roi_head
    data, proposal = batch(), torch.tensor([[30.0, 20, 60, 40, 0.3, 0.9]])
    if config is not oriented_rcnn:  # horizontal
        proposal = torch.tensor([[20.0, 20, 60, 40, 0.9]])
    losses = model.forward_train(**data, proposals=[proposal])
    assert all('rpn' not in name for name in losses)
    with torch.no_grad():
        direct = model.simple_test(data['img'], data['img_metas'], [proposal])
        through = model([data['img']], [data['img_metas']], return_loss=False, proposals=[[proposal]])
        awaited = asyncio.run(model.async_simple_test(data['img'], data['img_metas'], [proposal]))
    for other in (through, awaited):
        assert all((a == b).all() for a, b in zip(direct[0], other[0], strict=True))
    with pytest.raises(ValueError, match='must come with proposals'):
        model.forward_train(**data)


def test_given_proposals_take_the_place_of_those_of_the_proposal_head():
    model = build_detector(oriented_rcnn('le90'))
    seen = []
    model.roi_head.forward_train = lambda x, metas, proposals, *truth: seen.append(proposals) or {}
    given = [torch.tensor([[30.0, 20, 60, 40, 0.3, 0.9]])]
    losses = model.forward_train(**batch(), proposals=given)
    assert seen == [given]
    assert 'loss_rpn_cls' in losses
    assert set(build_detector(dict(oriented_rcnn('le90'), roi_head=None)).forward_train(**batch())) == set(losses)


@pytest.mark.parametrize('config', [*TWO_STAGE, retinanet, r3det, s2anet])
def test_raw_outputs_are_there_for_counting(config):
    model = build_detector(config('le90')).eval()
    outs = model.forward_dummy(batch()['img'])
    if config in TWO_STAGE:
        stages = 2 if config is roi_trans else 1
        assert len(outs) == 2
        assert len(outs[1]) == (4 if config is gliding_vertex else 2 * stages)
        assert all(len(out) == 1000 for out in outs[1])
    else:
        assert [len(level) for level in outs] == [5, 5]
    assert len(asyncio.run(model.aforward_test([batch()['img']], [batch()['img_metas']]))) == 1


def test_arguments_by_position_as_documented():
    parts = retinanet('le90')
    args = (parts['backbone'], parts['neck'], parts['bbox_head'], parts['train_cfg'], parts['test_cfg'])
    assert detectors.RotatedRetinaNet(*args, None, None).with_neck
    parts = oriented_rcnn('le90')
    heads = (parts['rpn_head'], parts['roi_head'])
    settings = (parts['train_cfg'], parts['test_cfg'])
    assert detectors.OrientedRCNN(parts['backbone'], *heads, *settings, parts['neck']).with_neck
    assert detectors.RotatedTwoStageDetector(parts['backbone'], parts['neck'], *heads, *settings).with_rpn
    assert not detectors.RotatedBaseDetector(None).with_neck
    with pytest.raises(ValueError, match='RotatedFCOS needs the config of each of its heads'):
        detectors.RotatedFCOS(parts['backbone'])


def counting_class(base, counts):
    """A subclass that overrides each method of ``counts`` by one that counts its calls."""

    def override(name):
        def method(self, *args, **kwargs):
            counts[name] += 1
            return getattr(super(cls, self), name)(*args, **kwargs)

        return method

    cls = type('Mine', (base,), {name: override(name) for name in counts})
    return cls


def counting(model, methods):
    """Make ``model`` one of a class that counts the calls of its methods."""
    counts = dict.fromkeys(methods, 0)
    model.__class__ = counting_class(type(model), counts)
    return counts


def train_and_test(model):
    data = batch()
    model.train_step(data)['loss'].backward()
    model.eval()
    with torch.no_grad():
        model([data['img']], [data['img_metas']], return_loss=False)
        model([data['img']] * 2, [data['img_metas']] * 2, return_loss=False)


@pytest.mark.parametrize('config', [*TWO_STAGE, retinanet, r3det, s2anet])
def test_the_methods_of_a_detector_are_called(config):
    model = build_detector(config('le90'))
    methods = ['extract_feat', 'forward_train', 'simple_test', 'aug_test', 'forward_test']
    counts = counting(model, methods)
    train_and_test(model)
    assert all(counts.values()), counts


@pytest.mark.parametrize('config', TWO_STAGE)
def test_the_views_of_a_two_stage_detector_are_merged_by_its_roi_head(config):
    model = build_detector(config('le90'))
    detector, head = counting(model, ['extract_feats']), counting(model.roi_head, ['aug_test'])
    train_and_test(model)
    assert detector['extract_feats'] == head['aug_test'] == 1


ROI_METHODS = [
    'forward_train',
    'simple_test',
    'simple_test_bboxes',
    '_bbox_forward',
    '_bbox_forward_train',
    'init_bbox_head',
    'init_assigner_sampler',
]
BOX_METHODS = ['forward', 'get_targets', '_get_target_single', 'loss', 'get_bboxes']


@pytest.mark.parametrize('config', TWO_STAGE)
def test_the_methods_of_a_roi_head_are_called(config):
    cfg = config('le90')
    built = MODELS.get(cfg['roi_head']['type'])
    counts = dict.fromkeys(ROI_METHODS, 0)
    cfg['roi_head']['type'] = counting_class(built, counts)
    train_and_test(build_detector(cfg))
    assert all(counts.values()), counts


@pytest.mark.parametrize('config', TWO_STAGE)
def test_the_methods_of_box_heads_and_extractors_are_called(config):
    model = build_detector(config('le90'))
    heads, extractors = model.roi_head.bbox_head, model.roi_head.bbox_roi_extractor
    methods = BOX_METHODS
    if config is roi_trans:
        heads, extractors, methods = heads[0], extractors[0], [*BOX_METHODS[:4], 'refine_bboxes', 'regress_by_class']
    counts = counting(heads, methods), counting(extractors, ['forward', 'map_roi_levels'])
    train_and_test(model)
    assert all(value for part in counts for value in part.values()), counts


@pytest.mark.parametrize(
    ('kind', 'layer', 'roi', 'larger'),
    [
        ('SingleRoIExtractor', dict(type='RoIAlign', output_size=7), [0, 20, 20, 40, 30], [0, 10, 15, 50, 35]),
        (
            'RotatedSingleRoIExtractor',
            dict(type='RoIAlignRotated', out_size=7, sample_num=2, clockwise=True),
            [0, 30, 25, 20, 10, 0.3],
            [0, 30, 25, 40, 20, 0.3],
        ),
    ],
)
def test_regions_grow_around_their_centres(kind, layer, roi, larger):
    cfg = dict(type=kind, roi_layer=layer, out_channels=4, featmap_strides=[4, 8])
    extractor = build_roi_extractor(cfg)
    feats = [torch.randn(1, 4, 64 // s, 96 // s) for s in (4, 8)]
    roi, larger = torch.tensor([roi, larger], dtype=torch.float).split(1)
    counts = counting(extractor, ['roi_rescale'])
    torch.testing.assert_close(extractor(feats, roi, roi_scale_factor=2), extractor(feats, larger))
    assert counts['roi_rescale'] == 1
    assert extractor.map_roi_levels(larger * 4, 1).tolist() == [0]
    built = dict(build_roi_layers=0)
    build_roi_extractor(dict(cfg, type=counting_class(type(extractor), built)))
    assert built['build_roi_layers'] == 1


def test_a_box_head_has_the_convolutions_and_layers_that_it_is_told():
    cfg = dict(type='RotatedConvFCBBoxHead', num_classes=3, in_channels=4, conv_out_channels=8, fc_out_channels=16)
    head = build_head(dict(cfg, num_shared_convs=1, num_cls_convs=1, num_cls_fcs=2, num_reg_convs=2, conv_cfg=None))
    names = {name.rpartition('.')[0] for name, _ in head.named_parameters()}
    layers = {'shared_convs.0.conv', 'cls_convs.0.conv', 'cls_fcs.0', 'cls_fcs.1', 'reg_convs.0.conv'}
    assert names == {*layers, 'reg_convs.1.conv', 'fc_cls', 'fc_reg'}
    assert (head.fc_cls.in_features, head.fc_reg.in_features) == (16, 8 * 49)
    feats = torch.randn(5, 4, 7, 7)
    assert [out.shape for out in head(feats)] == [(5, 4), (5, 15)]
    other = build_head(dict(cfg, num_shared_convs=1, conv_cfg=dict(type='ConvWS')))
    assert isinstance(other.shared_convs[0].conv, ConvWS2d)
    pooled = build_head(dict(cfg, num_shared_convs=1, with_avg_pool=True, with_cls=False))
    assert pooled.fc_reg.in_features == 8
    pooled.init_weights()
    scores, deltas = pooled(feats)
    assert scores is None
    assert deltas.shape == (5, 15)
    plain = build_head(dict(type='RotatedBBoxHead', num_classes=3, in_channels=4, with_reg=False))
    assert plain(feats)[0].shape == (5, 4)
    assert roi_heads.RotatedShared2FCBBoxHead(32).fc_cls.weight.shape == (81, 32)


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (dict(num_shared_fcs=1, num_cls_convs=1), 'leave no maps'),
        (dict(reg_predictor_cfg=dict(type='NormedLinear')), 'reg_predictor_cfg must be'),
        (dict(with_cls=False, with_reg=False), 'both False'),
    ],
)
def test_what_a_box_head_cannot_be_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        build_head(dict(type='RotatedConvFCBBoxHead', num_classes=3, **wrong))


class OwnLoss(CrossEntropyLoss):
    custom_cls_channels = custom_activation = custom_accuracy = True

    def get_cls_channels(self, num_classes):
        return num_classes + 2

    def get_activation(self, cls_score):
        return cls_score[:, :4].softmax(1)

    def get_accuracy(self, cls_score, labels):
        return dict(acc_own=cls_score.sum() * 0 + 7)


def test_a_loss_may_say_channels_activation_and_accuracy():
    cfg = oriented_rcnn('le90')
    cfg['roi_head']['bbox_head']['loss_cls'] = dict(type=OwnLoss)
    model = build_detector(cfg)
    assert model.roi_head.bbox_head.fc_cls.out_features == 5
    assert model.train_step(batch())['log_vars']['acc_own'] == 7
    train_and_test(model)


class SharedHead(BaseModule):
    def forward(self, x):
        return x + 1


class DoubleRoIHead(roi_heads.RotatedStandardRoIHead):
    """The own RoI head of the tutorial: features of larger regions for the boxes."""

    def __init__(self, reg_roi_scale_factor, **kwargs):
        super().__init__(**kwargs)
        self.reg_roi_scale_factor = reg_roi_scale_factor

    def _bbox_forward(self, x, rois):
        feats = x[: self.bbox_roi_extractor.num_inputs]
        cls_feats = self.bbox_roi_extractor(feats, rois)
        reg_feats = self.bbox_roi_extractor(feats, rois, roi_scale_factor=self.reg_roi_scale_factor)
        if self.with_shared_head:
            cls_feats, reg_feats = self.shared_head(cls_feats), self.shared_head(reg_feats)
        cls_score, _ = self.bbox_head(cls_feats)
        _, bbox_pred = self.bbox_head(reg_feats)
        return dict(cls_score=cls_score, bbox_pred=bbox_pred, bbox_feats=cls_feats)


def test_an_own_roi_head_of_the_tutorial_trains_and_tests():
    cfg = oriented_rcnn('le90')
    cfg['roi_head'].update(type=DoubleRoIHead, reg_roi_scale_factor=1.3, shared_head=dict(type=SharedHead))
    model = build_detector(cfg)
    counts = counting(model.roi_head.shared_head, ['forward'])
    train_and_test(model)
    assert counts['forward'] == 2 * 4


def test_a_shared_head_is_on_the_path_and_masks_are_carried_along():
    cfg = oriented_rcnn('le90')
    cfg['roi_head']['shared_head'] = dict(type=SharedHead)
    model = build_detector(cfg)
    counts = counting(model.roi_head.shared_head, ['forward'])
    train_and_test(model)
    assert counts['forward'] == 4
    with pytest.warns(UserWarning, match='predicts no masks: gt_masks are not used'):
        assert model.forward_train(**batch(), gt_masks=[None])
    with pytest.raises(ValueError, match=r'pretrained=.* is for a shared_head'):
        build_head(dict(cfg['roi_head'], shared_head=None, pretrained='weights.pth'))
    with pytest.raises(ValueError, match='a cascade has no shared_head'):
        build_head(dict(roi_trans('le90')['roi_head'], shared_head=dict(type=SharedHead)))


@pytest.mark.parametrize('stage', [0, 1])  # of horizontal and of rotated proposals
def test_a_box_head_takes_and_gives_what_is_documented(stage):
    roi_head = build_detector(roi_trans('le90')).roi_head
    head, width = roi_head.bbox_head[stage], 4 + stage
    rois = torch.tensor([[0, 20, 10, 60, 40, 0.3], [0, 30, 20, 70, 50, 0.3], [1, 20, 10, 60, 40, 0.3]])[:, : width + 1]
    columns = head.fc_reg.out_features
    scores, deltas, labels = torch.randn(3, 4), torch.randn(3, columns) * 0.1, torch.tensor([0, 2, 1])
    boxes = head.regress_by_class(rois[:, 1:], labels, deltas, {})
    assert boxes.shape == (3, 5)
    torch.testing.assert_close(head.regress_by_class(rois, labels, deltas, {}), torch.cat([rois[:, :1], boxes], 1))
    refined = head.refine_bboxes(rois, labels, deltas, [torch.tensor([1]), torch.tensor([0])], [{}, {}])
    assert [len(image) for image in refined] == [1, 1]
    torch.testing.assert_close(torch.cat(refined), boxes[1:])
    found, probabilities = head.get_bboxes(rois, scores, deltas, (64, 96, 3), [2.0] * 4)
    halved, _ = head.get_bboxes(rois, scores, deltas, (64, 96, 3), [2.0] * 4, rescale=True)
    torch.testing.assert_close(probabilities, scores.softmax(1))
    torch.testing.assert_close(halved.view(3, -1, 5)[..., :4] * 2, found.view(3, -1, 5)[..., :4])
    best, _ = head.get_bboxes(rois, scores, deltas, (64, 96, 3), [1.0] * 4, cfg=roi_head.test_cfg)
    assert best.shape[1] == 6
    truth = torch.tensor([[40.0, 25, 40, 30, 0.1]])
    (sample,) = roi_head._samples(stage, [], [rois[:, 1:]], [truth], [None], [torch.tensor([1])])
    args = ([sample], [truth], [torch.tensor([1])], roi_head.train_cfg[stage])
    targets, lists = head.get_targets(*args), head.get_targets(*args, concat=False)
    assert all((a == b[0]).all() for a, b in zip(targets, lists, strict=True))
    count = len(sample.bboxes)
    sampled = bbox2roi([sample.bboxes])
    losses = head.loss(torch.randn(count, 4), torch.randn(count, columns), sampled, *targets, reduction_override='none')
    assert losses['loss_cls'].shape == (count,)
