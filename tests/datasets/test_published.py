"""Data sets by name: what they read, their classes, and what they say of data that is none of theirs.

``datasets_1x.json`` holds what MMRotate 1.x (branch dev-1.x) reads from the texts in it.
"""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmrotate.core.visualization import get_palette
from mmrotate.datasets import LabelError, build_dataset
from mmrotate.datasets.image_folder import MissingFilesError
from mmrotate.registry import DATASETS
from mmrotate.utils import UserError

DATA = Path(__file__).parents[1] / 'data'
READ_BY_1X = json.loads((DATA / 'golden/datasets_1x.json').read_text())
SAMPLES = DATA / 'formats'


@pytest.fixture
def build(tmp_path):
    """Builds a dataset of one image ``a.png`` with a label file of some content."""

    def dataset(kind, content, name='a.txt', **settings):
        cv2.imwrite(f'{tmp_path}/a.png', np.zeros((512, 640, 3), np.uint8))
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        settings = dict(ann_file=str(tmp_path), img_prefix=str(tmp_path), pipeline=[], version='le90') | settings
        return build_dataset(dict(type=kind, **settings))

    return dataset


@pytest.fixture
def listed(build, tmp_path):
    """Builds a dataset whose images are listed."""
    (tmp_path / 'list.txt').write_text('a\n')
    where = dict(ann_file=str(tmp_path / 'list.txt'), ann_subdir=str(tmp_path), img_subdir=str(tmp_path))
    return lambda kind, content, **settings: build(kind, content, 'a.xml', **where, **settings)


def assert_read_alike(dataset, instances):
    """Whether a dataset of one image has the objects that 1.x read, in their order."""
    ann = dataset.get_ann_info(0)
    for end, ignored in (('', 0), ('_ignore', 1)):
        expected = [item for item in instances if item['ignore_flag'] == ignored]
        assert ann[f'labels{end}'].tolist() == [item['bbox_label'] for item in expected]
        for found, item in zip(ann[f'polygons{end}'], expected, strict=True):
            distances = found.reshape(4, 1, 2) - np.reshape(item['bbox'], (1, 4, 2))
            assert np.linalg.norm(distances, axis=-1).min(0).max() < 1e-3


@pytest.mark.parametrize('difficulty', [0, 100])
def test_dota_as_1x_reads_it(build, difficulty):
    case = READ_BY_1X[f'parse/DOTADataset_diff{difficulty}']
    assert_read_alike(build('DOTADataset', case['text'], difficulty=difficulty), case['instances'])


@pytest.mark.parametrize('kind', ['obb', 'hbb'])
def test_dior_as_1x_reads_it(listed, kind):
    case = READ_BY_1X[f'parse/DIORDataset_{kind}']
    assert_read_alike(listed('DIORDataset', case['text']), case['instances'])


@pytest.mark.parametrize('classwise', [False, True])
def test_hrsc_as_1x_reads_it(listed, classwise):
    case = READ_BY_1X[f'parse/HRSCDataset_classwise{int(classwise)}']
    dataset = listed('HRSCDataset', case['text'], classwise=classwise)
    assert_read_alike(dataset, case['instances'])
    assert list(dataset.CLASSES) == case['classes']


@pytest.mark.parametrize(
    ('kind', 'case'), [('DIORDataset', 'DIORDataset_obb'), ('HRSCDataset', 'HRSCDataset_classwise0')]
)
def test_sizes_are_those_of_the_image(listed, kind, case):
    """1.x takes the height of HRSC2016 from the width, and of DIOR without a size one for the other."""
    text = re.sub(r'<(size|Img_Size\w+)>.*?</\1>', '', READ_BY_1X[f'parse/{case}']['text'])
    dataset = listed(kind, text, pipeline=[dict(type='LoadImageFromFile')])
    assert dataset[0]['img_shape'] == (512, 640, 3)
    assert_read_alike(dataset, READ_BY_1X[f'parse/{case}']['instances'])


@pytest.mark.parametrize('kind', ['DIORDataset', 'HRSCDataset'])
def test_an_unknown_class_is_named_and_one_of_the_others_left_out(listed, kind):
    """1.x ends in a KeyError."""
    text = READ_BY_1X['parse/DIORDataset_obb']['text'].replace('windmill', 'wind mill')
    if kind == 'DIORDataset':
        with pytest.raises(LabelError, match=r"a\.xml, object 2: unknown class 'wind mill'; did you mean 'windmill'"):
            listed(kind, text)
    text = READ_BY_1X['parse/HRSCDataset_classwise1']['text'].replace('100000005', '100000077')
    classes = dict(classes=['airplane']) if kind == 'DIORDataset' else dict(classwise=True)
    text = READ_BY_1X['parse/DIORDataset_obb']['text'] if kind == 'DIORDataset' else text
    assert listed(kind, text, **classes).get_cat_ids(0) == [0]


@pytest.mark.parametrize(
    ('kind', 'theirs'),
    [(name.removeprefix('meta/'),) * 2 for name in READ_BY_1X if name.startswith('meta/') and 'FAIR' not in name]
    + [('FAIR1MDataset', 'FAIRDataset')],
)
def test_classes_and_colours_in_the_published_order(kind, theirs):
    cls, expected = DATASETS.get(kind), READ_BY_1X[f'meta/{theirs}']
    kinds = theirs == 'HRSCDataset'  # of ships, where ours has one class unless told otherwise
    classes, palette = (cls.HRSC_CLASSES, cls.CLASSWISE_PALETTE) if kinds else (cls.CLASSES, cls.PALETTE)
    assert list(classes) == expected['classes']
    if 'palette' in expected:
        assert [list(color) for color in palette] == expected['palette']
    assert len(get_palette(palette, len(classes))) == len(classes)


@pytest.mark.parametrize(('version', 'count'), [('1.0', 15), ('1.5', 16), (2.0, 18), ('2.0', 18)])
def test_the_version_of_dota_says_the_classes(build, version, count):
    line = '10 10 60 10 60 30 10 30 plane 0\n10 10 60 10 60 30 10 30 ship 0\n'
    dataset = build('DOTADataset', line, version=version)
    assert (len(dataset.CLASSES), len(dataset.PALETTE), dataset.version) == (count, count, 'oc')
    assert dataset.CLASSES == DATASETS.get('DOTAv2Dataset').CLASSES[:count]
    turned = build('DOTADataset', line, version=version, angle_version='le135', classes=['ship'])
    assert (turned.version, list(turned.CLASSES), turned.get_cat_ids(0)) == ('le135', ['ship'], [0])


def test_two_angle_versions_are_one_too_many(build):
    with pytest.raises(UserError, match="version='le90' is an angle version, and angle_version='oc' another"):
        build('DOTADataset', '', angle_version='oc')
    with pytest.raises(UserError, match='angle version must be one of'):
        build('DOTADataset', '', version='1.6')


def test_dronevehicle(build):
    dataset = build('DroneVehicleDataset', (SAMPLES / 'dronevehicle.xml').read_bytes(), 'a.xml')
    assert [dataset.CLASSES[label] for label in dataset.get_cat_ids(0)] == ['freight car', 'bus']


def test_fair1m(build):
    dataset = build('FAIR1MDataset', (SAMPLES / 'fair1m.xml').read_bytes(), 'a.xml')
    assert [dataset.CLASSES[label] for label in dataset.get_cat_ids(0)] == ['Dry Cargo Ship', 'A220']
    with pytest.raises(MissingFilesError, match=r'no label files \(\*\.xml\) in the folder'):
        build('FAIR1MDataset', '', ann_file=str(DATA / 'hit_uav/labelTxt'))


@pytest.mark.parametrize('name', ['gt_a.txt', 'a.txt'])
@pytest.mark.parametrize(('difficulty', 'count'), [(0, 3), (1, 4)])
def test_text_of_icdar2015(build, name, difficulty, count):
    content = (SAMPLES / 'icdar2015.txt').read_bytes()
    dataset = build('ICDAR2015Dataset', content, name, **(dict(difficulty=1) if difficulty else {}))
    ann = dataset.get_ann_info(0)
    assert (len(ann['bboxes']), len(ann['bboxes_ignore'])) == (count, 4 - count)


def test_yolo_obb(build, tmp_path):
    cv2.imwrite(f'{tmp_path}/b.png', np.zeros((9, 9, 3), np.uint8))
    line = '1 0.1 0.1 0.5 0.1 0.5 0.2 0.1 0.2\n'
    dataset = build('YOLOOBBDataset', line, classes=['car', 'ship'], test_mode=True)
    assert [dataset.image_name(i) for i in range(2)] == ['a.png', 'b.png'] and dataset.get_cat_ids(1) == []
    assert dataset.get_cat_ids(0) == [1]
    assert dataset.get_ann_info(0)['bboxes'][0].tolist() == pytest.approx([192, 76.8, 256, 51.2, 0], abs=1e-3)
    assert len(build('YOLOOBBDataset', line, classes=['car', 'ship'])) == 1
    with pytest.raises(UserError, match=r'needs classes, or a data\.yaml near its labels'):
        build('YOLOOBBDataset', line)
    with pytest.raises(LabelError, match=r"a\.txt, line 1: '1' is no number of a class"):
        build('YOLOOBBDataset', line, classes=['car'])


def test_yolo_obb_takes_the_names_of_its_yaml_file(build, tmp_path, log):
    line = '1 0.1 0.1 0.5 0.1 0.5 0.2 0.1 0.2\n'
    (tmp_path / 'data.yaml').write_text('train: images\nnames: {0: car, 1: ship}\n')
    assert build('YOLOOBBDataset', line).CLASSES == ('car', 'ship')
    assert not log
    assert list(build('YOLOOBBDataset', line, classes=['a', 'b']).CLASSES) == ['a', 'b']
    assert "classes are ['a', 'b'], but" in log[0].getMessage() and "lists ['car', 'ship']" in log[0].getMessage()


COCO = dict(
    images=[dict(id=7, file_name='a.png', width=640, height=512)],
    categories=[dict(id=3, name='ship'), dict(id=1, name='car')],
    annotations=[
        dict(id=1, image_id=7, category_id=3, segmentation=[[10, 10, 60, 10, 60, 30, 10, 30]]),
        dict(id=2, image_id=7, category_id=1, bbox=[10, 10, 50, 20], iscrowd=1),
        # an outline, as HRSID has it
        dict(id=3, image_id=7, category_id=3, segmentation=[[100, 50, 150, 40, 200, 50, 200, 60, 100, 60]]),
    ],
)


def test_coco(build, tmp_path, caplog):
    where = dict(ann_file=str(tmp_path / 'all.json'), name='all.json')
    dataset = build('CocoRotatedDataset', json.dumps(COCO), **where)
    assert dataset.CLASSES == ('ship', 'car') and dataset.get_cat_ids(0) == [0, 1, 0]
    assert dataset.get_ann_info(0)['bboxes'][2].tolist() == pytest.approx([150, 50, 100, 20, 0], abs=1e-3)
    assert len(build('CocoRotatedDataset', json.dumps(COCO), difficulty=0, **where).get_cat_ids(0)) == 2
    some = build('CocoRotatedDataset', json.dumps(COCO), classes=['plane', 'car'], **where)
    assert some.get_cat_ids(0) == [1]


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('[]', r"all\.json: this is no annotation file of COCO: it has no list 'categories'"),
        (json.dumps({**COCO, 'images': COCO['images'] * 2}), r"all\.json: several images are called 'a\.png'"),
        (json.dumps(COCO).replace('a.png', 'z.png'), r'1 of 1 images of .*all\.json are missing: .*z\.png'),
        (json.dumps(COCO).replace('"category_id": 1', '"category_id": 9'), r'all\.json, annotation 1: no category'),
    ],
)
def test_coco_that_is_none(build, tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        build('CocoRotatedDataset', content, 'all.json', ann_file=str(tmp_path / 'all.json'))
