"""What splitting costs beside encoding: 8 images of 4000 x 4000 pixels with 500 objects each.

The same tiles are written twice: by ``split_image``, and by a loop that only cuts them from the image in memory and
encodes and writes them. The difference is what reading, geometry, labels and bookkeeping take.

    python benchmarks/split.py
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from mmrotate.apis.split import split_images
from mmrotate.core.bbox import obb2poly_np
from mmrotate.core.raster import Raster
from mmrotate.datasets.sources import recognise
from mmrotate.datasets.splitting import Job, TileSettings, jobs_of_source
from mmrotate.utils.files import write_atomically


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print seconds and the share beside encoding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--images', type=int, default=8)
    parser.add_argument('--side', type=int, default=4000, help='pixels')
    parser.add_argument('--objects', type=int, default=500, help='of each image')
    parser.add_argument('--rounds', type=int, default=3, help='of which the fastest counts')
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as place:
        data, settings = Path(place, 'data'), TileSettings()
        for number in range(args.images):
            write_image(data, f'P{number}', args.side, args.objects)
        jobs = list(jobs_of_source(recognise(data)))
        decode = fastest(lambda out: read_all(jobs), args.rounds, Path(place, 'decode'))
        encode = fastest(lambda out: encode_only(jobs, settings, out), args.rounds, Path(place, 'encode'))
        split = fastest(lambda out: split_images(jobs, settings, out), args.rounds, Path(place, 'split'))
    rest = split - decode - encode
    print(f'decoding {decode:.2f} s, cutting, encoding and writing {encode:.2f} s, splitting {split:.2f} s')
    print(f'geometry, labels and bookkeeping: {rest:.2f} s, {rest / encode:.1%} of encoding')


def write_image(folder: Path, name: str, side: int, count: int) -> None:
    """A picture of smooth noise, about as hard to compress as aerial images, and its labels."""
    random = np.random.default_rng(sum(name.encode()))
    coarse = random.integers(0, 256, (side // 8, side // 8, 3), np.uint8)
    noise = random.integers(0, 12, (side, side, 3), np.uint8)
    pixels = cv2.add(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), noise)
    write_atomically(folder / 'images' / f'{name}.png', cv2.imencode('.png', pixels)[1].tobytes())
    boxes = np.column_stack(
        [random.uniform(0, side, (count, 2)), random.uniform(10, 120, (count, 2)), random.uniform(-1.5, 1.5, count)]
    )
    lines = (f'{" ".join(map(str, corners))} plane 0\n' for corners in obb2poly_np(boxes, 'le90').round(1).tolist())
    write_atomically(folder / 'labelTxt' / f'{name}.txt', ''.join(lines))


def read_all(jobs: Sequence[Job]) -> None:
    """Decode every image."""
    for job in jobs:
        with Raster(job.image) as image:
            image.read(0, 0, 1, 1)


def encode_only(jobs: Sequence[Job], settings: TileSettings, out: Path) -> float:
    """Write the tiles of every image, and nothing else; gives the seconds without those of decoding."""
    seconds = 0.0
    for job in jobs:
        image = cv2.imread(str(job.image))
        assert image is not None
        windows = settings.rules.windows(image.shape[1], image.shape[0]).tolist()
        out.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        for number, (left, top, right, bottom) in enumerate(windows):
            data = cv2.imencode(settings.suffix, image[top:bottom, left:right])[1]
            (out / f'{job.name}_{number}{settings.suffix}').write_bytes(data.tobytes())
        seconds += time.perf_counter() - start
    return seconds


def fastest(work: Callable[[Path], object], rounds: int, out: Path) -> float:
    """Seconds of the fastest round, by the clock or as ``work`` measured itself; each has a folder of its own."""
    times = []
    for number in range(rounds):
        start = time.perf_counter()
        measured = work(out / str(number))
        times.append(measured if isinstance(measured, float) else time.perf_counter() - start)
    return min(times)


if __name__ == '__main__':
    main()
