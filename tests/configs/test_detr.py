"""Configs of the detectors that find objects by queries are those of AI4RS, in the dialect of 0.3."""

import pytest

from mmrotate.datasets import build_dataset
from tests.helpers import reference
from tests.models.test_golden_newer import CONFIGS

from .test_data import first_class, write_sample
from .test_newer import STEPS
from .test_zoo import resolve

SOURCES = reference.load_json('newer/detr/configs.json.gz')


def own_names(node):
    """A config of AI4RS with the names of today."""
    if isinstance(node, dict):
        names = ('type', 'ema_type')
        return {key: value.split('.')[-1] if key in names else own_names(value) for key, value in node.items()}
    return [own_names(value) for value in node] if isinstance(node, list) else node


@pytest.mark.parametrize('name', SOURCES)
def test_model_and_data(name):
    source, config = own_names(SOURCES[name]), resolve(CONFIGS[name])
    prepare, body = source['model'].pop('data_preprocessor'), source['model']['backbone']
    body['init_cfg'] = body['init_cfg'] or None
    assert config['model'] == source['model']
    train, (_, test) = config['data']['train']['pipeline'], config['data']['test']['pipeline']
    for steps, theirs in ((train, source['train_pipeline']), ([None, *test['transforms']], source['test_pipeline'])):
        known = [step['type'] for step in theirs if step['type'] in STEPS and 'Annotations' not in step['type']]
        assert [step['type'] for step in steps[1:-3] if step['type'] != 'LoadAnnotations'] == [
            STEPS[kind] for kind in known[1:]
        ]
        normalize = next(step for step in steps[1:] if step['type'] == 'Normalize')
        assert [normalize[key] for key in ('mean', 'std', 'to_rgb')] == [
            prepare[key] for key in ('mean', 'std', 'bgr_to_rgb')
        ]
    assert config['data']['samples_per_gpu'] == source['batch_size']
    assert test['img_scale'] == next(step['scale'] for step in source['test_pipeline'] if 'scale' in step)


@pytest.mark.parametrize('name', ['o2_rtdetr_r18vd_2xb4_72e_dota', 'rotated_dino_4scale_r50_2xb4_12e_dotav2'])
def test_data_build_and_give_samples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = resolve(CONFIGS[name])
    for split in ('train', 'val', 'test'):
        data = config['data'][split]
        write_sample(data, first_class(data))
        sample = build_dataset({**data, 'test_mode': split != 'train'})[0]
        image = sample['img'] if split == 'train' else sample['img'][0]
        assert max(image.shape[1:]) == 1024


@pytest.mark.parametrize('name', SOURCES)
def test_schedule(name):
    source, config = SOURCES[name], resolve(CONFIGS[name])
    wrapper, (policy,) = source['optim_wrapper'], source['param_scheduler']
    optimizer = own_names(wrapper['optimizer'])
    assert {key: config['optimizer'][key] for key in optimizer} == optimizer
    own, theirs = config['optimizer']['paramwise_cfg'], dict(wrapper['paramwise_cfg'])
    # the keys of ResNet-34-D serve ResNet-18-D, whose stages have fewer blocks
    keys = own.pop('custom_keys')
    assert {**keys, **theirs.pop('custom_keys')} == keys
    assert own == theirs
    assert config['optimizer_config']['grad_clip'] == wrapper['clip_grad']
    assert config['runner']['max_epochs'] == source['train_cfg']['max_epochs']
    assert config['evaluation']['interval'] == source['train_cfg']['val_interval']
    assert config['auto_scale_lr'] == source['auto_scale_lr']
    if 'milestones' in policy:
        assert config['lr_config'] == dict(policy='step', step=policy['milestones'])
    else:
        warm = dict(warmup='linear', warmup_iters=policy['end'] - 1, warmup_ratio=policy['start_factor'])
        assert config['lr_config'] == dict(policy='fixed', by_epoch=False, **warm)
        (hook,) = own_names(source['custom_hooks'])
        assert config['custom_hooks'] == [hook]
    assert len(CONFIGS[name].read_text(encoding='utf-8').splitlines()) <= 25
