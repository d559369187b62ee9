"""Trainings on mixed and balanced data, as the documents write them, and results of patches."""

import json

from mmrotate.cli.main import main
from tests.helpers.tiny import write_config

MIXED = """
load, mix = data['train']['pipeline'][:2], data['train']['pipeline'][2:]
data['train'] = dict(
    type='MultiImageMixDataset',
    dataset=dict(type='ClassBalancedDataset', oversample_thr=0.9, dataset=dict(data['train'], pipeline=load)),
    pipeline=[
        dict(type='RMosaic', img_scale=(64, 64), pad_val=114.0),
        dict(type='RandomAffine', scaling_ratio_range=(0.5, 1.5), border=(-32, -32)),
        dict(type='PhotoMetricDistortion'),
        *mix,
    ],
)
data['train_dataloader'] = dict(class_aware_sampler=dict(num_sample_class=1))
runner['max_epochs'] = 1
"""


def losses(work_dir):
    path = next(work_dir.rglob('scalars.json'))
    return [row['loss'] for row in map(json.loads, path.read_text().splitlines()) if 'loss' in row]


def test_a_training_on_mixed_balanced_data_repeats_itself(tmp_path, capsys):
    config = write_config(tmp_path, MIXED)
    for name in 'ab':
        assert main(['train', str(config), '--work-dir', str(tmp_path / name), '--seed', '3']) == 0
    assert losses(tmp_path / 'a') == losses(tmp_path / 'b') != []
    said = capsys.readouterr()
    assert 'has no effect' not in said.out + said.err and 'have no effect' not in said.out + said.err


def test_a_test_of_patches_writes_scenes(tmp_path):
    config = write_config(tmp_path, '')
    assert main(['train', str(config), '--work-dir', str(tmp_path), '--cfg-options', 'runner.max_epochs=1']) == 0
    for file in (tmp_path / 'data').glob('*/img[01].*'):
        file.rename(file.with_stem(f'scene__64__{int(file.stem[-1]) * 500}___0'))
    sub = tmp_path / 'sub'
    command = ['test', str(config), str(tmp_path / 'latest.pth'), '--format-only']
    assert main([*command, '--eval-options', f'submission_dir={sub}']) == 0
    names = {line.split()[0] for file in sub.glob('*.txt') for line in file.read_text().splitlines()}
    assert 'scene' in names and not any('__' in name for name in names)
