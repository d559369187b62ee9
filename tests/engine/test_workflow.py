"""Losses on the validation data between steps of training."""

import json
import logging

import pytest

from mmrotate.engine.workflow import Workflow
from mmrotate.utils import UserError
from tests.helpers.tiny import Broken, train, write_config

ITERATIONS = "runner = dict(_delete_=True, type='IterBasedRunner', max_iters=6)\n"


def modes(phases, steps):
    """What a workflow does, as letters."""
    flow = Workflow(phases)
    return ''.join('v' * flow.before(done) + 't' + 'v' * flow.after(done + 1) for done in range(steps))


@pytest.mark.parametrize(
    ('phases', 'expected'),
    [
        ([('train', 1)], 'ttttt'),
        ([('train', 2), ('val', 1)], 'ttvttvt'),
        ([('val', 2), ('train', 2)], 'vvttvvttvvt'),
        ([('train', 1), ('val', 1), ('train', 2), ('val', 2)], 'tvttvvtvt'),
        ([['train', 1], ['train', 1], ['val', 1]], 'ttvttvt'),
    ],
)
def test_phases_come_in_their_order(phases, expected):
    assert modes(phases, 5) == expected
    flow = Workflow(phases)
    for done in range(5):
        so_far = sum(flow.before(i) + (flow.after(i + 1) if i + 1 < done else 0) for i in range(done))
        assert flow.so_far(done) == so_far


@pytest.mark.parametrize('phases', [[('val', 1)], [('train', 0)], [('test', 1)], [('train', 'x')], [('train', 1, 2)]])
def test_what_is_no_workflow_is_refused(phases):
    with pytest.raises(UserError, match='workflow'):
        Workflow(phases)


def told(work_dir):
    read = [json.loads(line) for file in sorted(work_dir.glob('*.log.json')) for line in file.read_text().splitlines()]
    return [(line['mode'], line['epoch'], line['iter']) for line in read if 'mode' in line]


def values(work_dir):
    read = [json.loads(line) for file in sorted(work_dir.glob('*.log.json')) for line in file.read_text().splitlines()]
    return [line['loss'] for line in read if line.get('mode') == 'val']


def test_validation_comes_before_and_after_epochs(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    flow = "workflow = [('val', 1), ('train', 1), ('val', 1), ('train', 1)]\nrunner = dict(max_epochs=2)\n"
    train(write_config(tmp_path, flow + 'log_config = dict(interval=3)'), tmp_path / 'w', '--no-validate')
    assert told(tmp_path / 'w') == [('val', 1, 3), ('train', 1, 3), ('val', 1, 3), ('train', 2, 3)]
    assert 'Epoch(val) [0] val/loss_bbox' in caplog.text


def test_under_iterations_a_validation_is_a_batch_and_goes_on_where_it_was(tmp_path):
    extra = ITERATIONS + "workflow = [('train', 1), ('val', 1)]\ncheckpoint_config = dict(interval=1)\n"
    train(write_config(tmp_path, extra), tmp_path / 'whole', '--no-validate')
    assert told(tmp_path / 'whole')[:4] == [('train', 1, 1), ('val', 1, 1), ('train', 1, 2), ('val', 1, 1)]
    whole = values(tmp_path / 'whole')
    assert len(whole) == 6
    with pytest.raises(Broken):
        broken = write_config(tmp_path, extra + "custom_hooks = [dict(type='BreakHook', at=5, priority='HIGHEST')]")
        train(broken, tmp_path / 'broken', '--no-validate')
    train(write_config(tmp_path, extra), tmp_path / 'broken', '--auto-resume', '--no-validate')
    assert values(tmp_path / 'broken') == whole
