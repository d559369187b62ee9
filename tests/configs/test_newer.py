"""Configs of newer methods are those of MMRotate 1.x, in the dialect of 0.3."""

import pytest

from mmrotate.datasets import build_dataset
from tests.helpers import reference
from tests.models.test_golden_newer import CONFIGS, without_scope

from .test_data import first_class, write_sample
from .test_zoo import resolve

SOURCES = reference.load_json('newer/configs.json.gz')
# steps of 1.x whose work other steps do here
STEPS = {
    'LoadImageFromFile': 'LoadImageFromFile',
    'LoadAnnotations': 'LoadAnnotations',
    'CachedMosaic': 'CachedMosaic',
    'Resize': 'RResize',
    'RandomResize': 'RResize',
    'RandomFlip': 'RRandomFlip',
    'RandomRotate': 'PolyRandomRotate',
    'RandomCrop': 'RRandomCrop',
    'YOLOXHSVRandomAug': 'YOLOXHSVRandomAug',
    'Pad': 'Pad',
    'CachedMixUp': 'CachedMixUp',
}
OPTIONS = ('max_cached_images', 'random_pop', 'prob')


@pytest.mark.parametrize('name', SOURCES)
def test_model(name):
    expected = without_scope(SOURCES[name]['model'])
    prepare = expected.pop('data_preprocessor')
    config = resolve(CONFIGS[name])
    assert config['model'] == expected
    normalize = next(step for step in pipeline(config) if step['type'] == 'Normalize')
    assert [normalize[key] for key in ('mean', 'std', 'to_rgb')] == [prepare[k] for k in ('mean', 'std', 'bgr_to_rgb')]


def pipeline(config):
    train = config['data']['train']
    return train.get('dataset', train)['pipeline']


@pytest.mark.parametrize('name', SOURCES)
def test_data(name):
    source, config = without_scope(SOURCES[name]), resolve(CONFIGS[name])
    hooks = [hook for hook in source['custom_hooks'] if hook['type'] == 'PipelineSwitchHook']
    pairs = [(pipeline(config), source['train_pipeline'])]
    pairs += [(config['custom_hooks'][-1]['switch_pipeline'], hook['switch_pipeline']) for hook in hooks]
    for ours, theirs in pairs:
        steps = [step for step in theirs if step['type'] in STEPS]
        assert [step['type'] for step in ours[:-3]] == [STEPS[step['type']] for step in steps]
        for own, step in zip(ours, steps, strict=False):
            if step['type'].startswith('Cached') or 'ratio_range' in step:
                own_options = {key: own.get(key, step.get(key)) for key in (*OPTIONS, 'ratio_range')}
                assert own_options == {key: step.get(key) for key in own_options}
    assert config['data']['samples_per_gpu'] == source['train_dataloader']['batch_size']
    assert config['data']['train'].get('times') == source['train_dataloader']['dataset'].get('times')
    assert [hook['switch_epoch'] for hook in config['custom_hooks'][2:]] == [hook['switch_epoch'] for hook in hooks]


@pytest.mark.parametrize('name', SOURCES)
def test_schedule(name):
    source, config = SOURCES[name], resolve(CONFIGS[name])
    optimizer, (_, cosine) = source['optim_wrapper']['optimizer'], source['param_scheduler']
    assert {key: config['optimizer'][key] for key in optimizer} == optimizer
    assert config['optimizer']['paramwise_cfg'] == source['optim_wrapper']['paramwise_cfg']
    assert config['runner']['max_epochs'] == source['max_epochs'] == 2 * cosine['begin']
    assert config['lr_config']['min_lr_ratio'] * optimizer['lr'] == pytest.approx(cosine['eta_min'])
    assert len((CONFIGS[name]).read_text(encoding='utf-8').splitlines()) <= 25


@pytest.mark.parametrize('name', ['l-100e-aug-dota', 'tiny-300e-aug-hrsc', 'tiny-3x-dota', 'tiny-9x-hrsc'])
def test_data_build_and_give_samples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = resolve(CONFIGS[f'rotated_rtmdet_{name}'])
    train = config['data']['train']
    inner = train.get('dataset', train)
    write_sample(inner, first_class(inner))
    size = 800 if 'hrsc' in name else 1024
    dataset = build_dataset(train)
    # mosaics begin when some images were seen
    for _ in range(6 if 'aug' in name else 2):
        sample = dataset[0]
        assert sample['img'].shape == (3, size, size) and sample['gt_bboxes'].shape[1] == 5
    assert sample['gt_labels'].numel() == len(sample['gt_bboxes']) > 0
    for split in ('val', 'test'):
        write_sample(config['data'][split], first_class(config['data'][split]))
        assert build_dataset({**config['data'][split], 'test_mode': True})[0]['img'][0].shape == (3, size, size)
