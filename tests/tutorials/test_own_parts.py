"""The chapter on models of one's own, as the documents write it, in files that a config imports."""

import sys
from textwrap import dedent

import pytest
import torch
from mmengine.config import Config

from mmrotate.engine.custom_imports import import_custom_modules
from mmrotate.models import build_detector
from mmrotate.registry import MODELS
from tests.helpers import zoo

SIZE = (64, 96)
BACKBONE = """
import torch.nn as nn

from mmrotate.models.builder import ROTATED_BACKBONES

@ROTATED_BACKBONES.register_module()
class MobileNet(nn.Module):

    def __init__(self, arg1, arg2):
        super().__init__()
        self.stem = nn.Conv2d(3, arg1, 3, stride=2, padding=1)
        self.stages = nn.ModuleList(
            nn.Conv2d(arg1 if i == 0 else arg2, arg2, 3, stride=2, padding=1) for i in range(4))

    def forward(self, x): # should return a tuple
        x = self.stem(x)
        outs = []
        for stage in self.stages:
            x = stage(x)
            outs.append(x)
        return tuple(outs)
"""
NECK = """
import torch.nn as nn
import torch.nn.functional as F

from mmrotate.models.builder import ROTATED_NECKS

@ROTATED_NECKS.register_module()
class PAFPN(nn.Module):

    def __init__(self,
                in_channels,
                out_channels,
                num_outs,
                start_level=0,
                end_level=-1,
                add_extra_convs=False):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(c, out_channels, 1) for c in in_channels)
        self.num_outs = num_outs
        self.calls = 0

    def forward(self, inputs):
        self.calls += 1
        outs = [conv(x) for conv, x in zip(self.convs, inputs)]
        while len(outs) < self.num_outs:
            outs.append(F.max_pool2d(outs[-1], 1, stride=2))
        return tuple(outs)
"""
BBOX_HEAD = r'''
import torch.nn as nn

from mmrotate.models.builder import ROTATED_HEADS
from mmrotate.models.roi_heads.bbox_heads.bbox_head import BBoxHead

@ROTATED_HEADS.register_module()
class DoubleConvFCBBoxHead(BBoxHead):
    r"""Bbox head used in Double-Head R-CNN

                                      /-> cls
                  /-> shared convs ->
                                      \-> reg
    roi features
                                      /-> cls
                  \-> shared fc    ->
                                      \-> reg
    """  # noqa: W605

    def __init__(self,
                 num_convs=0,
                 num_fcs=0,
                 conv_out_channels=1024,
                 fc_out_channels=1024,
                 conv_cfg=None,
                 norm_cfg=dict(type='BN'),
                 **kwargs):
        kwargs.setdefault('with_avg_pool', True)
        super(DoubleConvFCBBoxHead, self).__init__(**kwargs)
        assert self.with_avg_pool
        self.convs = nn.Sequential(*(
            nn.Conv2d(self.in_channels if i == 0 else conv_out_channels, conv_out_channels, 3, padding=1)
            for i in range(num_convs)))
        width = self.in_channels * self.roi_feat_size[0] * self.roi_feat_size[1]
        self.fcs = nn.Sequential(*(
            nn.Linear(width if i == 0 else fc_out_channels, fc_out_channels) for i in range(num_fcs)))
        self.relu = nn.ReLU()
        self.fc_cls = nn.Linear(fc_out_channels, self.num_classes + 1)
        out_dim_reg = 5 if self.reg_class_agnostic else 5 * self.num_classes
        self.fc_reg = nn.Linear(conv_out_channels, out_dim_reg)

    def forward(self, x_cls, x_reg):
        x_conv = self.avg_pool(self.convs(x_reg))
        bbox_pred = self.fc_reg(x_conv.flatten(1))
        x_fc = self.relu(self.fcs(x_cls.flatten(1)))
        cls_score = self.fc_cls(x_fc)
        return cls_score, bbox_pred
'''
ROI_HEAD = '''
from mmrotate.models.builder import ROTATED_HEADS
from mmrotate.models.roi_heads.standard_roi_head import StandardRoIHead

@ROTATED_HEADS.register_module()
class DoubleHeadRoIHead(StandardRoIHead):
    """RoI head for Double Head RCNN

    https://arxiv.org/abs/1904.06493
    """

    def __init__(self, reg_roi_scale_factor, **kwargs):
        super(DoubleHeadRoIHead, self).__init__(**kwargs)
        self.reg_roi_scale_factor = reg_roi_scale_factor
        self.calls = 0

    def _bbox_forward(self, x, rois):
        self.calls += 1
        bbox_cls_feats = self.bbox_roi_extractor(
            x[:self.bbox_roi_extractor.num_inputs], rois)
        bbox_reg_feats = self.bbox_roi_extractor(
            x[:self.bbox_roi_extractor.num_inputs],
            rois,
            roi_scale_factor=self.reg_roi_scale_factor)
        if self.with_shared_head:
            bbox_cls_feats = self.shared_head(bbox_cls_feats)
            bbox_reg_feats = self.shared_head(bbox_reg_feats)
        cls_score, bbox_pred = self.bbox_head(bbox_cls_feats, bbox_reg_feats)

        bbox_results = dict(
            cls_score=cls_score,
            bbox_pred=bbox_pred,
            bbox_feats=bbox_cls_feats)
        return bbox_results
'''
LOSS = """
import torch
import torch.nn as nn

from mmrotate.models.builder import ROTATED_LOSSES
from mmrotate.models.losses.utils import weighted_loss

@weighted_loss
def my_loss(pred, target):
    assert pred.size() == target.size() and target.numel() > 0
    loss = torch.abs(pred - target)
    return loss

@ROTATED_LOSSES.register_module()
class MyLoss(nn.Module):

    def __init__(self, reduction='mean', loss_weight=1.0):
        super(MyLoss, self).__init__()
        self.reduction = reduction
        self.loss_weight = loss_weight

    def forward(self,
                pred,
                target,
                weight=None,
                avg_factor=None,
                reduction_override=None):
        assert reduction_override in (None, 'none', 'mean', 'sum')
        reduction = (
            reduction_override if reduction_override else self.reduction)
        loss_bbox = self.loss_weight * my_loss(
            pred, target, weight, reduction=reduction, avg_factor=avg_factor)
        return loss_bbox
"""


@pytest.fixture
def imported(tmp_path, monkeypatch):
    """A function that writes files and loads a config that imports them; after the test their names are gone."""
    known = dict(MODELS.module_dict)
    monkeypatch.syspath_prepend(tmp_path)
    written = []

    def load(**sources: str) -> None:
        for name, source in sources.items():
            (tmp_path / f'{name}.py').write_text(dedent(source))
            written.append(name)
        (tmp_path / 'config.py').write_text(
            f'custom_imports = dict(imports={list(sources)}, allow_failed_imports=False)'
        )
        import_custom_modules(Config.fromfile(tmp_path / 'config.py', import_custom_modules=False))

    yield load
    for name in written:
        sys.modules.pop(name, None)
    MODELS.module_dict.clear()
    MODELS.module_dict.update(known)


def train_and_test(cfg, counts=(2, 1)):
    """A model after a step of training on images with so many objects, its losses, and what it finds."""
    model = build_detector(cfg)
    losses = model.train_step(zoo.batch(counts, SIZE, 'le90'), None)
    losses['loss'].backward()
    assert losses['loss'].isfinite()
    model.eval()
    data = zoo.batch((1,), SIZE, 'le90')
    with torch.no_grad():
        found = model([data['img']], [data['img_metas']], return_loss=False)
    return model, losses['log_vars'], found


def test_a_backbone(imported):
    imported(mobilenet_of_mine=BACKBONE)
    cfg = zoo.tiny('rotated_retinanet_obb', 'le90')
    cfg['backbone'] = dict(type='MobileNet', arg1=8, arg2=16)
    cfg['neck']['in_channels'] = [16] * 4
    model, _, found = train_and_test(cfg)
    assert type(model.backbone).__module__ == 'mobilenet_of_mine'
    assert model.backbone.stages[0].weight.grad.abs().sum() > 0
    assert len(found[0]) == zoo.NUM_CLASSES


def test_a_neck_called_as_one_that_is_there(imported, log):
    imported(pafpn_of_mine=NECK)
    assert any('pafpn_of_mine.PAFPN takes the place of mmrotate' in record.getMessage() for record in log)
    cfg = zoo.tiny('rotated_retinanet_obb', 'le90')
    cfg['neck'] = dict(type='PAFPN', in_channels=[8, 16, 32, 64], out_channels=64, num_outs=5)
    model, _, _ = train_and_test(cfg)
    assert model.neck.calls == 2


def test_double_head(imported):
    imported(double_bbox_head=BBOX_HEAD, double_roi_head=ROI_HEAD)
    cfg = zoo.tiny('rotated_faster_rcnn', 'le90')
    head = cfg['roi_head']
    head |= dict(type='DoubleHeadRoIHead', reg_roi_scale_factor=1.3)
    own = dict(num_convs=1, num_fcs=1, conv_out_channels=16, fc_out_channels=16)
    kept = ('in_channels', 'num_classes', 'bbox_coder', 'reg_class_agnostic', 'loss_cls', 'loss_bbox', 'roi_feat_size')
    given = {key: value for key, value in head['bbox_head'].items() if key in kept}
    head['bbox_head'] = dict(type='DoubleConvFCBBoxHead', **own, **given)
    model, values, _ = train_and_test(cfg)
    assert model.roi_head.calls == 2
    assert {'loss_cls', 'loss_bbox'} <= set(values)
    for part in (model.roi_head.bbox_head.convs, model.roi_head.bbox_head.fcs):
        assert part[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize('method', ['rotated_retinanet_obb', 'rotated_fcos', 'rotated_faster_rcnn', 's2anet'])
@pytest.mark.parametrize('counts', [(2, 0), (0, 0)])
def test_a_loss(imported, method, counts):
    """It needs a row, so a batch without an object must not reach it."""
    imported(my_loss=LOSS)
    cfg = zoo.tiny(method, 'le90')
    heads = [value for key, value in cfg.items() if key.endswith('_head') and isinstance(value, dict)]
    heads += [head['bbox_head'] for head in heads if 'bbox_head' in head] + [
        h for h in cfg.get('bbox_head', ()) if h is dict
    ]
    for part in heads:
        if 'loss_bbox' in part:
            part['loss_bbox'] = dict(type='MyLoss', loss_weight=1.0)
    _, values, _ = train_and_test(cfg, counts)
    assert all(value == value for value in values.values())


TWEAKED = [
    dict(type='FocalLoss', use_sigmoid=True, gamma=1.5, alpha=0.5, loss_weight=1.0),
    dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0, reduction='sum'),
    dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=0.5),
    dict(type='GHMC', bins=30, momentum=0.75, use_sigmoid=True, loss_weight=1.0),
]


@pytest.mark.parametrize('loss_cls', TWEAKED, ids=lambda cfg: '-'.join(map(str, cfg.values())))
def test_a_tweaked_loss(loss_cls):
    cfg = zoo.tiny('rotated_retinanet_obb', 'le90')
    cfg['bbox_head']['loss_cls'] = loss_cls
    _, values, _ = train_and_test(cfg)
    assert 0 < values['loss_cls'] < 1e6


def test_a_sum_is_not_divided():
    losses = {}
    for reduction in ('mean', 'sum'):
        cfg = zoo.tiny('rotated_retinanet_obb', 'le90')
        cfg['bbox_head']['loss_cls']['reduction'] = reduction
        torch.manual_seed(0)
        losses[reduction] = train_and_test(cfg)[1]['loss_cls']
    assert losses['sum'] > 2 * losses['mean']


def test_a_sampler_in_the_proposal_head():
    cfg = zoo.tiny('rotated_faster_rcnn', 'le90')
    cfg['train_cfg']['rpn']['sampler'] = dict(
        type='RandomSampler', num=256, pos_fraction=0.5, neg_pos_ub=-1, add_gt_as_proposals=False
    )
    assert train_and_test(cfg)[1]['loss_rpn_cls'] > 0
