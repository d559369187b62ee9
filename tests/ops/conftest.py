import pytest
import torch

from mmrotate.ops import backend as module


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(params=['cpp', 'torch'])
def backend(request, monkeypatch):
    """Every implementation in turn; the C++ one only where it was built."""
    if request.param == 'cpp' and module._library() is None:
        pytest.skip('the C++ operations were not built')
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', request.param)
    return request.param
