import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmrotate.engine.hooks import ScheduleHook
from mmrotate.engine.schedules import Progress, Schedule
from mmrotate.utils import UserError

EPOCHS, LENGTH, BASE = 12, 100, 0.01


def progress(iteration, epochs=EPOCHS, length=LENGTH):
    return Progress(iteration // length, iteration, epochs, epochs * length)


def lr(config, iteration):
    return Schedule.from_config(config).value(BASE, progress(iteration))


def momentum(config, iteration, base=0.9):
    return Schedule.from_config(config, 'momentum').regular(base, progress(iteration))


@pytest.mark.parametrize(
    ('iteration', 'expected'),
    [
        (0, BASE / 3),
        (250, BASE * (1 - 0.5 * (2 / 3))),
        (499, BASE * (1 - (1 / 500) * (2 / 3))),
        (500, BASE),
        (799, BASE),
        (800, BASE * 0.1),
        (1099, BASE * 0.1),
        (1100, BASE * 0.01),
        (1199, BASE * 0.01),
    ],
)
def test_the_schedule_of_the_zoo(iteration, expected):
    config = dict(policy='step', warmup='linear', warmup_iters=500, warmup_ratio=1.0 / 3, step=[8, 11])
    assert lr(config, iteration) == pytest.approx(expected, rel=1e-12)


def test_step_with_a_single_number_and_a_floor():
    config = dict(policy='step', step=3, gamma=0.5, min_lr=0.002)
    values = [lr(config, epoch * LENGTH) for epoch in range(0, 12, 3)]
    assert values == [0.01, 0.005, 0.0025, 0.002]


@pytest.mark.parametrize(('warmup', 'factor'), [('constant', 0.1), ('linear', 0.325), ('exp', 0.1**0.75)])
def test_warmups(warmup, factor):
    config = dict(policy='fixed', warmup=warmup, warmup_iters=40, warmup_ratio=0.1)
    assert lr(config, 10) == pytest.approx(BASE * factor)
    assert lr(config, 40) == BASE


def test_warmup_by_epoch():
    config = dict(policy='fixed', warmup='linear', warmup_iters=2, warmup_ratio=0.5, warmup_by_epoch=True)
    assert lr(config, 100) == pytest.approx(BASE * 0.75)
    assert lr(config, 200) == BASE
    none = dict(policy='fixed', warmup=None, warmup_iters=None, warmup_by_epoch=True)
    assert lr(none, 0) == BASE


@given(st.integers(0, EPOCHS * LENGTH - 1))
def test_cosine_annealing_by_epoch_and_by_iteration(iteration):
    done = iteration // LENGTH / EPOCHS
    expected = 1e-5 + 0.5 * (BASE - 1e-5) * (math.cos(math.pi * done) + 1)
    assert lr(dict(policy='CosineAnnealing', min_lr=1e-5), iteration) == pytest.approx(expected)
    done = iteration / (EPOCHS * LENGTH)
    expected = BASE * 0.1 + 0.5 * BASE * 0.9 * (math.cos(math.pi * done) + 1)
    config = dict(policy='CosineAnnealing', min_lr_ratio=0.1, by_epoch=False)
    assert lr(config, iteration) == pytest.approx(expected)


@given(st.integers(0, EPOCHS * LENGTH - 1))
def test_poly_exp_and_inv(iteration):
    done = iteration / (EPOCHS * LENGTH)
    expected = (BASE - 1e-4) * (1 - done) ** 0.9 + 1e-4
    config = dict(policy='poly', power=0.9, min_lr=1e-4, by_epoch=False)
    assert lr(config, iteration) == pytest.approx(expected)
    epoch = iteration // LENGTH
    assert lr(dict(policy='exp', gamma=0.9), iteration) == pytest.approx(BASE * 0.9**epoch)
    config = dict(policy='inv', gamma=0.5, power=2.0)
    assert lr(config, iteration) == pytest.approx(BASE * (1 + 0.5 * epoch) ** -2)


def test_cyclic_goes_up_and_down_in_each_cycle():
    config = dict(policy='cyclic', target_ratio=(10, 1e-2), cyclic_times=2, step_ratio_up=0.4)
    assert lr(config, 0) == pytest.approx(BASE)
    assert lr(config, 120) == pytest.approx(BASE * (1 + 9 * 0.5))
    assert lr(config, 240) == pytest.approx(BASE * 10)
    assert lr(config, 599) == pytest.approx(BASE * 1e-2, rel=0.2)
    assert lr(config, 600) == pytest.approx(BASE)


def test_cyclic_decays_its_peaks_by_gamma():
    config = dict(policy='cyclic', target_ratio=(10, 1e-2), cyclic_times=2, gamma=0.5)
    assert lr(config, 240) == pytest.approx(BASE * 10)
    assert lr(config, 840) == pytest.approx(BASE * 5.5)


def test_flat_cosine_linear_and_restarts():
    flat = dict(policy='FlatCosineAnnealing', start_percent=0.5, min_lr_ratio=0.1)
    assert lr(flat, 599) == BASE
    assert lr(flat, 900) == pytest.approx(BASE * 0.55)
    assert lr(dict(policy='LinearAnnealing', min_lr=0.0), 300) == pytest.approx(BASE * 0.75)
    restart = dict(policy='CosineRestart', periods=[4, 8], restart_weights=[1, 0.5], min_lr=0.0)
    assert lr(restart, 200) == pytest.approx(BASE / 2)
    assert lr(restart, 400) == pytest.approx(BASE / 2)
    assert lr(restart, 800) == pytest.approx(BASE / 4)


def test_yolox():
    config = dict(policy='YOLOX', warmup='exp', warmup_by_epoch=True, warmup_ratio=0.5, warmup_iters=2)
    schedule = Schedule.from_config(dict(config, by_epoch=False, num_last_epochs=3, min_lr_ratio=0.05))
    values = [schedule.value(BASE, progress(i)) for i in range(1200)]
    rising = [BASE * 0.5 * (i / 200) ** 2 for i in range(1, 201)]
    falling = [BASE * (0.05 + 0.95 * (1 + math.cos(math.pi * i / 700)) / 2) for i in range(1, 701)]
    assert values == pytest.approx([*rising, *falling, *[BASE * 0.05] * 300], rel=1e-12)
    with pytest.raises(ValueError, match='leave none of 500 iterations'):
        schedule.check(1, progress(0, epochs=5))
    for wrong in (dict(by_epoch=True), dict(warmup='linear'), dict(num_last_epochs=None)):
        with pytest.raises(ValueError, match='YOLOX needs num_last_epochs'):
            Schedule.from_config({**config, 'num_last_epochs': 3, 'min_lr': 0.0, **wrong})


def test_one_cycle():
    config = dict(policy='OneCycle', max_lr=0.1, pct_start=0.25)
    assert lr(config, 0) == pytest.approx(0.1 / 25)
    assert lr(config, 299) == pytest.approx(0.1)
    assert lr(config, 1199) == pytest.approx(0.1 / 25 / 1e4)


@pytest.mark.parametrize('steps', [None, 80])
@pytest.mark.parametrize(
    'shape',
    [{}, dict(pct_start=0.2, anneal_strategy='linear'), dict(three_phase=True), dict(three_phase=True, pct_start=0.6),
     dict(pct_start=0.45, three_phase=True, anneal_strategy='linear')],
)  # fmt: skip
def test_one_cycle_is_that_of_torch_for_each_group(shape, steps):
    total, tops, lows, highs = 60, [0.1, 0.02], [0.8, 0.7], [0.9, 0.99]
    factors = dict(div_factor=10.0, final_div_factor=50.0)
    groups = [{'params': [torch.nn.Parameter(torch.ones(1))]} for _ in tops]
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.5)
    ends = dict(base_momentum=lows, max_momentum=highs)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, tops, steps or total, **ends, **factors, **shape)
    ours = Schedule('OneCycle', max_lr=tops, total_steps=steps, **factors, **shape)
    momenta = Schedule('OneCycle', of='momentum', **ends, **shape)
    for done in range(total):
        at = Progress(done // 10, done, 6, total)
        found = [ours.value(1.0, at, index) for index in range(2)]
        assert found == pytest.approx([group['lr'] for group in optimizer.param_groups], rel=1e-9)
        if steps is None:
            found = [momenta.value(0.5, at, index) for index in range(2)]
            assert found == pytest.approx([group['momentum'] for group in optimizer.param_groups], rel=1e-9)
        optimizer.step()
        theirs.step()


def test_one_cycle_of_few_steps_has_a_value_in_each():
    for total in range(1, 12):
        for share in (0.0, 0.1, 0.5, 1.0):
            for three in (False, True):
                one = Schedule('OneCycle', max_lr=1.0, pct_start=share, three_phase=three)
                assert all(0 < one.value(1.0, Progress(0, done, 1, total)) <= 1 for done in range(total))


def test_steps_of_the_momentum():
    assert [momentum(dict(policy='step', step=[2, 4]), epoch * LENGTH) for epoch in (1, 2, 4)] == [0.9, 0.45, 0.225]
    floor = dict(policy='Step', step=3, gamma=0.1, min_momentum=0.05)
    assert [momentum(floor, epoch * LENGTH) for epoch in (2, 3, 6)] == pytest.approx([0.9, 0.09, 0.05])
    assert momentum(dict(policy='step', step=50, by_epoch=False), 120) == pytest.approx(0.9 / 4)


@pytest.mark.parametrize('iteration', [0, 1, 250, 600, 1199])
def test_cosine_annealing_of_the_momentum(iteration):
    half = (1 + math.cos(math.pi * (iteration // LENGTH) / EPOCHS)) / 2
    assert momentum(dict(policy='CosineAnnealing', min_momentum=0.5), iteration) == pytest.approx(0.5 + 0.4 * half)
    half = (1 + math.cos(math.pi * iteration / (EPOCHS * LENGTH))) / 2
    config = dict(policy='CosineAnnealing', min_momentum_ratio=0.5, by_epoch=False)
    assert momentum(config, iteration) == pytest.approx(0.45 + 0.45 * half)


def test_the_momentum_goes_down_and_up_in_each_cycle():
    low = 0.85 / 0.95
    for iteration, expected in [(0, 1), (240, (1 + low) / 2), (480, low), (840, (1 + low) / 2), (1199, 1)]:
        assert momentum(dict(policy='cyclic'), iteration) == pytest.approx(0.9 * expected, rel=1e-4)
    twice = dict(policy='cyclic', target_ratio=[0.8, 1], cyclic_times=2, step_ratio_up=0.5, gamma=0.5)
    for iteration, expected in [(300, 0.8), (450, 0.9), (600, 1), (750, 0.95), (900, 0.9)]:
        assert momentum(twice, iteration) == pytest.approx(0.9 * expected)
    assert momentum(dict(policy='cyclic', target_ratio=(0.8,)), 1199) < 0.001


def test_one_cycle_of_the_momentum_has_the_usual_ends():
    config = dict(policy='OneCycle', pct_start=0.25)
    assert [momentum(config, i) for i in (0, 299, 1199)] == pytest.approx([0.95, 0.85, 0.95])


@pytest.mark.parametrize(('warmup', 'factor'), [('constant', 0.9), ('linear', 0.925), ('exp', 0.9**0.75)])
def test_the_momentum_is_divided_by_its_warmup(warmup, factor):
    runner = fake_runner(torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0, momentum=0.5), iteration=10)
    hook = ScheduleHook(momentum=Schedule('step', step=9, warmup=warmup, warmup_iters=40, of='momentum'))
    hook.before_train(runner)
    hook.before_train_iter(runner)
    assert runner.optim_wrapper.param_groups[0]['momentum'] == pytest.approx(0.5 / factor)


def fake_runner(optimizer, iteration=0):
    loop = SimpleNamespace(epoch=0, iter=iteration, max_epochs=1, max_iters=100)
    return SimpleNamespace(optim_wrapper=optimizer, train_loop=loop)


@pytest.mark.parametrize(
    ('lr', 'momentum', 'message'),
    [
        (dict(max_lr=[1.0, 2.0]), None, 'lr_config: max_lr has 2 values, but the optimizer 1 groups'),
        (dict(max_lr=1.0, total_steps=99), None, 'lr_config: total_steps is 99, but the training has 100'),
        (None, dict(max_momentum=[0.9] * 3), 'momentum_config: max_momentum has 3 values'),
    ],
)
def test_one_cycle_is_held_against_the_optimizer_and_the_training(lr, momentum, message):
    hook = ScheduleHook(lr and Schedule('OneCycle', **lr), momentum and Schedule('OneCycle', of='momentum', **momentum))
    with pytest.raises(UserError, match=message):
        hook.before_train(fake_runner(torch.optim.Adam([torch.nn.Parameter(torch.ones(1))])))


def test_an_optimizer_without_momentum_is_refused():
    hook = ScheduleHook(momentum=Schedule('cyclic', of='momentum'))
    with pytest.raises(UserError, match='momentum_config: the optimizer has no momentum'):
        hook.before_train(fake_runner(torch.optim.Adagrad([torch.nn.Parameter(torch.ones(1))])))


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(policy='stairs'), "unknown policy 'stairs'"),
        (dict(step=[8]), 'needs the key "policy"'),
        (dict(policy='step', step=[8], steps=[9]), "does not take .*: got an unexpected keyword argument 'steps'"),
        (dict(policy='step', step=[8], warmup='slow', warmup_iters=1), "unknown warmup 'slow'"),
        (dict(policy='step', step=[8], warmup='linear'), 'warmup_iters > 0'),
        (dict(policy='OneCycle'), "does not take .* 'max_lr'"),
        (dict(policy='OneCycle', max_lr=1.0, base_momentum=0.8), "does not take .* 'base_momentum'"),
        (dict(policy='step', step=[8], min_momentum=0.1), "does not take .* 'min_momentum'"),
        (dict(policy='CyclicMomentumUpdaterHook'), 'unknown policy'),
    ],
)
def test_what_is_not_understood_is_an_error(config, message):
    with pytest.raises(ValueError, match=message):
        Schedule.from_config(config)


def test_an_annealing_needs_one_target():
    with pytest.raises(ValueError, match='exactly one'):
        lr(dict(policy='CosineAnnealing'), 0)


@pytest.mark.parametrize('option', [dict(min_lr=0.1), dict(total_steps=9), dict(max_lr=0.1)])
def test_options_of_the_learning_rate_are_none_of_the_momentum(option):
    for policy in (dict(policy='OneCycle'), dict(policy='step', step=1)):
        with pytest.raises(ValueError, match=f"does not take .* '{next(iter(option))}'"):
            Schedule.from_config({**policy, **option}, 'momentum')
