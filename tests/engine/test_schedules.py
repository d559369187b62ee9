import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrotate.engine.schedules import Progress, Schedule

EPOCHS, LENGTH, BASE = 12, 100, 0.01


def progress(iteration, epochs=EPOCHS, length=LENGTH):
    return Progress(iteration // length, iteration, epochs, epochs * length)


def lr(config, iteration):
    return Schedule.from_config(config).value(BASE, progress(iteration))


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


def test_one_cycle():
    config = dict(policy='OneCycle', max_lr=0.1, pct_start=0.25)
    assert lr(config, 0) == pytest.approx(0.1 / 25)
    assert lr(config, 299) == pytest.approx(0.1)
    assert lr(config, 1199) == pytest.approx(0.1 / 25 / 1e4)


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(policy='stairs'), "unknown policy 'stairs'"),
        (dict(step=[8]), 'needs the key "policy"'),
        (dict(policy='step', step=[8], steps=[9]), "does not take .*: got an unexpected keyword argument 'steps'"),
        (dict(policy='step', step=[8], warmup='slow', warmup_iters=1), "unknown warmup 'slow'"),
        (dict(policy='step', step=[8], warmup='linear'), 'warmup_iters > 0'),
    ],
)
def test_what_is_not_understood_is_an_error(config, message):
    with pytest.raises(ValueError, match=message):
        Schedule.from_config(config)


def test_an_annealing_needs_one_target():
    with pytest.raises(ValueError, match='exactly one'):
        lr(dict(policy='CosineAnnealing'), 0)
