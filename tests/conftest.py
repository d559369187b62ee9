"""Settings of all tests."""

import os

import torch
from hypothesis import settings

# without a GPU Triton's kernels run in its interpreter; it asks when it is imported
if not torch.cuda.is_available():
    os.environ.setdefault('TRITON_INTERPRET', '1')

# no deadline: how long an example takes says more of the machine's load than of the code
settings.register_profile('package', deadline=None, max_examples=40)
settings.load_profile('package')
