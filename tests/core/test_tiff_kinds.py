"""GeoTIFFs of every kind that GDAL writes: the pixels are those that went in, or the file is refused with a reason."""

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.transform import from_origin

from mmrotate.core.earth import NowhereError, place_of
from mmrotate.core.images import BadImageError, read_image
from mmrotate.core.raster import Raster
from mmrotate.core.scene import Scene

H, W = 48, 64
RGB = np.random.default_rng(0).integers(0, 256, (3, H, W), np.uint8)
DEEP = np.random.default_rng(1).integers(100, 3000, (8, H, W)).astype(np.uint16)
COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 8, 7]], np.uint8)
MAP = {i: (*colour, 255) for i, colour in enumerate(COLOURS.tolist())}
FOUR = np.concatenate([RGB, RGB[:1]])
ROTATED = from_origin(500_000, 5_400_000, 0.5, 0.5) @ rasterio.Affine.rotation(30)
pytestmark = pytest.mark.filterwarnings('ignore')


def write(path, bands, colours=None, mask=None, **profile):
    count, height, width = bands.shape
    profile = {'driver': 'GTiff', 'dtype': bands.dtype, 'count': count, 'height': height, 'width': width, **profile}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, 'w', **profile) as file:
        if colours:
            file.write_colormap(1, colours)
        file.write(bands)
        if mask is not None:
            file.write_mask(mask)
    return path


def pixels_of(path):
    """The image as GDAL's own bands are meant: (h, w, bands), RGB."""
    with Raster(path) as raster:
        pixels = raster.read(0, 0, W, H)
    return pixels[..., [2, 1, 0, 3][: pixels.shape[2]]] if pixels.shape[2] in (3, 4) else pixels


LAYOUTS = {
    'striped': dict(compress='lzw', blockysize=16),
    'tiled': dict(compress='deflate', tiled=True, blockxsize=16, blockysize=32),
    'zstd': dict(compress='zstd'),
    'packbits': dict(compress='packbits'),
    'lerc': dict(compress='lerc'),
    'bands': dict(interleave='band'),
    'bigtiff': dict(bigtiff='yes'),
}


@pytest.mark.parametrize('layout', LAYOUTS)
def test_layouts(tmp_path, layout):
    path = write(tmp_path / 'a.tif', RGB, **LAYOUTS[layout])
    np.testing.assert_array_equal(pixels_of(path), RGB.transpose(1, 2, 0))
    try:
        np.testing.assert_array_equal(read_image(path)[..., ::-1], RGB.transpose(1, 2, 0))
    except BadImageError as error:
        assert 'OpenCV does not read' in str(error)


KINDS = {
    'grey': (RGB[:1], RGB[:1], {}),
    'grey and alpha': (RGB[:2], RGB[:1], dict(alpha='yes')),
    'alpha': (FOUR, RGB, dict(photometric='rgb', alpha='yes')),
    'palette': (RGB[:1] % 4, COLOURS[RGB[0] % 4].transpose(2, 0, 1), dict(photometric='palette', colours=MAP)),
    '1 bit': (RGB[:1] >> 7, (RGB[:1] >> 7) * 255, dict(nbits=1)),
    '4 bits': (RGB[:1] >> 4, (RGB[:1] >> 4) * 17, dict(nbits=4)),
    '0 is white': (RGB[:1], 255 - RGB[:1], dict(photometric='miniswhite')),
}


@pytest.mark.parametrize('kind', KINDS)
def test_bytes_are_seen_as_they_are_meant(tmp_path, kind):
    bands, meant, profile = KINDS[kind]
    path = write(tmp_path / 'a.tif', bands, **profile)
    np.testing.assert_array_equal(pixels_of(path)[..., : len(meant)], meant.transpose(1, 2, 0))
    wanted = np.broadcast_to(meant, (3, H, W)).transpose(1, 2, 0)
    with Scene(path) as scene:
        found = scene.pixels((0, 0, W, H))[..., ::-1]
    shown = (bands[-1] > 0)[..., None] if 'alpha' in kind else True
    np.testing.assert_array_equal(found, np.where(shown, wanted, 0))
    if kind == '4 bits':
        with pytest.raises(BadImageError):
            read_image(path)
        return
    np.testing.assert_array_equal(read_image(path)[..., ::-1], wanted)


@pytest.mark.parametrize('dtype', ['uint16', 'int16', 'uint32', 'int32', 'float32', 'float64'])
def test_deep_bands_are_stretched(tmp_path, dtype):
    path = write(tmp_path / 'a.tif', DEEP.astype(dtype), tiled=True, blockxsize=16, blockysize=16)
    with Scene(path, bands=[5, 3, 1], stretch='minmax') as scene:
        seen = scene.pixels((0, 0, W, H))[..., ::-1].astype(float)
        assert 'bands 5, 3, 1' in scene.said and dtype in scene.said
    chosen = DEEP[[4, 2, 0]].transpose(1, 2, 0).astype(float)
    low, high = chosen.min((0, 1)), chosen.max((0, 1))
    assert np.abs(seen - (chosen - low) / (high - low) * 255).max() <= 0.51
    with pytest.raises(BadImageError, match='8 bands: choose those for red, green and blue by --bands 3,2,1'):
        Scene(path)


def test_three_plain_bands_of_16_bits_are_all_kept(tmp_path):
    path = write(tmp_path / 'a.tif', DEEP[:3])
    np.testing.assert_array_equal(read_image(path, 'unchanged')[..., ::-1], DEEP[:3].transpose(1, 2, 0))
    np.testing.assert_array_equal(read_image(path)[..., ::-1], DEEP[:3].transpose(1, 2, 0) >> 8)


@pytest.mark.parametrize(
    ('bands', 'profile', 'reason'),
    [
        (DEEP[:3].astype(np.int16) - 500, {}, 'a TIFF of signed numbers'),
        (FOUR, dict(photometric='minisblack'), '4 bands that does not say that they are colours'),
        (RGB, dict(photometric='minisblack'), '3 bands that does not say that they are colours'),
        (DEEP, {}, 'more than four channels'),
    ],
)
def test_what_a_training_cannot_see_right_is_refused(tmp_path, bands, profile, reason):
    with pytest.raises(BadImageError, match=reason):
        read_image(write(tmp_path / 'a.tif', bands, **profile))


@pytest.mark.parametrize('dtype', ['complex64', 'complex_int16'])
def test_complex_numbers_are_refused(tmp_path, dtype):
    path = write(tmp_path / 'a.tif', RGB.astype(np.complex64), dtype=dtype)
    with pytest.raises(BadImageError, match='complex numbers'):
        Raster(path)


@pytest.mark.parametrize('kind', ['nodata', 'mask'])
def test_what_is_no_data_is_black(tmp_path, kind):
    hidden = np.zeros((H, W), bool)
    hidden[:20, :30] = True
    if kind == 'nodata':
        path = write(tmp_path / 'a.tif', np.where(hidden, 7, np.maximum(RGB, 8)), nodata=7)
    else:
        path = write(tmp_path / 'a.tif', np.maximum(RGB, 8), mask=~hidden)
    with Scene(path) as scene:
        assert scene.read((0, 0, 30, 20)) is None
        assert ((scene.pixels((0, 0, W, H)) == 0).all(2) == hidden).all()


def test_two_bands_that_are_no_colours_are_to_be_chosen(tmp_path):
    with pytest.raises(BadImageError, match='2 bands: choose one by --bands 1'):
        Scene(write(tmp_path / 'a.tif', RGB[:2]))


def points(bend=0.0):
    grid = [(column, row) for row in (0, H / 2, H) for column in (0, W / 2, W)]
    place = [ROTATED @ (column + bend * row * column, row) for column, row in grid]
    return [GroundControlPoint(row, column, *xy, 0) for (column, row), xy in zip(grid, place, strict=True)]


@pytest.mark.parametrize('profile', [dict(transform=ROTATED), dict(gcps=points())], ids=['turned', 'control points'])
def test_places_on_earth(tmp_path, profile):
    place = place_of(write(tmp_path / 'a.tif', RGB, crs='EPSG:32633', **profile))
    np.testing.assert_allclose(place.transform, ROTATED[:6], rtol=0, atol=1e-5)


RPC = rasterio.rpc.RPC(
    **dict.fromkeys(('height_off', 'lat_off', 'line_off', 'long_off', 'samp_off'), 0.0),
    **dict.fromkeys(('height_scale', 'lat_scale', 'line_scale', 'long_scale', 'samp_scale'), 1.0),
    **dict.fromkeys(('line_den_coeff', 'line_num_coeff', 'samp_den_coeff', 'samp_num_coeff'), [1.0] * 20),
)


@pytest.mark.parametrize(
    ('profile', 'reason'),
    [
        ({}, 'a coordinate reference system is missing'),
        (dict(crs='EPSG:32633'), 'a transform of its pixels is missing'),
        (dict(crs='EPSG:32633', gcps=points(0.01)), 'the best misses one by .* gdalwarp'),
        (dict(crs='EPSG:32633', gcps=points()[:3]), 'lie on a line'),
        (dict(rpcs=RPC), 'rational polynomial coefficients'),
    ],
)
def test_what_is_not_placed_exactly_is_refused(tmp_path, profile, reason):
    with pytest.raises(NowhereError, match=reason):
        place_of(write(tmp_path / 'a.tif', RGB, **profile))
