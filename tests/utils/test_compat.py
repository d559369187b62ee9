import os
import warnings

import cv2
import pytest
from mmengine.config import Config, ConfigDict
from mmrotate.utils.compat_config import compat_imgs_per_gpu, compat_loader_args, compat_runner_args

from mmrotate.cli.main import main
from mmrotate.utils import UserError, compat_cfg, setup_multi_processes
from mmrotate.utils.errors import ArgumentError

EPOCHS = dict(type='EpochBasedRunner', max_epochs=24)


def test_older_keys_get_their_later_names():
    old = Config(dict(total_epochs=24, data=dict(imgs_per_gpu=3)))
    with pytest.warns(UserWarning, match='runner'), pytest.warns(UserWarning, match='samples_per_gpu=3'):
        new = compat_cfg(old)
    assert new.runner == EPOCHS
    assert new.data.train_dataloader == dict(samples_per_gpu=3)
    assert old.data == dict(imgs_per_gpu=3)
    with pytest.warns(UserWarning, match='total_iters'):
        assert compat_runner_args(ConfigDict(total_iters=9)).runner.max_iters == 9


def test_what_is_translated_already_stays():
    cfg = Config(dict(total_epochs=24, runner=EPOCHS, data=dict(samples_per_gpu=3, workers_per_gpu=1)))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        once = compat_cfg(cfg)
        assert once.runner == EPOCHS
        assert compat_cfg(once).to_dict() == once.to_dict()


@pytest.mark.parametrize('runner', [dict(EPOCHS, max_epochs=12), dict(type='IterBasedRunner', max_iters=24)])
def test_two_lengths_contradict_each_other(runner):
    with pytest.raises(ArgumentError, match='total_epochs=24') as caught:
        compat_runner_args(ConfigDict(total_epochs=24, runner=runner))
    assert isinstance(caught.value, AssertionError)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, UserError)


def test_the_older_batch_size_wins():
    cfg = ConfigDict(data=dict(imgs_per_gpu=1, samples_per_gpu=2))
    with pytest.warns(UserWarning, match='wins over samples_per_gpu=2'):
        assert compat_imgs_per_gpu(cfg).data == dict(imgs_per_gpu=1, samples_per_gpu=1)
    assert cfg.data.samples_per_gpu == 2


def test_settings_of_loaders_are_gathered():
    data = dict(
        samples_per_gpu=2, workers_per_gpu=3, persistent_workers=True, val=dict(samples_per_gpu=4),
        test=[dict(samples_per_gpu=5), dict()], test_dataloader=dict(num_workers=1),
    )  # fmt: skip
    cfg = Config(dict(data=data))
    got = compat_loader_args(cfg).data
    assert got.train_dataloader == dict(samples_per_gpu=2, workers_per_gpu=3, persistent_workers=True)
    assert got.val_dataloader == dict(samples_per_gpu=4, workers_per_gpu=3)
    assert got.test_dataloader == dict(samples_per_gpu=5, workers_per_gpu=1)
    assert cfg.data.samples_per_gpu == 2  # the given one stays


@pytest.mark.parametrize(
    'data',
    [
        dict(samples_per_gpu=2, train_dataloader=dict(samples_per_gpu=1)),
        dict(samples_per_gpu=2, train_dataloader=dict(batch_size=1)),
        dict(persistent_workers=True, train_dataloader=dict(persistent_workers=False)),
        dict(val=dict(samples_per_gpu=2), val_dataloader=dict(samples_per_gpu=1)),
        dict(test=[dict(samples_per_gpu=2)], test_dataloader=dict(samples_per_gpu=1)),
    ],
)
def test_a_setting_in_two_places_is_refused(data):
    with pytest.raises(ArgumentError, match='_dataloader and outside'):
        compat_loader_args(Config(dict(data=data)))


@pytest.mark.parametrize('option', ['data.train_dataloader.samples_per_gpu=1', 'total_epochs=24'])
def test_a_contradiction_is_one_line_of_the_command(tmp_path, capsys, option):
    config = 'oriented_rcnn_r18_half_fpn_hit_uav_le90'
    assert main(['train', config, '--work-dir', str(tmp_path / 'w'), '--device', 'cpu', '--cfg-options', option]) == 1
    assert capsys.readouterr().err.startswith('error: ')
    assert not (tmp_path / 'w').exists()


def test_a_test_says_so_before_it_opens_anything(capsys):
    options = ['data.test.samples_per_gpu=2', 'data.test_dataloader.samples_per_gpu=1']
    config = 'oriented_rcnn_r18_half_fpn_hit_uav_le90'
    for command in ('test', 'benchmark', 'robustness'):
        scores = ['--eval', 'mAP'] if command == 'test' else []
        assert main([command, config, 'none.pth', *scores, '--cfg-options', *options]) == 1
        assert 'stands in data.test_dataloader and outside of it' in capsys.readouterr().err


@pytest.fixture
def opencv_threads():
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


def test_setup_multi_processes(opencv_threads):
    setup_multi_processes(Config(dict(opencv_num_threads=1, mp_start_method='fork')))
    assert cv2.getNumThreads() == 1


@pytest.mark.parametrize(
    ('data', 'before', 'after'),
    [
        (dict(workers_per_gpu=2), None, '1'),
        (dict(workers_per_gpu=0, train_dataloader=dict(workers_per_gpu=2)), None, '1'),
        (dict(workers_per_gpu=1), None, None),
        (dict(workers_per_gpu=0), None, None),
        (dict(), None, None),
        (dict(workers_per_gpu=2), '4', '4'),
    ],
)
def test_many_workers_have_one_thread_each(opencv_threads, monkeypatch, data, before, after):
    names = ('OMP_NUM_THREADS', 'MKL_NUM_THREADS')
    for name in names:
        monkeypatch.setenv(name, before or '')  # so that it is put back in any case
        if before is None:
            monkeypatch.delenv(name)
    setup_multi_processes(Config(dict(data=data)))
    assert [os.environ.get(name) for name in names] == [after, after]


def test_those_of_a_test_have_too(opencv_threads, monkeypatch, capsys):
    monkeypatch.setenv('OMP_NUM_THREADS', '')
    monkeypatch.delenv('OMP_NUM_THREADS')
    workers, config = 'data.test_dataloader.workers_per_gpu=2', 'oriented_rcnn_r18_half_fpn_hit_uav_le90'
    data = ['data.test.ann_file=none', 'data.test.img_prefix=none', 'data.test.data_root=None']
    assert main(['test', config, 'none.pth', '--eval', 'mAP', '--cfg-options', workers, *data]) == 1
    assert 'none' in capsys.readouterr().err
    assert os.environ['OMP_NUM_THREADS'] == '1'
