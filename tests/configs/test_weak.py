"""Configs of H2RBox are those of MMRotate 1.x, in the dialect of 0.3."""

import pytest

from mmrotate.datasets import build_dataset
from mmrotate.utils.errors import ArgumentError
from tests.helpers import reference
from tests.models.test_golden_newer import CONFIGS, without_scope

from .test_data import first_class, write_sample
from .test_zoo import resolve

SOURCES = reference.load_all('newer/configs_h2rbox*.json.gz')


@pytest.mark.parametrize('name', SOURCES)
def test_model(name):
    expected = without_scope(SOURCES[name]['model'])
    prepare = expected.pop('data_preprocessor')
    config = resolve(CONFIGS[name])
    model = config['model']
    assert model['backbone'].pop('zero_init_residual') is False
    assert model['bbox_head'].pop('separate_angle') is False
    assert model['bbox_head'].pop('use_hbbox_loss', False) is expected['bbox_head'].pop('use_hbbox_loss')
    model['bbox_head'] = {key: value for key, value in model['bbox_head'].items() if value is not None}
    nms, wanted = (part['test_cfg'].pop('nms') for part in (model, expected))
    assert nms == dict(iou_thr=wanted['iou_threshold'])
    assert model == expected
    normalize = next(step for step in config['train_pipeline'] if step['type'] == 'Normalize')
    assert [normalize[key] for key in ('mean', 'std', 'to_rgb')] == [prepare[k] for k in ('mean', 'std', 'bgr_to_rgb')]


@pytest.mark.parametrize('name', SOURCES)
def test_data_and_schedule(name):
    source, config = SOURCES[name], resolve(CONFIGS[name])
    train = config['data']['train']
    assert train['horizontal'] is True and train['version'] == 'le90'
    assert config['data']['samples_per_gpu'] == source['train_dataloader']['batch_size']
    steps = {step['type']: step for step in train['pipeline']}
    loader = source['train_dataloader']['dataset']
    theirs = {step['type']: step for step in loader.get('datasets', [loader])[0]['pipeline']}
    turn = theirs.get('RandomRotate')
    assert ('PolyRandomRotate' in steps) == (turn is not None)
    if turn:
        own = steps['PolyRandomRotate']
        assert (own['rotate_ratio'], own['angles_range']) == (turn['prob'], turn['angle_range'])
    assert sum(steps['RRandomFlip']['flip_ratio']) == theirs['mmdet.RandomFlip']['prob']
    optimizer = source['optim_wrapper']['optimizer']
    assert {key: list(v) if key == 'betas' else v for key, v in config['optimizer'].items()} == optimizer
    assert config['optimizer_config']['grad_clip'] == source['optim_wrapper']['clip_grad']
    warmup, decay = source['param_scheduler']
    assert config['lr_config']['step'] == decay['milestones']
    assert config['lr_config']['warmup_iters'] == warmup['end'] - 1
    assert config['runner']['max_epochs'] == source['train_cfg']['max_epochs']
    assert config['evaluation']['interval'] == source['train_cfg']['val_interval']
    assert len((CONFIGS[name]).read_text(encoding='utf-8').splitlines()) <= 25


@pytest.mark.parametrize('name', [name for name in SOURCES if name.endswith(('ms_rr-1x_dota', 'rr-6x_hrsc'))])
def test_samples_are_upright(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train = resolve(CONFIGS[name])['data']['train']
    steps = [step for step in train['pipeline'] if step['type'] != 'PolyRandomRotate']
    write_sample(train, first_class(train))
    boxes = build_dataset({**train, 'pipeline': steps})[0]['gt_bboxes']
    assert len(boxes) and (2 * boxes[:, 4]).sin().abs().max() < 1e-4
    if name.endswith('hrsc'):
        assert build_dataset(train)[0]['img'].shape == (3, 800, 800)


def test_upright_labels_are_for_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train = resolve(CONFIGS['h2rbox-le90_r50_fpn_adamw-1x_dota'])['data']['train']
    write_sample(train, first_class(train))
    with pytest.raises(ArgumentError, match='horizontal'):
        build_dataset({**train, 'test_mode': True})


def test_boxes_with_a_front_build_and_give_samples(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = resolve(CONFIGS['rotated_fcos_heading_r50_fpn_6x_hrsc_r360'])
    train = config['data']['train']
    write_sample(train, first_class(train))
    data = build_dataset(train)
    assert {step.version for step in data.pipeline.transforms if hasattr(step, 'version')} == {'r360'}
    assert len(data[0]['gt_bboxes']) and config['evaluation']['heading'] is True
    coders = [config['model']['bbox_head'][key] for key in ('angle_coder', 'bbox_coder')]
    assert {coder['angle_version'] for coder in coders} == {'r360'}
