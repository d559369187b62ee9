"""Settings of all tests."""

import logging
import os

import pytest
import torch
from hypothesis import settings

from mmrotate.utils import get_root_logger

# without a GPU Triton's kernels run in its interpreter; it asks when it is imported
if not torch.cuda.is_available():
    os.environ.setdefault('TRITON_INTERPRET', '1')

# no deadline: how long an example takes says more of the machine's load than of the code
settings.register_profile('package', deadline=None, max_examples=40)
settings.load_profile('package')


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
