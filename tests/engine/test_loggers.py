"""What a training logs, into which files, and when."""

import json
import math
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mmrotate.engine.log_buffer import LogBuffer
from mmrotate.engine.loggers import LoggerHook
from mmrotate.registry import HOOKS
from mmrotate.utils import UserError
from mmrotate.utils.imports import MissingPackageError
from tests.helpers.tiny import Broken, train, write_config

TIMES = ('time', 'data_time', 'memory')


def lines(work_dir, kept=lambda line: True):
    """Lines of all JSON logs of a work directory after their first ones, without what depends on the machine."""
    files = sorted(work_dir.glob('*.log.json'))
    read = [json.loads(line) for file in files for line in file.read_text().splitlines()[1:]]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in read if kept(line)]


def test_the_json_log_is_that_of_0x(tmp_path):
    train(write_config(tmp_path), tmp_path / 'w')
    (file,) = (tmp_path / 'w').glob('*.log.json')
    assert file.with_suffix('').is_file()  # beside TIMESTAMP.log
    head, *rest = map(json.loads, file.read_text().splitlines())
    assert {'env_info', 'config', 'seed', 'exp_name'} <= head.keys()
    assert 'epoch' not in head  # by which 0.x's readers tell it
    assert 'PyTorch' in head['env_info']
    assert [(line['mode'], line['epoch'], line['iter']) for line in rest] == [
        line for epoch in (1, 2, 3) for line in [*[('train', epoch, i) for i in (1, 2, 3)], ('val', epoch, 5)]
    ]
    first = ['mode', 'epoch', 'iter', 'lr', 'memory']
    assert list(rest[0])[:5] == first
    assert rest[0].keys() == {*first, 'data_time', 'loss_bbox', 'acc', 'loss', 'grad_norm', 'time'}
    assert rest[0]['lr'] == 0.002
    assert list(rest[3])[:4] == first[:4]
    assert 0 <= rest[3]['mAP'] <= 1
    assert rest[3]['lr'] == rest[2]['lr']


def read_as_0x(file):
    """How 0.x's analyze_logs reads a log: a table of values by epoch."""
    table = {}
    for line in map(json.loads, file.read_text().splitlines()):
        if 'epoch' in line:
            values = table.setdefault(line.pop('epoch'), {})
            for key, value in line.items():
                values.setdefault(key, []).append(value)
    return table


def test_analyze_logs_of_0x_reads_it(tmp_path):
    train(write_config(tmp_path), tmp_path / 'w')
    table = read_as_0x(next((tmp_path / 'w').glob('*.log.json')))
    assert list(table) == [1, 2, 3]
    assert all(len(values['mAP']) == 1 and values['mode'][-1] == 'val' for values in table.values())
    assert table[1]['iter'][-2] == 3  # iterations of an epoch
    assert all(len(values['time']) == len(values['loss']) == 3 for values in table.values())


@pytest.mark.parametrize('runner', ['', "runner = dict(_delete_=True, type='IterBasedRunner', max_iters=9)"])
def test_a_resumed_training_logs_what_an_unbroken_one_logs(tmp_path, runner):
    # 5 iterations an epoch, a line every 3, broken between two lines
    extra = f"""
data['samples_per_gpu'] = 1
log_config = dict(interval=3, hooks=[dict(type='TextLoggerHook')])
checkpoint_config = dict(interval=2, by_epoch=False)
runner = dict(max_epochs=2)
{runner}
"""
    train(write_config(tmp_path, extra), tmp_path / 'whole', '--no-validate')
    with pytest.raises(Broken):
        broken = write_config(tmp_path, extra + "custom_hooks = [dict(type='BreakHook', at=5)]")
        train(broken, tmp_path / 'broken', '--no-validate')
    train(write_config(tmp_path, extra), tmp_path / 'broken', '--auto-resume', '--no-validate')
    whole = lines(tmp_path / 'whole')
    assert whole
    assert lines(tmp_path / 'broken') == whole


def test_logs_are_copied_where_out_dir_says(tmp_path):
    hook = f"dict(type='TextLoggerHook', out_dir={str(tmp_path / 'out')!r}, out_suffix='.log.json', keep_local=False)"
    train(write_config(tmp_path, f'log_config = dict(interval=1, hooks=[{hook}])'), tmp_path / 'w', '--no-validate')
    assert len(list((tmp_path / 'out' / 'w').iterdir())) == 1
    assert not list((tmp_path / 'w').glob('*.log.json'))


@HOOKS.register_module(force=True)
class ListLogger(LoggerHook):
    """A logger of a user's own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.told = []
        type(self).last = self

    def log(self, runner):
        tags = self.get_loggable_tags(runner)
        self.told.append((self.get_mode(runner), self.get_iter(runner), sorted(tags)))


def test_a_logger_of_ones_own_with_an_interval_of_its_own(tmp_path):
    hooks = "[dict(type='TextLoggerHook'), dict(type='ListLogger', interval=2, ignore_last=False)]"
    extra = f'log_config = dict(interval=1, hooks={hooks})\nrunner = dict(max_epochs=1)'
    train(write_config(tmp_path, extra), tmp_path / 'w')
    told = ListLogger.last.told
    assert [one[:2] for one in told] == [('train', 2), ('train', 3), ('val', 3)]
    assert told[0][2] == ['learning_rate', 'momentum', 'train/acc', 'train/grad_norm', 'train/loss', 'train/loss_bbox']
    assert 'val/mAP' in told[2][2]


def test_tensorboard_writes_where_log_dir_says(tmp_path):
    pytest.importorskip('tensorboard')
    extra = "log_config = dict(interval=1, hooks=[dict(type='TensorboardLoggerHook'{})])\nrunner = dict(max_epochs=1)"
    train(write_config(tmp_path, extra.format('')), tmp_path / 'w', '--no-validate')
    assert list((tmp_path / 'w' / 'tf_logs').glob('events.out.tfevents.*'))
    train(write_config(tmp_path, extra.format(f', log_dir={str(tmp_path / "t")!r}')), tmp_path / 'x', '--no-validate')
    assert list((tmp_path / 't').glob('events.out.tfevents.*'))


class Recorder:
    """A package of a service: notes what is called."""

    def __init__(self, calls, path=''):
        self.calls, self.path = calls, path

    def __getattr__(self, name):
        return Recorder(self.calls, f'{self.path}.{name}'.lstrip('.'))

    def __getitem__(self, name):
        return Recorder(self.calls, f'{self.path}[]')

    def __call__(self, *args, **kwargs):
        self.calls.append((self.path, args, kwargs))
        return Recorder(self.calls, f'{self.path}()')


@pytest.mark.parametrize(
    ('package', 'hook', 'expected'),
    [
        ('wandb', "type='WandbLoggerHook', init_kwargs=dict(project='p'), commit=False", ['init', 'log', 'finish']),
        ('mlflow', "type='MlflowLoggerHook', exp_name='e', tags=dict(a=1)", ['set_experiment', 'log_metrics']),
        ('neptune', "type='NeptuneLoggerHook', with_step=False", ['init_run', 'init_run()[].append']),
        ('clearml', "type='ClearMLLoggerHook'", ['Task.init', 'Task.init().get_logger().report_scalar']),
        ('dvclive', "type='DvcliveLoggerHook', dir='d'", ['Live', 'Live().log_metric', 'Live().end']),
    ],
)
def test_services_are_told(tmp_path, monkeypatch, package, hook, expected):
    calls = []
    for name in (package, 'mlflow.pytorch'):
        monkeypatch.setitem(sys.modules, name, Recorder(calls, '' if name == package else name))
    extra = f'log_config = dict(interval=2, hooks=[dict({hook})])\nrunner = dict(max_epochs=1)'
    train(write_config(tmp_path, extra), tmp_path / 'w', '--no-validate')
    paths = [path for path, _, _ in calls]
    assert set(expected) <= set(paths)
    if package == 'wandb':
        (log,) = (one for one in calls if one[0] == 'log')
        assert log[2] == dict(step=2, commit=False)
        assert 'train/loss' in log[1][0]
        sent = [args[0] for path, args, _ in calls if path == 'Artifact().add_file']
        assert {name.rpartition('/')[2].partition('.')[2] for name in sent} >= {'log', 'log.json', 'py'}


def test_checkpoints_are_sent_with_their_scores(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setitem(sys.modules, 'wandb', Recorder(calls))
    hook = "dict(type='MMDetWandbHook', log_checkpoint=True, log_checkpoint_metadata=True, log_artifact=False{})"
    extra = f'log_config = dict(interval=2, hooks=[{hook.format("")}])\nrunner = dict(max_epochs=2)'
    train(write_config(tmp_path, extra), tmp_path / 'w')
    sent = [args[0].rpartition('/')[2] for path, args, _ in calls if path == 'Artifact().add_file']
    assert sent == ['epoch_1.pth', 'epoch_2.pth']
    details = [kwargs['metadata'] for path, _, kwargs in calls if path == 'Artifact']
    assert [one['epoch'] for one in details] == [1, 2] and all('mAP' in one for one in details)


def test_pictures_of_an_evaluation_are_sent(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setitem(sys.modules, 'wandb', Recorder(calls))
    hook = "dict(type='MMDetWandbHook', num_eval_images=2, bbox_score_thr=0.0, log_artifact=False)"
    config = write_config(tmp_path, f'log_config = dict(hooks=[{hook}])\nrunner = dict(max_epochs=1)')
    train(config, tmp_path / 'w')
    images = [(args[0], kwargs['caption']) for path, args, kwargs in calls if path == 'Image']
    assert [caption for _, caption in images] == ['img0.png: truth, detections', 'img1.png: truth, detections']
    plain = cv2.imread(str(tmp_path / 'data/images/img0.png'))[..., ::-1]
    truth, found = np.split(images[0][0], 2, axis=1)
    assert truth.shape == found.shape == plain.shape
    assert (truth != plain).any() and (found != plain).any() and (truth != found).any()
    (sent,) = (args[0]['val/images'] for path, args, _ in calls if path == 'log' and 'val/images' in args[0])
    assert len(sent) == 2


@pytest.mark.parametrize('kind', ['WandbLoggerHook', 'MMDetWandbHook'])
def test_a_service_without_its_package_is_named_before_the_training(tmp_path, monkeypatch, kind):
    monkeypatch.setitem(sys.modules, 'wandb', None)
    config = write_config(tmp_path, f'log_config = dict(interval=1, hooks=[dict(type={kind!r})])')
    with pytest.raises(MissingPackageError, match=rf'{kind} needs the package wandb.*pip install wandb'):
        train(config, tmp_path / 'w', '--no-validate')


@pytest.mark.parametrize('option', ['inteval=5', "file_client_args=dict(backend='petrel')"])
def test_arguments_that_a_logger_does_not_take_are_refused(tmp_path, option):
    config = write_config(tmp_path, f"log_config = dict(hooks=[dict(type='TextLoggerHook', {option})])")
    with pytest.raises(UserError, match=option.split('=')[0]):
        train(config, tmp_path / 'w', '--no-validate')


def test_the_buffer_weighs_by_the_number_of_images():
    buffer = LogBuffer(3)
    for value, count in ((9.0, 1), (1.0, 2), (4.0, 1), (2.0, 1)):
        buffer.update({'loss': value}, count)
    buffer.average()
    assert buffer.output == {'loss': 2.0}  # of the last three
    assert buffer.ready
    buffer.average(2)
    assert buffer.output == {'loss': 3.0}
    copy = LogBuffer(3)
    copy.load_state_dict(buffer.state_dict())
    copy.average()
    assert copy.output == {'loss': 2.0}
    buffer.clear()
    assert not buffer.val_history
    assert not buffer.ready


def test_numbers_that_are_not_finite_are_left_out(tmp_path):
    logger = HOOKS.build(dict(type='TextLoggerHook'))
    logger.path = tmp_path / 'a.log.json'
    logger._write({'loss': math.nan, 'lr': 0.123456789, 'other': SimpleNamespace()})
    assert json.loads(logger.path.read_text()) == {'lr': 0.12346, 'other': 'namespace()'}
