"""Methods that compilers take as one operation."""

import copy

import pytest
import torch

from mmrotate.ops import opaque as op
from mmrotate.ops.opaque import Owner, opaque


def like(owner, values, others, counts, least):
    return [values.new_empty(values.size(0)), values.new_empty(len(others), dtype=torch.int64)]


class Sums(Owner):
    """Adds its own number, and branches on values."""

    def __init__(self, number):
        self.number = number

    @opaque(like)
    def of(self, values, others, counts, least):
        total = values.sum(1) + self.number
        if least is not None and total.max() > least:
            total = total * 2
        return [total, torch.tensor([int(other.sum()) + sum(counts) for other in others], dtype=torch.int64)]


GIVEN = (torch.ones(4, 2), [torch.ones(3), torch.ones(2)], [1, 2], 5)


def test_arguments_come_apart_and_together_again():
    kinds, tensors, numbers = op._apart(GIVEN)
    values, others, counts, least = op._together(kinds, tensors, numbers)
    assert torch.equal(values, GIVEN[0]) and [len(other) for other in others] == [3, 2]
    assert (counts, least) == ([1, 2], 5)
    assert op._together(*op._apart((None, [], 7))) == [None, [], 7]


@pytest.mark.parametrize('least', [None, 5])
def test_compiled_it_gives_the_same_in_one_graph(least):
    owner = Sums(4)
    given = (*GIVEN[:3], least)
    compiled = torch.compile(owner.of, backend='eager', fullgraph=True)
    for found, expected in zip(compiled(*given), owner.of(*given), strict=True):
        assert torch.equal(found, expected)


def test_a_copy_is_an_owner_of_its_own():
    first = Sums(1)
    second = copy.deepcopy(first)
    second.number = 3
    totals = [torch.compile(one.of, backend='eager', fullgraph=True)(*GIVEN[:3], None)[0] for one in (first, second)]
    assert totals[0].tolist() == [3.0] * 4 and totals[1].tolist() == [5.0] * 4


def test_registered_as_an_operation_of_pytorch():
    owner = Sums(4)
    torch.library.opcheck(op._op, (id(owner), f'{__name__}.Sums.of', *op._apart(GIVEN)))
