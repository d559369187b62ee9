import json
import math
from collections import Counter

import numpy as np
import pytest
import torch

from mmrotate.analysis.breakdown import ASPECTS, Table, by_class, by_kind, by_shape, by_size, by_turn, range_names
from mmrotate.analysis.error_report import FILES, list_of_errors, write_errors
from mmrotate.analysis.errors import KINDS, RIGHT, TOUCHES, average_precisions, find_errors, mended_curves
from mmrotate.analysis.turns import aspect_ratios, turned, turns
from mmrotate.core.evaluation import eval_rbbox_map, rotated_ious
from tests.helpers.judged import CLASSES, annotation, boxes, found, one_image, perfect, random_judged
from tests.ops.oracles import shapely_overlap

BOX = (50, 50, 40, 10, 0.3)
ACROSS = (50, 50, 40, 10, 0.3 + math.pi / 2)
ASIDE = (64, 54, 40, 10, 0.3)  # IoU 0.47, and no more if it were turned
FAR = (150, 150, 30, 10, -0.6)
OTHER = (150, 50, 40, 10, 0.0)


def kinds(errors):
    return Counter(case.kind for case in errors.cases)


def test_boxes_aside_are_what_the_tests_take_them_for():
    assert TOUCHES < rotated_ious(boxes(ASIDE), boxes(BOX))[0, 0] < 0.5
    assert rotated_ious(boxes(ACROSS), boxes(BOX))[0, 0] < 0.15


ONE = {
    'right': ([(0, BOX, 0.9)], {RIGHT: 1}),
    'class': ([(1, BOX, 0.9)], {'class': 1}),
    'angle': ([(0, ACROSS, 0.9)], {'angle': 1}),
    'angle, told with swapped sides': ([(0, (50, 50, 10, 40, 0.3), 0.9)], {'angle': 1}),
    'location': ([(0, ASIDE, 0.9)], {'location': 1}),
    'both': ([(1, ASIDE, 0.9)], {'both': 1, 'missed': 1}),
    'class and angle': ([(1, ACROSS, 0.9)], {'both': 1, 'missed': 1}),
    'duplicate': ([(0, BOX, 0.9), (0, BOX, 0.8)], {RIGHT: 1, 'duplicate': 1}),
    'background': ([(0, FAR, 0.9)], {'background': 1, 'missed': 1}),
    'missed': ([], {'missed': 1}),
    'class, of a found object': ([(0, BOX, 0.9), (2, BOX, 0.8)], {RIGHT: 1, 'class': 1}),
}


@pytest.mark.parametrize('rows, expected', ONE.values(), ids=ONE)
def test_one_object(rows, expected):
    errors = find_errors(one_image(found(*rows), annotation([BOX], [0])))
    assert kinds(errors) == expected


def test_a_case_tells_of_its_object():
    rows = [(1, ASIDE, 0.5), (0, ACROSS, 0.9)]
    cases = find_errors(one_image(found(*rows), annotation([OTHER, BOX], [2, 0]))).cases
    by = {case.kind: case for case in cases if case.kind != 'missed'}
    assert (by['angle'].target, by['angle'].label, by['angle'].target_label) == (1, 0, 0)
    assert by['angle'].turn == pytest.approx(90, abs=1e-3)
    assert (by['both'].target, by['both'].label, by['both'].target_label) == (1, 1, 0)
    assert by['both'].score == 0.5 and by['both'].turn == pytest.approx(0, abs=1e-3)
    assert by['both'].iou == pytest.approx(shapely_overlap(torch.tensor(ASIDE), torch.tensor(BOX)), abs=1e-4)
    missed = [case for case in cases if case.kind == 'missed']
    assert [(case.label, case.subject[0]) for case in missed] == [(2, 150)]


def test_what_touches_an_object_to_ignore_is_no_error():
    truth = annotation([BOX], [0], [FAR], [1])
    errors = find_errors(one_image(found((0, BOX, 0.9), (1, FAR, 0.8)), truth))
    assert kinds(errors) == {RIGHT: 1}
    assert errors.num_gts == [1, 0, 0]


def test_an_image_without_objects_has_background_only(tmp_path):
    errors = find_errors(one_image(found((0, BOX, 0.9)), annotation([], [])))
    assert kinds(errors) == {'background': 1}
    assert average_precisions(errors) == (0.0, [None] * 3)
    assert write_errors(errors, tmp_path)['by_kind'].column('count') == [0, 0, 0, 0, 0, 1, 0]


@pytest.mark.parametrize('former', [False, True])
@pytest.mark.parametrize('seed', range(4))
def test_the_map_is_that_of_the_evaluation(seed, former):
    judged = random_judged(np.random.default_rng(seed), images=6)
    for iou_thr in (0.3, 0.5):
        errors = find_errors(judged, iou_thr, former)
        expected, classes = eval_rbbox_map(
            judged.results, judged.annotations, iou_thr=iou_thr, use_07_metric=former, logger='silent'
        )
        scores = average_precisions(errors)
        assert scores.mean == expected
        assert scores.classes == [each['ap'] if each['num_gts'] else None for each in classes]
        assert len(errors.of_kind(RIGHT)) > 3
        assert average_precisions(errors, KINDS).mean == pytest.approx(1)


def plain_kind(det, label, truth, iou_thr):
    """Kind of a detection that is not right, once more, in words of shapely; None near a threshold."""
    ious = [shapely_overlap(det, torch.from_numpy(box)) for box in truth['bboxes']]
    if any(abs(iou - limit) < 1e-3 for iou in ious for limit in (iou_thr, TOUCHES)):
        return None
    own = [iou for iou, c in zip(ious, truth['labels'], strict=True) if c == label]
    other = [iou for iou, c in zip(ious, truth['labels'], strict=True) if c != label]
    if max(own, default=0) >= iou_thr:
        return 'duplicate'
    if max(other, default=0) >= iou_thr:
        return 'class'
    for box, c, iou in zip(truth['bboxes'], truth['labels'], ious, strict=True):
        swapped = (det[2] >= det[3]) != bool(box[2] >= box[3])
        as_object = torch.tensor([*det[:4], float(box[4]) + math.pi / 2 * swapped])
        if c == label and iou > 0 and shapely_overlap(as_object, torch.from_numpy(box)) >= iou_thr:
            return 'angle'
    if max(own, default=0) >= TOUCHES:
        return 'location'
    return 'both' if max(other, default=0) >= TOUCHES else 'background'


def test_kinds_are_those_of_another_arithmetic():
    judged = random_judged(np.random.default_rng(5), images=8, shift=6.0)
    errors = find_errors(judged)
    compared = Counter()
    for case in errors.cases:
        if case.kind in (RIGHT, 'missed'):
            continue
        kind = plain_kind(torch.from_numpy(case.box), case.label, judged.annotations[case.image], 0.5)
        assert kind in (None, case.kind)
        compared[kind] += 1
    assert compared.keys() >= {'class', 'angle', 'location', 'both'} and compared[None] <= 2


def test_injected_errors_are_found():
    judged = perfect(np.random.default_rng(1))
    count = sum(len(truth['labels']) for truth in judged.annotations)
    assert kinds(find_errors(judged)) == {RIGHT: count}
    first, second, third = judged.results
    label = next(c for c in range(3) if len(first[c]))
    wrong = first[label][:1].copy()
    first[label] = first[label][1:]
    first[(label + 1) % 3] = np.concatenate([first[(label + 1) % 3], wrong])
    label = next(c for c in range(3) if len(second[c]) > 1)
    second[label] = np.concatenate(
        [second[label], second[label][:1] - [0, 0, 0, 0, 0, 0.1], [[500, 500, 9, 9, 0, 0.4]]]
    )
    aside = second[label][1]
    aside[:2] += 0.45 * aside[2] * np.array([np.cos(aside[4]), np.sin(aside[4])])
    label = next(c for c in range(3) if len(third[c]))
    third[label] = third[label][1:]
    errors = find_errors(judged)
    expected = {'class': 1, 'duplicate': 1, 'background': 1, 'location': 1, 'missed': 1, RIGHT: count - 3}
    assert kinds(errors) == expected


def test_mending_gives_what_it_should():
    objects, labels = [BOX, OTHER, FAR], [0, 0, 1]
    rows = [(0, FAR, 0.9), (0, ACROSS, 0.8), (0, OTHER, 0.7)]
    errors = find_errors(one_image(found(*rows), annotation(objects, labels)), use_07_metric=False)
    assert kinds(errors) == {'class': 1, 'angle': 1, RIGHT: 1}
    assert average_precisions(errors).classes == [pytest.approx(1 / 3 / 2), 0, None]
    assert average_precisions(errors, ['class']).classes == [pytest.approx(1 / 2 / 2), 1, None]
    assert average_precisions(errors, ['angle']).classes == [pytest.approx(2 / 3), 0, None]
    assert average_precisions(errors, ['class', 'angle']).mean == 1
    assert [curve['num_gts'] for curve in mended_curves(errors, ['missed'])] == [2, 1, 0]


def test_mended_detections_of_a_found_object_are_gone():
    rows = [(0, BOX, 0.5), (1, BOX, 0.9), (0, ACROSS, 0.8)]
    errors = find_errors(one_image(found(*rows), annotation([BOX], [0])), use_07_metric=False)
    assert kinds(errors) == {RIGHT: 1, 'class': 1, 'angle': 1}
    assert average_precisions(errors).mean == pytest.approx(1 / 2)
    assert average_precisions(errors, ['angle']).mean == 1


def test_tables_add_up():
    judged = random_judged(np.random.default_rng(2), images=8)
    errors = find_errors(judged)
    counted = kinds(errors)
    kind = by_kind(errors)
    assert dict(zip(kind.column('kind'), kind.column('count'), strict=True)) == {k: counted[k] for k in KINDS}
    base = average_precisions(errors).mean
    assert kind.column('gain') == [average_precisions(errors, [k]).mean - base for k in KINDS]
    objects = sum(len(truth['labels']) for truth in judged.annotations)
    for table in (by_class(errors), by_size(errors), by_shape(errors)):
        assert sum(table.column('objects')) == objects
        assert {k: sum(table.column(k)) for k in KINDS} == {k: counted[k] for k in KINDS}
    recalls = [(recall or 0) * count for _, count, recall, *_ in by_size(errors).rows]
    assert sum(recalls) == pytest.approx(counted[RIGHT])
    assert sum(by_turn(errors).column('angle errors')) == counted['angle']
    assert sum(by_turn(errors).column('detections')) == counted['angle'] + counted[RIGHT]


def test_size_and_shape_are_those_of_the_object():
    rows = [(0, (50, 50, 60, 4, 0), 0.9), (0, (150, 150, 8, 8, 0), 0.2)]
    errors = find_errors(one_image(found(*rows), annotation([(50, 50, 60, 10, 0)], [0])))
    assert kinds(errors) == {'location': 1, 'background': 1}
    size, shape = by_size(errors), by_shape(errors)
    assert size.column('location') == [0, 1, 0, 0] and size.column('background') == [1, 0, 0, 0]
    assert shape.column('location') == [0, 0, 0, 1] and shape.column('background') == [1, 0, 0, 0]
    assert by_kind(errors).column('score >= 0.3') == [0, 0, 1, 0, 0, 0, None]
    assert range_names(ASPECTS) == ['1-1.5', '1.5-3', '3-5', '5 on']


def test_turns_know_no_angle_version():
    one = boxes((0, 0, 40, 10, 0.2), (0, 0, 10, 40, 0.2), (0, 0, 40, 10, -1.5), (0, 0, 20, 19, 0.1))
    other = boxes((0, 0, 10, 40, 0.2 - math.pi / 2), (0, 0, 40, 10, 0.2), (0, 0, 40, 10, 1.5), (0, 0, 19, 20, 0.1))
    assert turns(one, other) == pytest.approx([0, 90, math.degrees(math.pi - 3), 0], abs=1e-3)
    assert rotated_ious(turned(one, other), other, aligned=True) == pytest.approx([1, 1, 1, 0.95], abs=0.05)
    assert aspect_ratios(one) == pytest.approx([4, 4, 4, 20 / 19])


def test_files_of_a_report(tmp_path):
    errors = find_errors(random_judged(np.random.default_rng(3), images=6))
    tables = write_errors(errors, tmp_path / 'a' / 'report')
    content = json.loads((tmp_path / 'a' / 'report' / 'errors.json').read_text())
    assert [row['count'] for row in content['by_kind']] == tables['by_kind'].column('count')
    assert sorted(path.name for path in (tmp_path / 'a' / 'report').iterdir()) == sorted(FILES)
    rows = list_of_errors(errors)
    assert len(rows.rows) == sum(count for kind, count in kinds(errors).items() if kind != RIGHT)
    assert {row[1] for row in rows.rows} <= set(KINDS) and {row[2] for row in rows.rows} <= set(CLASSES)
    lines = (tmp_path / 'a' / 'report' / 'errors.csv').read_text().splitlines()
    assert len(lines) == 1 + len(rows.rows)


def test_a_table_as_text():
    table = Table(['name', 'value'], [['one', 0.5], ['three', None]])
    assert str(table).splitlines() == [' name  value', '  one  0.500', 'three      -']


@pytest.mark.parametrize('labels', [[0], []])
def test_where_nothing_is_found_everything_is_missed(tmp_path, labels):
    errors = find_errors(one_image(found(), annotation([BOX][: len(labels)], labels)))
    assert kinds(errors) == Counter({'missed': 1} if labels else {})
    assert write_errors(errors, tmp_path)['by_kind'].column('mAP if mended') == [0.0] * 7
