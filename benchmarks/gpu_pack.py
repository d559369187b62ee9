"""What gpu.sh needs on a machine without a network, in one folder small enough to carry.

Wheels of the packages that a machine with PyTorch usually lacks, for its Python, and the images of
HIT-UAV compressed once more. Fails if all of it is over ``--limit``.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import cv2

# what the package imports and PyTorch does not bring, but for NumPy, OpenCV, Pillow and Matplotlib
PACKAGES = ('onedl-mmengine', 'addict', 'termcolor', 'yapf', 'platformdirs', 'rich', 'pygments', 'markdown-it-py',
            'mdurl', 'shapely', 'tqdm', 'pytest', 'iniconfig', 'pluggy', 'packaging', 'hypothesis',
            'sortedcontainers')  # fmt: skip
PLATFORMS = ('manylinux_2_28_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64')


def download(python: str, folder: Path) -> None:
    """The wheels of ``PACKAGES`` for Linux on x86-64."""
    command = [sys.executable, '-m', 'pip', 'download', '-q', '--no-deps', '--only-binary=:all:', '-d', str(folder)]
    command += ['--python-version', python, '--implementation', 'cp']
    subprocess.run([*command, *(f'--platform={name}' for name in PLATFORMS), *PACKAGES], check=True)


def recompress(source: Path, target: Path, quality: int) -> None:
    """Images and labels of both splits; the images grey, as the infrared ones are."""
    for split in ('train', 'val'):
        images = sorted((source / split / 'images').iterdir())
        if not images:
            raise SystemExit(f'no images in {source / split / "images"}')
        (target / split / 'images').mkdir(parents=True)
        for path in images:
            image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            done = image is not None and cv2.imwrite(
                str(target / split / 'images' / path.name), image, [cv2.IMWRITE_JPEG_QUALITY, quality]
            )
            if not done:
                raise SystemExit(f'{path} cannot be read, or its copy not written')
        shutil.copytree(source / split / 'labelTxt', target / split / 'labelTxt')


def main() -> None:
    """Make the folder anew and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', type=Path, default=Path('data/hit_uav'), help='HIT-UAV (default: data/hit_uav)')
    parser.add_argument('--out', type=Path, default=Path('outputs/gpu_pack'), help='default: outputs/gpu_pack')
    parser.add_argument('--python', default='3.12', help='version on the machine with the GPU (default: 3.12)')
    parser.add_argument('--quality', type=int, default=60, help='of the JPEG files (default: 60)')
    parser.add_argument('--limit', type=float, default=45, help='MB in all (default: 45)')
    args = parser.parse_args()
    if args.out.exists():
        raise SystemExit(f'{args.out} exists: remove it, or give another --out')
    download(args.python, args.out / 'wheels')
    recompress(args.data, args.out / 'data', args.quality)
    sizes = {name: _megabytes(args.out / name) for name in ('wheels', 'data')}
    print(f'{args.out}: wheels {sizes["wheels"]:.1f} MB, data {sizes["data"]:.1f} MB')
    if sum(sizes.values()) > args.limit:
        raise SystemExit(f'over {args.limit} MB: a lower --quality makes the images smaller')


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) / 1e6


if __name__ == '__main__':
    main()
