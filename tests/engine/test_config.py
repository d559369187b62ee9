import logging

import pytest
from mmengine.config import Config

from mmrotate.engine import dataset_config, load_config, loader_options, read_plan, warn_of_unknown_keys
from mmrotate.engine.config import Evaluation, read_evaluation
from mmrotate.engine.schedules import Progress
from mmrotate.utils import UserError

ZOO = dict(
    optimizer=dict(type='SGD', lr=0.0025, momentum=0.9, weight_decay=0.0001),
    optimizer_config=dict(grad_clip=dict(max_norm=35, norm_type=2)),
    lr_config=dict(policy='step', step=[8, 11]),
    runner=dict(type='EpochBasedRunner', max_epochs=12),
    checkpoint_config=dict(interval=1),
    log_config=dict(interval=50, hooks=[dict(type='TextLoggerHook')]),
    evaluation=dict(interval=1, metric='mAP'),
    workflow=[('train', 1)],
)

CONSTRUCTOR = 'DefaultOptimWrapperConstructor'


def config(**changes):
    return Config({**ZOO, **changes})


def test_the_training_part_of_the_zoo():
    plan = read_plan(config())
    assert (plan.by_epoch, plan.length) == (True, 12)
    assert plan.optim_wrapper == {
        'optimizer': dict(type='SGD', lr=0.0025, momentum=0.9, weight_decay=0.0001),
        'clip_grad': dict(max_norm=35, norm_type=2),
    }
    assert plan.precision == 'float32'
    assert plan.lr.value(1.0, Progress(8, 80, 12, 120)) == pytest.approx(0.1)
    assert plan.momentum is None
    assert plan.checkpoint == dict(interval=1, by_epoch=True)
    assert plan.loggers == [dict(type='TextLoggerHook', interval=50)]
    assert plan.evaluation.options == dict(metric='mAP')
    assert not plan.workflow.validates


def test_iterations_and_the_older_key_for_epochs():
    plan = read_plan(config(runner=dict(type='IterBasedRunner', max_iters=100)))
    assert (plan.by_epoch, plan.length) == (False, 100)
    assert not plan.evaluation.by_epoch
    assert not plan.checkpoint['by_epoch']
    plan = read_plan(config(runner=None, total_epochs=24))
    assert (plan.by_epoch, plan.length) == (True, 24)


def test_a_checkpoint_hook_named_by_its_type_is_the_usual_one():
    plan = read_plan(config(checkpoint_config=dict(type='CheckpointHook', interval=2)))
    assert plan.checkpoint == dict(interval=2, by_epoch=True)
    with pytest.raises(UserError, match='custom_hooks'):
        read_plan(config(checkpoint_config=dict(type='MyHook')))


def test_a_config_is_not_changed():
    cfg = config(optimizer=dict(type='SGD', lr=1, paramwise_cfg=dict(bias_lr_mult=2.0)))
    before = cfg.pretty_text
    read_plan(cfg)
    assert cfg.pretty_text == before


def test_parts_of_the_optimizer():
    cfg = config(
        optimizer=dict(
            type='SGD', lr=1, paramwise_cfg=dict(bias_lr_mult=2.0), constructor='DefaultOptimWrapperConstructor'
        ),
        optimizer_config=dict(type='GradientCumulativeOptimizerHook', cumulative_iters=4),
    )
    assert read_plan(cfg).optim_wrapper == {
        'optimizer': dict(type='SGD', lr=1),
        'paramwise_cfg': dict(bias_lr_mult=2.0),
        'constructor': CONSTRUCTOR,
        'accumulative_counts': 4,
    }


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        (dict(fp16=dict(loss_scale='dynamic')), ('float16', 'dynamic')),
        (dict(fp16=dict(loss_scale=512.0)), ('float16', 512.0)),
        (dict(fp16=dict()), ('float16', 512.0)),
        (dict(fp16=None, bf16=False), ('float32', 'dynamic')),
        (dict(fp16=True), ('float16', 512.0)),
        (dict(optimizer_config=dict(type='Fp16OptimizerHook', loss_scale=64.0)), ('float16', 64.0)),
        (dict(bf16=True), ('bfloat16', 'dynamic')),
    ],
)
def test_precision(changes, expected):
    plan = read_plan(config(**changes))
    assert (plan.precision, plan.loss_scale) == expected


def test_loggers_and_workflow():
    hooks = [dict(type='TensorboardLoggerHook', interval=7), dict(type='TextLoggerHook')]
    plan = read_plan(config(log_config=dict(hooks=hooks), workflow=[('train', 2), ('val', 1)]))
    assert plan.loggers == [dict(type='TextLoggerHook', interval=10), hooks[0]]
    assert [plan.workflow.after(done) for done in (1, 2, 3, 4)] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(optimizer=None), 'no optimizer'),
        (dict(runner=dict(type='EpochBasedRunner')), 'max_epochs=N'),
        (dict(runner=dict(type='OtherRunner', max_epochs=1)), 'OtherRunner'),
        (dict(workflow=[('val', 1)]), 'workflow'),
        (dict(log_config=dict(hooks=[dict(type='X')])), r"hooks\[0\].type='X' is not known"),
        (dict(fp16=dict(loss_scale=1.0), bf16=True), 'keep one'),
        (dict(evaluation=dict(interval=0)), 'evaluation.interval'),
    ],
)
def test_what_makes_no_sense_is_named(changes, message):
    with pytest.raises(UserError, match=message):
        read_plan(config(**changes))


def test_when_to_evaluate():
    rule = Evaluation(3, None, True, None, None, {})
    assert [e for e in range(1, 9) if rule.is_due(e, 8)] == [3, 6, 8]
    rule = Evaluation(2, 3, True, None, None, {})
    assert [e for e in range(1, 9) if rule.is_due(e, 8)] == [3, 5, 7, 8]


def test_loader_options():
    data = dict(
        samples_per_gpu=2, workers_per_gpu=3, train={}, val=dict(samples_per_gpu=4),
        test_dataloader=dict(samples_per_gpu=5, shuffle=False),
    )  # fmt: skip
    cfg = Config(dict(data=data))
    assert loader_options(cfg, 'train') == dict(samples_per_gpu=2, workers_per_gpu=3)
    assert loader_options(cfg, 'val') == dict(samples_per_gpu=4, workers_per_gpu=3)
    expected = dict(samples_per_gpu=5, workers_per_gpu=3, shuffle=False)
    assert loader_options(cfg, 'test') == expected


def test_dataset_config():
    cfg = Config(dict(data=dict(val=dict(type='A', samples_per_gpu=4), test=[dict(type='B')])))
    assert dataset_config(cfg, 'val', test_mode=True) == dict(type='A', test_mode=True)
    assert dataset_config(cfg, 'test', test_mode=True) == [dict(type='B', test_mode=True)]
    with pytest.raises(UserError, match=r'no data\.train'):
        dataset_config(cfg, 'train')


@pytest.mark.parametrize(('key', 'type_'), [('datasets', 'ConcatDataset'), ('dataset', 'RepeatDataset')])
def test_arguments_go_to_the_datasets_inside_of_wrappers(key, type_):
    inner = [dict(type='A', test_mode=False), dict(type='RepeatDataset', times=2, dataset=dict(type='B'))]
    cfg = Config(dict(data=dict(test=dict(type=type_, samples_per_gpu=2, **{key: inner}))))
    found = [
        dict(type='A', test_mode=True),
        dict(type='RepeatDataset', times=2, dataset=dict(type='B', test_mode=True)),
    ]
    assert dataset_config(cfg, 'test', test_mode=True) == {'type': type_, key: found}
    assert cfg.data.test[key][0].test_mode is False  # the config is not changed


# ---- files


BASE = """
size = 32
channels = [8, size]
model = dict(type='A', backbone=dict(type='B', depth=50), channels=channels)
leftover = 1
"""
LEAF = """
import os
_base_ = ['base.py']
lr_cofnig = dict(policy='step')
checkpoint_config = dict(interval=1, intervall=2)
model = dict(backbone=dict(_delete_=True, type='C'), neck=dict(size={{_base_.size}}))
"""


@pytest.fixture
def leaf(tmp_path):
    (tmp_path / 'base.py').write_text(BASE)
    path = tmp_path / 'leaf.py'
    path.write_text(LEAF)
    return path


def test_bases_deletions_references_and_options(leaf):
    cfg = load_config(leaf, {'model.backbone.depth': 18})
    assert cfg.model.backbone == dict(type='C', depth=18)
    assert cfg.model.neck == dict(size=32)
    assert cfg.model.type == 'A'


def test_keys_that_are_not_understood_are_named_in_one_warning(leaf, caplog):
    unknown = warn_of_unknown_keys(load_config(leaf), logging.getLogger('mmrotate'))
    # size and channels are used by other keys of the files
    assert sorted(unknown) == ['checkpoint_config.intervall', 'leftover', 'lr_cofnig']
    assert len(caplog.records) == 1
    assert 'lr_cofnig' in caplog.text


def test_a_config_of_known_keys_warns_of_nothing(caplog):
    assert warn_of_unknown_keys(config(), logging.getLogger('mmrotate')) == []
    assert not caplog.records


def test_custom_imports(tmp_path, monkeypatch):
    (tmp_path / 'my_part_of_a_test.py').write_text("raise ZeroDivisionError('it was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / 'a.py'
    path.write_text("custom_imports = dict(imports=['my_part_of_a_test'])")
    with pytest.raises(UserError, match=r'ZeroDivisionError: it was imported \(.*my_part_of_a_test.py, line 1\)'):
        load_config(path)


def test_libraries_that_are_replaced_need_not_be_there(tmp_path):
    path = tmp_path / 'a.py'
    path.write_text("custom_imports = dict(imports=['mmcls.models'], allow_failed_imports=False)")
    assert load_config(path).custom_imports.imports == ['mmcls.models']
    path.write_text("custom_imports = dict(imports=['mmcls.models', 'my_missing_part'])")
    with pytest.raises(ImportError, match='my_missing_part'):
        load_config(path)


def test_missing_and_broken_files(leaf, tmp_path):
    with pytest.raises(UserError, match=r'did you mean .*leaf\.py'):
        load_config(tmp_path / 'leav.py')
    with pytest.raises(UserError, match='nor does its folder'):
        load_config(tmp_path / 'nothing' / 'leaf.py')
    (tmp_path / 'base.py').unlink()
    with pytest.raises(UserError, match='cannot be read'):
        load_config(leaf)
    leaf.write_text('model = dict(')
    with pytest.raises(UserError, match='cannot be read'):
        load_config(leaf)


def test_a_config_of_the_later_dialect_says_so(tmp_path):
    path = tmp_path / 'later.py'
    path.write_text("optim_wrapper = dict(type='OptimWrapper')\nmodel = dict(type='mmdet.RetinaNet')\n")
    with pytest.raises(UserError, match=r'later\.py is a config of MMRotate 1\.x \(it has optim_wrapper\)'):
        load_config(path)


def due(last=12, **evaluation):
    """The epochs after which an evaluation is due; 0: before the first."""
    read = read_evaluation(Config({'evaluation': evaluation}))
    return [0] * read.is_due_before(0) + [done for done in range(1, last + 1) if read.is_due(done, last)]


def test_when_an_evaluation_is_due():
    assert due(interval=5) == [5, 10, 12]
    assert due(interval=4, start=3) == [3, 7, 11, 12]
    assert due(interval=4, start=0) == [0, 4, 8, 12]
    assert due(interval=4, dynamic_intervals=[(7, 2), (11, 1)]) == [4, 8, 10, 11, 12]
    assert due(interval=5, start=2, dynamic_intervals=[[8, 3]]) == [2, 7, 8, 11, 12]
    again = read_evaluation(Config({'evaluation': dict(interval=1, start=3)}))
    assert [again.is_due_before(done) for done in (2, 3, 4)] == [False, True, True]


def test_an_evaluation_counts_what_the_runner_counts_unless_told():
    for given, expected in ({}, True), (dict(by_epoch=None), True), (dict(by_epoch=False), False):
        assert read_evaluation(Config({'evaluation': dict(interval=1, **given)})).by_epoch is expected


def test_what_chooses_the_best_is_no_argument_of_the_scores():
    given = dict(out_dir='x', less_keys='speed', greater_keys=('a', 'b'), dynamic_intervals=[(2, 1)], iou_thr=0.5)
    read = read_evaluation(Config({'evaluation': given}))
    assert read.options == dict(iou_thr=0.5)
    assert (read.out_dir, read.less_keys, read.greater_keys) == ('x', ['speed'], ['a', 'b'])
