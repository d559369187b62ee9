"""Shapes that the conversions of boxes take: boxes, results with scores, and nothing else."""

import numpy as np
import pytest
import torch

from mmrotate.core.bbox.transforms import (
    bbox_flip,
    bbox_mapping_back,
    get_best_begin_point,
    hbb2obb,
    obb2hbb,
    obb2poly,
    obb2poly_np,
    obb2xyxy,
    poly2obb,
    poly2obb_np,
    polys2obb_np,
    rbbox2result,
)
from tests.helpers.golden import VERSIONS

RESULTS = torch.tensor([[35.0, 20, 50, 20, 0, 0.9], [10, 12, 8, 4, 0.5, 0.1]])


@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize('convert', [obb2poly, obb2xyxy, obb2hbb])
def test_of_results_the_box_counts(convert, version):
    for results in (RESULTS, RESULTS.numpy()):
        got, expected = convert(results, version), convert(results[:, :5], version)
        assert got.tolist() == expected.tolist()
    assert obb2poly(RESULTS)[0].tolist() == [10, 10, 60, 10, 60, 30, 10, 30]
    hbb = torch.tensor([[1.0, 2, 7, 5, 0.9]])
    assert hbb2obb(hbb, version).tolist() == hbb2obb(hbb[:, :4], version).tolist()


def test_scores_of_results_stay_with_mirrored_boxes():
    for results in (RESULTS, RESULTS.numpy()):
        got = bbox_flip(results, (40, 100), 'diagonal')
        assert got[:, :5].tolist() == bbox_flip(results[:, :5], (40, 100), 'diagonal').tolist()
        assert got[:, 5].tolist() == results[:, 5].tolist()
    back = bbox_mapping_back(RESULTS, (40, 100), (2, 2, 2, 2), True, 'horizontal')
    assert back[:, 5].tolist() == RESULTS[:, 5].tolist()


@pytest.mark.parametrize('columns', [0, 3, 4, 7, 8])
@pytest.mark.parametrize(
    'convert',
    [
        obb2poly, obb2xyxy, obb2hbb, obb2poly_np, lambda boxes: bbox_flip(boxes, (9, 9)),
        lambda boxes: bbox_mapping_back(boxes, (9, 9), (1, 1, 1, 1), False),
    ],
)  # fmt: skip
def test_another_shape_of_boxes_is_named(convert, columns):
    with pytest.raises(ValueError, match=rf'shape \(n, 5\), or \(n, 6\) with scores, got \(2, {columns}\)'):
        convert(torch.zeros(2, columns))


def test_other_shapes_are_named():
    with pytest.raises(ValueError, match=r'hbboxes must have shape \(n, 4\).*got \(2, 6\)'):
        hbb2obb(torch.zeros(2, 6))
    # eight rows of nine numbers are no nine polygons
    for convert in (poly2obb, polys2obb_np):
        with pytest.raises(ValueError, match=r'polys must have shape \(n, 8\), got \(8, 9\)'):
            convert(np.zeros((8, 9)))
    with pytest.raises(ValueError, match=r'one quadrilateral .* got 2'):
        poly2obb_np(np.zeros((2, 8)))
    with pytest.raises(ValueError, match=r'bboxes must have shape \(n, 6\), got \(6, 5\)'):
        rbbox2result(torch.zeros(6, 5), torch.zeros(6), 1)
    with pytest.raises(ValueError, match=r'coordinates must have shape \(n, 8\), got \(2, 5\)'):
        get_best_begin_point(np.zeros((2, 5)))
