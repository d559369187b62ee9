import logging
import sys
from types import SimpleNamespace

import pytest
from torch import nn

from mmrotate.datasets import build_dataset
from mmrotate.engine import distributed, load_config
from mmrotate.engine.hooks import build_custom_hooks
from mmrotate.utils import UserError
from tests.helpers.tiny import train, write_config


def hook(**config):
    return build_custom_hooks([config])[0]


def runner(epoch=0, dataset=None, **kwargs):
    loader = SimpleNamespace(dataset=dataset, persistent_workers=True, _iterator='workers')
    logger = logging.getLogger('mmrotate')
    return SimpleNamespace(epoch=epoch, max_epochs=4, seed=7, train_dataloader=loader, logger=logger, **kwargs)


@pytest.mark.parametrize(('options', 'epochs'), [({}, [0, 1, 2, 3]), (dict(num_last_epochs=1, interval=9), [2, 3])])
def test_statistics_of_normalisation_are_averaged(monkeypatch, options, epochs):
    averaged, when = [], []
    monkeypatch.setattr(distributed.mmengine_dist, 'all_reduce', lambda tensor, op: averaged.append((tensor, op)))
    model = nn.Sequential(nn.BatchNorm2d(2), nn.BatchNorm2d(2, track_running_stats=False), nn.Linear(2, 2))
    sync = hook(type='SyncNormHook', **options)
    for epoch in range(4):
        sync.after_train_epoch(runner(epoch, detector=model))
        when += [epoch] * bool(averaged)
        ours = [(model[0].running_mean, 'mean'), (model[0].running_var, 'mean')]
        assert all(one[0] is own[0] and one[1] == own[1] for one, own in zip(averaged, ours, strict=bool(averaged)))
        averaged.clear()
    assert when == epochs


class Sized:
    def __init__(self):
        self.sizes = []

    def update_dynamic_scale(self, size):
        self.sizes.append(size)


def test_sizes_follow_from_seed_and_iteration():
    sizes = hook(type='SyncRandomSizeHook', ratio_range=(2, 9), img_scale=(64, 32), interval=2)
    whole, resumed = Sized(), Sized()
    for i in range(8):
        sizes.after_train_iter(runner(dataset=whole, iter=i))
    assert len(whole.sizes) == 4 and len(set(whole.sizes)) > 1
    assert all(64 <= w <= 288 and h == w // 64 * 32 for w, h in whole.sizes)
    sizes.before_train(runner(dataset=resumed, iter=5))
    assert resumed.sizes == whole.sizes[1:2]
    sizes.before_train(runner(dataset=resumed, iter=0))
    assert len(resumed.sizes) == 1


class Mixed:
    skipped = None

    def update_skip_type_keys(self, keys):
        self.skipped = keys


@pytest.mark.parametrize('start', [0, 3])  # from the beginning, and resumed after the switch
def test_mixing_ends_before_the_training_does(start):
    dataset, head = Mixed(), SimpleNamespace(use_l1=False)
    switch = hook(type='YOLOXModeSwitchHook', num_last_epochs=1, skip_type_keys=['RMosaic'])
    for epoch in range(start, 4):
        state = runner(epoch, dataset, detector=SimpleNamespace(bbox_head=head))
        switch.before_train_epoch(state)
        assert (dataset.skipped == ['RMosaic']) == head.use_l1 == (epoch >= 2)
        assert (state.train_dataloader._iterator is None) == (epoch == max(start, 2))


@pytest.mark.parametrize('start', [0, 3])
def test_the_pipeline_changes_towards_the_end(start, tmp_path):
    dataset = build_dataset(load_config(write_config(tmp_path)).data.train)
    steps = [dict(type='LoadImageFromFile'), dict(type='Pad', size_divisor=100)]
    switch = hook(type='PipelineSwitchHook', switch_epoch=2, switch_pipeline=steps)
    switch.before_train(runner(dataset=dataset))
    for epoch in range(start, 4):
        state = runner(epoch, dataset)
        switch.before_train_epoch(state)
        assert (len(dataset.leaves[0].pipeline.transforms) == 2) == (epoch >= 2)
        assert (state.train_dataloader._iterator is None) == (epoch == max(start, 2))


def test_a_pipeline_that_cannot_be_built_is_told_at_the_start(tmp_path):
    dataset = build_dataset(load_config(write_config(tmp_path)).data.train)
    switch = hook(type='PipelineSwitchHook', switch_epoch=2, switch_pipeline=[dict(type='RRandomFlip', version='oc')])
    with pytest.raises(UserError, match="RRandomFlip has version='oc'"):
        switch.before_train(runner(dataset=dataset))


@pytest.mark.parametrize('kind', ['YOLOXModeSwitchHook', 'SyncRandomSizeHook'])
def test_a_dataset_that_cannot_switch_is_named(kind):
    with pytest.raises(UserError, match=rf'{kind}.* Sized|{kind}: Mixed'):
        hook(type=kind).before_train(runner(dataset=Sized() if kind.startswith('Y') else Mixed(), iter=0))


def test_memory_is_logged(tmp_path, monkeypatch):
    sizes = dict(available=3 << 20, used=5 << 20, free=7 << 20, percent=4.4)
    psutil = SimpleNamespace(
        virtual_memory=lambda: SimpleNamespace(**sizes),
        swap_memory=lambda: SimpleNamespace(**sizes),
        Process=lambda: SimpleNamespace(memory_full_info=lambda: SimpleNamespace(uss=9 << 20)),
    )
    monkeypatch.setitem(sys.modules, 'psutil', psutil)
    extra = "custom_hooks = [dict(type='MemoryProfilerHook', interval=2)]\nrunner = dict(max_epochs=1)"
    train(write_config(tmp_path, extra), tmp_path / 'w', '--no-validate')
    (log,) = (path.read_text() for path in (tmp_path / 'w').glob('*.log'))
    assert log.count('available_memory: 3 MB, used_memory: 5 MB, memory_utilization: 4.4 %') == 1
    assert log.count('available_swap_memory: 7 MB, used_swap_memory: 5 MB') == 1
    assert log.count('current_process_memory: 9 MB') == 1


def test_psutil_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, 'psutil', None)
    with pytest.raises(UserError, match=r'MemoryProfilerHook needs the package psutil.*pip install psutil'):
        hook(type='MemoryProfilerHook')
