"""Settings of all tests."""

import logging
import os

import pytest
import torch
from hypothesis import settings

from mmrotate.utils import get_root_logger, set_random_seed

# without a GPU Triton's kernels run in its interpreter; it asks when it is imported
if not torch.cuda.is_available():
    os.environ.setdefault('TRITON_INTERPRET', '1')

# of several processes each has one core
if 'PYTEST_XDIST_WORKER' in os.environ:
    torch.set_num_threads(1)
    os.environ.setdefault('OMP_NUM_THREADS', '1')

# no deadline: how long an example takes says more of the machine's load than of the code
settings.register_profile('package', deadline=None, max_examples=40)
settings.load_profile('package')


def pytest_collectstart() -> None:
    """Random values that a test file makes when it is read are the same in every run and in every order."""
    set_random_seed(0)


def pytest_runtest_setup() -> None:
    """And so are those that a test makes."""
    set_random_seed(0)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Processes of ``-n auto``: each holds PyTorch in memory."""
    return min(os.cpu_count() or 1, 8)


@pytest.fixture
def log():
    """What the package logs, as a list of records."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = get_root_logger()
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)
