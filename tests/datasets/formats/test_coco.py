"""COCO's JSON."""

import json
import math

import pytest

from mmrotate.datasets.formats import FORMATS, LabelError, Record, Split, check_entry
from mmrotate.datasets.formats.coco import dump_coco, parse_coco
from mmrotate.datasets.formats.record import Entry
from mmrotate.datasets.formats.shapes import upright

COCO = FORMATS['coco']
CORNERS = [0, 0, 9, 0, 9, 9, 0, 9]
IMAGES = [{'id': 'x', 'file_name': 'a.png', 'width': 20, 'height': 10}, {'id': 2, 'file_name': 'b.png'}]


@pytest.fixture
def read(tmp_path):
    """The entries of the first image of a file with some annotations."""

    def read(*annotations, **others):
        annotations = [{'image_id': 'x', 'category_id': 7, **each} for each in annotations]
        data = {'images': IMAGES, 'categories': [{'id': 7, 'name': 'ship'}], 'annotations': annotations, **others}
        path = tmp_path / 'all.json'
        path.write_text(json.dumps(data))
        return [check_entry(entry) for entry in next(COCO.read(Split(path))).entries]

    return read


def test_images_have_their_sizes_and_may_have_no_objects(read, tmp_path):
    read({'bbox': [0, 0, 1, 1]})
    records = list(parse_coco(tmp_path / 'all.json'))
    assert [(r.image, r.size, len(r.entries)) for r in records] == [('a.png', (20, 10), 1), ('b.png', None, 0)]


@pytest.mark.parametrize(
    ('annotation', 'shape'),
    [
        ({'segmentation': [CORNERS], 'bbox': [1, 2, 3, 4]}, CORNERS),
        ({'rbox': [5, 6, 7, 8, 0.5], 'bbox': [1, 2, 3, 4]}, [5, 6, 7, 8, 0.5]),
        ({'bbox': [5, 6, 7, 8, 90]}, [5, 6, 7, 8, -math.pi / 2]),
        ({'segmentation': {'counts': 'x'}, 'bbox': [1, 2, 3, 4]}, [2.5, 4, 3, 4, 0]),
        ({'bbox': [1, 2, 3, 4]}, [2.5, 4, 3, 4, 0]),
    ],
)
def test_the_shape_is_the_first_that_says_the_most(read, annotation, shape):
    assert read(annotation)[0].shape == pytest.approx(shape)


def test_of_another_polygon_the_smallest_box_is_taken(read):
    shape = read({'segmentation': [[1000, 0, 1010, 0, 1010, 5, 1005, 5, 1000, 5]]})[0].shape
    assert upright(shape) == pytest.approx((1000, 0, 1010, 5))


def test_crowds_are_difficult(read):
    found = read(*({'bbox': [0, 0, 1, 1], **each} for each in ({}, {'iscrowd': 1}, {'ignore': 1}, {'difficulty': 2})))
    assert [entry.difficulty for entry in found] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ('annotation', 'reason'),
    [
        ({'bbox': [0, 0, 1, 1], 'image_id': 3}, 'annotation 0: no image has the image_id 3'),
        ({'bbox': [0, 0, 1, 1], 'image_id': [3]}, 'no image has the image_id None'),
        ({'bbox': [0, 0, 1, 1], 'category_id': 3}, 'no category has the category_id 3'),
        ({}, 'annotation 0: a segmentation by polygons, rbox or bbox is needed'),
        ({'segmentation': [[0, 0, 1, 2, 3, 4, 5]]}, 'annotation 0: .*an even number'),
        ({'segmentation': [[]]}, 'annotation 0: .*at least three'),
        ({'segmentation': [[[1]] * 8]}, 'is no finite number'),
        ({'bbox': ['a', 0, 1, 1]}, "annotation 0: .*'a' is no finite number"),
    ],
)
def test_what_is_wrong_has_its_annotation(read, annotation, reason):
    with pytest.raises((LabelError, ValueError), match=reason):
        read(annotation)


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('{', 'no JSON'),
        ('[]', "no list 'images'"),
        ('{"images": [3], "categories": [], "annotations": []}', 'image 0: an id is needed'),
        ('{"images": [{"id": 1}], "categories": [], "annotations": []}', "image 0: a text 'file_name' is needed"),
        ('{"images": [{"id": 1, "file_name": "../a"}], "categories": [], "annotations": []}', 'no path relative'),
    ],
)
def test_what_is_no_file_of_coco_is_named(text, reason, tmp_path):
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(LabelError, match=rf'a\.json.*{reason}'):
        list(COCO.read(Split(tmp_path / 'a.json')))


def test_what_is_written_has_corners_box_and_area(tmp_path):
    entry = Entry('', [10.0, 20, 4, 2, math.pi / 2], 'ship', 1, 0.5, 0.25)
    records = [Record('a.png', [entry], (20, 10)), Record('b.png', [])]
    data = json.loads(''.join(dump_coco(records, ['plane', 'ship'])))
    assert data['annotations'] == [
        {
            'id': 1, 'image_id': 1, 'category_id': 2, 'segmentation': [[11, 18, 11, 22, 9, 22, 9, 18]],
            'bbox': [9, 18, 2, 4], 'area': 8, 'iscrowd': 0, 'difficulty': 1, 'score': 0.5, 'heading': 0.25,
        }
    ]  # fmt: skip
    assert data['images'] == [
        {'id': 1, 'file_name': 'a.png', 'width': 20, 'height': 10},
        {'id': 2, 'file_name': 'b.png'},
    ]
    assert [category['name'] for category in data['categories']] == ['plane', 'ship']


def test_names_of_images_may_begin_with_the_folder_of_the_images(tmp_path):
    (tmp_path / 'part').mkdir()
    (tmp_path / 'part/a.png').write_text('')
    path = tmp_path / 'all.json'
    for name in ('/data/x/part/a.png', 'x\\part\\a.png'):
        images = [{'id': 1, 'file_name': name}]
        path.write_text(json.dumps({'images': images, 'categories': [], 'annotations': []}))
        assert [record.image for record in COCO.read(Split(path, tmp_path))] == ['part/a.png']
