import ast
import functools
import inspect
from pathlib import Path

import pytest
from mmengine.registry import HOOKS as MMENGINE_HOOKS

import mmrotate
from mmrotate.datasets import DOTADataset, RotatedDataset
from mmrotate.models import dense_heads, detectors, roi_heads
from mmrotate.models.dense_heads.base import BaseDenseHead
from mmrotate.models.detectors.base import RotatedBaseDetector
from mmrotate.models.roi_heads.standard_roi_head import RotatedBaseRoIHead
from mmrotate.registry import HOOKS, MODELS
from mmrotate.utils import UserError
from mmrotate.utils.uncalled import UNCALLED, UncalledOverrideError, check_overrides

# called, but on detectors and on other heads than those of the row
OF_OTHERS = {
    '_get_target_single', 'aug_test', 'extract_feats', 'get_points', 'get_targets', 'merge_aug_bboxes', 'refine_bboxes',
    'simple_test_bboxes',
}  # fmt: skip
ROWS = [(base, method) for base, methods in UNCALLED.items() for method in methods]


@functools.cache
def base_class(name):
    known = (RotatedDataset, BaseDenseHead, RotatedBaseDetector, RotatedBaseRoIHead)
    found = {cls.__name__: cls for cls in known}
    for package in (dense_heads, detectors, roi_heads):
        found.update(inspect.getmembers(package, inspect.isclass))
    return found[name]


@functools.cache
def called():
    """Every name that the package calls as a method of something."""
    files = Path(mmrotate.__file__).parent.rglob('*.py')
    calls = (node for path in files for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}


def heirs(cls):
    return [cls, *(heir for child in cls.__subclasses__() for heir in heirs(child))]


@pytest.mark.parametrize(('base', 'method'), ROWS)
def test_the_rows_are_methods_that_nothing_defines_or_calls(base, method):
    for cls in heirs(base_class(base)):
        if cls.__module__.startswith('mmrotate.'):
            assert not hasattr(cls, method), f'{base}.{method} lives again: delete its row of UNCALLED'
    assert method not in called() - OF_OTHERS, f'{method} is called: delete its row of UNCALLED'


@pytest.mark.parametrize(('base', 'method'), ROWS)
def test_what_to_override_instead_is_there(base, method):
    name = UNCALLED[base][method].split('(')[0].split()[0]
    owners = heirs(base_class(base)) + heirs(RotatedBaseDetector)
    assert any(hasattr(cls, name) for cls in owners)


@pytest.mark.parametrize(('base', 'method'), ROWS)
def test_an_override_is_refused_with_what_to_override_instead(base, method):
    cls = type('Mine', (base_class(base),), {method: lambda self: None})
    with pytest.raises(UncalledOverrideError, match=rf'Mine\.{method}: .*override instead: ') as raised:
        check_overrides(cls)
    assert UNCALLED[base][method] in str(raised.value)
    assert isinstance(raised.value, UserError)


def test_a_class_is_refused_when_it_is_registered():
    with pytest.raises(UncalledOverrideError, match='aug_test_bboxes'):

        @MODELS.register_module()
        class DoubleRoIHead(roi_heads.RotatedStandardRoIHead):
            def aug_test_bboxes(self, x, rois):
                return None

    assert 'DoubleRoIHead' not in MODELS.module_dict


def test_a_class_that_mmengine_registered_or_that_is_given_itself_is_refused_when_it_is_built():
    class OldHead(roi_heads.RotatedStandardRoIHead):
        def aug_test_bboxes(self, x, rois):
            return None

    with pytest.raises(UncalledOverrideError, match='aug_test'):
        HOOKS.build(dict(type=OldHead))
    MMENGINE_HOOKS.register_module(module=OldHead)
    try:
        with pytest.raises(UncalledOverrideError, match='aug_test'):
            HOOKS.build(dict(type='OldHead'))
    finally:
        MMENGINE_HOOKS.module_dict.pop('OldHead')


class Mixin:
    def aug_test_bboxes(self, x, rois):
        return super().aug_test_bboxes(x, rois)


def test_a_method_of_a_mixin_is_found_and_one_that_is_called_is_not():
    class Silent(Mixin, roi_heads.RotatedStandardRoIHead):
        pass

    class Calling(Silent):
        def forward_train(self, x, *args, **kwargs):
            return [self.aug_test_bboxes(level, None) for level in x]

    class Listed(DOTADataset):
        load_proposals = None  # no method

        def load_annotations(self, ann_file):
            return super().load_annotations(ann_file)

    with pytest.raises(UncalledOverrideError, match=r'^Mixin\.aug_test_bboxes'):
        check_overrides(Silent)
    check_overrides(Calling)
    check_overrides(Listed)
    check_overrides(lambda: None)  # functions may be registered too
