"""Of the residual blocks of MMRotate 0.3."""

from typing import Any


def get_expansion(block: Any, expansion: int | None = None) -> int:
    """Channels that a block gives over those inside of it: ``expansion`` where it is given, else the block's own."""
    found = getattr(block, 'expansion', None) if expansion is None else expansion
    if not isinstance(found, int) or found < 1:
        raise TypeError(f'expansion must be a whole number from 1 on, got {found!r} for {block}')
    return found
