import math

import pytest
import torch
from mmengine.model import StochasticWeightAverage
from torch import nn

from mmrotate.engine.ema import MovingAverage
from mmrotate.engine.hooks import build_custom_hooks
from mmrotate.utils import UserError, load_state
from tests.helpers.tiny import Broken, assert_same_weights, train, weights, write_config


class Line(nn.Module):
    """A weight and a statistic, both ``value``, and a count."""

    def __init__(self, value):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([value]))
        self.register_buffer('mean', torch.tensor([value]))
        self.register_buffer('count', torch.tensor(int(value)))


def averaged(steps=4, **config):
    """Weight and statistic of the averages of 0, moved towards 1, 2, ..."""
    (hook,) = build_custom_hooks([config])
    average = MovingAverage(Line(0.0), **{key: value for key, value in hook.ema_cfg.items() if key != 'type'})
    for step in range(steps):
        average.update_parameters(Line(step + 1.0))
    assert average.module.count == steps
    return average.module.weight.item(), average.module.mean.item()


def by_hand(shares):
    value = 0.0
    for step, share in enumerate(shares):
        value += share * (step + 1 - value)
    return pytest.approx(value, rel=1e-5)


def test_the_average_of_mmcv_is_of_parameters_and_warms_up():
    shares = [min(0.3, (1 + i) / (6 + i)) for i in range(4)]
    assert averaged(type='EMAHook', momentum=0.3, warm_up=6) == (by_hand(shares), 4.0)
    assert averaged(type='EMAHook') == (by_hand([0.0002] * 4), 4.0)
    # the first, the third, ... iteration moves
    assert averaged(type='EMAHook', momentum=0.5, interval=2, warm_up=1)[0] == by_hand([0.25, 0, 0.25, 0])


def test_the_averages_of_mmdet_are_of_buffers_too():
    shares = [0.9 * math.exp(-(1 + i) / 3) + 0.1 for i in range(4)]
    config = dict(type='ExpMomentumEMAHook', total_iter=3, momentum=0.1)
    assert averaged(**config) == (by_hand(shares), by_hand(shares))
    assert averaged(**config, skip_buffers=True) == (by_hand(shares), 4.0)
    assert averaged(**config, interval=2)[0] == by_hand([0, shares[1], 0, shares[3]])
    shares = [min(0.3, (1 + i) / (6 + i)) for i in range(4)]
    assert averaged(type='LinearMomentumEMAHook', momentum=0.3, warm_up=6) == (by_hand(shares), by_hand(shares))


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(type='EMAHook', momentum=1), 'momentum must be between 0 and 1, got 1'),
        (dict(type='EMAHook', interval=0), 'interval must be a whole number above 0, got 0'),
        (dict(type='EMAHook', momentm=0.1), 'momentm'),
        (dict(type='EMAHook', warm_up=5, begin_iter=3), r'or else .*begin_iter'),
        (dict(type='ExpMomentumEMAHook', total_iter=0), 'total_iter must be above 0, got 0'),
    ],
)
def test_arguments_that_make_no_sense_are_named(config, message):
    with pytest.raises(UserError, match=message):
        build_custom_hooks([config])


def test_arguments_of_mmengine_make_its_average():
    (hook,) = build_custom_hooks([dict(type='EMAHook', ema_type='StochasticWeightAverage', begin_epoch=2)])
    assert hook.ema_cfg == dict(type=StochasticWeightAverage.__name__)
    assert hook.begin_epoch == 2


HOOK = "custom_hooks = custom_hooks + [dict(type='LinearMomentumEMAHook', momentum=0.2, warm_up=1{})]\n"
SHORT = "runner = dict(max_epochs=2)\nevaluation = dict(interval=1, metric='mAP', iou_thr=0.1, save_best='mAP')\n"


def test_the_average_is_saved_and_does_not_change_the_training(tmp_path):
    train(write_config(tmp_path, SHORT), tmp_path / 'plain', '--no-validate')
    train(write_config(tmp_path, SHORT + HOOK.format('')), tmp_path / 'ema')
    plain, state = weights(tmp_path / 'plain' / 'latest.pth'), load_state(tmp_path / 'ema' / 'latest.pth')
    assert list(plain) == list(state['state_dict'])
    assert all(torch.equal(value, state['ema_state_dict'][f'module.{name}']) for name, value in plain.items())
    assert not torch.equal(plain['bbox_head.bias'], state['state_dict']['bbox_head.bias'])
    assert not torch.equal(plain['bn.running_mean'], state['state_dict']['bn.running_mean'])


def test_a_training_of_0x_goes_on_with_its_average(tmp_path):
    """There the trained weights were buffers of the model, and the hook named the checkpoint."""
    whole = write_config(tmp_path, SHORT + HOOK.format(''))
    train(whole, tmp_path / 'whole', '--no-validate')
    with pytest.raises(Broken):
        broken = write_config(tmp_path, SHORT + HOOK.format('') + "custom_hooks += [dict(type='BreakHook', at=5)]")
        train(broken, tmp_path / 'broken', '--no-validate')
    state = load_state(tmp_path / 'broken' / 'epoch_1.pth')
    for name, value in state.pop('ema_state_dict').items():
        if name != 'steps':
            state['state_dict'][f'ema_{name.removeprefix("module.").replace(".", "_")}'] = value
    former = tmp_path / 'former.pth'
    torch.save(state, former)
    config = write_config(tmp_path, SHORT + HOOK.format(f', resume_from={str(former)!r}'))
    train(config, tmp_path / 'resumed', '--no-validate')
    assert_same_weights(tmp_path / 'whole' / 'latest.pth', tmp_path / 'resumed' / 'latest.pth')


def test_the_average_is_evaluated(tmp_path, monkeypatch):
    seen = []

    def note(detector, *args):
        seen.append({name: value.clone() for name, value in detector.state_dict().items()})

    monkeypatch.setattr('mmrotate.engine.loops.predict_everywhere', note)
    extra = "runner = dict(max_epochs=1)\nevaluation = dict(interval=1, metric='mAP')\n"
    train(write_config(tmp_path, extra + HOOK.format('')), tmp_path / 'w')
    saved = weights(tmp_path / 'w' / 'latest.pth')
    assert all(torch.equal(value, seen[0][name]) for name, value in saved.items())
