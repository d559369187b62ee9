"""Samples of the hardest proposals in a RoI head."""

import pytest
import torch

from mmrotate.models import build_detector
from tests.helpers import zoo


@pytest.mark.parametrize('method', ['oriented_rcnn', 'roi_trans'])
def test_the_hardest_proposals_cost_the_most(method):
    """The same proposals, sampled at random and by their losses."""
    costs = {}
    for kind in ('RRandomSampler', 'OHEMSampler'):
        cfg = zoo.tiny(method, 'le90')
        stages = cfg['train_cfg']['rcnn']
        for stage in stages if isinstance(stages, list) else [stages]:
            stage['sampler'] |= dict(type=kind, num=16, add_gt_as_proposals=True)
        torch.manual_seed(0)
        model = build_detector(cfg)
        model.init_weights()
        losses = model(**zoo.batch((3, 5), (64, 96), 'le90'))
        loss, log = model._parse_losses(losses)
        loss.backward()
        costs[kind] = sum(value for name, value in log.items() if name.endswith('loss_cls'))
    assert costs['OHEMSampler'] > costs['RRandomSampler']


@pytest.mark.parametrize('kind', ['ScoreHLRSampler', 'CombinedSampler'])
def test_ranks_of_negatives_weigh_the_loss(kind):
    cfg = zoo.tiny('oriented_rcnn', 'le90')
    parts = dict(pos_sampler=dict(type='InstanceBalancedPosSampler'), neg_sampler=dict(type='ScoreHLRSampler'))
    more = parts if kind == 'CombinedSampler' else dict(score_thr=0.0)
    cfg['train_cfg']['rcnn']['sampler'] = dict(type=kind, num=16, pos_fraction=0.25, **more)
    model = build_detector(cfg)
    model.init_weights()
    seen = []
    head = model.roi_head.bbox_head
    loss_of_head = head.loss
    head.loss = lambda *args: seen.append(args[4]) or loss_of_head(*args)
    loss, _ = model._parse_losses(model(**zoo.batch((3, 5), (64, 96), 'le90')))
    loss.backward()
    assert seen[0].shape == (32,) and seen[0].isfinite().all()
    assert len(seen[0].unique()) > 4
