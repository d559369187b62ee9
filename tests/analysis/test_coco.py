import json
import math

import numpy as np
import pytest

from mmrotate.analysis.coco import judged_coco
from mmrotate.analysis.errors import RIGHT, find_errors
from mmrotate.analysis.results import ResultsError
from mmrotate.core.bbox import obb2poly_np
from mmrotate.core.evaluation import rotated_ious
from tests.helpers.judged import boxes

BOX, OTHER = (50.0, 50.0, 40.0, 10.0, 0.3), (150.0, 60.0, 20.0, 10.0, -0.5)


def entry(box, category, image, **more):
    polygon = obb2poly_np(np.array([[*box, 1]], np.float32), 'le90')[0, :8].tolist()
    low, high = np.array(polygon).reshape(4, 2).min(0), np.array(polygon).reshape(4, 2).max(0)
    place = {'image_id': image, 'category_id': category, 'segmentation': [polygon]}
    return {**place, 'bbox': [*low.tolist(), *(high - low).tolist()], **more}


@pytest.fixture
def files(tmp_path):
    """Writes result and annotation files; gives their paths."""

    def write(results=None, **more):
        truth = {
            'images': [{'id': 7, 'file_name': 'a.png'}, {'id': 3, 'file_name': 'b.png'}],
            'categories': [{'id': 2, 'name': 'car'}, {'id': 5, 'name': 'ship'}],
            'annotations': [entry(BOX, 2, 7, iscrowd=0), entry(OTHER, 5, 3), entry(OTHER, 2, 7, iscrowd=1)],
        }
        found = [entry(BOX, 2, 7, score=0.9), entry(OTHER, 5, 3, score=0.8)] if results is None else results
        for name, content in (('results.json', found), ('truth.json', {**truth, **more})):
            (tmp_path / name).write_text(json.dumps(content))
        return tmp_path / 'results.json', tmp_path / 'truth.json'

    return write


def test_polygons_are_rotated_boxes(files):
    judged = judged_coco(*files())
    assert (judged.images, judged.classes) == (['a.png', 'b.png'], ['car', 'ship'])
    assert [[len(dets) for dets in result] for result in judged.results] == [[1, 0], [0, 1]]
    first = judged.annotations[0]
    assert (first['labels'].tolist(), first['labels_ignore'].tolist()) == ([0], [0])
    assert rotated_ious(first['bboxes'], boxes(BOX))[0, 0] > 0.999
    assert rotated_ious(first['bboxes_ignore'], boxes(OTHER))[0, 0] > 0.999
    assert rotated_ious(judged.results[1][1], boxes(OTHER))[0, 0] > 0.999
    assert judged.results[1][1][0, 5] == pytest.approx(0.8)
    assert {case.kind for case in find_errors(judged).cases} == {RIGHT}


def test_a_wrong_angle_shows_with_polygons_only(files):
    square = (50, 50, 40, 10, 0.3 + math.pi / 2)
    results = [entry(square, 2, 7, score=0.9), entry(OTHER, 5, 3, score=0.8)]
    kinds = [[case.kind for case in find_errors(judged_coco(*files(results), kind)).cases] for kind in ('segm', None)]
    assert kinds == [['angle', RIGHT]] * 2
    upright = judged_coco(*files(), 'bbox')
    assert upright.results[0][0][0, 4] == 0 and upright.results[0][0][0, 3] > 15


def test_results_without_polygons_are_upright_boxes(files):
    results = [{key: value for key, value in entry(BOX, 2, 7, score=1).items() if key != 'segmentation'}]
    assert judged_coco(*files(results)).annotations[0]['bboxes'][0, 4] == 0
    with pytest.raises(ResultsError, match=r"results\.json, entry 0: no 'segmentation'"):
        judged_coco(*files(results), 'segm')
    assert judged_coco(*files([])).results[0][0].shape == (0, 6)


@pytest.mark.parametrize(
    'results, more, told',
    [
        ({}, {}, 'results.json is no result file of COCO'),
        ([entry(BOX, 9, 7, score=1)], {}, 'entry 0: no 9 '),
        ([entry(BOX, 2, 99, score=1)], {}, 'entry 0: no 99 '),
        ([entry(BOX, 2, 7)], {}, "entry 0: no 'score'"),
        ([entry(BOX, 2, 7, score=1, segmentation={'counts': 'x'})], {}, 'must be polygons'),
        ([3], {}, 'entry 0'),
        (None, {'categories': 1}, 'truth.json is no annotation file of COCO'),
    ],
)
def test_what_is_wrong_is_said(files, results, more, told):
    with pytest.raises(ResultsError, match=told):
        judged_coco(*files(results, **more))
