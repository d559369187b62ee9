"""Colours of classes, as (red, green, blue) in 0..255."""

from collections.abc import Sequence

import cv2
import numpy as np

Color = tuple[int, int, int]

DOTA_PALETTE: list[Color] = [
    (165, 42, 42),
    (189, 183, 107),
    (0, 255, 0),
    (255, 0, 0),
    (138, 43, 226),
    (255, 128, 0),
    (255, 0, 255),
    (0, 255, 255),
    (255, 193, 193),
    (0, 51, 153),
    (255, 250, 205),
    (0, 139, 139),
    (255, 255, 0),
    (147, 116, 116),
    (0, 0, 255),
]
SAR_PALETTE: list[Color] = [(0, 255, 0)]
HRSC_PALETTE: list[Color] = [(0, 255, 0)]
# bright and far apart: the images are grey
HIT_UAV_PALETTE: list[Color] = [(255, 90, 90), (60, 220, 90), (80, 170, 255), (255, 210, 50)]

_NAMED = {'dota': DOTA_PALETTE, 'sar': SAR_PALETTE, 'hrsc': HRSC_PALETTE, 'hit_uav': HIT_UAV_PALETTE}
_COLORS: dict[str, Color] = {
    'black': (0, 0, 0),
    'white': (255, 255, 255),
    'red': (255, 0, 0),
    'green': (0, 255, 0),
    'blue': (0, 0, 255),
    'yellow': (255, 255, 0),
    'cyan': (0, 255, 255),
    'magenta': (255, 0, 255),
    'orange': (255, 128, 0),
}


def to_color(value: str | Sequence[int] | int) -> Color:
    """Colour of a name ('red', ...), a hex string ('#ff8000'), a grey value or three values."""
    if isinstance(value, str):
        if value.lower() in _COLORS:
            return _COLORS[value.lower()]
        digits = value.removeprefix('#')
        if value.startswith('#') and len(digits) == 6:
            try:
                return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
            except ValueError:
                pass
        raise ValueError(
            f'unknown colour {value!r}: one of {list(_COLORS)}, "#rrggbb", or for several classes '
            f'one of the palettes {[*_NAMED, "random"]}'
        )
    values = [value] * 3 if isinstance(value, (int, np.integer)) else [int(v) for v in value]
    if len(values) != 3 or min(values) < 0 or max(values) > 255:
        raise ValueError(f'a colour has three values in 0..255, got {value!r}')
    return values[0], values[1], values[2]


def get_palette(palette: str | Sequence | None, num_classes: int) -> list[Color]:
    """One colour per class.

    Args:
        palette: 'dota', 'sar', 'hrsc', 'hit_uav'; 'random' or None for distinct colours of any
            number; a colour (see :func:`to_color`) for all classes; or a list of colours. A list
            that is too short is continued with distinct colours.
        num_classes: how many are needed.
    """
    if num_classes < 0:
        raise ValueError(f'num_classes must not be negative, got {num_classes}')
    if palette is None or palette == 'random':
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
    value = 255 if index % 2 == 0 else 200
    hsv = np.array([[[hue, 200, value]]], np.uint8)
    r, g, b = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].tolist()
    return r, g, b
