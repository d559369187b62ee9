"""Configs of LSKNet, PKINet and Strip R-CNN are those of their sources, in the dialect of 0.3."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper

from mmrotate.engine.config import load_config, read_plan
from mmrotate.engine.schedules import Progress
from tests.helpers import reference
from tests.models.test_golden_bodies import FOLDER, build
from tests.models.test_golden_newer import CONFIGS, without_scope

from .test_data import assert_data_give_samples
from .test_zoo import resolve

SOURCES = reference.load_json(f'{FOLDER}/configs.json.gz')
TRAINING = reference.load_json(f'{FOLDER}/training.json.gz')
TRAININGS = [key.removeprefix('optim/') for key in TRAINING if key.startswith('optim/')]
# what 1.x calls otherwise
TYPES = {
    'OrientedRCNN': 'FasterRCNN',
    'OrientedStandardRoIHead': 'StandardRoIHead',
    'RotatedShared2FCBBoxHead': 'Shared2FCBBoxHead',
    'DeltaXYWHAOBBoxCoder': 'DeltaXYWHTRBBoxCoder',
    'RRandomSampler': 'RandomSampler',
}
KEYS = {'angle_range': 'angle_version', 'iou_thr': 'iou_threshold'}


def shared(ours, theirs):
    """Ours with the names of 1.x, and theirs, of what both say."""
    if isinstance(ours, dict):
        renamed = {KEYS.get(key, key): value for key, value in ours.items()}
        pairs = {key: shared(renamed[key], theirs[key]) for key in renamed.keys() & theirs}
        return [{key: pair[i] for key, pair in pairs.items()} for i in (0, 1)]
    return (TYPES.get(ours, ours) if isinstance(ours, str) else ours), theirs


@pytest.mark.parametrize('name', SOURCES)
def test_model(name):
    theirs, config = without_scope(SOURCES[name]['model']), resolve(CONFIGS[name])
    prepare = theirs.pop('data_preprocessor')
    assert config['model']['backbone'] == theirs['backbone']
    assert config['model']['neck'] == theirs['neck']
    found, expected = shared(config['model'], theirs)
    assert found == expected and len(found['roi_head']['bbox_head']) >= 9
    normalize = next(step for step in config['train_pipeline'] if step['type'] == 'Normalize')
    assert [normalize[key] for key in ('mean', 'std', 'to_rgb')] == [prepare[k] for k in ('mean', 'std', 'bgr_to_rgb')]


@pytest.mark.parametrize('name', SOURCES)
def test_data(name):
    source, config = SOURCES[name], resolve(CONFIGS[name])
    steps = {step['type'].removeprefix('mmdet.'): step for step in source['train_pipeline']}
    ours = {step['type']: step for step in config['data']['train']['pipeline']}
    assert ('_ms_' in config['data_root']) == ('_ms_' in source['data_root'])
    assert ours['RResize']['img_scale'] == steps['Resize']['scale']
    assert ours['RRandomFlip']['direction'] == steps['RandomFlip']['direction']
    assert sum(ours['RRandomFlip']['flip_ratio']) == steps['RandomFlip']['prob']
    assert ('PolyRandomRotate' in ours) == ('RandomRotate' in steps)
    assert ours.get('PolyRandomRotate', {}).get('rect_classes') == steps.get('RandomRotate', {}).get('rect_obj_labels')
    assert config['data']['samples_per_gpu'] == source['train_dataloader']['batch_size']
    averages = [hook['type'] for hook in config.get('custom_hooks', [])]
    assert averages == [hook['type'] for hook in source.get('custom_hooks', [])]


@pytest.mark.parametrize('name', SOURCES)
def test_schedule(name):
    source, config = SOURCES[name], resolve(CONFIGS[name])
    optimizer, (_, steps) = source['optim_wrapper']['optimizer'], source['param_scheduler']
    assert {key: config['optimizer'][key] for key in optimizer} == optimizer
    assert config['optimizer'].get('paramwise_cfg') == source['optim_wrapper'].get('paramwise_cfg')
    assert config['optimizer_config']['grad_clip'] == source['optim_wrapper']['clip_grad']
    assert config['runner']['max_epochs'] == source['train_cfg']['max_epochs']
    assert config['evaluation']['interval'] == source['train_cfg']['val_interval']
    assert config['lr_config']['step'] == steps['milestones']
    if 'auto_scale_lr' in source:
        assert config['auto_scale_lr'] == source['auto_scale_lr']


# PKINet-T has 1400 weights, and mmengine looks for each one's second name
@pytest.mark.parametrize(
    'name', [pytest.param(name, marks=[pytest.mark.slow] * ('pkinet' in name)) for name in TRAININGS]
)
def test_optimizer(name):
    config = load_config(CONFIGS[name])
    with torch.device('meta'):
        model = build(name)
    groups = build_optim_wrapper(model, read_plan(config).optim_wrapper).optimizer.param_groups
    found = {id(parameter): [g['lr'], g['weight_decay']] for g in groups for parameter in g['params']}
    parameters = dict(model.named_parameters(remove_duplicate=False))
    for key, value in TRAINING[f'optim/{name}']['parameters'].items():
        assert value == 'shared' or found[id(parameters[key])] == value, key


@pytest.mark.parametrize('name', TRAININGS)
def test_learning_rate(name):
    values, config = TRAINING[f'lr/{name}'], load_config(CONFIGS[name])
    plan, length, epochs = read_plan(config), values['epoch_length'], config.runner.max_epochs
    steps = [Progress(i // length, i, epochs, epochs * length) for i in values['iteration']]
    assert [plan.lr.value(config.optimizer.lr, step) for step in steps] == pytest.approx(values['lr'], rel=1e-6)


@pytest.mark.parametrize('name', ['pkinet_t_fpn_o-rcnn_dior_le90', 'strip_rcnn_t_fpn_1x_dota_le90'])
def test_data_build_and_give_samples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_data_give_samples(resolve(CONFIGS[name])['data'])
