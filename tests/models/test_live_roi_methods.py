"""Methods that a user may override, by the names of 0.x: each is on the path that trains or tests."""

import asyncio

import pytest
import torch

from mmrotate.models import build_detector, detectors
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


def counting(model, methods):
    """``model`` with each of the methods overridden by one that counts its calls."""
    counts = dict.fromkeys(methods, 0)

    def override(name):
        def method(self, *args, **kwargs):
            counts[name] += 1
            return getattr(super(cls, self), name)(*args, **kwargs)

        return method

    cls = type('Mine', (type(model),), {name: override(name) for name in methods})
    model.__class__ = cls
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
