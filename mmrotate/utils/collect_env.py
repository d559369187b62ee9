"""What a bug report needs to know about the machine; ``python mmrotate/utils/collect_env.py`` prints it."""

from mmengine.utils.dl_utils import collect_env as collect_base_env

import mmrotate


def collect_env() -> dict[str, str]:
    """Versions of Python, PyTorch, the compilers, the GPUs and this package."""
    return {key: str(value) for key, value in {**collect_base_env(), 'MMRotate': mmrotate.__version__}.items()}


if __name__ == '__main__':
    for name, value in collect_env().items():
        print(f'{name}: {value}')
