import pytest
import torch

from mmrotate.core.anchor.fitting import fit_by_evolution, fit_by_k_means, mean_best_iou, side_ious

KINDS = torch.tensor([[10.0, 4.0], [30.0, 12.0], [60.0, 50.0]])


def boxes():
    return (KINDS.repeat(40, 1) * (1 + 0.02 * torch.randn(120, 2))).abs()


def test_overlaps_by_hand():
    assert side_ious(torch.tensor([[4.0, 2.0]]), torch.tensor([[4.0, 2.0], [2.0, 4.0], [8.0, 1.0]])).tolist() == [
        pytest.approx([1, 4 / 12, 4 / 12])
    ]
    assert mean_best_iou(KINDS, KINDS[:2]) == pytest.approx((1 + 1 + 360 / 3000) / 3)


@pytest.mark.parametrize('fit', [fit_by_k_means, fit_by_evolution])
def test_the_kinds_are_found(fit):
    told = []
    random = torch.Generator().manual_seed(1)
    anchors = fit(boxes(), 3, 60, random, lambda step, value: told.append((step, value)))
    torch.testing.assert_close(anchors, KINDS, rtol=0.05, atol=0)
    values = [value for _, value in told]
    assert values == sorted(values)
    assert values[-1] > 0.95


@pytest.mark.parametrize('fit', [fit_by_k_means, fit_by_evolution])
def test_fewer_boxes_than_anchors(fit):
    with pytest.raises(ValueError, match='4 anchors need at least as many boxes, got 3'):
        fit(KINDS, 4, 1, torch.Generator(), lambda step, value: None)
