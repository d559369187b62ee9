"""A user's parts, as they were written for MMRotate 0.3 with mmcv 1.x and mmdet 2.x."""

import itertools

import mmcv
import numpy as np
import torch
import torch.nn as nn
from mmcv import Config
from mmcv.cnn import ConvModule, build_activation_layer, build_norm_layer
from mmcv.ops import box_iou_rotated
from mmcv.runner import HOOKS, BaseModule, Hook, ModuleList, auto_fp16, force_fp32, get_dist_info
from mmcv.utils import build_from_cfg, print_log
from mmdet.apis import init_detector
from mmdet.core import bbox2roi, build_assigner, multi_apply, reduce_mean, unmap
from mmdet.core.bbox import AssignResult
from mmdet.datasets.builder import DATASETS, PIPELINES
from mmdet.datasets.pipelines import Compose
from mmdet.models.builder import BACKBONES, HEADS, LOSSES, build_loss
from mmdet.models.losses.utils import weighted_loss
from mmdet.utils import get_root_logger

from mmrotate.datasets import DOTADataset
from mmrotate.models.dense_heads import RotatedRetinaHead

CALLS = []
assert mmcv.__version__.startswith('1.') and callable(init_detector) and Config.fromfile


@BACKBONES.register_module()
class PlainNet(BaseModule):
    def __init__(self, channels, norm_cfg=None, init_cfg=None):
        super().__init__(init_cfg)
        self.fp16_enabled = False
        norm_cfg = norm_cfg or dict(type='BN', requires_grad=True)
        self.stem = ConvModule(3, channels[0], 3, 4, 1, norm_cfg=norm_cfg)
        self.stages = ModuleList()
        for inputs, outputs in itertools.pairwise(channels):
            self.stages.append(ConvModule(inputs, outputs, 3, 2, 1, conv_cfg=dict(type='Conv2d'), norm_cfg=norm_cfg))
        self.norm_name, norm = build_norm_layer(norm_cfg, channels[-1], postfix=1)
        self.add_module(self.norm_name, norm)
        self.act = build_activation_layer(dict(type='ReLU'))

    @auto_fp16()
    def forward(self, x):
        CALLS.append('backbone')
        outs = [self.stem(x)]
        for stage in self.stages:
            outs.append(stage(outs[-1]))
        return (*outs[:-1], self.act(getattr(self, self.norm_name)(outs[-1])))


@weighted_loss
def half_squares(pred, target):
    return 0.5 * (pred - target) ** 2


@LOSSES.register_module()
class HalfSquareLoss(nn.Module):
    def __init__(self, reduction='mean', loss_weight=1.0):
        super().__init__()
        self.reduction, self.loss_weight = reduction, loss_weight

    def forward(self, pred, target, weight=None, avg_factor=None, reduction_override=None):
        CALLS.append('loss')
        reduction = reduction_override if reduction_override else self.reduction
        return self.loss_weight * half_squares(pred, target, weight, reduction=reduction, avg_factor=avg_factor)


@HEADS.register_module()
class CarefulRetinaHead(RotatedRetinaHead):
    def __init__(self, *args, assigner, extra_loss, **kwargs):
        super().__init__(*args, **kwargs)
        self.extra_assigner = build_assigner(assigner)
        self.extra_loss = build_loss(extra_loss)

    @force_fp32(apply_to=('cls_scores', 'bbox_preds'))
    def loss(self, cls_scores, bbox_preds, gt_bboxes, gt_labels, img_metas, gt_bboxes_ignore=None):
        losses = super().loss(cls_scores, bbox_preds, gt_bboxes, gt_labels, img_metas, gt_bboxes_ignore)
        (sizes,) = multi_apply(lambda boxes: (boxes.new_tensor(len(boxes)),), gt_bboxes)
        mean = reduce_mean(torch.stack(sizes).float().mean())
        rois = bbox2roi(gt_bboxes)
        assert rois.shape == (int(sum(sizes)), 6) and get_dist_info() == (0, 1)
        result = self.extra_assigner.assign(gt_bboxes[0], gt_bboxes[0], gt_labels=gt_labels[0])
        assert isinstance(result, AssignResult)
        assert torch.allclose(box_iou_rotated(gt_bboxes[0], gt_bboxes[0]).diagonal(), torch.ones(()), atol=1e-4)
        mask = torch.tensor([True, False, True])
        assert unmap(torch.ones(2), 3, mask).tolist() == [1, 0, 1]
        losses['loss_extra'] = self.extra_loss(bbox_preds[0], torch.zeros_like(bbox_preds[0]), avg_factor=mean)
        CALLS.append('head')
        return losses


@PIPELINES.register_module()
class Dim:
    def __init__(self, factor, then=()):
        self.factor, self.then = factor, Compose([build_from_cfg(step, PIPELINES) for step in then])

    def __call__(self, results):
        CALLS.append('step')
        results['img'] = mmcv.imnormalize(results['img'], np.zeros(3), np.full(3, 1 / self.factor), to_rgb=False)
        return self.then(results)


@DATASETS.register_module()
class TwoClasses(DOTADataset):
    CLASSES = ('car', 'ship')

    def load_annotations(self, ann_folder):
        CALLS.append('dataset')
        return super().load_annotations(ann_folder)


@HOOKS.register_module()
class CountingHook(Hook):
    def __init__(self, word):
        self.word = word

    def before_run(self, runner):
        CALLS.append('before_run')

    def after_iter(self, runner):
        CALLS.append(f'{runner.mode}_iter')

    def after_run(self, runner):
        print_log(f'{self.word}: {" ".join(sorted(set(CALLS)))}', logger=get_root_logger())
