import importlib.util

import pytest
import torch


@pytest.fixture
def device(monkeypatch):
    """Where Triton's kernels run: a GPU, or the CPU in Triton's interpreter."""
    if importlib.util.find_spec('triton') is None:
        pytest.skip('Triton is not installed')
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'triton')
    return 'cuda' if torch.cuda.is_available() else 'cpu'
