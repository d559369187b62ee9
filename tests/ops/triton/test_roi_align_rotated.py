import pytest
import torch

from mmrotate.ops import backend, roi_align_rotated
from tests.ops.oracles import random_boxes


def _run(maps, rois, device, **kwargs):
    """Features, and the gradient of the maps for a fixed gradient of the features."""
    leaf = maps.to(device).requires_grad_()
    out = roi_align_rotated(leaf, rois.to(device), **kwargs)
    weight = torch.linspace(-1, 1, out.numel(), device=device, dtype=out.dtype)
    (out.flatten() * weight).sum().backward()
    return out.detach().cpu(), leaf.grad.cpu()


@pytest.mark.parametrize('sampling', [0, 1, 2])
@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_it_is_the_plain_one(device, monkeypatch, sampling, aligned, dtype):
    maps = torch.rand(2, 35, 11, 13, dtype=dtype)  # one channel block and a part
    index = torch.tensor([0, 1, 1, 0, 1, 0.0])[:, None]
    rois = torch.cat([index, random_boxes(6, 150)], 1).to(dtype)
    rois[5, 1] = torch.nan  # reads nothing
    options = dict(
        output_size=(3, 2), spatial_scale=0.1, sampling_ratio=sampling, aligned=aligned,
        clockwise=sampling == 1,
    )  # fmt: skip
    got = _run(maps, rois, device, **options)
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    expected = _run(maps, rois, 'cpu', **options)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-10
    for mine, plain in zip(got, expected, strict=True):
        torch.testing.assert_close(mine, plain, rtol=tolerance, atol=tolerance)
        assert plain.abs().max() > 0.1
    assert got[0][5].abs().max() == 0


def test_one_cell_and_half_precision(device, monkeypatch):
    maps, rois = torch.rand(1, 4, 6, 6).half(), torch.tensor([[0, 3, 3, 4, 2, 0.4]])
    got = roi_align_rotated(maps.to(device), rois.to(device), 1)
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    assert got.dtype == torch.float16
    torch.testing.assert_close(got.cpu(), roi_align_rotated(maps, rois, 1))


def test_more_cells_than_a_program_takes(device, monkeypatch):
    maps = torch.rand(1, 3, 8, 8)
    rois = torch.tensor([[0, 30, 40, 50, 30, 0.4], [0, 40, 30, 20, 60, -1]])
    options = dict(output_size=(9, 9), spatial_scale=0.1, sampling_ratio=2)
    got = _run(maps, rois, device, **options)
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    for mine, plain in zip(got, _run(maps, rois, 'cpu', **options), strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-5, atol=1e-5)


def test_sums_in_order_where_they_are_asked_for(device, monkeypatch):
    def refuse(*args):
        pytest.fail('atomic sums')

    monkeypatch.setattr(backend.triton_kernels(), 'roi_align_rotated_backward', refuse)
    torch.use_deterministic_algorithms(True)
    try:
        _, grad = _run(torch.rand(1, 2, 6, 6), torch.tensor([[0, 3, 3, 4, 2, 0.4]]), device, output_size=2)
    finally:
        torch.use_deterministic_algorithms(False)
    assert grad.abs().max() > 0


def test_nothing(device):
    maps = torch.rand(1, 3, 4, 4, device=device, requires_grad=True)
    out = roi_align_rotated(maps, torch.zeros(0, 6, device=device), 7)
    assert out.shape == (0, 3, 7, 7)
    out.sum().backward()
    assert maps.grad.abs().max() == 0


@pytest.mark.parametrize('roi', [[0, 2, 3, 1e6, 1e6, 0.3], [0, 2, 3, 1e9, 4, 2], [0, 2, 3, 1e30, 1e30, 0.3]])
def test_a_vast_region_costs_what_its_map_has(device, monkeypatch, roi):
    maps, rois = torch.rand(1, 2, 4, 3, dtype=torch.float64), torch.tensor([roi], dtype=torch.float64)
    got = _run(maps, rois, device, output_size=2)
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    for mine, plain in zip(got, _run(maps, rois, 'cpu', output_size=2), strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-9, atol=0)


def test_a_map_without_pixels(device):
    maps = torch.rand(1, 3, 0, 4, device=device, requires_grad=True)
    out = roi_align_rotated(maps, torch.tensor([[0, 1, 1, 2, 2, 0.0]], device=device), 2)
    assert out.tolist() == torch.zeros(1, 3, 2, 2).tolist()
    out.sum().backward()
