"""Memory and time of a search in tiles: a small and a large GeoTIFF, made here, through ``mmrotate infer``.

    python benchmarks/tiles.py                         # 10,000 and 30,000 pixels, hours of detection on a CPU
    python benchmarks/tiles.py --share 0.05            # a twentieth of the tiles holds data, the rest is nodata
    python benchmarks/tiles.py --sides 2000 6000 --share 0.2

Each scene is a tiled and compressed GeoTIFF of repeated images of demo/images; where it has no data nothing is
stored. What is printed is the peak of the resident memory of a process of its own, which searches the scene with the
model that the project ships, draws it and writes JSON and GeoJSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

ROOT = Path(__file__).parents[1]
MODEL = (
    ROOT / 'configs/hit_uav/oriented_rcnn_r18_half_fpn_hit_uav_le90.py',
    ROOT / 'demo/oriented_rcnn_r18_half_fpn_hit_uav_le90.pth',
)
BLOCK = 512


def make_scene(path: Path, side: int, share: float) -> None:
    """Write a scene of ``side`` pixels of which a ``share`` of the blocks, spread evenly, holds images."""
    image = cv2.imread(str(next((ROOT / 'demo/images').glob('*.jpg'))))[:BLOCK, :BLOCK, ::-1].transpose(2, 0, 1)
    image = np.maximum(image, 1)  # 0 is nodata
    profile = dict(driver='GTiff', width=side, height=side, count=3, dtype='uint8', crs='EPSG:32633', nodata=0)
    storage = dict(tiled=True, blockxsize=BLOCK, blockysize=BLOCK, compress='deflate', sparse_ok=True)
    blocks = [(x, y) for y in range(0, side, BLOCK) for x in range(0, side, BLOCK)]
    with rasterio.open(
        path, 'w', **profile, **storage, bigtiff='if_safer', transform=from_origin(500000, 5400000, 0.1, 0.1)
    ) as scene:
        for number, (x, y) in enumerate(blocks):
            if int(number * share) < int((number + 1) * share):
                w, h = min(BLOCK, side - x), min(BLOCK, side - y)
                scene.write(image[:, :h, :w], window=Window(x, y, w, h))


def search(path: Path, out: Path, tile: str, batch_size: int) -> tuple[float, float, int]:
    """Peak memory in MB, seconds, and detections of a process that searches a scene."""
    code = 'import sys; from mmrotate.cli import main; sys.exit(main(sys.argv[1:]))'
    options = ['--out', out, '--to', 'json,geojson,pictures', '--tile', tile, '--batch-size', batch_size]
    command = [sys.executable, '-c', code, 'infer', path, *MODEL, *options, '--device', 'cpu']
    start = time.perf_counter()
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL, cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f'the search of {path} failed')
    found = json.loads((out / 'detections.json').read_text())['images'][0]['detections']
    return usage.ru_maxrss / 1024, time.perf_counter() - start, len(found)


def main() -> None:
    """Make scenes, search them, print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--sides', type=int, nargs='+', default=[10_000, 30_000], help='pixels of the scenes, rising')
    parser.add_argument('--share', type=float, default=1.0, help='share of the blocks that hold data')
    parser.add_argument('--tile', default='auto')
    parser.add_argument('--batch-size', type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for side in args.sides:
            path = Path(folder, f'{side}.tif')
            make_scene(path, side, args.share)
            size = path.stat().st_size / 1e6
            peak, seconds, found = search(path, Path(folder, str(side)), args.tile, args.batch_size)
            print(f'{side} x {side}, file of {size:.0f} MB: peak {peak:.0f} MB, {seconds:.0f} s, {found} detections')


if __name__ == '__main__':
    main()
