"""Pairs of least total cost."""

import pytest
import torch
from scipy.optimize import linear_sum_assignment as scipys

from mmrotate.ops import linear_sum_assignment


@pytest.mark.parametrize('shape', [(1, 1), (5, 5), (3, 40), (40, 3), (30, 60), (60, 30)])
@pytest.mark.parametrize('whole', [False, True])
def test_is_as_cheap_as_scipy(shape, whole):
    cost = torch.randn(shape)
    if whole:  # many pairs cost the same
        cost = (cost * 2).round()
    rows, columns = linear_sum_assignment(cost)
    assert len(rows) == min(shape) == len(set(columns.tolist())) and rows.tolist() == sorted(set(rows.tolist()))
    best = cost[tuple(map(torch.from_numpy, scipys(cost)))].sum()
    torch.testing.assert_close(cost[rows, columns].sum(), best, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('shape', [(0, 3), (3, 0), (0, 0)])
def test_nothing_has_no_pairs(shape):
    rows, columns = linear_sum_assignment(torch.zeros(shape))
    assert rows.dtype == columns.dtype == torch.int64 and len(rows) == len(columns) == 0


def test_what_is_not_finite_is_dear():
    cost = torch.tensor([[torch.nan, 5.0], [1.0, torch.inf]])
    rows, columns = linear_sum_assignment(cost)
    assert rows.tolist() == [0, 1] and columns.tolist() == [1, 0]
