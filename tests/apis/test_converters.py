import subprocess
import sys
import types

import numpy as np
import pytest

from mmrotate.apis import to_coco, to_fiftyone, to_pandas, to_supervision
from mmrotate.core.bbox import obb2poly_np
from mmrotate.utils import UserError

CLASSES = ('car', 'ship')
RESULT = [
    np.array([[50, 40, 30, 10, 0.5, 0.6], [20, 20, 8, 4, -0.2, 0.2]], np.float32),
    np.array([[70, 60, 20, 12, 1.2, 0.9]], np.float32),
]


def test_coco():
    first, second = to_coco([RESULT], CLASSES, [7], 0.5)
    assert (first['image_id'], first['category_id'], second['category_id']) == (7, 2, 1)
    corners = obb2poly_np(RESULT[1].astype(np.float64), 'le90')[0, :8].reshape(4, 2)
    assert np.allclose(np.sort(np.reshape(first['segmentation'][0], (4, 2)), 0), np.sort(corners, 0), atol=1e-4)
    low, size = corners.min(0), np.ptp(corners, 0)
    assert np.allclose(first['bbox'], [*low, *size], atol=1e-4)
    assert np.allclose(first['rbox'], RESULT[1][0, :5])
    with pytest.raises(ValueError, match='2 images, but 1 results'):
        to_coco([RESULT], CLASSES, [1, 2])
    with pytest.raises(ValueError, match='3 class names'):
        to_coco([RESULT], ('a', 'b', 'c'), [1])


def stand_in(monkeypatch, name, *kinds):
    """A package whose classes keep what they are made with."""
    module = types.ModuleType(name)
    for kind in kinds:
        setattr(module, kind, lambda **values: types.SimpleNamespace(**values))
    monkeypatch.setitem(sys.modules, name, module)


def test_supervision(monkeypatch):
    stand_in(monkeypatch, 'supervision', 'Detections')
    found = to_supervision(RESULT, CLASSES, 0.3)
    assert found.class_id.tolist() == [1, 0]
    assert found.data['class_name'].tolist() == ['ship', 'car']
    corners = found.data['xyxyxyxy']
    assert corners.shape == (2, 4, 2)
    assert np.allclose(found.xyxy, np.c_[corners.min(1), corners.max(1)])
    assert found.confidence == pytest.approx([0.9, 0.6])
    empty = to_supervision([np.zeros((0, 6))] * 2, CLASSES)
    assert empty.xyxy.shape == (0, 4)


def test_fiftyone(monkeypatch):
    stand_in(monkeypatch, 'fiftyone', 'Polyline', 'Polylines')
    lines = to_fiftyone(RESULT, CLASSES, 100, 200).polylines
    assert [line.label for line in lines] == ['ship', 'car', 'car']
    assert np.allclose(np.mean(lines[0].points[0], 0), [0.7, 0.3])
    assert lines[0].closed


def test_the_real_supervision_takes_them():
    package = pytest.importorskip('supervision')
    found = to_supervision(RESULT, CLASSES, 0.3)
    assert isinstance(found, package.Detections)
    assert len(found) == 2
    drawn = package.OrientedBoxAnnotator().annotate(np.zeros((100, 100, 3), np.uint8), found)
    assert drawn.any()


def test_pandas():
    pytest.importorskip('pandas')
    frame = to_pandas([RESULT, [np.zeros((0, 6))] * 2], CLASSES, ['a.png', 'b.png'], 0.5)
    assert frame['label'].tolist() == ['ship', 'car']
    assert frame.columns.tolist()[:8] == ['image', 'label', 'score', 'cx', 'cy', 'w', 'h', 'theta']
    assert np.allclose(frame[['x1', 'x2', 'x3', 'x4']].mean(axis=1), frame['cx'])


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'supervision', None)
    with pytest.raises(UserError, match=r"pip install 'mmrotate\[video\]'"):
        to_supervision(RESULT, CLASSES)


def test_nothing_is_imported_before_it_is_used():
    code = 'import sys, mmrotate.apis; print({"supervision", "fiftyone", "pandas"} & set(sys.modules))'
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout.strip() == 'set()'
