"""Building by name, and what is said when a name is unknown."""

import subprocess
import sys

import pytest

from mmrotate.models import build_detector
from mmrotate.registry import MODELS, PIPELINES, TASK_UTILS, Registry
from mmrotate.utils import UserError


@pytest.fixture
def parts() -> Registry:
    registry = Registry('part', scope='test')

    @registry.register_module()
    class RoundPart:
        def __init__(self, size=1):
            self.size = size

    return registry


def test_builds_by_name_and_by_class(parts):
    assert parts.build(dict(type='RoundPart', size=3)).size == 3
    assert parts.build(dict(type=parts.get('RoundPart'))).size == 1
    assert parts.build(dict(type='RoundPart'), default_args=dict(size=5)).size == 5


def test_an_unknown_name_lists_near_matches(parts):
    with pytest.raises(KeyError, match='did you mean RoundPart') as error:
        parts.build(dict(type='roundparts'))
    assert 'custom_imports' in str(error.value)


def test_a_name_like_none_lists_all(parts):
    with pytest.raises(KeyError, match=r"known: \['RoundPart'\]"):
        parts.build(dict(type='Xyz'))


def test_parts_of_the_older_libraries_are_those_here(parts):
    assert parts.build(dict(type='mmdet.RoundPart', size=3)).size == 3
    with pytest.raises(KeyError, match=r"'mmdet\.Square' is not a registered part"):
        parts.build(dict(type='mmdet.Square'))
    with pytest.raises(KeyError, match='elsewhere'):
        parts.build(dict(type='elsewhere.RoundPart'))


def test_what_is_no_config(parts):
    with pytest.raises(TypeError, match='got 3'):
        parts.build(3)
    with pytest.raises(KeyError, match=r"got the keys \['size'\]"):
        parts.build(dict(size=3))


@pytest.mark.parametrize(
    ('registry', 'name'), [(MODELS, 'RotatedRetinaNet'), (TASK_UTILS, 'MidpointOffsetCoder'), (PIPELINES, 'RResize')]
)
def test_parts_are_known_without_an_import_of_their_module(registry, name):
    assert registry.get(name) is not None


def test_an_argument_that_is_not_known_names_the_parts_on_the_way():
    loss = dict(type='FocalLoss', gama=2.0)
    head = dict(type='RotatedRetinaHead', num_classes=3, in_channels=8, loss_cls=loss)
    with pytest.raises(TypeError, match=r"^RotatedRetinaHead: FocalLoss does not .* 'gama'; did you mean 'gamma'"):
        MODELS.build(head)


def test_a_model_that_cannot_be_made_is_said_in_one_line():
    head = dict(type='RotatedRetinaHead', num_classes=3, in_channels='many')
    with pytest.raises(UserError, match=r'^model: .*\(TypeError\)$') as error:
        build_detector(head)
    assert error.value.__cause__ is not None
    with pytest.raises(UserError, match="'fet_channels'; did you mean 'feat_channels'"):
        build_detector(dict(head, fet_channels=3))


def test_a_class_may_use_further_arguments_itself():
    registry = Registry('own', scope='test')

    class Base:
        def __init__(self, init_cfg=None):
            self.init_cfg = init_cfg

    @registry.register_module()
    class Wrapper(Base):
        def __init__(self, name, **kwargs):
            super().__init__()
            self.inner = dict(name=name, **kwargs)

    assert registry.build(dict(type='Wrapper', name='a', out_indices=1)).inner == dict(name='a', out_indices=1)


def test_a_class_of_the_users_takes_the_place_of_ours(log):
    registry = Registry('own', scope='test')
    ours = type('Neck', (), {'__module__': 'mmrotate.models.necks'})
    registry.register_module(module=ours)
    mine = type('Neck', (), {'__module__': 'project.necks'})
    registry.register_module(module=mine)
    assert registry.get('Neck') is mine
    assert [r.getMessage() for r in log] == ['project.necks.Neck takes the place of mmrotate.models.necks.Neck']
    other = type('Neck', (), {'__module__': 'project.others'})
    for second in (other, ours):  # neither that of another file nor ours again
        with pytest.raises(KeyError, match='already registered'):
            registry.register_module(module=second)
    registry.register_module(module=other, force=True)
    assert registry.get('Neck') is other


def test_the_place_is_taken_whichever_comes_first():
    code = """
import mmrotate.registry as registry
class PAFPN: pass
registry.ROTATED_NECKS.register_module(module=PAFPN)
import mmrotate.models
assert registry.MODELS.get('PAFPN') is PAFPN
"""
    subprocess.run([sys.executable, '-c', code], check=True)
