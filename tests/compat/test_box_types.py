"""Boxes as objects, against values of MMRotate 1.x."""

import pytest
import torch
from mmrotate.structures.bbox import HorizontalBoxes, QuadriBoxes, RotatedBoxes, hbox2qbox, hbox2rbox, rbox2hbox

from mmrotate.core.bbox.overlaps import bbox_overlaps
from mmrotate.utils.errors import ArgumentError
from tests.core.bbox.test_box_types import corner_gap, gap, tensor

SHAPE = (200, 260)
MOVES = {
    **{f'flip_{way}': ('flip_', SHAPE, way) for way in ('horizontal', 'vertical', 'diagonal')},
    **{f'rotate_{angle}': ('rotate_', (130, 100), angle) for angle in (37.0, -110.0, 90.0)},
    'translate': ('translate_', (7, -3)),
    'rescale': ('rescale_', (1.5, 0.7)),
    'resize': ('resize_', (1.5, 0.7)),
    'resize_1.5': ('resize_', (1.5, 1.5)),
}


def boxes(kind):
    return RotatedBoxes(tensor('boxes')) if kind == 'rboxes' else QuadriBoxes(tensor('box_types/qbox'))


def close(found, name, atol=1e-5):
    torch.testing.assert_close(found, tensor(name), rtol=1e-5, atol=atol)


def test_kinds_of_boxes():
    rotated = boxes('rboxes')
    close(rotated.convert_to('qbox').tensor, 'box_types/rbox2qbox')
    close(rotated.convert_to('hbox').tensor, 'box_types/rbox2hbox')
    upright = HorizontalBoxes(tensor('box_types/rbox2hbox'))
    close(upright.convert_to('rbox').tensor, 'box_types/hbox2rbox')
    close(upright.convert_to('qbox').tensor, 'box_types/hbox2qbox')
    for name, given in (('qbox2hbox', 'box_types/rbox2qbox'), ('qbox2hbox_skew', 'box_types/qbox')):
        close(QuadriBoxes(tensor(given)).convert_to('hbox').tensor, f'box_types/{name}')
    for name, given in (('qbox2rbox_exact', 'box_types/rbox2qbox'), ('qbox2rbox', 'box_types/qbox')):
        assert corner_gap(QuadriBoxes(tensor(given)).convert_to('rbox').tensor, tensor(f'box_types/{name}')) < 1e-3


@pytest.mark.parametrize('pattern', ['oc', 'le90', 'le135'])
def test_forms(pattern):
    close(boxes('rboxes').regularize_boxes(pattern), f'regularize_{pattern}/out')


@pytest.mark.parametrize(('longer', 'name'), [(True, 'start0'), (False, 'start0_short')])
def test_forms_from_any_angle(longer, name):
    close(boxes('rboxes').regularize_boxes(width_longer=longer, start_angle=0), f'regularize_{name}/out')


def test_a_quarter_turn_begins_with_its_lowest_angle():
    upright = RotatedBoxes([[5, 5, 8, 2, 0]]).regularize_boxes('oc')
    torch.testing.assert_close(upright, torch.tensor([[5, 5, 2, 8, -torch.pi / 2]]))


# of shifted quadrilaterals, and of those grown unevenly, there are no values
@pytest.mark.parametrize(
    ('kind', 'move'),
    [('rboxes', move) for move in MOVES if move != 'resize_1.5']
    + [('qboxes', move) for move in MOVES if move not in ('translate', 'resize')],
)
def test_moves(kind, move):
    moved, (method, *given) = boxes(kind), MOVES[move]
    getattr(moved, method)(*given)
    close(moved.tensor, f'{kind}_{move}/out')


def test_projections():
    moved, quads = boxes('rboxes'), boxes('qboxes')
    for each in (moved, quads):
        each.project_(tensor('project/matrix'))
    assert corner_gap(moved.tensor, tensor('project/rbox')) < 1e-3
    close(quads.tensor, 'project/qbox')
    quads.project_([[2, 0, 0], [0, 2, 0], [0, 0, 2]])  # the same places
    close(quads.tensor, 'project/qbox', 1e-4)


@pytest.mark.parametrize('kind', ['rboxes', 'qboxes'])
def test_measures(kind):
    given = boxes(kind)
    for measure in ('areas', 'widths', 'heights', 'centers'):
        close(getattr(given, measure), f'{kind}_measures/{measure}')
    assert torch.equal(given.is_inside(SHAPE), tensor(f'{kind}_measures/inside'))
    given.clip_(SHAPE)
    assert torch.equal(given.tensor, boxes(kind).tensor)
    if kind == 'rboxes':
        assert torch.equal(given.is_inside(SHAPE, all_inside=True), tensor('rboxes_measures/inside_all'))
        assert torch.equal(given.is_inside(SHAPE, allowed_border=10), tensor('rboxes_measures/inside_border'))


def test_points_inside():
    points = tensor('find_inside_points/points')
    rotated, quads = boxes('rboxes'), QuadriBoxes(tensor('find_inside_points/qboxes'))
    assert torch.equal(rotated.find_inside_points(points), tensor('find_inside_points/rbox'))
    assert torch.equal(rotated.find_inside_points(points, eps=2), tensor('find_inside_points/rbox_eps'))
    assert torch.equal(quads.find_inside_points(points), tensor('find_inside_points/qbox'))
    for given in (rotated, quads):
        pairs = given.find_inside_points(given.centers.clone(), is_aligned=True)
        assert torch.equal(pairs, given.find_inside_points(given.centers.clone()).diagonal())


@pytest.mark.parametrize('mode', ['iou', 'iof'])
def test_overlaps(mode):
    """Those of 1.x stop with an error: the values are of the function beneath."""
    first, second = (RotatedBoxes(tensor(f'overlaps/{name}')) for name in 'ab')
    close(RotatedBoxes.overlaps(first, second, mode), f'overlaps/{mode}')
    close(QuadriBoxes.overlaps(first.convert_to('qbox'), second.convert_to('qbox'), mode), f'overlaps/{mode}')


def test_overlaps_of_what_is_around():
    first, second = (rbox2hbox(tensor(f'overlaps/{name}')) for name in 'ab')
    close(bbox_overlaps(first, second), 'overlaps/fake_iou')


def test_upright_boxes_move_as_their_corners():
    upright = HorizontalBoxes([[10, 20, 30, 25]])
    upright.rotate_((20, 20), 90)
    torch.testing.assert_close(upright.tensor, torch.tensor([[15.0, 10, 20, 30]]))
    upright.flip_((100, 50))
    upright.clip_((100, 32))
    torch.testing.assert_close(upright.tensor, torch.tensor([[30.0, 10, 32, 30]]))
    assert [each.tolist() for each in (upright.widths, upright.heights, upright.areas)] == [[2], [20], [40]]
    assert gap(hbox2qbox(upright.tensor), hbox2qbox(rbox2hbox(hbox2rbox(upright.tensor)))) == 0
    for given in (upright, boxes('rboxes'), boxes('qboxes')):
        with pytest.raises(ArgumentError, match='direction must be'):
            given.flip_(SHAPE, 'sideways')


def test_boxes_are_rows():
    given = boxes('rboxes')
    assert len(given) == 30 and len(given[given.areas > 500]) < 30 and given[3].tensor.shape == (1, 5)
    assert torch.equal(RotatedBoxes.cat([given[:4], given[4:]]).tensor, given.tensor)
    assert given.to(torch.float64).clone().tensor.dtype == torch.float64 and 'RotatedBoxes' in repr(given)
    assert len(QuadriBoxes([])) == 0
    with pytest.raises(ArgumentError, match=r'RotatedBoxes are \(\.\.\., 5\), got \(2, 4\)'):
        RotatedBoxes([[1, 2, 3, 4]] * 2)
    with pytest.raises(ArgumentError, match='kinds of boxes'):
        given.convert_to('obb')
    with pytest.raises(ArgumentError, match='pattern must be one of'):
        given.regularize_boxes('le180')
