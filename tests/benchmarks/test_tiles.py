"""benchmarks/tiles.py makes scenes that hold as much data as asked for, and measures what a search takes."""

import pytest
import rasterio

from benchmarks import tiles
from mmrotate.core.scene import Scene


def test_scenes_hold_a_share_of_data(tmp_path):
    tiles.make_scene(tmp_path / 'a.tif', 2048, 0.25)
    with rasterio.open(tmp_path / 'a.tif') as file:
        assert (file.width, file.nodata, file.block_shapes[0]) == (2048, 0, (512, 512))
        assert file.compression.name == 'deflate'
        assert file.crs.to_epsg() == 32633
    with Scene(tmp_path / 'a.tif') as scene:
        blocks = [[x, y, x + 512, y + 512] for x in range(0, 2048, 512) for y in range(0, 2048, 512)]
        assert sum(scene.read(block) is not None for block in blocks) == 4


@pytest.mark.slow
def test_memory_does_not_follow_the_size(tmp_path):
    peaks = []
    for side, share in ((10_000, 0.003), (20_000, 0.0011)):  # a whole block of data in each; larger than GDAL's cache
        tiles.make_scene(tmp_path / f'{side}.tif', side, share)
        peak, _, found = tiles.search(tmp_path / f'{side}.tif', tmp_path / str(side), '1280x1024', 1)
        assert found > 0
        peaks.append(peak)
    assert peaks[1] < 1.1 * peaks[0]
