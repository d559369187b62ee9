"""Configs of PSC, ACM and GauCho say what their sources say, in the dialect of 0.3."""

import pytest
import torch

from mmrotate.engine.checks.settings import unread_settings
from mmrotate.models import build_detector
from tests.helpers import reference
from tests.models.test_golden_newer import CONFIGS, without_scope

from .test_newer import STEPS, pipeline
from .test_zoo import resolve

SOURCES = reference.load_json('newer/angle_configs.json.gz')
# names of 1.x, and what its configs say that is said otherwise, or is a default, here
NAMES = {
    'FCOS': 'RotatedFCOS',
    'RetinaNet': 'RotatedRetinaNet',
    'DeltaXYWHTRBBoxCoder': 'DeltaXYWHAOBBoxCoder',
    'FakeRotatedAnchorGenerator': 'RotatedAnchorGenerator',
    'use_hbbox_loss': 'separate_angle',
    'iou_threshold': 'iou_thr',
}
LEFT_OUT = ({'gaussian_centerness': False}, {'loss_angle': None}, {'sampler': {'type': 'PseudoSampler'}})


def renamed(node):
    """A part of a source in our names."""
    if isinstance(node, dict):
        return {NAMES.get(key, key): renamed(value) for key, value in node.items() if {key: value} not in LEFT_OUT}
    if isinstance(node, list):
        return [renamed(value) for value in node]
    return NAMES.get(node, node) if isinstance(node, str) else node


def source_model(name):
    model = renamed(without_scope(SOURCES[name]['model']))
    del model['data_preprocessor']
    head = model['bbox_head']
    model['test_cfg']['nms'].pop('type')
    if 'anchor_generator' in head:
        del head['anchor_generator']['angle_version']
        head['bbox_coder']['angle_range'] = head['bbox_coder'].pop('angle_version')
        head['assign_by_circumhbbox'] = None  # by the IoU of rotated boxes
    else:  # the best pairs of position and class are those of 1.x
        model['test_cfg']['nms_pre_of_pairs'] = True
    return model


def listed(node):
    """The same with lists in place of tuples."""
    if isinstance(node, dict):
        return {key: listed(value) for key, value in node.items()}
    return [listed(value) for value in node] if isinstance(node, (list, tuple)) else node


@pytest.mark.parametrize('name', SOURCES)
def test_model(name):
    config, expected = listed(resolve(CONFIGS[name])['model']), source_model(name)
    assert config['backbone'].pop('zero_init_residual') is False  # ImageNet weights overwrite it
    assert config == expected
    with torch.device('meta'):
        assert list(unread_settings(build_detector(resolve(CONFIGS[name])['model']))) == []


@pytest.mark.parametrize('name', SOURCES)
def test_data_and_schedule(name):
    source, config = without_scope(SOURCES[name]), resolve(CONFIGS[name])
    steps = [step for step in source['train_pipeline'] if step['type'] in STEPS]
    assert [step['type'] for step in pipeline(config)[: len(steps)]] == [STEPS[step['type']] for step in steps]
    scales = [step['scale'] for step in steps if 'scale' in step]
    assert [list(step['img_scale']) for step in pipeline(config) if 'img_scale' in step] == scales
    assert config['data']['samples_per_gpu'] == source['batch']
    optimizer, (warmup, steps) = source['optim_wrapper']['optimizer'], source['param_scheduler']
    assert {key: config['optimizer'][key] for key in optimizer} == optimizer
    assert config['runner']['max_epochs'] == source['train_cfg']['max_epochs']
    assert config['evaluation']['interval'] == source['train_cfg']['val_interval']
    assert config['lr_config']['step'] == steps['milestones']
    assert config['lr_config']['warmup_iters'] == warmup['end'] - 1
    assert ('fp16' in config) == (source['optim_wrapper']['type'] == 'AmpOptimWrapper')
    assert len(CONFIGS[name].read_text(encoding='utf-8').splitlines()) <= 25
