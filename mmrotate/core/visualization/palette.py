"""Colours of classes, as (red, green, blue) in 0..255."""

import re
from collections.abc import Sequence

import cv2
import numpy as np

from mmrotate.utils.errors import ArgumentError

Color = tuple[int, int, int]


def _rgb(digits: str) -> list[Color]:
    """Colours written as rrggbb, one after the other."""
    values = bytes.fromhex(digits)
    return list(zip(values[::3], values[1::3], values[2::3], strict=True))


DOTA_PALETTE = _rgb(
    'a52a2a bdb76b 00ff00 ff0000 8a2be2 ff8000 ff00ff 00ffff ffc1c1 003399 fffacd 008b8b ffff00 937474 0000ff'
    'dc143c 770b20 00008e'  # of 1.5 and 2.0
)
DIOR_PALETTE = _rgb(
    'dc143c 770b20 00008e 0000e6 6a00e4 003c64 005064 000046 0000c0 faaa1e 64aa1e dcdc00 af74af fa001e a52a2a ff4dff'
    '00e2fc b6b6ff 005200 78a69d'
)
SAR_PALETTE = _rgb('00ff00')
HRSC_PALETTE = _rgb('00ff00')
HRSC_CLASSWISE_PALETTE = DIOR_PALETTE + _rgb(
    '6e4c00 ae39ff c76400 480076 ffb3f0 007d5c d10097 bcd0b6 00dcb0 ff63a4 5c0049'
)
HIT_UAV_PALETTE = _rgb('ff5a5a 3cdc5a 50aaff ffd232')  # bright and far apart: the images are grey

_NAMED = {
    **{'dota': DOTA_PALETTE, 'sar': SAR_PALETTE, 'hrsc': HRSC_PALETTE, 'hit_uav': HIT_UAV_PALETTE},
    'hrsc_classwise': HRSC_CLASSWISE_PALETTE,  # 31 kinds of ships
}
_NAMES = ('black', 'white', 'red', 'green', 'blue', 'yellow', 'cyan', 'magenta', 'orange')
_COLORS = dict(zip(_NAMES, _rgb('000000 ffffff ff0000 00ff00 0000ff ffff00 00ffff ff00ff ff8000'), strict=True))


def to_color(value: str | Sequence[int] | int) -> Color:
    """Colour of a name ('red', ...), a hex string ('#ff8000'), a grey value or three values."""
    if isinstance(value, str):
        if value.lower() in _COLORS:
            return _COLORS[value.lower()]
        if re.fullmatch('#[0-9a-fA-F]{6}', value):
            return _rgb(value[1:])[0]
        raise ArgumentError(
            f'unknown colour {value!r}: one of {list(_COLORS)}, "#rrggbb", or for several classes '
            f'one of the palettes {[*_NAMED, "random"]}'
        )
    values = [value] * 3 if isinstance(value, (int, np.integer)) else [int(v) for v in value]
    if len(values) != 3 or min(values) < 0 or max(values) > 255:
        raise ArgumentError(f'a colour has three values in 0..255, got {value!r}')
    return values[0], values[1], values[2]


def get_palette(palette: str | Sequence | None, num_classes: int) -> list[Color]:
    """One colour for each of ``num_classes`` classes.

    The palette is 'dota', 'sar', 'hrsc', 'hrsc_classwise' or 'hit_uav'; 'random' or None for distinct colours of any
    number; a colour (see :func:`to_color`) for all classes; or a list of colours. One that is too short is continued
    with distinct ones.
    """
    if num_classes < 0:
        raise ArgumentError(f'num_classes must not be negative, got {num_classes}')
    if palette is None or (isinstance(palette, str) and palette == 'random'):
        colors: list[Color] = []
    elif isinstance(palette, str):
        colors = list(_NAMED.get(palette) or [to_color(palette)] * num_classes)
    elif len(palette) == 3 and all(isinstance(v, (int, np.integer)) for v in palette):
        colors = [to_color(palette)] * num_classes
    else:
        colors = [to_color(color) for color in palette]
    return [*colors, *(_distinct(i) for i in range(len(colors), num_classes))][:num_classes]


def _distinct(index: int) -> Color:
    """Colour ``index`` of an endless row of bright colours whose neighbours differ in hue."""
    hue = int(index * 0.618034 % 1 * 180)  # the golden ratio spreads the hues evenly
    hsv = np.array([[[hue, 200, 200 if index % 2 else 255]]], np.uint8)
    return tuple(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].tolist())
