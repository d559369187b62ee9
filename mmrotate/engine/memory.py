"""How much memory a training takes."""

import sys

import torch

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


def peak_memory(device: torch.device) -> int:
    """Most memory in MB that was held so far: on a CUDA device by tensors, else by this process.

    0 where the system does not say.
    """
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated(device) // 2**20
    if resource is None:
        return 0
    unit = 1 if sys.platform == 'darwin' else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 2**20
