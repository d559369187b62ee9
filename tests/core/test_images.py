import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmrotate.core import images
from mmrotate.core.images import BadImageError, NotAnImageError, as_image, read_image
from mmrotate.utils import UserError

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)


@pytest.fixture(autouse=True)
def first_images(monkeypatch):
    """Nothing has been warned of yet."""
    monkeypatch.setattr(images, '_told', set())


def write(path, img):
    path.write_bytes(cv2.imencode(path.suffix, img)[1].tobytes())
    return path


@pytest.mark.parametrize('color_type', ['color', 'unchanged'])
def test_grey_images_get_three_channels(tmp_path, color_type):
    img = read_image(write(tmp_path / 'a.png', GREY), color_type)
    np.testing.assert_array_equal(img, np.repeat(GREY[..., None], 3, axis=2))
    assert read_image(tmp_path / 'a.png', 'grayscale').shape == (6, 8)


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_a_fourth_channel_is_dropped_or_kept(tmp_path, suffix, log):
    bgra = np.dstack([GREY, GREY + 1, GREY + 2, GREY * 5])
    path = write(tmp_path / f'a{suffix}', bgra)
    np.testing.assert_array_equal(read_image(path), bgra[..., :3])
    np.testing.assert_array_equal(read_image(path, 'unchanged'), bgra)
    assert not log
    # an array gives what the file gives, and because a fourth channel may be another band, it is said
    np.testing.assert_array_equal(as_image(bgra), bgra[..., :3])
    np.testing.assert_array_equal(as_image(bgra, 'unchanged'), bgra)
    assert 'it hides 100% of the pixels' in log[0].getMessage()


@pytest.mark.parametrize('suffix', ['.tif', '.png'])
def test_sixteen_bits(tmp_path, suffix):
    deep = GREY.astype(np.uint16) * 1000
    path = write(tmp_path / f'a{suffix}', deep)
    img = read_image(path)
    assert img.dtype == np.uint8 and img.shape == (6, 8, 3)
    np.testing.assert_allclose(img[..., 0], deep / 256, atol=1)
    np.testing.assert_array_equal(read_image(path, 'unchanged')[..., 2], deep)


def test_floating_point_tif(tmp_path, log):
    path = write(tmp_path / 'a.tif', GREY.astype(np.float32) * 10)
    img = read_image(path)
    assert img.dtype == np.uint8
    np.testing.assert_array_equal(img[..., 1], np.minimum(GREY.astype(int) * 10, 255))
    assert 'a.tif has pixels outside of 0..255' in log[0].getMessage()
    np.testing.assert_array_equal(read_image(path, 'grayscale'), img[..., 1])
    bright = write(tmp_path / 'b.tif', GREY.astype(np.float32) / 47)
    np.testing.assert_array_equal(read_image(bright)[..., 1], np.rint(GREY * (255 / 47)))
    nodata = write(tmp_path / 'c.tif', np.where(GREY == 0, np.nan, GREY).astype(np.float32))
    np.testing.assert_array_equal(read_image(nodata)[..., 1], GREY)


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.tif', '.bmp'])
@pytest.mark.parametrize('share', [0.0, 0.05, 0.5, 0.9])
def test_truncated_files_are_named(tmp_path, suffix, share):
    pixels = np.random.RandomState(0).randint(0, 255, (40, 50, 3)).astype(np.uint8)
    path = write(tmp_path / f'a{suffix}', pixels)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadImageError, match=str(path)):
        read_image(path)


def test_a_jpeg_without_its_end_is_refused_whatever_the_decoder_says(tmp_path, monkeypatch):
    path = write(tmp_path / 'a.jpg', GREY)
    path.write_bytes(path.read_bytes()[:-2])
    monkeypatch.setattr(cv2, 'imdecode', lambda data, flag: np.zeros((6, 8, 3), np.uint8))
    with pytest.raises(BadImageError, match='truncated'):
        read_image(path)


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(BadImageError, match='cannot open'):
        read_image(tmp_path / 'none.png')
    text = tmp_path / 'a.png'
    text.write_text('no image at all')
    with pytest.raises(BadImageError, match='cannot decode'):
        read_image(text)
    with pytest.raises(BadImageError, match=r'cannot open the image xxx.*\(9004 characters\)') as error:
        read_image('x' * 9000 + '.png')
    assert len(str(error.value)) < 300
    with pytest.raises(BadImageError, match='cannot open'):
        read_image('a\0.png')


# ---- images in memory

COLOR = np.arange(240, dtype=np.uint8).reshape(8, 10, 3)


@pytest.mark.parametrize(
    'same',
    [
        COLOR.astype(np.uint16) * 257,
        COLOR.astype('>u2') * 256,
        COLOR.astype(np.float32),
        COLOR.astype(np.float64) / 255,
        COLOR.astype(np.int64),
        COLOR.astype(np.int16),
        COLOR.astype(np.float16),
        np.dstack([COLOR, np.full(COLOR.shape[:2], 255, np.uint8)]),
        np.asfortranarray(COLOR),
        COLOR[..., ::-1].copy()[..., ::-1],
        Image.fromarray(COLOR[..., ::-1].copy()),
        Image.fromarray(COLOR[..., ::-1].copy()).convert('RGBA'),
        cv2.imencode('.png', COLOR)[1].tobytes(),
    ],
)
def test_every_way_to_give_an_image_means_the_same(same, log):
    found = as_image(same)
    assert found.dtype == np.uint8 and found.flags.c_contiguous
    np.testing.assert_array_equal(found, COLOR)
    assert not log
    gray = as_image(same, 'grayscale')
    np.testing.assert_array_equal(gray, cv2.cvtColor(COLOR, cv2.COLOR_BGR2GRAY))


def test_grey_images_in_memory():
    for grey in (GREY, GREY[..., None], Image.fromarray(GREY), Image.fromarray(GREY.astype(np.uint16) << 8)):
        np.testing.assert_array_equal(as_image(grey), np.repeat(GREY[..., None], 3, axis=2))
        np.testing.assert_array_equal(as_image(grey, 'grayscale'), GREY)
    palette = Image.fromarray(COLOR[..., ::-1].copy()).quantize(256)
    np.testing.assert_array_equal(as_image(palette), np.array(palette.convert('RGB'))[..., ::-1])


def test_the_depth_is_kept_where_it_should_be():
    for img in (COLOR.astype(np.uint16) * 257, COLOR.astype(np.float32) / 7):
        np.testing.assert_array_equal(as_image(img, 'unchanged'), img)


@pytest.mark.parametrize(
    ('img', 'words'),
    [
        (COLOR > 3, 'array of bool'),
        (COLOR * 1j, 'array of complex'),
        (COLOR.astype(object), 'array of object'),
        (COLOR.astype(np.uint16), 'uint16 with values from 0 to 239'),
        (COLOR.astype(np.int32) * 200, 'int32 with values from 0 to 47800'),
        (COLOR.astype(np.int16) - 5, 'int16 with values from -5 to 234'),
        (COLOR.astype(np.float32) - 127, 'float32 with values from -127 to 112'),
        (COLOR / 150.0, 'float64 with values from 0 to 1.59'),
        (COLOR * 300.0, 'values from 0 to 71700'),
        (np.where(COLOR == 7, np.nan, COLOR), 'values from nan to nan'),
        (np.where(COLOR == 7, np.inf, COLOR), 'values from 0 to inf'),
        (np.zeros((0, 4, 3), np.uint8), r'shape \(0, 4, 3\)'),
        (np.zeros(5, np.uint8), r'shape \(5,\)'),
        (np.zeros((4, 4, 2), np.uint8), r'shape \(4, 4, 2\)'),
        (np.zeros((3, 8, 10), np.uint8), r'channels come last: array\.transpose\(1, 2, 0\)'),
        (np.stack([COLOR, COLOR]), r'shape \(2, 8, 10, 3\); a batch is given as a list'),
        (b'', 'bytes is an empty file'),
        (b'pixels' * 90000, r'cannot decode the image in bytes \(540000 bytes\)'),
    ],
)
def test_pixels_without_a_certain_meaning_are_refused(img, words):
    with pytest.raises(BadImageError, match=words) as error:
        as_image(img)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ('thing', 'words'),
    [
        (None, r'got None; cv2\.imread gives None'),
        (torch.zeros(3, 8, 10), r'got Tensor of the shape \(3, 8, 10\); give tensor\.permute'),
        ('a.png', 'got str'),
        ([1, 2], 'got list'),
        (iter([COLOR]), 'got list_iterator'),
        (7, 'got int'),
    ],
)
def test_what_is_no_image_is_refused(thing, words):
    with pytest.raises(NotAnImageError, match=words) as error:
        as_image(thing)
    assert isinstance(error.value, TypeError) and isinstance(error.value, UserError)
    assert len(str(error.value)) < 300


def test_sixteen_bits_with_few_of_them_used_are_said(tmp_path, log):
    twelve = GREY.astype(np.uint16) * 80
    as_image(twelve)
    assert 'no value above 3760' in log[0].getMessage()
    as_image(twelve)
    assert len(log) == 1  # for the first only


def test_the_fourth_channel_says_nothing_of_brightness(tmp_path, log):
    opaque = np.dstack([GREY.astype(np.uint16) * 80] * 3 + [np.full((6, 8), 65535, np.uint16)])
    read_image(write(tmp_path / 'a.png', opaque))
    assert 'no value above 3760' in log[0].getMessage()
    floats = np.dstack([GREY.astype(np.float32) / 47] * 3 + [np.full((6, 8), 255, np.float32)])
    assert read_image(write(tmp_path / 'a.tif', floats)).max() == 255


def test_the_warning_names_the_file(tmp_path, log):
    for name in ('a.png', 'b.png'):
        read_image(write(tmp_path / name, GREY.astype(np.uint16) * 80))
    assert len(log) == 1 and 'a.png has 16 bits a pixel, but no value above 3760' in log[0].getMessage()
    read_image(write(tmp_path / 'c.png', GREY // 8))  # eight bits may be dark
    assert len(log) == 1
