"""How long opening a data set takes, as ratios to reading its label files, in the same run.

python -m benchmarks.data [--files 20000] [--objects 20]
"""

import argparse
import math
import os
import random
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.timing import median_ms
from mmrotate.datasets import DOTADataset
from mmrotate.datasets.formats.cache import VARIABLE

CLASSES = DOTADataset.CLASSES[:6]


def write_labels(folder: Path, files: int, objects: int) -> None:
    """Label files in the format of DOTA, with an empty image each."""
    rng = random.Random(0)
    for kind in ('labelTxt', 'images'):
        (folder / kind).mkdir()
    for number in range(files):
        lines = ''.join(f'{_corners(rng)} {rng.choice(CLASSES)} {rng.randrange(2)}\n' for _ in range(objects))
        (folder / 'labelTxt' / f'P{number}.txt').write_text(lines)
        (folder / 'images' / f'P{number}.png').touch()


def _corners(rng: random.Random) -> str:
    x, y, w, h, angle = (rng.uniform(*span) for span in ((50, 950), (50, 950), (10, 90), (5, 40), (-3, 3)))
    cos, sin = math.cos(angle) / 2, math.sin(angle) / 2
    ends = ((-w, -h), (w, -h), (w, h), (-w, h))
    return ' '.join(f'{x + a * cos - b * sin:.2f} {y + a * sin + b * cos:.2f}' for a, b in ends)


def read_files(folder: Path) -> None:
    """The yardstick: the content of every label file."""
    for path in folder.iterdir():
        path.read_bytes()


def open_data(folder: Path, version: str, cache: str) -> DOTADataset:
    """The data set, with its cache in a folder, or with none."""
    os.environ[VARIABLE] = cache
    return DOTADataset(str(folder / 'labelTxt'), [], version, img_prefix=str(folder / 'images'))


def measure(folder: Path, rounds: int) -> dict[str, float]:
    """Times of opening as ratios to reading, all taken in turns."""
    ways: dict[str, Callable[[], object]] = {'reading the files': partial(read_files, folder / 'labelTxt')}
    for version in ('le90', 'le135'):
        ways[f'opening, {version}'] = partial(open_data, folder, version, 'off')
    ways['opening again, le90, from the cache'] = partial(open_data, folder, 'le90', str(folder / 'cache'))
    times: dict[str, float] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name] = min(times.get(name, math.inf), median_ms(way, seconds=0, least=1))
    return {name: time / times['reading the files'] for name, time in times.items()}


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--files', type=int, default=20_000, help='label files (default: 20000)')
    parser.add_argument('--objects', type=int, default=20, help='objects in each (default: 20)')
    parser.add_argument('--rounds', type=int, default=3, help='rounds, of which the quickest counts (default: 3)')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_labels(Path(folder), args.files, args.objects)
        for name, ratio in measure(Path(folder), args.rounds).items():
            print(f'{name}: {ratio:.2f} x')


if __name__ == '__main__':
    main()
