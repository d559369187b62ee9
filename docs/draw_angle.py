"""Draws docs/angle.svg: four rectangles in the three angle versions, converted by the library."""

import math
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Arc, Polygon

from mmrotate.core.bbox.angle import VERSIONS, regularize

RANGES = {
    'oc': 'oc\n0° < θ ≤ 90°\nsides as they come',
    'le90': 'le90\n-90° ≤ θ < 90°\nw is the long side',
    'le135': 'le135\n-45° ≤ θ < 135°\nw is the long side',
}
LONG, SHORT = 60.0, 26.0
DEGREES = (20.0, 60.0, 110.0, 160.0)  # of the long side, clockwise on the screen


def draw_box(axes: Axes, w: float, h: float, theta: float) -> None:
    """One rectangle around the origin, its sides' names, and the angle at its centre."""
    along = np.array([math.cos(theta), math.sin(theta)])
    across = np.array([-along[1], along[0]])
    corners = [sx * w / 2 * along + sy * h / 2 * across for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    axes.add_patch(Polygon(corners, facecolor='#dbe7f5', edgecolor='#5b7fa6', linewidth=1.5))
    axes.plot(*np.transpose(corners[2:]), color='#d1495b', linewidth=3)
    axes.plot([0, 46], [0, 0], color='#777777', linewidth=1, linestyle='--')
    axes.annotate('', 36 * along, (0, 0), arrowprops=dict(arrowstyle='->', color='#d1495b'))
    degrees = math.degrees(theta)
    # the y axis points down, so matplotlib's counter-clockwise is clockwise here
    axes.add_patch(Arc((0, 0), 44, 44, theta1=min(0, degrees), theta2=max(0, degrees), color='#222222'))
    axes.text(*(h / 2 + 8) * across, 'w', color='#d1495b', ha='center', va='center')
    axes.text(*(w / 2 + 8) * -along, 'h', color='#5b7fa6', ha='center', va='center')
    axes.set_title(f'w {w:.0f}, h {h:.0f}, θ {degrees:.0f}°', fontsize=9, y=-0.08)


def main() -> None:
    """Draw one row for each version."""
    mpl.rcParams.update({'svg.fonttype': 'none', 'svg.hashsalt': 'angle', 'font.size': 9})
    figure, rows = plt.subplots(len(VERSIONS), len(DEGREES), figsize=(8, 5))
    for row, version in zip(rows, VERSIONS, strict=True):
        row[0].text(-150, 0, RANGES[version], va='center', fontsize=9)
        for axes, degrees in zip(row, DEGREES, strict=True):
            sides = np.array([LONG]), np.array([SHORT]), np.array([math.radians(degrees)])
            draw_box(axes, *(float(part[0]) for part in regularize(*sides, version)))
            axes.set(xlim=(-52, 52), ylim=(46, -46), aspect='equal')
            axes.axis('off')
    figure.subplots_adjust(left=0.2, right=0.99, top=0.99, bottom=0.05, wspace=0.02, hspace=0.05)
    figure.savefig(Path(__file__).with_name('angle.svg'), metadata={'Date': None})


if __name__ == '__main__':
    main()
