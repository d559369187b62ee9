"""Anchors inside an image."""

import torch

from mmrotate.core import anchor_inside_flags, rotated_anchor_inside_flags

CORNERS = torch.tensor([[0.0, 0, 10, 10], [-3, 0, 10, 10], [0, 0, 50, 10], [0, 0, 10, 33]])
CENTRES = torch.tensor([[5.0, 5, 90, 90, 0], [-3, 5, 1, 1, 0], [41, 5, 1, 1, 0], [5, 33, 1, 1, 0]])
VALID = torch.tensor([True, True, True, True])


def test_corners():
    assert anchor_inside_flags(CORNERS, VALID, (30, 40)).tolist() == [True, False, False, False]
    assert anchor_inside_flags(CORNERS, VALID, (30, 40), 4).tolist() == [True, True, False, True]
    assert anchor_inside_flags(CORNERS, VALID, (30, 40), -1).all()
    assert not anchor_inside_flags(CORNERS, ~VALID, (30, 40), 99).any()
    assert anchor_inside_flags(CORNERS[:0], VALID[:0], (30, 40)).shape == (0,)


def test_centres():
    flags = rotated_anchor_inside_flags(CENTRES, VALID, (30, 40))
    assert flags.tolist() == [True, False, False, False]
    flags = rotated_anchor_inside_flags(CENTRES, VALID, (30, 40), 4)
    assert flags.tolist() == [True, True, True, True]
    assert rotated_anchor_inside_flags(CENTRES, VALID, (30, 40), -1).all()
    assert not rotated_anchor_inside_flags(CENTRES, ~VALID, (30, 40), 99).any()
    assert rotated_anchor_inside_flags(CENTRES[:0], VALID[:0], (30, 40)).shape == (0,)
