import pytest

from mmrotate.datasets.checked_build import build_checked
from mmrotate.registry import Registry

PARTS = Registry('part')


@PARTS.register_module()
class Base:
    def __init__(self, size, color='red'):
        self.size, self.color = size, color


@PARTS.register_module()
class Child(Base):
    def __init__(self, *, shape='round', **kwargs):
        super().__init__(**kwargs)
        self.shape = shape


@PARTS.register_module()
class Anything:
    def __init__(self, **kwargs):
        self.kwargs = kwargs


def test_arguments_reach_the_base_class():
    built = build_checked(PARTS, dict(type='Child', size=3, shape='square'), 'here')
    assert (built.size, built.color, built.shape) == (3, 'red', 'square')
    assert build_checked(PARTS, dict(type=Base, size=4), 'here').size == 4
    assert build_checked(PARTS, dict(type='Anything', x=1), 'here').kwargs == dict(x=1)


@pytest.mark.parametrize(
    ('cfg', 'error', 'message'),
    [
        (dict(type='Child', size=3, colour=1), TypeError, r"here \(Child\).*'colour'.*'color'"),
        (dict(type='Child', size=3, zzz=1), TypeError, r"'zzz'; it takes: shape, size, color"),
        (dict(type='Child'), TypeError, r'here \(Child\) misses the argument\(s\) size'),
        (dict(type='Chld'), KeyError, r'here: .*did you mean Child'),
        (dict(size=1), KeyError, r'here: .*"type"'),
        (None, TypeError, r'here: a config dict'),
    ],
)
def test_what_is_wrong_is_named(cfg, error, message):
    with pytest.raises(error, match=message):
        build_checked(PARTS, cfg, 'here')
