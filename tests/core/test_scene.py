"""Files of many bands and bits as a detector sees them."""

import cv2
import numpy as np
import pytest

from mmrotate.core.images import BadImageError, read_image
from mmrotate.core.scene import Scene
from tests.helpers.geo import write_tiff


@pytest.fixture
def deep(tmp_path):
    """A file of five bands and 16 bits, without data in its left upper quarter."""
    values = np.random.default_rng(0).integers(200, 3000, (128, 192, 5)).astype(np.uint16)
    values[..., 3] *= 10
    values[:64, :96] = 0
    return values, write_tiff(tmp_path / 'deep.tif', values, nodata=0)


def test_bytes_are_those_of_the_image(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    write_tiff(tmp_path / 'a.tif', image[..., ::-1])
    for name in ('a.png', 'a.tif'):
        with Scene(tmp_path / name) as scene:
            assert (scene.width, scene.height, scene.changed) == (80, 60, False)
            np.testing.assert_array_equal(scene.read([10, 20, 70, 60]), image[20:60, 10:70])
            np.testing.assert_array_equal(read_image(tmp_path / name), image)


def test_bands_and_stretch_do_what_they_say(deep):
    values, path = deep
    with Scene(path, [4, 3, 2], 'minmax') as scene:
        assert 'bands 4, 3, 2 as red, green, blue; uint16 stretched to 0..255 (minmax) from' in scene.said
        chosen = values[64:, :, [1, 2, 3]].astype(float)
        low, high = (getattr(values[values[..., 0] > 0][:, [1, 2, 3]], kind)(0) for kind in ('min', 'max'))
        expected = np.rint((chosen - low) / (high - low) * 255)
        np.testing.assert_allclose(scene.read([0, 64, 192, 128]), expected, atol=0.51)
    with Scene(path, [1], 'percentile') as scene:
        seen = scene.read([0, 64, 192, 128])
        assert (seen[..., 0] == seen[..., 2]).all()
        assert 0.01 < (seen == 0).mean() < 0.03
        assert 0.01 < (seen == 255).mean() < 0.03
    with Scene(path, [5], 'none') as scene:
        assert 'uint16 divided by 256' in scene.said
        np.testing.assert_array_equal(scene.read([96, 0, 192, 64])[..., 0], values[:64, 96:, 4] >> 8)


def test_windows_without_data_are_none_and_pixels_without_are_black(deep):
    _, path = deep
    with Scene(path, [3, 2, 1]) as scene:
        assert scene.read([0, 0, 96, 64]) is None
        seen = scene.read([0, 0, 192, 64])
        assert not seen[:, :96].any()
        assert seen[:, 96:].mean() > 60
        assert scene.pixels([0, 0, 10, 10]).shape == (10, 10, 3)
        assert scene.pixels([-5, -5, 10, 10]).shape == (15, 15, 3)


def test_floats_are_stretched(tmp_path):
    values = np.linspace(-1, 1, 64 * 64, dtype=np.float32).reshape(64, 64, 1)
    values[0, 0] = np.nan
    with Scene(write_tiff(tmp_path / 'a.tif', values, nodata=np.nan), stretch='minmax') as scene:
        seen = scene.read([0, 0, 64, 64])
        assert seen[0, 0].tolist() == [0, 0, 0]
        assert (seen[0, 1].max(), seen[-1, -1].min()) == (0, 255)
        assert seen[32, 0, 0] in (127, 128)


def test_a_choice_of_bands_is_needed_or_must_fit(deep):
    _, path = deep
    with pytest.raises(BadImageError, match='has 5 bands: choose'):
        Scene(path)
    with pytest.raises(BadImageError, match='bands 1 to 5, no 6'):
        Scene(path, [6, 1, 2])
    with pytest.raises(BadImageError, match='one band or three'):
        Scene(path, [1, 2])
