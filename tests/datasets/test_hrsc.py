"""HRSC2016's XML annotations, on a sample written here."""

import math

import cv2
import numpy as np
import pytest

from mmrotate.core.bbox import obb2poly_np, poly2obb_np
from mmrotate.datasets import HRSCDataset, LabelError, build_dataset
from mmrotate.utils import UserError

from .conftest import TEST, TRAIN

# Class_ID, cx, cy, w, h, angle
SHIPS = {
    'a1': [(100000005, 30, 20, 24, 8, -1.2), (100000022, 40, 20, 10, 6, 0.3)],
    'b2': [(100000021, 20, 20, 12, 5, 1.5)],  # 21 is the number of no kind
    'c3': [],
}
OBJECT = """<HRSC_Object><Object_ID>1</Object_ID><Class_ID>{}</Class_ID>
<difficult>0</difficult><box_xmin>0</box_xmin>
<mbox_cx>{}</mbox_cx><mbox_cy>{}</mbox_cy><mbox_w>{}</mbox_w><mbox_h>{}</mbox_h>
<mbox_ang>{}</mbox_ang></HRSC_Object>"""


@pytest.fixture
def root(tmp_path):
    for folder in ('AllImages', 'Annotations', 'ImageSets'):
        (tmp_path / folder).mkdir()
    for name, ships in SHIPS.items():
        cv2.imwrite(str(tmp_path / f'AllImages/{name}.bmp'), np.zeros((40, 60, 3), np.uint8))
        objects = ''.join(OBJECT.format(*ship) for ship in ships)
        text = f'<HRSC_Image><Img_ID>{name}</Img_ID><HRSC_Objects>{objects}</HRSC_Objects>'
        (tmp_path / f'Annotations/{name}.xml').write_text(f'{text}</HRSC_Image>')
    (tmp_path / 'ImageSets/trainval.txt').write_text('\n'.join(SHIPS) + '\n')
    return tmp_path


def dataset(root, **kwargs):
    config = dict(
        type='HRSCDataset',
        ann_file='ImageSets/trainval.txt',
        img_subdir='AllImages',
        ann_subdir='Annotations',
        data_root=str(root),
        pipeline=TEST if kwargs.get('test_mode') else TRAIN,
    )
    return build_dataset({**config, **kwargs})


@pytest.mark.parametrize('version', ['oc', 'le90', 'le135'])
def test_boxes(root, version):
    data = dataset(root, version=version)
    assert data.CLASSES == ('ship',)
    assert [info['filename'] for info in data.data_infos] == ['a1.bmp', 'b2.bmp']
    ann = data.get_ann_info(0)
    assert ann['labels'].tolist() == [0, 0] and ann['bboxes'].dtype == np.float32
    for box, ship in zip(ann['bboxes'], SHIPS['a1'], strict=True):
        corners = obb2poly_np(np.float32([ship[1:]]), 'le90')[0]
        np.testing.assert_allclose(box, poly2obb_np(corners, version), atol=2e-3)
    assert data[0]['gt_bboxes'].shape == (2, 5)


def test_oc_values(root):
    box = dataset(root).get_ann_info(0)['bboxes'][0]
    np.testing.assert_allclose(box, [30, 20, 8, 24, math.pi / 2 - 1.2], rtol=1e-6)


def test_kinds_of_ships(root):
    data = dataset(root, classwise=True, filter_empty_gt=False)
    assert len(data.CLASSES) == 31 and len(set(data.CLASSES)) == 31
    names = [data.CLASSES[label] for label in data.get_ann_info(0)['labels']]
    assert names == ['Nimitz', 'Hovercraft']
    assert data.CLASSES == HRSCDataset.HRSC_CLASSES and data.PALETTE == HRSCDataset.CLASSWISE_PALETTE
    assert len(data.PALETTE) == 31 and HRSCDataset.HRSC_CLASSES_ID[4] == '05'
    assert [len(data.get_ann_info(i)['labels']) for i in range(3)] == [2, 0, 0]
    # the class itself is as before
    assert HRSCDataset.CLASSES == HRSCDataset.HRSC_CLASS == ('ship',)
    some = dataset(root, classwise=True, classes=('yacht', 'Hovercraft'))
    assert some.get_ann_info(0)['labels'].tolist() == [1] and len(some) == 1


def test_perfect_detections_score_one(root):
    data = dataset(root, version='le90', test_mode=True)
    assert len(data) == 3
    boxes = [data.get_ann_info(i)['bboxes'] for i in range(3)]
    results = [[np.c_[b, np.ones(len(b), np.float32)]] for b in boxes]
    scores = data.evaluate(results, logger='silent')
    # as in 0.x the mean over ten thresholds, with those of one beside it
    assert scores == dict.fromkeys(['mAP', 'AP50:95', *(f'AP{number}' for number in range(50, 100, 5))], 1.0)


def test_images_are_found_by_either_name(root):
    by_prefix = dataset(root, img_prefix=str(root / 'AllImages'), img_subdir='nowhere')
    assert by_prefix.img_prefix == dataset(root).img_prefix


@pytest.mark.parametrize('name', ['ImageSets/trainval.txt', 'Annotations/b2.xml', 'AllImages/b2.bmp'])
def test_missing_files_are_named(root, name):
    (root / name).unlink()
    with pytest.raises(UserError, match=name.removesuffix('.bmp')):
        dataset(root)


@pytest.mark.parametrize('text', ['', '<HRSC_Image>', OBJECT.format(1, 'x', 2, 3, 4, 5)])
def test_broken_annotations_are_named(root, text):
    if 'Object' in text:
        text = f'<HRSC_Image><HRSC_Objects>{text}</HRSC_Objects></HRSC_Image>'
    (root / 'Annotations/b2.xml').write_text(text)
    with pytest.raises(LabelError, match=r'b2\.xml'):
        dataset(root)
