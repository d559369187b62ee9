"""Values of a config that make no sense are named before anything is built."""

import logging

import pytest
from mmengine.config import Config

from mmrotate.cli import main
from mmrotate.engine import load_config, read_plan
from mmrotate.engine.config_values import RULES, check_values
from mmrotate.utils import UserError

SOUND = dict(
    model=dict(type='X'),
    data=dict(samples_per_gpu=2, workers_per_gpu=0, train=dict(type='Y'), val=[dict(type='Y')]),
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9),
    optimizer_config=dict(grad_clip=dict(max_norm=35, norm_type=2)),
    lr_config=dict(policy='step', step=[2], warmup='linear', warmup_iters=5, warmup_ratio=1 / 3),
    runner=dict(type='EpochBasedRunner', max_epochs=3),
    checkpoint_config=dict(interval=-1),
    evaluation=dict(interval=1, metric='mAP'),
    workflow=[('train', 1)],
    fp16=dict(loss_scale='dynamic'),
    seed=None,
    device='cuda:1',
    log_level='INFO',
)


def changed(key, value):
    """``SOUND`` with one value."""
    config = Config(SOUND)
    config.merge_from_dict({key: value})
    return config


def test_sound_values_pass():
    check_values(Config(SOUND))
    read_plan(Config(SOUND))


@pytest.mark.parametrize(
    ('key', 'values'),
    [
        ('data.samples_per_gpu', ['two', 0, -1, 1.5, True, None]),
        ('data.workers_per_gpu', [-1, '2']),
        ('optimizer.lr', [float('nan'), float('inf'), -0.1, 'fast', None]),
        ('optimizer.momentum', [float('nan'), 'high']),
        ('optimizer.type', [3, '', None]),
        ('optimizer_config.grad_clip', [dict(max_nrm=3), 35]),
        ('optimizer_config.grad_clip.max_norm', [0, 'big', float('nan')]),
        ('optimizer_config.type', [1]),
        ('optimizer_config.cumulative_iters', [0, '2']),
        ('lr_config.warmup_iters', ['x', 0]),
        ('lr_config.warmup_ratio', [float('nan'), 2]),
        ('lr_config', ['step']),
        ('lr_config.step', [0, [0, 3], 'x', [1.5]]),
        ('lr_config.max_lr', [0, '1', [0.1, -1], float('inf'), None]),
        ('lr_config.total_steps', [0, 1.5]),
        ('lr_config.anneal_strategy', ['poly']),
        ('lr_config.pct_start', [-0.1, 1.5, '0.3']),
        ('lr_config.three_phase', ['yes']),
        ('lr_config.final_div_factor', [0, float('nan')]),
        ('momentum_config.max_momentum', [0, 1.5, ['0.9']]),
        ('momentum_config.min_momentum', [-0.1]),
        ('momentum_config.step_ratio_up', [1.0, -0.1]),
        ('momentum_config.target_ratio', ['x', [0.8, 'x']]),
        ('runner.max_epochs', [0, -3, 1.5, '3']),
        ('checkpoint_config.interval', ['1', 0, -2]),
        ('log_config.interval', [0, '1']),
        ('evaluation.interval', [0, '1']),
        ('evaluation.rule', ['more']),
        ('evaluation.dynamic_intervals', [[3], [(1, 0)], [(5, 1), (5, 2)], [(1, 2, 3)], [('a', 1)], [(8, 1), (4, 2)]]),
        ('evaluation.out_dir', [3, '']),
        ('evaluation.less_keys', [3, [3], '']),
        ('seed', ['abc', -1, 1.0]),
        ('log_level', ['LOUD', -1]),
        ('device', ['gpu', 'cuda:x', 3]),
        ('load_from', [3]),
        ('resume_from', [['a.pth']]),
        ('custom_imports', ['my_module', dict(import_='x')]),
        ('custom_hooks', [dict(type='X'), ['X']]),
        ('workflow', [3, ['train'], 'train']),
        ('fp16.loss_scale', ['high', 0]),
        ('model', [None, 3, []]),
        ('data', [[1, 2]]),
        ('deterministic', ['yes']),
        ('opencv_num_threads', [-1]),
        ('mp_start_method', ['thread']),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_it_must_be(key, values):
    for value in values:
        with pytest.raises(UserError) as error:
            check_values(changed(key, value))
        assert f'{key} must be {RULES[key].expected}, got ' in str(error.value)
        assert '\n' not in str(error.value)


def test_all_wrong_values_are_named_at_once():
    config = changed('seed', 'abc')
    config.data.workers_per_gpu = -1
    with pytest.raises(UserError, match=r'data\.workers_per_gpu must be .*; seed must be a whole number'):
        check_values(config)


@pytest.mark.parametrize(
    ('key', 'value', 'words'),
    [
        ('optimizer', dict(_delete_=True, type='Adamm', lr=1), "optimizer.type='Adamm' .* did you mean 'Adam'"),
        ('optimizer.momentun', 0.9, r"optimizer \(SGD\) .* 'momentun'; did you mean 'momentum'"),
        ('optimizer.constructor', 'Mine', "optimizer.constructor='Mine' is not known"),
        ('lr_config.step', None, r'lr_config\.step must be'),
        ('lr_config.gama', 0.5, 'lr_config: .*gama'),
        ('lr_config.gamma', float('nan'), r'lr_config\.gamma must be .*nan'),
        ('workflow', [('trian', 1)], 'workflow must be'),
        ('workflow', [('train', 'x')], 'workflow must be'),
    ],
)  # fmt: skip
def test_what_a_training_cannot_use_is_refused_before_it(key, value, words):
    config = Config({**SOUND, key: value}) if isinstance(value, dict) else changed(key, value)
    with pytest.raises(UserError, match=words):
        read_plan(config)


def test_files_of_ones_own_in_an_absent_library_are_named(tmp_path, caplog):
    path = tmp_path / 'a.py'
    path.write_text("custom_imports = dict(imports=['mmdet.models', 'mmdet.models.mine', 'mmcv.mine'])")
    with caplog.at_level(logging.WARNING, 'mmrotate'):
        load_config(path)
    assert ['mmdet.models.mine is not imported' in r.getMessage() for r in caplog.records] == [True, False]
    assert 'mmcv.mine is not imported' in caplog.text


def test_options_that_have_no_place_are_named(tmp_path):
    path = tmp_path / 'a.py'
    path.write_text('seed = 3')
    for options, words in (({'seed.x': 1}, 'seed.x=1 has no place'), ({'seed': 'abc'}, "seed must be .* got 'abc'")):
        with pytest.raises(UserError, match=words):
            load_config(path, options)


@pytest.mark.parametrize(
    ('option', 'value'),
    [('--seed', '-1'), ('--seed', 'abc'), ('--device', 'foo'), ('--gpu-id', '-1'), ('--gpu-ids', 'x')],
)
def test_wrong_options_of_train_are_named(capsys, option, value):
    with pytest.raises(SystemExit) as end:
        main(['train', 'a.py', option, value])
    assert end.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert f'argument {option}: must be a' in line
    assert f'got {value!r}' in line
