import math

import numpy as np
import pytest
import torch

from mmrotate import ops
from mmrotate.ops import checks

BOXES, SCORES, MAPS = torch.rand(2, 5), torch.rand(2), torch.rand(1, 4, 6, 7)
ROIS, POINTS, QUADS = torch.rand(2, 6).floor(), torch.rand(2, 18), torch.rand(2, 8)
OFFSET, WEIGHT = torch.zeros(1, 18, 4, 5), torch.rand(6, 4, 3, 3)
# an operation, arguments that serve, and one by one what is refused
GOOD = {
    ops.box_iou_rotated: dict(bboxes1=BOXES, bboxes2=BOXES),
    ops.diff_iou_rotated_2d: dict(box1=BOXES, box2=BOXES),
    ops.box_iou_quadri: dict(bboxes1=QUADS, bboxes2=QUADS),
    ops.convex_iou: dict(pointsets=POINTS, polygons=QUADS),
    ops.convex_giou: dict(pointsets=POINTS, polygons=QUADS),
    ops.nms_rotated: dict(dets=BOXES, scores=SCORES, iou_threshold=0.5),
    ops.batched_nms_rotated: dict(boxes=BOXES, scores=SCORES, labels=torch.zeros(2).int(), iou_threshold=0.5),
    ops.soft_nms_rotated: dict(dets=BOXES, scores=SCORES),
    ops.nms_quadri: dict(dets=QUADS, scores=SCORES, iou_threshold=0.5),
    ops.roi_align_rotated: dict(input=MAPS, rois=ROIS, output_size=2),
    ops.riroi_align_rotated: dict(features=MAPS, rois=ROIS, output_size=2, spatial_scale=1.0, num_orientations=4),
    ops.rotated_feature_align: dict(features=MAPS, best_rbboxes=torch.rand(1, 6, 7, 5)),
    ops.active_rotated_filter: dict(input=torch.rand(1, 1, 1, 1, 1), indices=torch.ones(1, 1, 1, 1).int()),
    ops.deform_conv2d: dict(input=MAPS, offset=OFFSET, weight=WEIGHT),
    ops.modulated_deform_conv2d: dict(input=MAPS, offset=OFFSET, mask=None, weight=WEIGHT),
    ops.sigmoid_focal_loss: dict(pred=torch.rand(2, 3), target=torch.zeros(2).long()),
    ops.min_area_polygons: dict(pointsets=POINTS),
    ops.convex_hull: dict(points=torch.rand(2, 5, 2)),
    ops.points_in_polygons: dict(points=torch.rand(3, 2), polygons=QUADS),
    ops.chamfer_distance: dict(pts1=torch.rand(1, 3, 2), pts2=torch.rand(1, 4, 2)),
}
BAD = {
    ops.box_iou_rotated: dict(mode=[['iou'], 'diou'], aligned='yes', clockwise=2),
    ops.nms_rotated: dict(iou_threshold=['0.5', None, 1.5, math.nan, True], labels=SCORES, clockwise='no'),
    ops.batched_nms_rotated: dict(class_agnostic='yes'),
    ops.soft_nms_rotated: dict(sigma=['1', math.inf, 0], min_score=[None, math.nan], method=1),
    ops.roi_align_rotated: dict(
        output_size=[7.0, None, '7', 0, (2, 2, 2), 2**40, True],
        spatial_scale=['1', 0, math.inf, math.nan, None],
        sampling_ratio=[-1, 1.5, 10**6, 2**62, '2'],
        aligned='yes',
    ),
    ops.riroi_align_rotated: dict(num_orientations=[0, 2.0, None, 3], num_samples=1000),
    ops.rotated_feature_align: dict(spatial_scale='1', points=[[1], 4, '1', 1.0]),
    ops.active_rotated_filter: dict(indices=[torch.zeros(1, 1, 1, 1).int(), torch.full((1, 1, 1, 1), 9999)]),
    ops.deform_conv2d: dict(
        stride=[0, -1, 1.5, (1, 2, 3), None], padding=[-1, '1'], dilation=[0, 10**6], groups=0, deform_groups=[0, 3]
    ),
    ops.sigmoid_focal_loss: dict(gamma=['2', -1], alpha=None, reduction=[['mean'], 1], weight=torch.rand(2)),
}
TENSORS = [(call, name) for call, given in GOOD.items() for name, value in given.items() if torch.is_tensor(value)]


def wrong_values():
    for call, wrong in BAD.items():
        for name, values in wrong.items():
            for value in values if isinstance(values, list) else [values]:
                yield pytest.param(call, name, value, id=f'{call.__name__}-{name}-{str(value)[:20]}')


@pytest.mark.parametrize(('call', 'name', 'value'), list(wrong_values()))
def test_a_wrong_value_is_named(backend, call, name, value):
    call(**GOOD[call])
    with pytest.raises(ValueError, match=r'got|fit|divide|order') as caught:
        call(**{**GOOD[call], name: value})
    message = str(caught.value)
    # by its name, or by what it does to the channels
    assert {'num_samples': 'sampling_ratio', 'num_orientations': ''}.get(name, name) in message
    assert len(message) < 300


@pytest.mark.parametrize(('call', 'name'), TENSORS)
def test_what_is_no_tensor_of_real_numbers_is_named(call, name):
    for value in (None, [1.0], np.ones((2, 5)), GOOD[call][name].to(torch.complex64)):
        with pytest.raises(ValueError, match=f'{name} must be'):
            call(**{**GOOD[call], name: value})


def test_logits_of_whole_numbers_are_refused():
    with pytest.raises(ValueError, match=r'pred must be floating point, got torch\.int64'):
        ops.sigmoid_focal_loss(torch.tensor([[3, -2]]), torch.tensor([0]), reduction='sum')


def test_numbers_of_numpy_serve():
    assert checks.pair_of('size', np.int64(3), 1) == (3, 3)
    assert checks.pair_of('size', [np.int64(3), 4], 1) == (3, 4)
    checks.check_number('threshold', np.float32(0.5), 0, 1)
    checks.check_flag('aligned', np.bool_(True))


def test_a_long_value_is_cut():
    with pytest.raises(ValueError, match=r"got '8888.*\.\.\. of type str") as caught:
        checks.check_whole('count', '8' * 10_000, 1)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ('boxes', 'message'),
    [
        (torch.zeros(3, 4), r'dets must have shape \(n, 5\), got \(3, 4\)'),
        (torch.zeros(5), r'got \(5,\)'),
        (torch.zeros(3, 5, dtype=torch.int64), r'floating point, got torch\.int64'),
        (torch.zeros(3, 5).to_sparse(), 'must be a dense tensor'),
    ],
)
def test_boxes_are_checked(boxes, message):
    with pytest.raises(ValueError, match=message):
        checks.check_boxes('dets', boxes)
