"""Options of ``mmrotate train`` that stand for a key of the config."""

import csv
import json
from pathlib import Path

import pytest
import torch

from mmrotate.apis import batch_size, rate_finder
from mmrotate.apis.batch_size import fitting_batch, largest_that_fits, quickest
from mmrotate.apis.rate_finder import RateSearch
from mmrotate.cli import main
from mmrotate.engine import ShortageError, load_config, open_dataset
from mmrotate.models import build_detector
from mmrotate.utils import load_state
from tests.helpers.tiny import assert_same_weights, train, weights, write_config


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path)


def fails(config, capsys, *options):
    assert main(['train', str(config), '--work-dir', str(config.parent / 'fails'), *options]) == 1
    return capsys.readouterr().err


# ---- resume


def test_resume_takes_the_latest_checkpoint_or_the_one_that_is_named(config, tmp_path):
    work = tmp_path / 'work'
    train(config, work)
    for folder, options in (('a', ['--resume']), ('b', ['--resume', str(work / 'epoch_1.pth')])):
        train(config, tmp_path / folder, '--cfg-options', 'runner.max_epochs=1')
        train(config, tmp_path / folder, *options)
        assert_same_weights(work / 'epoch_3.pth', tmp_path / folder / 'epoch_3.pth')


def test_resume_says_what_it_cannot_do(config, capsys):
    assert 'has no checkpoint to go on from' in fails(config, capsys, '--resume')
    assert 'give one of them' in fails(config, capsys, '--resume', '--auto-resume')


# ---- patience


def test_patience_ends_a_training_that_gets_no_better(config, tmp_path, log):
    # no step is taken, so no score changes
    options = ['--patience', '2', '--cfg-options', 'optimizer.lr=0.0', 'runner.max_epochs=9']
    train(config, tmp_path / 'work', *options)
    assert sorted(path.name for path in (tmp_path / 'work').glob('epoch_*')) == [f'epoch_{i}.pth' for i in (1, 2, 3)]
    assert any('no better mAP in 2 evaluations' in record.getMessage() for record in log)


def test_patience_travels_in_the_checkpoints(config, tmp_path):
    options = ['--patience', '5', '--cfg-options', 'optimizer.lr=0.0', 'runner.max_epochs=4']
    train(config, tmp_path / 'work', *options)
    waited = [load_state(tmp_path / f'work/epoch_{i}.pth')['meta']['patience']['waited'] for i in (1, 2, 3, 4)]
    assert waited == [0, 0, 1, 2]  # a checkpoint is written before its evaluation


def test_a_resumed_training_is_as_patient_as_an_unbroken_one(config, tmp_path):
    options = ['--patience', '2', '--cfg-options', 'optimizer.lr=0.0']
    train(config, tmp_path / 'work', *options, 'runner.max_epochs=2')
    train(config, tmp_path / 'work', '--resume', *options, 'runner.max_epochs=9')
    assert sorted(path.name for path in (tmp_path / 'work').glob('epoch_*')) == [f'epoch_{i}.pth' for i in (1, 2, 3)]
    meta = load_state(tmp_path / 'work/epoch_3.pth')['meta']
    assert meta['patience']['waited'] == 1 and meta['evaluated'] == meta['iter'] * 2 // 3


def test_patience_needs_evaluations(config, capsys):
    assert 'needs evaluations' in fails(config, capsys, '--patience', '2', '--no-validate')


# ---- average of the weights


def test_ema_evaluates_and_saves_an_average(config, tmp_path):
    train(config, tmp_path / 'ema', '--ema')
    train(config, tmp_path / 'key', '--cfg-options', 'ema=True')
    train(config, tmp_path / 'plain')
    averaged, trained = weights(tmp_path / 'ema/epoch_3.pth'), weights(tmp_path / 'plain/epoch_3.pth')
    assert not torch.equal(averaged['conv.weight'], trained['conv.weight'])
    kept = load_state(tmp_path / 'ema/epoch_3.pth')['ema_state_dict']['module.conv.weight']
    assert torch.equal(kept, trained['conv.weight'])
    assert_same_weights(tmp_path / 'ema/epoch_3.pth', tmp_path / 'key/epoch_3.pth')


def test_two_averages_are_refused(config, capsys):
    options = ['--ema', '--cfg-options', "custom_hooks=[{'type':'EMAHook'}]"]
    config.write_text(config.read_text() + "custom_hooks = [dict(type='EMAHook')]\n")
    assert 'average the weights twice' in fails(config, capsys, *options[:1])


# ---- accumulation


def still(config):
    """A config without anything random, and without batch norm."""
    text = (
        config.read_text()
        .replace('TinyDetector', 'StillDetector')
        .replace(
            "dict(type='RRandomFlip', flip_ratio=[0.25, 0.25, 0.25],\n         direction=['horizontal', 'vertical', "
            "'diagonal'], version='le90'),",
            '',
        )
    )
    config.write_text(text + "checkpoint_config = dict(interval=100)\nlr_config = dict(policy='fixed')\n")
    return config


@pytest.mark.parametrize('option', [['--accumulate', '2'], ['--nominal-batch', '4'], ['--nominal-batch', '3']])
def test_accumulated_batches_equal_the_large_one(tmp_path, option):
    config = still(write_config(tmp_path))
    (tmp_path / 'data/images/img4.png').unlink()  # four images are left: one large batch an epoch
    (tmp_path / 'data/labelTxt/img4.txt').unlink()
    train(config, tmp_path / 'large', '--batch', '4', '--no-validate')
    train(config, tmp_path / 'small', '--batch', '2', *option, '--no-validate')
    train(config, tmp_path / 'other', '--batch', '2', '--no-validate')
    large, small, other = (weights(tmp_path / f'{name}/epoch_3.pth') for name in ('large', 'small', 'other'))
    for key, value in large.items():
        torch.testing.assert_close(small[key], value, rtol=1e-5, atol=1e-7)
    assert not torch.allclose(other['bbox_head.bias'], large['bbox_head.bias'], rtol=1e-5)


def test_a_rate_is_scaled_to_the_images_a_step(config, tmp_path):
    options = ['--no-validate', '--auto-scale-lr', '--cfg-options', 'auto_scale_lr.base_batch_size=2']
    train(
        config, tmp_path, '--batch', '2', '--accumulate', '3', *options, 'runner.max_epochs=1', 'lr_config.warmup=None'
    )
    line = json.loads(next(tmp_path.glob('*.log.json')).read_text().splitlines()[1])
    assert line['lr'] == pytest.approx(3 * 0.02)


def test_two_ways_to_accumulate_are_refused(config, capsys):
    options = ['--nominal-batch', '4', '--cfg-options', 'optimizer_config.cumulative_iters=2']
    assert 'both say when to step' in fails(config, capsys, *options)


# ---- batch


def test_the_largest_batch_that_fits():
    assert largest_that_fits(lambda count: 100 + 10 * count, 300, 256) == 20
    assert largest_that_fits(lambda count: 100 + 10 * count, 300, 5) == 5
    assert largest_that_fits(lambda count: 100 + 10 * count if count < 12 else None, 9999, 256) == 8
    with pytest.raises(ShortageError, match='not even one image'):
        largest_that_fits(lambda count: None, 1, 8)


def test_the_quickest_batch():
    assert quickest(lambda count: 1 + 0.01 * count, 64) == 64  # a step costs, images do not
    assert quickest(lambda count: 0.2 + count, 64) == 2  # 1.2, then 1.1, then 1.05 an image
    assert quickest(lambda count: count if count < 4 else None, 64) == 1


def test_batch_auto_leaves_the_model_as_it_was(config, monkeypatch):
    cfg = load_config(config, {'data.samples_per_gpu': 'auto'})
    model, dataset = build_detector(cfg.model), open_dataset(cfg, 'train')
    before = {key: value.clone() for key, value in model.state_dict().items()}
    monkeypatch.setattr(batch_size.time, 'perf_counter', iter(range(100)).__next__)  # a second a step
    assert fitting_batch(model, dataset, cfg) == 4  # of five images
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert model.training and all(weight.grad is None for weight in model.parameters())


def test_a_batch_too_large_for_the_gpu_is_no_end(config, monkeypatch):
    """The memory of a GPU is probed as if there were one: an image takes 10, and four do not fit."""
    cfg = load_config(config)
    trial = batch_size._Trial(build_detector(cfg.model), open_dataset(cfg, 'train'), torch.device('cpu'), 'float32')
    trial.momenta, step, seen = 0, trial.step, []

    def limited(count):
        seen.append(count)
        if count > 3:
            raise torch.OutOfMemoryError('CUDA out of memory')
        step(count)

    monkeypatch.setattr(trial, 'step', limited)
    for name in ('empty_cache', 'reset_peak_memory_stats'):
        monkeypatch.setattr(torch.cuda, name, lambda *args: None)
    monkeypatch.setattr(torch.cuda, 'max_memory_reserved', lambda device: 10 * seen[-1])
    assert largest_that_fits(trial.memory, 1000, 64) == 3
    assert seen == [1, 2, 4, 3]


def test_batch_auto_trains_and_is_kept_when_resumed(config, tmp_path, monkeypatch):
    monkeypatch.setattr(batch_size.time, 'perf_counter', iter(range(100)).__next__)
    train(config, tmp_path, '--batch', 'auto', '--cfg-options', 'runner.max_epochs=1')
    assert load_state(tmp_path / 'epoch_1.pth')['meta']['settled'] == {'samples_per_gpu': 4, 'lr': 0.02}
    monkeypatch.setattr(batch_size, 'quickest', lambda *args: pytest.fail('it is known'))
    train(config, tmp_path, '--batch', 'auto', '--resume')
    assert load_state(tmp_path / 'epoch_3.pth')['meta']['epoch_length'] == 2


# ---- learning rate


def test_find_lr_draws_and_suggests(config, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(rate_finder, 'STEPS', 30)
    train(config, tmp_path / 'work', '--find-lr')
    printed = capsys.readouterr().out
    with (tmp_path / 'work/find_lr.csv').open() as lines:
        rates = [float(row['learning rate']) for row in csv.DictReader(lines)]
    assert rates == sorted(rates) and rates[0] == pytest.approx(1e-6)
    suggested = float(printed.split('learning rate: ')[-1].split(';')[0])
    assert rates[0] / 10 <= suggested < rates[-1]
    assert (tmp_path / 'work/find_lr.png').is_file()
    assert not list((tmp_path / 'work').glob('*.pth'))


def test_a_rate_that_is_left_open_is_found_first(config, tmp_path, monkeypatch):
    monkeypatch.setattr(rate_finder, 'STEPS', 30)
    options = ['--cfg-options', "optimizer.lr='auto'", 'runner.max_epochs=1', 'lr_config.warmup=None']
    train(config, tmp_path / 'work', *options)
    log = next((tmp_path / 'work').glob('*.log.json')).read_text().splitlines()
    rate = json.loads(log[1])['lr']
    assert 0 < rate < 0.1


def test_the_suggestion_is_a_tenth_of_the_best_rate():
    assert RateSearch([0.001, 0.01, 0.12, 1.0], [5.0, 4.0, 1.0, 9.0]).suggestion == 0.012


# ---- how it computes


def test_options_of_precision_and_layout_are_those_of_the_config(config, tmp_path):
    train(config, tmp_path / 'options', '--bf16', '--channels-last', '--cfg-options', 'runner.max_epochs=1')
    train(config, tmp_path / 'keys', '--cfg-options', 'runner.max_epochs=1', 'bf16=True', 'channels_last=True')
    assert_same_weights(tmp_path / 'options/epoch_1.pth', tmp_path / 'keys/epoch_1.pth')


def test_without_the_option_the_layout_is_left_to_tests(config, tmp_path):
    train(config, tmp_path / 'run', '--cfg-options', 'runner.max_epochs=1')
    assert load_config(tmp_path / 'run' / Path(config).name).get('channels_last') is None


def test_settings_of_ddp_are_checked(config, capsys):
    assert 'ddp.bucket_cap_mb must be' in fails(config, capsys, '--cfg-options', 'ddp.bucket_cap_mb=0')
    assert 'ddp must be a dict with keys among' in fails(config, capsys, '--cfg-options', 'ddp.buckets=1')


# ---- compiling


def test_compiled_parts_train_the_same_weights(config, tmp_path, monkeypatch):
    train(config, tmp_path / 'plain', '--cfg-options', 'runner.max_epochs=1')
    train(config, tmp_path / 'compiled', '--cfg-options', 'runner.max_epochs=1', "compile.backend='eager'")
    assert_same_weights(tmp_path / 'plain/epoch_1.pth', tmp_path / 'compiled/epoch_1.pth')


def test_compiling_says_what_it_lacks(config, monkeypatch, capsys):
    monkeypatch.delenv('CXX', raising=False)
    monkeypatch.setenv('PATH', '/nowhere')
    assert 'needs a compiler for C++' in fails(config, capsys, '--compile')
    assert 'is not known' in fails(config, capsys, '--cfg-options', "compile.backend='eeger'")
