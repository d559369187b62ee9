"""The runtime tutorial of 0.3's documentation, step by step, with hooks and optimizers as it writes them."""

import json
import logging
from typing import ClassVar

import mmengine.hooks
import pytest
import torch
from torch.optim import SGD

from mmrotate.compat.hooks import Hook, OptimizerHook
from mmrotate.registry import HOOKS, OPTIMIZER_BUILDERS, OPTIMIZERS
from mmrotate.utils import UserError, load_state
from tests.helpers.tiny import Broken, assert_same_weights, train, weights, write_config

ONE_EPOCH = 'runner = dict(max_epochs=1)\n'
TOLD = []


@pytest.fixture(autouse=True)
def nothing_told():
    TOLD.clear()


@HOOKS.register_module(force=True)
class MyHook(Hook):
    """The hook of the tutorial."""

    def __init__(self, a, b):
        TOLD.append((a, b))

    def before_run(self, runner):
        TOLD.append('before_run')

    def after_run(self, runner):
        TOLD.append('after_run')

    def before_epoch(self, runner):
        TOLD.append(f'before_epoch {runner.mode} {runner.epoch}')

    def after_epoch(self, runner):
        TOLD.append(f'after_epoch {runner.mode} {runner.epoch}')

    def before_iter(self, runner):
        TOLD.append('before_iter')

    def after_iter(self, runner):
        TOLD.append('after_iter')


EPOCH = [*['before_iter', 'after_iter'] * 3]


def test_the_hook_of_the_tutorial_is_called_at_all_its_points(tmp_path):
    hook = "custom_hooks = [dict(type='MyHook', a=1, b=2, priority='NORMAL')]\nworkflow = [('train', 1), ('val', 1)]\n"
    train(write_config(tmp_path, ONE_EPOCH + hook), tmp_path / 'w')
    assert TOLD == [
        (1, 2), 'before_run', 'before_epoch train 0', *EPOCH, 'after_epoch train 0', 'before_epoch val 1', *EPOCH,
        'after_epoch val 1', 'after_run',
    ]  # fmt: skip
    assert HOOKS.get('MyHook')(1, 2).get_triggered_stages() == list(Hook.stages)


@HOOKS.register_module(force=True)
class OldNames(mmengine.hooks.Hook):
    """mmengine's base with methods of 0.x; one of them is called for training only."""

    def before_epoch(self, runner):
        TOLD.append('before_epoch')

    def after_iter(self, runner):
        TOLD.append('after_iter')

    def after_train_iter(self, runner):
        TOLD.append('after_train_iter')


def test_old_names_and_signatures_live_on_the_base_of_today_too(tmp_path):
    extra = ONE_EPOCH + "custom_hooks = [dict(type='OldNames')]\nworkflow = [('train', 1), ('val', 1)]\n"
    train(write_config(tmp_path, extra), tmp_path / 'w')
    once = ['before_epoch', *['after_train_iter'] * 3]
    assert TOLD == [*once, 'before_epoch', *['after_iter'] * 3]


@HOOKS.register_module(force=True)
class Asking(Hook):
    """Asks the runner for all that 0.x's hooks ask it for."""

    def before_train_epoch(self, runner):
        assert runner.model.training
        assert len(runner.data_loader) == 3

    def after_train_iter(self, runner):
        assert torch.isfinite(runner.outputs['loss'])
        assert runner.outputs['num_samples'] == len(runner.data_batch['img_metas'])
        assert runner.outputs['log_vars']['loss'] == pytest.approx(float(runner.outputs['loss']))
        assert isinstance(runner.optimizer, SGD)
        assert runner.current_lr() == [group['lr'] for group in runner.optimizer.param_groups]
        assert runner.current_momentum() == [0.9]
        assert (runner.max_epochs, runner.max_iters) == (3, 9)
        assert (runner.rank, runner.world_size, runner.model_name) == (0, 1, 'TinyDetector')
        assert 'Asking' in runner.get_hook_info()
        assert (runner.mode, runner.meta['exp_name']) == ('train', 'tiny.py')
        runner.log_buffer.update({'mine': runner.iter}, runner.outputs['num_samples'])
        found = (runner.epoch, runner.iter, runner.inner_iter)
        ends = self.end_of_epoch(runner), self.is_last_epoch(runner), self.is_last_iter(runner)
        every = self.every_n_epochs(runner, 2), self.every_n_inner_iters(runner, 2), self.every_n_iters(runner, 2)
        TOLD.append((found, ends, every, self.every_n_iters(runner, 0)))

    def after_train_epoch(self, runner):
        runner.log_buffer.output['whole'] = 5.0
        runner.log_buffer.ready = True


def test_the_runner_answers_what_hooks_of_0x_ask(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    train(write_config(tmp_path, "custom_hooks = [dict(type='Asking')]"), tmp_path / 'w', '--no-validate')
    assert [found for found, *_ in TOLD] == [(i // 3, i, i % 3) for i in range(9)]
    assert [ends for _, ends, *_ in TOLD] == [(i % 3 == 2, i >= 6, i == 8) for i in range(9)]
    assert [every for *_, every, _ in TOLD] == [(3 <= i < 6, i % 3 == 1, i % 2 == 1) for i in range(9)]
    assert not any(never for *_, never in TOLD)
    lines = [json.loads(line) for line in next((tmp_path / 'w').glob('*.log.json')).read_text().splitlines()[1:]]
    assert [line['mine'] for line in lines if 'mine' in line] == list(range(9))
    assert [line['epoch'] for line in lines if line.get('whole') == 5.0] == [1, 2, 3]
    assert 'mine: 8.0000' in caplog.text


@HOOKS.register_module(force=True)
class UnfreezeHook(Hook):
    """As the how-to of MMDetection 2 unfreezes a backbone."""

    def __init__(self, unfreeze_epoch=1):
        self.unfreeze_epoch = unfreeze_epoch

    def before_train_epoch(self, runner):
        if runner.epoch == self.unfreeze_epoch:
            runner.model.bn.train()
            for param in [*runner.model.conv.parameters(), *runner.model.bn.parameters()]:
                param.requires_grad = True

    def before_run(self, runner):
        runner.model.conv.requires_grad_(False)


def test_a_backbone_is_unfrozen_by_a_hook(tmp_path):
    train(write_config(tmp_path, "custom_hooks = [dict(type='UnfreezeHook')]"), tmp_path / 'w', '--no-validate')
    first, second, third = (weights(tmp_path / 'w' / f'epoch_{i}.pth')['conv.weight'] for i in (1, 2, 3))
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)
    frozen = "custom_hooks = [dict(type='UnfreezeHook', unfreeze_epoch=2)]"
    train(write_config(tmp_path, frozen), tmp_path / 'v', '--no-validate')
    first, second, third = (weights(tmp_path / 'v' / f'epoch_{i}.pth')['conv.weight'] for i in (1, 2, 3))
    assert torch.equal(first, second)
    assert not torch.equal(second, third)


@OPTIMIZERS.register_module(force=True)
class MyOptimizer(SGD):
    """The optimizer of the tutorial."""

    def __init__(self, params, a, b, c):
        super().__init__(params, lr=a, momentum=b, weight_decay=c)


@OPTIMIZER_BUILDERS.register_module(force=True)
class MyOptimizerConstructor:
    """The constructor of the tutorial: it gives the optimizer itself."""

    given: ClassVar[list] = []

    def __init__(self, optimizer_cfg, paramwise_cfg=None):
        self.given[:] = [optimizer_cfg, paramwise_cfg]
        self.optimizer_cfg = optimizer_cfg

    def __call__(self, model):
        return OPTIMIZERS.build({**self.optimizer_cfg, 'params': [{'params': model.parameters(), 'lr': 0.02}]})


OWN = "dict(type='MyOptimizer', a=0.02, b=0.9, c=0.0001{})\n"


@pytest.mark.parametrize('precision', ['', 'bf16 = True'])
def test_the_optimizer_and_the_constructor_of_the_tutorial(tmp_path, precision):
    train(write_config(tmp_path, ONE_EPOCH + precision), tmp_path / 'sgd', '--no-validate')
    own = ONE_EPOCH + precision + '\noptimizer = ' + OWN.format('')
    train(write_config(tmp_path, own), tmp_path / 'own', '--no-validate')
    assert_same_weights(tmp_path / 'sgd' / 'latest.pth', tmp_path / 'own' / 'latest.pth')
    built = OWN.format(", constructor='MyOptimizerConstructor', paramwise_cfg=dict(x=1)")
    train(write_config(tmp_path, ONE_EPOCH + precision + '\noptimizer = ' + built), tmp_path / 'built', '--no-validate')
    # gradients are clipped there too
    assert_same_weights(tmp_path / 'sgd' / 'latest.pth', tmp_path / 'built' / 'latest.pth')
    assert MyOptimizerConstructor.given == [dict(type='MyOptimizer', a=0.02, b=0.9, c=0.0001), dict(x=1)]


@HOOKS.register_module(force=True)
class MyOptimizerHook(OptimizerHook):
    """Does the step in its own way, and counts."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def after_train_iter(self, runner):
        assert runner.outputs['loss'].requires_grad
        runner.optimizer.zero_grad()
        (self.factor * runner.outputs['loss']).backward()
        runner.optimizer.step()
        TOLD.append('step')


HOOK = 'optimizer_config = dict(type={!r}, {})\n'


def test_an_optimizer_hook_of_ones_own_is_what_steps(tmp_path):
    plain = ONE_EPOCH + 'optimizer_config = dict()\n'
    train(write_config(tmp_path, plain), tmp_path / 'plain', '--no-validate')
    train(write_config(tmp_path, ONE_EPOCH + HOOK.format('MyOptimizerHook', '')), tmp_path / 'own', '--no-validate')
    assert TOLD == ['step'] * 3
    assert_same_weights(tmp_path / 'plain' / 'latest.pth', tmp_path / 'own' / 'latest.pth')
    none = ONE_EPOCH + HOOK.format('MyOptimizerHook', 'factor=0.0') + "optimizer = dict(type='SGD', lr=0.02)\n"
    train(write_config(tmp_path, none), tmp_path / 'none', '--no-validate')
    start = load_state(tmp_path / 'none' / 'latest.pth')['state_dict']['bbox_head.bias']
    assert torch.equal(start, torch.tensor([0.25, 0.2, 0.2, 0.1, 0.0]))


@HOOKS.register_module(force=True)
class Inherited(OptimizerHook):
    """Changes nothing."""


def test_the_base_of_optimizer_hooks_does_what_the_engine_does(tmp_path):
    clip = 'grad_clip=dict(max_norm=0.5, norm_type=2)'
    train(write_config(tmp_path, ONE_EPOCH + HOOK.format('OptimizerHook', clip)), tmp_path / 'a', '--no-validate')
    train(write_config(tmp_path, ONE_EPOCH + HOOK.format('Inherited', clip)), tmp_path / 'b', '--no-validate')
    assert_same_weights(tmp_path / 'a' / 'latest.pth', tmp_path / 'b' / 'latest.pth')
    for folder in 'ab':
        lines = next((tmp_path / folder).glob('*.log.json')).read_text().splitlines()[1:]
        assert json.loads(lines[0])['grad_norm'] > 0


def test_a_hook_that_steps_itself_does_not_scale_the_loss(tmp_path):
    config = write_config(tmp_path, HOOK.format('MyOptimizerHook', '') + 'fp16 = dict(loss_scale=512.0)')
    with pytest.raises(UserError, match='does not scale the loss: take bf16'):
        train(config, tmp_path / 'w', '--no-validate')
    unknown = write_config(tmp_path, HOOK.format('MyOptimizerHok', ''))
    with pytest.raises(UserError, match=r"optimizer_config\.type='MyOptimizerHok'.*'MyOptimizerHook'"):
        train(unknown, tmp_path / 'w', '--no-validate')


@pytest.mark.parametrize('kind', ['OptimizerHook', 'Inherited'])
def test_parameters_without_a_gradient_are_named(tmp_path, caplog, kind):
    extra = ONE_EPOCH + HOOK.format(kind, 'detect_anomalous_params=True') + "model['spare'] = True\n"
    train(write_config(tmp_path, extra), tmp_path / 'w', '--no-validate')
    named = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert named == ['spare.weight with shape (2, 3) is not in the computational graph'] * 3


@HOOKS.register_module(force=True)
class Counting(Hook):
    """Ends a training; as 0.x's hooks do, by the runner's numbers."""

    def after_train_iter(self, runner):
        if runner.iter == 4:
            raise Broken


def test_a_hook_of_0x_may_end_a_training_that_is_resumed(tmp_path):
    with pytest.raises(Broken):
        train(write_config(tmp_path, "custom_hooks = [dict(type='Counting')]"), tmp_path / 'w', '--no-validate')
    train(write_config(tmp_path, "custom_hooks = [dict(type='MyHook', a=0, b=0)]"), tmp_path / 'w', '--auto-resume')
    assert TOLD[1:3] == ['before_run', 'before_epoch train 1']
