import shutil
from pathlib import Path

import cv2
import pytest

from benchmarks.gpu_pack import recompress

SAMPLES = Path(__file__).parents[1] / 'data/hit_uav'


def test_images_get_smaller_and_labels_stay(tmp_path):
    for split in ('train', 'val'):
        shutil.copytree(SAMPLES, tmp_path / 'data' / split)
    recompress(tmp_path / 'data', tmp_path / 'pack', 60)
    for path in (SAMPLES / 'images').iterdir():
        copy = tmp_path / 'pack/train/images' / path.name
        assert copy.stat().st_size < 0.8 * path.stat().st_size
        assert cv2.imread(str(copy)).shape == cv2.imread(str(path)).shape
    for path in (SAMPLES / 'labelTxt').iterdir():
        assert (tmp_path / 'pack/val/labelTxt' / path.name).read_bytes() == path.read_bytes()


def test_a_damaged_image_is_named(tmp_path):
    for split in ('train', 'val'):
        shutil.copytree(SAMPLES, tmp_path / split)
    victim = next((tmp_path / 'val/images').iterdir())
    victim.write_bytes(b'no image')
    with pytest.raises(SystemExit, match=victim.name):
        recompress(tmp_path, tmp_path / 'pack', 60)
