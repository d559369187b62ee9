"""Keys of nested settings that nothing reads."""

import logging
from pathlib import Path

import pytest
import torch
from torch import nn

from mmrotate.engine import load_config
from mmrotate.engine.checks import unread_settings
from mmrotate.models import build_detector
from mmrotate.models.roi_heads import OrientedStandardRoIHead

CONFIG = Path(__file__).parents[3] / 'configs/hit_uav/oriented_rcnn_r18_half_fpn_hit_uav_le90.py'


@pytest.fixture(scope='module')
def detector():
    with torch.device('meta'):
        return build_detector(load_config(CONFIG).model)


def told(detector, **options):
    """What is said where ``options``, keys with dots, are put into the settings."""
    cfg = load_config(CONFIG, {f'model.{key.replace("__", ".")}': value for key, value in options.items()})
    detector.train_cfg, detector.test_cfg = cfg.model.train_cfg, cfg.model.test_cfg
    return list(unread_settings(detector))


def test_a_shipped_config_has_no_unread_key(detector):
    assert told(detector) == []


@pytest.mark.parametrize(
    'key',
    ['test_cfg__soft_nms', 'test_cfg__rcnn__score_thrr', 'test_cfg__rcnn__nms__class_agnostik',
     'test_cfg__rpn__nms_thr',
     'train_cfg__rpn__pos_wight', 'train_cfg__rpn_proposal__nms__sigma', 'train_cfg__rcnn__mask_size',
     'test_cfg__rcnn__nms__sigma'],
)  # fmt: skip
def test_a_key_is_named_with_its_place(detector, key):
    (finding,) = told(detector, **{key: 1})
    assert finding.level == logging.WARNING
    assert finding.text.endswith(f"not understood and have no effect: ['model.{key.replace('__', '.')}']")


def test_soft_nms_is_obeyed_and_said(detector):
    nms = dict(_delete_=True, type='soft_nms', iou_threshold=0.5, sigma=0.3)
    (finding,) = told(detector, test_cfg__rcnn__nms=nms)
    assert finding.level == logging.WARNING and "nms.type='soft_nms' is obeyed" in finding.text


def test_soft_nms_of_proposals_and_unknown_kinds_are_errors(detector):
    (finding,) = told(detector, test_cfg__rpn__nms__type='soft_nms')
    assert finding.level == logging.ERROR and 'plain NMS only' in finding.text
    (finding,) = told(detector, test_cfg__rcnn__nms__type='wbf')
    assert finding.level == logging.ERROR and 'test_cfg.rcnn.nms: nms.type must be' in finding.text


def test_a_head_of_ones_own_may_read_anything_unless_it_says_what(detector):
    class Mine(OrientedStandardRoIHead):
        pass

    own, detector.roi_head = detector.roi_head, Mine.__new__(Mine)
    nn.Module.__init__(detector.roi_head)
    try:
        assert told(detector, test_cfg__rcnn__mine=1) == []
        Mine.test_keys = {**OrientedStandardRoIHead.test_keys, 'mine': None}
        assert told(detector, test_cfg__rcnn__mine=1) == []
        assert "['model.test_cfg.rcnn.mien']" in told(detector, test_cfg__rcnn__mien=1)[0].text
    finally:
        detector.roi_head = own
