"""What a detector needs in train_cfg and test_cfg, and has not, is named."""

import pytest
import torch

from mmrotate.models import build_detector
from mmrotate.utils.errors import ArgumentError
from tests.helpers import zoo

SIZE = (64, 96)
RESULTS = ('score_thr', 'nms', 'max_per_img')


def without(method, path):
    """A detector without a key of its settings, and a batch."""
    cfg = zoo.tiny(method, 'le90')
    *above, last = path.split('.')
    part = cfg
    for key in above:
        part = part[key]
    del part[last]
    return build_detector(cfg), zoo.batch((3, 2), SIZE, 'le90')


@pytest.mark.parametrize(
    ('method', 'path', 'missing'),
    [
        ('rotated_rtmdet', 'test_cfg', 'RotatedRTMDetSepBNHead lacks score_thr, nms, max_per_img in its test_cfg'),
        *(('rotated_yolox', f'test_cfg.{key}', f'RotatedYOLOXHead lacks {key} in its test_cfg') for key in RESULTS),
        *(('psc_fcos', f'test_cfg.{key}', f'RotatedFCOSHead lacks {key} in its test_cfg') for key in RESULTS),
        ('psc_retinanet', 'test_cfg', 'lacks score_thr, nms, max_per_img in its test_cfg'),
        ('rotated_reppoints', 'test_cfg.nms', 'RotatedRepPointsHead lacks nms in its test_cfg'),
        ('h2rbox_v2', 'test_cfg.max_per_img', 'H2RBoxV2Head lacks max_per_img in its test_cfg'),
        ('oriented_rcnn', 'test_cfg.rpn', 'OrientedRPNHead lacks nms, max_per_img in its test_cfg'),
        ('oriented_rcnn', 'test_cfg.rcnn.score_thr', 'RotatedShared2FCBBoxHead lacks score_thr in its test_cfg'),
        ('gliding_vertex', 'test_cfg.rcnn.nms', 'GVBBoxHead lacks nms in its test_cfg'),
        ('rhino', 'test_cfg', 'lacks max_per_img in its test_cfg'),
    ],
)
@torch.no_grad()
def test_to_test(method, path, missing):
    model, batch = without(method, path)
    with pytest.raises(ArgumentError, match=missing):
        model.eval().simple_test(batch['img'], batch['img_metas'])


@pytest.mark.parametrize(
    ('method', 'path', 'missing'),
    [
        ('rotated_rtmdet', 'train_cfg', 'RotatedRTMDetSepBNHead lacks assigner in its train_cfg'),
        ('rotated_yolox', 'train_cfg.assigner', 'RotatedYOLOXHead lacks assigner in its train_cfg'),
        ('o2_rtdetr', 'train_cfg', 'RotatedRTDETRHead lacks assigner in its train_cfg'),
        ('psc_retinanet', 'train_cfg.allowed_border', 'lacks allowed_border in its train_cfg'),
        ('oriented_rcnn', 'train_cfg.rpn', 'OrientedRPNHead lacks allowed_border in its train_cfg'),
        ('oriented_rcnn', 'train_cfg.rcnn', 'does not train without train_cfg.rcnn'),
        ('oriented_rcnn', 'train_cfg', 'OrientedRPNHead lacks'),
    ],
)
def test_to_train(method, path, missing):
    model, batch = without(method, path)
    with pytest.raises(ArgumentError, match=missing):
        model.train().forward_train(**batch)


def test_proposals_for_training_do_not_need_those_for_testing():
    model, batch = without('oriented_rcnn', 'test_cfg')
    assert 'loss_rpn_cls' in model.train().forward_train(**batch)
