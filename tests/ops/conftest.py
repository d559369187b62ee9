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


@pytest.fixture
def backends_agree(monkeypatch):
    """Runs a function on every backend and compares its tensors with the plain one's."""

    def check(function, atol):
        names = ['torch', *(['cpp'] if module._library() is not None else [])]
        results = []
        for name in names:
            monkeypatch.setenv('MMROTATE_OPS_BACKEND', name)
            results.append(function())
        for result in results[1:]:
            torch.testing.assert_close(result, results[0], atol=atol, rtol=1e-5)

    return check
