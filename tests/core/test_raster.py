import threading

import cv2
import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.enums import ColorInterp

from mmrotate.core import raster
from mmrotate.core.raster import BadImageError, Raster
from mmrotate.utils.imports import MissingPackageError

H, W = 40, 60


def pixels(bands, dtype=np.uint8):
    return np.random.randint(1, 250, (H, W, bands)).astype(dtype)


def write_tiff(path, planes, **options):
    """A GeoTIFF of an array (h, w, bands) in the order of the file."""
    size = dict(height=planes.shape[0], width=planes.shape[1], count=planes.shape[2], dtype=planes.dtype)
    with rasterio.open(path, 'w', driver='GTiff', transform=rasterio.Affine(2, 0, 9, 0, -2, 9), **size, **options) as f:
        f.write(planes.transpose(2, 0, 1))
    return path


def write(path, img):
    path.write_bytes(cv2.imencode(path.suffix, img)[1].tobytes())
    return path


@pytest.fixture
def without_rasterio(monkeypatch):
    monkeypatch.setattr(raster.importlib.util, 'find_spec', lambda name: None)
    monkeypatch.setitem(__import__('sys').modules, 'rasterio', None)


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
@pytest.mark.parametrize('bands', [1, 3, 4])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_windows_of_both_readers(tmp_path, suffix, bands, dtype):
    img = pixels(bands, dtype)
    with Raster(write(tmp_path / f'a{suffix}', img)) as file:
        assert (file.width, file.height, file.bands, file.dtype) == (W, H, bands, dtype)
        assert (file.dataset is None) == (suffix == '.png')
        np.testing.assert_array_equal(file.read(0, 0, W, H), img)
        np.testing.assert_array_equal(file.read(5, 7, 11, 13), img[7:20, 5:16])
        np.testing.assert_array_equal(file.read(0, 0, W, H, bands=[1]), img[..., [2 if bands > 1 else 0]])


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_what_lies_outside_has_a_value(tmp_path, suffix):
    img = pixels(3)
    with Raster(write(tmp_path / f'a{suffix}', img)) as file:
        window = file.read(W - 4, -3, 10, 8, fill=(1, 2, 3))
        np.testing.assert_array_equal(window[3:, :4], img[:5, -4:])
        assert (window[:3] == (1, 2, 3)).all() and (window[:, 4:] == (1, 2, 3)).all()
        assert (file.read(500, 0, 4, 4, fill=7) == 7).all()
        inside = np.zeros((8, 10), bool)
        inside[3:, :4] = True
        np.testing.assert_array_equal(file.valid(W - 4, -3, 10, 8), inside)
        assert not file.valid(-50, -50, 5, 5).any()


@pytest.mark.parametrize('dtype', [np.uint16, np.float32, np.int16])
def test_many_bands_stay_as_they_are(tmp_path, dtype):
    planes = pixels(7, dtype)
    with Raster(write_tiff(tmp_path / 'a.tif', planes, nodata=3, crs='EPSG:32633')) as file:
        assert (file.bands, file.dtype, file.nodata, file.dataset.crs) == (7, dtype, 3, 'EPSG:32633')
        np.testing.assert_array_equal(file.read(2, 3, 9, 8), planes[3:11, 2:11])
        np.testing.assert_array_equal(file.read(2, 3, 9, 8, bands=[5, 1]), planes[3:11, 2:11, [4, 0]])
        with pytest.raises(BadImageError, match=r'a.tif has the bands 1 to 7, no 8'):
            file.read(0, 0, 2, 2, bands=[8])


def test_pixels_without_data(tmp_path):
    planes = pixels(2)
    planes[:, :9] = 0
    planes[:, 20, 1] = 0  # in one band only
    with Raster(write_tiff(tmp_path / 'a.tif', planes, nodata=0)) as file:
        valid = file.valid(0, 0, W, H)
    assert not valid[:, :9].any() and valid[:, 9:].all()


def test_colour_maps_are_resolved(tmp_path):
    values = np.random.randint(0, 3, (H, W)).astype(np.uint8)
    colours = {0: (9, 8, 7), 1: (1, 2, 3), 2: (255, 0, 4)}
    place = dict(transform=rasterio.Affine(2, 0, 9, 0, -2, 9))
    with rasterio.open(
        tmp_path / 'a.tif', 'w', driver='GTiff', height=H, width=W, count=1, dtype=np.uint8, **place
    ) as f:
        f.write(values, 1)
        f.write_colormap(1, colours)
        f.colorinterp = [ColorInterp.palette]
    with Raster(tmp_path / 'a.tif') as file:
        assert (file.bands, file.dtype) == (3, np.uint8)
        bgr = np.array([colour[::-1] for colour in colours.values()], np.uint8)[values]
        np.testing.assert_array_equal(file.read(0, 0, W, H), bgr)
        np.testing.assert_array_equal(file.read(0, 0, W, H, bands=[1]), bgr[..., [2]])


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_preview_holds_pixels_of_the_image(tmp_path, suffix):
    img = np.arange(H * W, dtype=np.uint16).reshape(H, W, 1)
    with Raster(write(tmp_path / f'a{suffix}', img)) as file:
        small = file.preview(30)
        assert small.shape == (20, 30, 1) and len(np.unique(small)) == 600
        assert file.preview(1000).shape == (H, W, 1)


@pytest.mark.parametrize('orientation', [3, 6])
def test_exif_turns_an_image_as_in_training(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    Image.fromarray(pixels(3)).save(tmp_path / 'a.jpg', exif=exif)
    with Raster(tmp_path / 'a.jpg') as file:
        np.testing.assert_array_equal(file.read(0, 0, file.width, file.height), cv2.imread(tmp_path / 'a.jpg'))


def test_large_files_are_not_decoded_as_a_whole(tmp_path, monkeypatch):
    img = pixels(3)
    path = write(tmp_path / 'a.png', img)
    monkeypatch.setattr(raster, 'WHOLE_PIXELS', H * W - 1)
    with Raster(path) as file:
        assert file.dataset is not None
        np.testing.assert_array_equal(file.read(5, 6, 7, 8), img[6:14, 5:12])


def test_large_files_ask_for_rasterio(tmp_path, monkeypatch, without_rasterio):
    path = write(tmp_path / 'a.png', pixels(3))
    Raster(path).close()
    monkeypatch.setattr(raster, 'WHOLE_PIXELS', H * W - 1)
    with pytest.raises(MissingPackageError, match=r"a\.png.* rasterio.*pip install 'mmrotate\[geo\]'$"):
        Raster(path)


def test_small_tiffs_need_no_rasterio(tmp_path, without_rasterio):
    img = pixels(3)
    with Raster(write(tmp_path / 'a.tif', img)) as file:
        np.testing.assert_array_equal(file.read(0, 0, W, H), img)


def test_a_missing_file(tmp_path):
    with pytest.raises(BadImageError, match=r'nowhere\.png: no such file'):
        Raster(tmp_path / 'nowhere.png')


@pytest.mark.parametrize('name', ['a.png', 'a.jpg', 'a.tif', 'a.jp2'])
def test_no_image(tmp_path, name):
    (tmp_path / name).write_bytes(b'no image at all')
    with pytest.raises(BadImageError, match=rf'image .*{name}'):
        Raster(tmp_path / name)


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_a_file_that_was_cut_off(tmp_path, suffix):
    path = write(tmp_path / f'a{suffix}', pixels(3))
    if suffix == '.tif':  # its directory stands first
        write_tiff(path, pixels(3))
    path.write_bytes(path.read_bytes()[: 300 if suffix == '.png' else -3000])
    with pytest.raises(BadImageError, match=rf'a{suffix}'), Raster(path) as file:
        file.read(0, 0, W, H)


@pytest.mark.parametrize('whole', [H * W, H * W - 1])
def test_a_jpeg_that_was_cut_off(tmp_path, monkeypatch, whole):
    """Both libraries would fill it with grey."""
    path = write(tmp_path / 'a.jpg', pixels(3))
    path.write_bytes(path.read_bytes()[:-300])
    monkeypatch.setattr(raster, 'WHOLE_PIXELS', whole)
    with pytest.raises(BadImageError, match=r'a\.jpg is truncated'), Raster(path) as file:
        file.read(0, 0, W, H)


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_threads_read_one_after_the_other(tmp_path, suffix):
    img = pixels(3)
    wrong = []
    with Raster(write(tmp_path / f'a{suffix}', img)) as file:

        def look():
            for y in range(0, H - 8, 2):
                wrong.append(not np.array_equal(file.read(3, y, 9, 8), img[y : y + 8, 3:12]))

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(wrong) == 64 and not any(wrong)
