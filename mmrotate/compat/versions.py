"""Versions as MMRotate 0.3 told them."""

from mmengine.utils import digit_version

import mmrotate

short_version = mmrotate.__version__


def parse_version_info(version_str: str) -> tuple[int | str, ...]:
    """``'0.4.0'`` -> (0, 4, 0), ``'1.0.0rc1'`` -> (1, 0, 0, 'rc1')."""
    parts: list[int | str] = []
    for part in version_str.split('.'):
        number, mark, rest = part.partition('rc')
        parts += [int(number)] * number.isdigit() + [f'rc{rest}'] * bool(mark)
    return tuple(parts)


version_info = parse_version_info(short_version)
__all__ = ['digit_version', 'parse_version_info', 'short_version', 'version_info']
