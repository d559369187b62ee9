from types import SimpleNamespace

import pytest
from mmengine.hooks import EMAHook, Hook
from torch import nn

from mmrotate.engine.hooks import SetEpochInfoHook, build_custom_hooks, check_num_classes
from mmrotate.utils import UserError


class Head(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.num_classes = num_classes


def detector(**heads):
    return nn.ModuleDict({name: Head(count) for name, count in heads.items()})


def test_num_classes_of_every_head_but_the_rpn_count():
    model = nn.ModuleDict({'rpn_head': Head(1), 'roi_head': detector(bbox_head=4)})
    check_num_classes(model, ['a', 'b', 'c', 'd'])
    with pytest.raises(ValueError, match=r'roi_head\.bbox_head has num_classes=4'):
        check_num_classes(model, ['a', 'b'])


def test_num_classes_of_cascades():
    model = nn.ModuleDict({'roi_head': nn.ModuleDict({'bbox_head': nn.ModuleList([Head(5)])})})
    with pytest.raises(ValueError, match=r'bbox_head\.0 has num_classes=5'):
        check_num_classes(model, ['a'])


def test_classes_as_a_single_string_are_an_error():
    with pytest.raises(ValueError, match='list of names'):
        check_num_classes(detector(bbox_head=3), 'car')
    check_num_classes(detector(bbox_head=3), None)


def test_hooks_of_the_package_and_of_the_engine_library_with_priorities():
    configs = [
        dict(type='NumClassCheckHook'),
        dict(type='EMAHook', momentum=0.1, priority='LOW'),
        dict(type='SetEpochInfoHook', priority=20),
    ]
    hooks = build_custom_hooks(configs)
    assert isinstance(hooks[1], EMAHook)
    assert [hook.priority for hook in hooks] == ['NORMAL', 'LOW', 20]
    assert Hook.priority == 'NORMAL'
    assert configs[1]['priority'] == 'LOW'  # the config is as it was


def test_an_unknown_hook_gets_near_names():
    with pytest.raises(KeyError, match='NumClassCheckHook'):
        build_custom_hooks([dict(type='NumClasCheckHook')])


def test_a_hook_without_a_type_is_an_error():
    with pytest.raises(UserError, match='NumClassCheckHook'):
        build_custom_hooks(['NumClassCheckHook'])


def test_the_epoch_is_told_to_models_that_ask_for_it():
    told = []
    runner = SimpleNamespace(detector=SimpleNamespace(set_epoch=told.append), epoch=3)
    SetEpochInfoHook().before_train_epoch(runner)
    SetEpochInfoHook().before_train_epoch(SimpleNamespace(detector=object(), epoch=4))
    assert told == [3]


@pytest.mark.parametrize('priority', ['NOPE', 101, [3]])
def test_a_priority_that_is_none_is_named(priority):
    with pytest.raises(UserError, match=r'priority=.* is neither a number from 0 to 100 nor one of HIGHEST, '):
        build_custom_hooks([dict(type='NumClassCheckHook', priority=priority)])
