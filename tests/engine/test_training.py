"""What a training does on its way: log, evaluate, save, stop."""

import json
import logging
import os
from typing import ClassVar

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS

from mmrotate.engine import NonFiniteLossError, TrainingError
from mmrotate.engine.amp import AmpWrapper
from mmrotate.models.layers import SoundConv2d
from mmrotate.registry import HOOKS
from mmrotate.utils import UserError, load_state
from tests.helpers.tiny import assert_same_weights, train, weights, write_config

NUMBERS = 'runner = dict(max_epochs=4)\n'


def names(folder):
    return sorted(path.name for path in folder.glob('*.pth'))


def test_files_log_and_meta(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    train(write_config(tmp_path), tmp_path / 'w')
    assert names(tmp_path / 'w') == ['epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth', 'latest.pth']
    assert (tmp_path / 'w' / 'latest.pth').resolve().name == 'epoch_3.pth'
    assert (tmp_path / 'w' / 'last_checkpoint').read_text().endswith('epoch_3.pth')
    assert not list((tmp_path / 'w').glob('.*.tmp'))
    assert 'have no effect' not in caplog.text  # all keys are understood
    lines = [line for line in caplog.messages if line.startswith('Epoch(train)')]
    assert len(lines) == 9
    for word in ('lr: 2.0000e-03', 'eta:', 'time:', 'data_time:', 'loss_bbox:', 'loss:', 'memory:'):
        assert word in lines[0]
    meta = load_state(tmp_path / 'w' / 'latest.pth')['meta']
    assert meta['CLASSES'] == ['car', 'ship']
    assert (meta['epoch'], meta['iter'], meta['seed']) == (3, 9, 7)
    assert "type='TinyDetector'" in meta['config']


def test_the_learning_rate_is_that_of_the_schedule(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    train(write_config(tmp_path), tmp_path / 'w', '--no-validate')
    scalars = next((tmp_path / 'w').glob('*/vis_data/scalars.json')).read_text().splitlines()
    rates = [json.loads(line)['lr'] for line in scalars]
    warmup = [0.02 * (1 - (1 - i / 4) * 0.9) for i in range(4)]
    assert rates == pytest.approx([*warmup, 0.02, 0.02, 0.002, 0.002, 0.002])


def test_max_keep_and_intervals(tmp_path):
    extra = NUMBERS + 'checkpoint_config = dict(interval=1, max_keep_ckpts=2)'
    train(write_config(tmp_path, extra), tmp_path / 'a', '--no-validate')
    assert names(tmp_path / 'a') == ['epoch_3.pth', 'epoch_4.pth', 'latest.pth']
    extra = NUMBERS + 'checkpoint_config = dict(interval=3)'
    train(write_config(tmp_path, extra), tmp_path / 'b', '--no-validate')
    assert names(tmp_path / 'b') == ['epoch_3.pth', 'epoch_4.pth', 'latest.pth']
    extra = NUMBERS + 'checkpoint_config = dict(interval=3, save_last=False, create_symlink=False)'
    train(write_config(tmp_path, extra), tmp_path / 'c', '--no-validate')
    assert names(tmp_path / 'c') == ['epoch_3.pth']


def test_save_best(tmp_path):
    evaluation = "evaluation = dict(interval=1, metric='mAP', iou_thr=0.1, save_best='mAP')"
    train(write_config(tmp_path, evaluation), tmp_path / 'w')
    best = [name for name in names(tmp_path / 'w') if name.startswith('best_mAP_epoch_')]
    assert len(best) == 1
    messages = load_state(tmp_path / 'w' / best[0])['meta']['hook_msgs']
    assert messages['best_ckpt'].endswith(best[0])
    assert messages['best_score'] > 0


def test_an_evaluation_before_the_first_step_and_a_folder_for_the_best(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    best = tmp_path / 'best'
    evaluation = f"evaluation = dict(interval=9, start=0, iou_thr=0.1, save_best='auto', out_dir={str(best)!r})"
    train(write_config(tmp_path, evaluation), tmp_path / 'w')
    lines = [text for text in caplog.messages if 'Epoch(val)' in text or 'Epoch(train)' in text]
    assert 'Epoch(val)' in lines[0] and 'Epoch(train)' in lines[1]
    assert caplog.text.count('Epoch(val)') == 2
    assert len(names(best / 'w')) == 1
    assert not [name for name in names(tmp_path / 'w') if name.startswith('best')]


def test_an_evaluation_before_a_resumed_training_changes_nothing_in_it(tmp_path, caplog):
    config = write_config(tmp_path, 'evaluation = dict(interval=9, start=1)')
    train(config, tmp_path / 'a', '--no-validate')
    caplog.clear()
    caplog.set_level(logging.INFO)
    train(config, tmp_path / 'b', '--resume-from', str(tmp_path / 'a' / 'epoch_1.pth'))
    lines = [text for text in caplog.messages if 'Epoch(val)' in text or 'Epoch(train)' in text]
    assert ['Epoch(val)' in line for line in lines[:2]] == [True, False]
    assert_same_weights(tmp_path / 'a' / 'latest.pth', tmp_path / 'b' / 'latest.pth')


def test_iteration_based(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    extra = (
        "runner = dict(_delete_=True, type='IterBasedRunner', max_iters=5)\n"
        'checkpoint_config = dict(interval=2)\nevaluation = dict(interval=4, metric="mAP", by_epoch=True)'
    )
    train(write_config(tmp_path, extra), tmp_path / 'w')
    assert names(tmp_path / 'w') == ['iter_2.pth', 'iter_4.pth', 'iter_5.pth', 'latest.pth']
    assert caplog.text.count('Iter(val)') == 2
    assert 'Iter(train) [5/5]' in caplog.text
    assert 'evaluation.by_epoch=True has no effect' in caplog.text


def test_validation_losses(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    flow = "workflow = [('train', 2), ('val', 1)]"
    train(write_config(tmp_path, flow), tmp_path / 'w', '--no-validate')
    assert caplog.text.count('val/loss_bbox') == 1
    assert 'Epoch(val) [2] val/loss_bbox' in caplog.text


@pytest.mark.parametrize('where', ['load', 'resume'])
def test_starting_from_a_checkpoint(tmp_path, where):
    train(write_config(tmp_path), tmp_path / 'a', '--no-validate')
    start = tmp_path / 'a' / 'epoch_2.pth'
    lazy = write_config(tmp_path, "optimizer = dict(type='SGD', lr=0.0)\nlr_config = None")
    train(lazy, tmp_path / 'b', f'--{where}-from', str(start), '--no-validate')
    epochs = ['epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth', 'latest.pth']
    assert names(tmp_path / 'b') == (epochs if where == 'load' else epochs[2:])
    same = torch.equal(weights(tmp_path / 'b' / 'latest.pth')['conv.weight'], weights(start)['conv.weight'])
    # the optimizer of a resumed training is the checkpoint's, with its learning rate
    assert same == (where == 'load')


def test_auto_resume_without_a_checkpoint_starts_anew(tmp_path):
    train(write_config(tmp_path), tmp_path / 'w', '--auto-resume', '--no-validate')
    assert names(tmp_path / 'w')[-1] == 'latest.pth'


def test_a_loss_that_is_not_finite_stops_with_the_images(tmp_path):
    extra = "model['nan_at'] = 5\ndata['workers_per_gpu'] = 0"
    with pytest.raises(NonFiniteLossError) as error:
        train(write_config(tmp_path, extra), tmp_path / 'w', '--no-validate')
    message = str(error.value)
    assert 'iteration 5 (epoch 2)' in message
    assert 'loss_bbox=nan' in message
    assert message.count('.png') == 2
    assert names(tmp_path / 'w') == ['epoch_1.pth', 'latest.pth']
    finite = weights(tmp_path / 'w' / 'latest.pth')
    assert all(value.isfinite().all() for value in finite.values())


def test_the_check_can_be_turned_off_and_hooked_in(tmp_path):
    extra = "model['nan_at'] = 5\ndetect_nonfinite = False\n"
    train(write_config(tmp_path, extra), tmp_path / 'a', '--no-validate')
    scalars = next((tmp_path / 'a').glob('*/vis_data/scalars.json')).read_text().splitlines()
    # what is not finite is not in the file, as JSON has no number for it
    assert [json.loads(line, parse_constant=pytest.fail).get('loss') is None for line in scalars[3:6]] == [
        False,
        True,
        True,
    ]
    hook = "custom_hooks = [dict(type='CheckInvalidLossHook', interval=1)]"
    with pytest.raises(NonFiniteLossError, match='iteration 5'):
        train(write_config(tmp_path, extra + hook), tmp_path / 'b', '--no-validate')


def test_an_error_in_an_iteration_names_its_images(tmp_path):
    with pytest.raises(TrainingError) as error:
        train(write_config(tmp_path, "model['fail_at'] = 2"), tmp_path / 'w', '--no-validate')
    message = str(error.value)
    assert 'iteration 2 (epoch 1) failed on' in message
    assert message.count('.png') == 2
    assert 'ValueError: this batch is bad' in message


def test_num_classes_that_disagree_with_the_data(tmp_path):
    with pytest.raises(ValueError, match=r"2 classes \('car', 'ship'\).*num_classes=3"):
        train(write_config(tmp_path, "model['num_classes'] = 3"), tmp_path / 'w')


def test_an_unknown_metric_stops_before_the_training(tmp_path):
    config = write_config(tmp_path, "evaluation = dict(metric='AP49')")
    with pytest.raises(UserError, match="unknown metric 'AP49'"):
        train(config, tmp_path / 'w')
    assert names(tmp_path / 'w') == []


def test_gradient_accumulation_steps_once_in_several_iterations(tmp_path):
    extra = (
        'optimizer_config = dict(_delete_=True, type="GradientCumulativeOptimizerHook", '
        'cumulative_iters=3)\nrunner = dict(max_epochs=1)\n'
        'checkpoint_config = dict(interval=1, by_epoch=False)'
    )
    train(write_config(tmp_path, extra), tmp_path / 'w', '--no-validate')
    one, two, three = (weights(tmp_path / 'w' / f'iter_{i}.pth')['conv.weight'] for i in (1, 2, 3))
    assert torch.equal(one, two)
    assert not torch.equal(two, three)


def test_fp16_on_the_cpu_is_bfloat16(tmp_path, caplog):
    config = write_config(tmp_path, "fp16 = dict(loss_scale='dynamic')")
    train(config, tmp_path / 'w', '--no-validate')
    assert 'bfloat16 is used instead' in caplog.text
    assert weights(tmp_path / 'w' / 'latest.pth')['conv.weight'].dtype == torch.float32


@HOOKS.register_module(force=True)
class ConvHook(Hook):
    """Notes the kind of the detector's convolution."""

    kinds: ClassVar[list[type]] = []

    def before_train(self, runner):
        self.kinds.append(type(runner.detector.conv))


@pytest.mark.parametrize(('half', 'kind'), [(True, SoundConv2d), (False, torch.nn.Conv2d)])
def test_convolutions_are_sound_in_half_precision_on_the_cpu(tmp_path, half, kind):
    extra = f"runner = dict(max_epochs=1)\nbf16 = {half}\ncustom_hooks = [dict(type='ConvHook')]"
    train(write_config(tmp_path, extra), tmp_path / 'w', '--no-validate')
    assert ConvHook.kinds.pop() is kind


class Plain:
    """A constructor of a user's own, which knows nothing of mixed precision."""

    def __init__(self, optim_wrapper_cfg, paramwise_cfg=None):
        self.cfg = dict(optim_wrapper_cfg)

    def __call__(self, model):
        optimizer = torch.optim.SGD(model.parameters(), lr=self.cfg.pop('optimizer')['lr'])
        return OptimWrapper(optimizer, **self.cfg)


def test_mixed_precision_with_a_constructor_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.setitem(OPTIM_WRAPPER_CONSTRUCTORS.module_dict, 'Plain', Plain)
    built = []
    step = AmpWrapper.update_params
    monkeypatch.setattr(AmpWrapper, 'update_params', lambda self, *args: (built.append(self), step(self, *args))[1])
    extra = "fp16 = dict(loss_scale='dynamic')\noptimizer = dict(type='SGD', lr=0.02, constructor='Plain')\n"
    clip = "optimizer_config = dict(grad_clip=dict(type='value', clip_value=0.5))"
    train(write_config(tmp_path, extra + clip), tmp_path / 'w', '--no-validate')
    assert built[0].clip_func is torch.nn.utils.clip_grad_value_
    assert built[0].clip_grad_kwargs == dict(clip_value=0.5)


def test_the_learning_rate_is_scaled_only_if_asked_for(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    extra = 'auto_scale_lr = dict(enable={}, base_batch_size=1)\nlr_config = None'
    train(write_config(tmp_path, extra.format(False)), tmp_path / 'a', '--no-validate')
    assert 'lr: 2.0000e-02' in caplog.text
    train(write_config(tmp_path, extra.format(True)), tmp_path / 'b', '--no-validate')
    assert 'lr: 4.0000e-02' in caplog.text
    caplog.clear()
    train(write_config(tmp_path, extra.format(False)), tmp_path / 'c', '--no-validate', '--auto-scale-lr')
    assert 'lr: 4.0000e-02' in caplog.text


@pytest.mark.parametrize(('extra', 'options'), [('', ['--auto-scale-lr']), ('auto_scale_lr = dict(enable=True)', [])])
def test_a_scaled_learning_rate_needs_the_size_it_is_for(tmp_path, extra, options):
    with pytest.raises(UserError, match='base_batch_size is missing'):
        train(write_config(tmp_path, extra), tmp_path / 'w', *options)
    assert not (tmp_path / 'w').exists()


def test_many_workers_have_one_thread_each(tmp_path, monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '')  # so that it is put back
    monkeypatch.delenv('OMP_NUM_THREADS')
    monkeypatch.setenv('MKL_NUM_THREADS', '3')
    train(write_config(tmp_path), tmp_path / 'w', '--no-validate', '--cfg-options', 'data.workers_per_gpu=2')
    assert (os.environ['OMP_NUM_THREADS'], os.environ['MKL_NUM_THREADS']) == ('1', '3')


@HOOKS.register_module(force=True)
class FreezeHook(Hook):
    """Puts the norm into eval mode before the training, and notes its mode in every iteration."""

    modes: ClassVar[list[bool]] = []

    def before_train_epoch(self, runner):
        runner.detector.bn.eval()

    def after_train_iter(self, runner, *args, **kwargs):
        self.modes.append(runner.detector.bn.training)


@pytest.mark.parametrize(
    'runner',
    ["dict(type='EpochBasedRunner', max_epochs=2)", "dict(_delete_=True, type='IterBasedRunner', max_iters=5)"],
)
def test_a_hook_before_the_epoch_may_freeze_a_norm(tmp_path, runner):
    FreezeHook.modes.clear()
    extra = f"""
runner = {runner}
custom_hooks = [dict(type='FreezeHook')]
evaluation = dict(interval=2, metric='mAP', by_epoch=False)
"""
    train(write_config(tmp_path, extra), tmp_path / 'w')
    assert len(FreezeHook.modes) >= 5
    assert not any(FreezeHook.modes)


def test_validation_losses_leave_the_modes_of_the_parts(tmp_path):
    FreezeHook.modes.clear()
    extra = "custom_hooks = [dict(type='FreezeHook')]\nworkflow = [('train', 1), ('val', 1)]"
    train(write_config(tmp_path, extra), tmp_path / 'w', '--no-validate')
    assert FreezeHook.modes
    assert not any(FreezeHook.modes)
