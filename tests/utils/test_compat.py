import cv2
import pytest
from mmengine.config import Config

from mmrotate.utils import compat_cfg, setup_multi_processes
from mmrotate.utils.compat import compat_loader_args


def test_older_keys_get_their_later_names():
    old = Config(dict(total_epochs=24, data=dict(imgs_per_gpu=3)))
    new = compat_cfg(old)
    assert new.runner == dict(type='EpochBasedRunner', max_epochs=24)
    assert new.data == dict(samples_per_gpu=3)
    assert old.data == dict(imgs_per_gpu=3)
    assert compat_cfg(Config(dict(total_iters=9))).runner.max_iters == 9


def test_later_keys_come_first():
    runner = dict(type='IterBasedRunner', max_iters=5)
    data = dict(imgs_per_gpu=3, samples_per_gpu=4)
    new = compat_cfg(Config(dict(total_epochs=24, runner=runner, data=data)))
    assert new.runner == runner
    assert new.data.samples_per_gpu == 4


@pytest.fixture
def opencv_threads():
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


def test_setup_multi_processes(opencv_threads):
    setup_multi_processes(Config(dict(opencv_num_threads=1, mp_start_method='fork')))
    assert cv2.getNumThreads() == 1


def test_settings_of_loaders_are_gathered():
    data = dict(
        samples_per_gpu=2, workers_per_gpu=3, val=dict(samples_per_gpu=4), test=[dict(samples_per_gpu=5), dict()]
    )
    cfg = Config(dict(data=data, total_epochs=7))
    got = compat_loader_args(cfg).data
    assert got.train_dataloader == dict(samples_per_gpu=2, workers_per_gpu=3)
    assert got.val_dataloader == dict(samples_per_gpu=4, workers_per_gpu=3)
    assert got.test_dataloader == dict(samples_per_gpu=5, workers_per_gpu=3)
    assert cfg.data.samples_per_gpu == 2  # the given one stays
    twice = Config(dict(data=dict(samples_per_gpu=2, train_dataloader=dict(samples_per_gpu=1))))
    with pytest.raises(ValueError, match='train_dataloader'):
        compat_loader_args(twice)
