"""Optimizer, learning rate and averages of newer methods, against what MMRotate 1.x makes of the same configs."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmrotate.engine.config import load_config, read_plan
from mmrotate.engine.ema import ExpMomentumEMA
from mmrotate.engine.schedules import Progress
from mmrotate.models import build_detector
from mmrotate.utils import UserError
from tests.helpers import reference
from tests.models.test_golden_newer import CONFIGS

TRAINING = reference.load_all('newer/training*.json.gz') | reference.load_json('newer/detr/training.json.gz')


def names(kind):
    return [key.removeprefix(kind) for key in TRAINING if key.startswith(kind)]


@pytest.mark.parametrize('name', names('optim/'))
def test_optimizer(name):
    config = load_config(CONFIGS[name])
    model = build_detector(reference.make_deterministic(config.model.to_dict()))
    groups = build_optim_wrapper(model, read_plan(config).optim_wrapper).optimizer.param_groups
    found = {id(each): [group['lr'], group['weight_decay']] for group in groups for each in group['params']}
    expected = TRAINING[f'optim/{name}']['parameters']
    learned = {key: value for key, value in expected.items() if value not in ('shared', 'frozen')}
    parameters = dict(model.named_parameters(remove_duplicate=False))
    assert {key: found[id(parameters[key])] for key in learned} == learned
    assert not any(parameters[key].requires_grad for key, value in expected.items() if value == 'frozen')
    assert sum(parameter.requires_grad for parameter in model.parameters()) == len(learned)


@pytest.mark.parametrize('name', names('lr/'))
def test_learning_rate(name):
    values = TRAINING[f'lr/{name}']
    config = load_config(CONFIGS[name])
    plan, length = read_plan(config), values['epoch_length']
    epochs = config.runner.max_epochs
    assert epochs == values['epochs']
    # that of the first parameters, which may be the body's
    peak = max(values['lr'])
    assert config.optimizer.lr == pytest.approx(peak) or config.optimizer.lr == pytest.approx(10 * peak)
    found = [plan.lr.value(peak, Progress(i // length, i, epochs, epochs * length)) for i in values['iteration']]
    # from one iteration to the next the source multiplies, and so rounds
    assert found == pytest.approx(values['lr'], rel=1e-6)


@pytest.mark.parametrize('momentum', ['0.0002', '0.0001'])
def test_averages(momentum):
    values = TRAINING[f'ema/{momentum}']
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    average = ExpMomentumEMA(net, float(momentum), values['gamma'], update_buffers=values['update_buffers'])
    for step, expected in enumerate(values['averages']):
        for key, value in net.state_dict().items():
            if value.is_floating_point():
                drawn = reference.random_state(f'ema-{step}-{key}').standard_normal(tuple(value.shape))
                value.copy_(torch.from_numpy(abs(drawn)))
        average.update_parameters(net)
        state = average.module.state_dict()
        for key, value in expected.items():
            assert state[key].flatten().tolist() == pytest.approx(value, rel=1e-5, abs=1e-6)


def test_the_share_of_new_weights_falls():
    """But for the first step, which copies them."""
    expected = {int(step): share for step, share in TRAINING['ema/momentum'].items() if step != '0'}
    average = ExpMomentumEMA(nn.Linear(1, 1), momentum=0.0002, gamma=2000)
    assert {step: average.momentum(step) for step in expected} == pytest.approx(expected, rel=1e-6)
    assert average.momentum(0) == 1


def test_an_average_falls_in_some_time():
    with pytest.raises(UserError, match='gamma must be above 0, got 0'):
        ExpMomentumEMA(nn.Linear(1, 1), gamma=0)
