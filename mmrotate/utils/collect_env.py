"""What a bug report needs to know about the machine."""

from mmengine.utils.dl_utils import collect_env as collect_base_env

import mmrotate


def collect_env() -> dict[str, str]:
    """Versions of Python, PyTorch, the compilers, the GPUs and this package."""
    return {key: str(value) for key, value in {**collect_base_env(), 'MMRotate': mmrotate.__version__}.items()}
