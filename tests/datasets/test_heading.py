"""Boxes with a front, from labels to scores and pictures."""

import math

import cv2
import numpy as np
import pytest
import torch

from mmrotate.core import imshow_det_rbboxes
from mmrotate.core.bbox import heading_gap, obb2poly
from mmrotate.datasets import build_dataset
from mmrotate.datasets.formats.record import ClassNames, Entry, gather
from mmrotate.models import build_detector
from mmrotate.utils.errors import ArgumentError
from tests.helpers import zoo

NAMES = ClassNames({'ship': 0}, ())
# 20 wide and 60 long, turned by 0.4, its front to the right
HEADING = 0.4
BOX = np.array([100.0, 80, 20, 60, HEADING + math.pi / 2])


def front_to_the(heading, shape):
    return gather([Entry('1', shape, 'ship', heading=heading)], NAMES, 'r360').bboxes


@pytest.mark.parametrize('heading', [HEADING, HEADING + math.pi, HEADING + 0.5])
def test_the_heading_of_a_label_is_its_front(heading):
    corners = obb2poly(torch.from_numpy(BOX[None]), 'r360')[0].reshape(4, 2)
    backwards = (heading - HEADING) > 1
    for shape in ([100, 80, 60, 20, HEADING], *(corners.roll(k, 0).flatten().tolist() for k in range(4))):
        found = front_to_the(heading, shape)
        np.testing.assert_allclose(found[0, :4], BOX[:4], rtol=1e-5)
        assert heading_gap(found, BOX[None])[0] == pytest.approx(math.pi * backwards, abs=1e-4)


def test_without_a_heading_the_first_side_is_the_front():
    corners = obb2poly(torch.from_numpy(BOX[None]), 'r360')[0]
    np.testing.assert_allclose(front_to_the(None, corners.tolist())[0], BOX, rtol=1e-5)
    turned = front_to_the(None, corners.reshape(4, 2).roll(2, 0).flatten().tolist())
    assert heading_gap(turned, BOX[None])[0] == pytest.approx(math.pi, abs=1e-4)


def test_other_versions_do_not_see_the_heading():
    shape = [100, 80, 60, 20, HEADING]
    with_it, without = (gather([Entry('1', shape, 'ship', heading=h)], NAMES, 'le90').bboxes for h in (2.5, None))
    assert np.array_equal(with_it, without)


def dataset(folder, version='r360', **options):
    (folder / 'images').mkdir(exist_ok=True)
    (folder / 'labels').mkdir(exist_ok=True)
    cv2.imwrite(str(folder / 'images/a.png'), np.full((160, 200, 3), 90, np.uint8))
    corners = obb2poly(torch.from_numpy(BOX[None]), 'r360')[0].tolist()
    (folder / 'labels/a.txt').write_text(' '.join(map(str, [*corners, 'ship', 0])) + '\n')
    config = dict(type='DOTADataset', ann_file=str(folder / 'labels'), img_prefix=str(folder / 'images'))
    return build_dataset(config | dict(classes=['ship'], version=version, pipeline=[]) | options)


def test_scores_with_and_without_the_heading(tmp_path):
    data = dataset(tmp_path, test_mode=True)
    right = np.array([[*BOX[:4], BOX[4] + 0.1, 0.9]], np.float32)
    backwards = right + np.array([0, 0, 0, 0, math.pi, 0], np.float32)
    scores = data.evaluate([[right]], heading=True, logger='silent')
    assert scores['mAP'] == scores['mAP_heading'] == pytest.approx(1)
    assert scores['heading_error'] == pytest.approx(math.degrees(0.1), abs=0.01)
    scores = data.evaluate([[backwards]], heading=True, logger='silent')
    assert (scores['mAP'], scores['mAP_heading']) == (pytest.approx(1), 0)
    assert scores['heading_error'] == pytest.approx(180 - math.degrees(0.1), abs=0.01)
    assert data.evaluate([[right]], heading=3, logger='silent')['mAP_heading'] == 0
    assert math.isnan(data.evaluate([[right[:0]]], heading=True, logger='silent')['heading_error'])
    assert 'mAP_heading' not in data.evaluate([[right]], logger='silent')


def test_heading_is_refused_where_boxes_have_none(tmp_path):
    data = dataset(tmp_path, 'le90', test_mode=True)
    with pytest.raises(ArgumentError, match='r360'):
        data.evaluate([[np.zeros((0, 6), np.float32)]], heading=True)


def test_pipelines_keep_the_front(tmp_path):
    load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True)]
    turns = [
        dict(type='RRandomFlip', flip_ratio=[0, 1, 0], direction=['horizontal', 'vertical', 'diagonal']),
        dict(type='PolyRandomRotate', rotate_ratio=1, mode='value', angles_range=[90], auto_bound=True),
    ]
    sample = dataset(tmp_path, pipeline=[*load, turns[0]])[0]['gt_bboxes']
    assert heading_gap(sample, np.array([[100, 80, 20, 60, math.pi / 2 - HEADING]]))[0] < 1e-3  # to the upper right
    sample = dataset(tmp_path, pipeline=[*load, turns[1]])[0]['gt_bboxes']
    assert min(heading_gap(sample, BOX[None] + [0, 0, 0, 0, turn])[0] for turn in (-math.pi / 2, math.pi / 2)) < 1e-3


def test_files_of_results_begin_with_the_front(tmp_path):
    data = dataset(tmp_path, test_mode=True)
    data.format_results([[np.array([[*BOX, 0.9]], np.float32)]], submission_dir=str(tmp_path / 'out'))
    line = (tmp_path / 'out/Task1_ship.txt').read_text().split()
    expected = obb2poly(torch.from_numpy(BOX[None]), 'r360')[0].numpy()
    np.testing.assert_allclose(np.array(line[2:], float), expected, atol=0.02)


def test_pictures_mark_the_front():
    img = np.zeros((160, 200, 3), np.uint8)
    bare, marked = (
        imshow_det_rbboxes(img, BOX[None], show=False, show_direction=how, show_label=False) for how in (False, 'front')
    )
    y, x = (bare != marked).any(-1).nonzero()
    towards = (x.mean() - BOX[0]) * math.cos(HEADING) + (y.mean() - BOX[1]) * math.sin(HEADING)
    across = (y.mean() - BOX[1]) * math.cos(HEADING) - (x.mean() - BOX[0]) * math.sin(HEADING)
    assert towards > 10 and abs(across) < 1


def test_a_detector_learns_finds_and_merges_boxes_with_a_front():
    model = build_detector(zoo.small('rotated_fcos/rotated_fcos_heading_r50_fpn_6x_hrsc_r360.py'))
    assert model.has_front and not build_detector(zoo.tiny('rotated_fcos')).has_front
    batch = zoo.batch((2, 0), (64, 64), 'r360')
    losses = model.train().forward_train(**batch)
    assert set(losses) == {'loss_cls', 'loss_bbox', 'loss_angle', 'loss_centerness'}
    assert all(value.isfinite() for value in losses.values())
    model.eval()
    level = [torch.tensor([[0.9, 0, 0]]), torch.ones(1), torch.tensor([[20.0, 20]]), torch.tensor([[5.0, 2, 5, 2]])]
    codes = model.bbox_head.angle_coder.encode(torch.tensor([[-3.0]]))
    found, _ = model.bbox_head._best_detections([[*level, codes]], None, model.test_cfg, False)
    assert found[0, 4].item() == pytest.approx(-3, abs=1e-4)
