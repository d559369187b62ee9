"""The middle format, and datasets of a user's own on top of it."""

import json
import pickle

import cv2
import numpy as np
import pytest

from mmrotate.datasets import CustomDataset, LabelError, build_dataset
from mmrotate.datasets.image_folder import MissingFilesError
from mmrotate.registry import DATASETS
from mmrotate.utils import UserError

from .conftest import TEST, TRAIN
from .test_wrappers import found_in

CLASSES = ('plane', 'ship', 'car')


def infos(**ann):
    first = dict(
        bboxes=np.array([[20, 15, 20, 10, 0.3], [30, 20, 12, 8, -0.2]], np.float32),
        labels=np.array([0, 1]),
        bboxes_ignore=np.array([[10, 10, 9, 6, 0.1]], np.float32),
        labels_ignore=np.array([1]),
    )
    second = dict(bboxes=np.zeros((0, 5), np.float32), labels=np.zeros(0, np.int64))
    return [
        dict(filename='a.png', width=60, height=40, ann={**first, **ann}),
        dict(filename='sub/b.png', width=60, height=40, ann=second),
    ]


@pytest.fixture
def place(tmp_path):
    """Folder with two images."""
    (tmp_path / 'images/sub').mkdir(parents=True)
    for i, name in enumerate(('a.png', 'sub/b.png', 'grey.png')):
        img = np.full((40, 60) if name == 'grey.png' else (40, 60, 3), i * 10 + 5, np.uint8)
        if name == 'a.png':
            img[..., 0] = 50
        cv2.imwrite(str(tmp_path / 'images' / name), img)
    return tmp_path


def write(place, content, name='ann.pkl'):
    if name.endswith('.json'):
        (place / name).write_text(json.dumps(content, default=lambda array: array.tolist()))
    else:
        (place / name).write_bytes(pickle.dumps(content))
    return dict(
        type='CustomDataset', data_root=str(place), ann_file=name, img_prefix='images', pipeline=TRAIN,
        classes=CLASSES, version='le90',
    )  # fmt: skip


@pytest.mark.parametrize('name', ['ann.pkl', 'ann.json'])
def test_images_and_objects_are_read(place, name):
    dataset = build_dataset({**write(place, infos(), name), 'filter_empty_gt': False})
    assert dataset.img_ids == ['a', 'b'] and dataset.data_infos[0]['width'] == 60
    ann = dataset.get_ann_info(0)
    np.testing.assert_allclose(ann['bboxes'], infos()[0]['ann']['bboxes'], rtol=1e-6)
    assert ann['bboxes'].dtype == np.float32 and ann['labels'].tolist() == [0, 1]
    np.testing.assert_allclose(ann['bboxes_ignore'], [[10, 10, 9, 6, 0.1]], rtol=1e-6)
    assert ann['labels_ignore'].tolist() == [1]
    assert dataset[0]['gt_bboxes'].shape == (2, 5) and dataset[1]['gt_bboxes'].shape == (0, 5)
    assert len(build_dataset(write(place, infos(), name))) == 1  # images without objects are left out


def test_it_is_scored_and_written(place, tmp_path):
    dataset = build_dataset({**write(place, infos()), 'test_mode': True, 'pipeline': TEST})
    assert dataset.evaluate(found_in(dataset, [0, 1]), logger='silent') == {'mAP': pytest.approx(1)}
    files, _ = dataset.format_results(found_in(dataset, [0]), submission_dir=str(tmp_path / 'sub'))
    assert len(files) == 3


def test_boxes_are_brought_into_the_version(place):
    ann = dict(bboxes=np.array([[20, 15, 10, 20, 2.0]]), labels=[2], bboxes_ignore=None)
    box = build_dataset(write(place, infos(**ann))).get_ann_info(0)['bboxes'][0]
    np.testing.assert_allclose(box, [20, 15, 20, 10, 2 - np.pi / 2], rtol=1e-5)


def test_objects_to_ignore_need_no_label(place):
    ann = build_dataset(write(place, infos(labels_ignore=None))).get_ann_info(0)
    assert ann['labels_ignore'].tolist() == [-1] and ann['labels'].tolist() == [0, 1]


def test_a_part_of_the_classes_leaves_out_the_others(place, log):
    class Mine(CustomDataset):
        CLASSES = ('plane', 'ship', 'car')

    cfg = {**write(place, infos()), 'type': Mine, 'classes': ['car', 'ship']}
    ann = build_dataset(cfg).get_ann_info(0)
    assert ann['labels'].tolist() == [1] and ann['labels_ignore'].tolist() == [1]
    assert ann['bboxes'][0, 0] == 30
    assert any('1 objects of classes that are not asked for left out: plane (1)' in r.getMessage() for r in log)
    with pytest.raises(ValueError, match=r"\['boat'\] are no classes of Mine, which has \['plane', 'ship', 'car'\]"):
        build_dataset({**cfg, 'classes': ['ship', 'boat']})
    with pytest.raises(ValueError, match=r'CustomDataset has no classes of its own: give classes'):
        build_dataset({**write(place, infos()), 'classes': None})


@pytest.mark.parametrize(
    ('ann', 'message'),
    [
        (dict(bboxes=np.zeros((2, 4))), r'five numbers a box are needed, got the shape \(2, 4\); .*hbb2obb'),
        (dict(bboxes=np.zeros((2, 8))), 'poly2obb_np'),
        (dict(bboxes=[[1, 2, 3, 4, 0.5], [1, 2]]), 'bboxes: an array of numbers'),
        (dict(bboxes='none'), 'bboxes: an array of numbers'),
        (dict(labels=[0]), '2 bboxes, but 1 labels'),
        (dict(labels=[0, 3]), r'the label 3 is no index of the 3 classes'),
        (dict(labels=[0, -1]), 'the label -1 is no index'),
        (dict(labels=[0, 0.5]), 'the label 0.5 is no index'),
        (dict(bboxes=[[20, 15, np.nan, 10, 0.3]] * 2), r"bboxes\[0\]: the box value nan is no finite number"),
        (dict(bboxes=[[0.2, 0.15, 0.2, 0.1, 0.3]] * 2, bboxes_ignore=None), 'look normalised'),
        (dict(bboxes_ignore=[[1, 2, 3]]), 'bboxes_ignore: five numbers'),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_an_error_with_its_place(place, ann, message):
    with pytest.raises(LabelError, match=message) as error:
        build_dataset(write(place, infos(**ann)))
    assert 'ann.pkl, a.png: ' in str(error.value)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (dict(images=[], annotations=[]), 'is it COCO'),
        ([], 'a list with a dict for each image'),
        ([dict(ann={})], 'entry 0: a dict with filename and ann'),
        ([dict(filename='a.png')], 'a.png: no ann'),
        (infos()[:1] * 2, "several entries have the filename 'a.png'"),
    ],
)
def test_other_contents_are_refused(place, content, message):
    with pytest.raises(LabelError, match=message):
        build_dataset(write(place, content, 'ann.json'))


def test_files_that_are_not_there_or_cannot_be_read(place):
    cfg = write(place, infos())
    with pytest.raises(LabelError, match=r'cannot read .*an\.pkl: No such file.*ann\.pkl'):
        build_dataset({**cfg, 'ann_file': 'an.pkl'})
    (place / 'ann.json').write_text('[1,')
    with pytest.raises(LabelError, match='no JSON file'):
        build_dataset({**cfg, 'ann_file': 'ann.json'})
    with pytest.raises(LabelError, match=r'json, \.pkl or'):
        build_dataset({**cfg, 'ann_file': 'images/a.png'})
    (place / 'images/a.png').unlink()
    with pytest.raises(MissingFilesError, match=r'1 of 2 images of .* are missing: .*images/a\.png'):
        build_dataset(cfg)
    with pytest.raises(ValueError, match='seg_prefix'):
        build_dataset({**cfg, 'seg_prefix': 'maps'})


def test_a_pickle_that_would_run_code_is_refused(place):
    cfg = write(place, [dict(filename='a.png', ann=LabelError('x'))])
    with pytest.raises(UserError, match=r'it holds mmrotate\.datasets\.formats\.record\.LabelError.*write JSON'):
        build_dataset(cfg)


def test_images_without_annotations(place, tmp_path):
    cfg = write(place, [dict(filename='a.png', width=60, height=40)])
    dataset = build_dataset({**cfg, 'test_mode': True, 'pipeline': TEST})
    assert len(dataset) == 1 and dataset[0]['img'][0].shape == (3, 64, 64)
    with pytest.raises(UserError, match='without annotations'):
        dataset.evaluate(found_in(dataset, []))


def test_an_image_of_several_files(place):
    content = infos()
    content[0]['filename'] = ['a.png', 'grey.png']
    load = dict(type='LoadMultiChannelImageFromFiles')
    norm = dict(type='Normalize', mean=[0] * 4, std=[1] * 4, to_rgb=False)
    dataset = build_dataset({**write(place, content), 'pipeline': [load, *TRAIN[1:3], norm, *TRAIN[4:]]})
    sample = dataset[0]
    assert sample['img'].shape == (4, 64, 64) and sample['img'][:, 0, 0].tolist() == [50, 5, 5, 25]
    assert sample['img_metas']['ori_filename'] == 'a.png' and dataset.img_ids == ['a']
    assert dataset.image_path(0).endswith('images/a.png')


def test_the_documented_dataset_of_ones_own(place):
    (place / 'annotation.txt').write_text(
        '#\na.png\n60 40\n2\n20 15 20 10 0.3 1\n30 20 12 8 -0.2 2\n#\nsub/b.png\n60 40\n1\n20 20 12 8 0.1 3\n'
    )

    @DATASETS.register_module(force=True)
    class MyDataset(CustomDataset):
        CLASSES = ('person', 'bicycle', 'car', 'motorcycle')

        def load_annotations(self, ann_file):
            with open(ann_file) as file:
                ann_list = [line.strip() for line in file]
            data_infos = []
            for i, ann_line in enumerate(ann_list):
                if ann_line != '#':
                    continue
                width, height = map(int, ann_list[i + 2].split(' '))
                rows = [line.split(' ') for line in ann_list[i + 4 : i + 4 + int(ann_list[i + 3])]]
                ann = dict(
                    bboxes=np.array([row[:5] for row in rows], np.float32),
                    labels=np.array([row[5] for row in rows], np.int64),
                )
                data_infos.append(dict(filename=ann_list[i + 1], width=width, height=height, ann=ann))
            return data_infos

        def get_ann_info(self, idx):
            return self.data_infos[idx]['ann']

    try:
        cfg = dict(
            type='MyDataset', ann_file=str(place / 'annotation.txt'), img_prefix=str(place / 'images'), pipeline=TRAIN
        )
        dataset = build_dataset(cfg)
        assert len(dataset) == 2 and dataset.get_cat_ids(0) == [1, 2] and dataset[1]['gt_labels'].tolist() == [3]
        assert dataset.evaluate(found_in(dataset, [0, 1]), logger='silent') == {'mAP': pytest.approx(1)}
        with pytest.raises(LabelError, match=r'b\.png: the label 3 is no index of the 3 classes'):
            build_dataset({**cfg, 'classes': ['person', 'bicycle', 'car']})
    finally:
        DATASETS.module_dict.pop('MyDataset')


def test_proposals_come_with_their_images(place):
    proposals = [np.array([[20, 15, 20, 10, 0.3, 0.9], [1, 2, 9, 8, 0, 0.5]], np.float32), np.zeros((0, 6), np.float32)]
    cfg = write(place, infos())
    (place / 'proposals.pkl').write_bytes(pickle.dumps(proposals))
    steps = [*TRAIN[:2], dict(type='LoadProposals', num_max_proposals=1), *TRAIN[2:-1]]
    collect = dict(type='Collect', keys=['img', 'proposals', 'gt_bboxes'])
    cfg.update(proposal_file='proposals.pkl', pipeline=[*steps, collect], filter_empty_gt=False)
    dataset = build_dataset(cfg)
    factor = 64 / 60
    np.testing.assert_allclose(dataset[0]['proposals'], [[*np.array([20, 15, 20, 10]) * factor, 0.3]], rtol=0.02)
    assert dataset[1]['proposals'].shape == (0, 5)
    (place / 'proposals.pkl').write_bytes(pickle.dumps(proposals[:1]))
    with pytest.raises(UserError, match='proposals for 1 images, not 2'):
        build_dataset(cfg)
