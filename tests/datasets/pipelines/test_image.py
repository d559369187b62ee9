import cv2
import numpy as np
import pytest

from mmrotate.datasets.pipelines.image import BadImageError, pad, read_image, rescaled_size, resize

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)


def write(path, img):
    path.write_bytes(cv2.imencode(path.suffix, img)[1].tobytes())
    return path


@pytest.mark.parametrize('color_type', ['color', 'unchanged'])
def test_grey_images_get_three_channels(tmp_path, color_type):
    img = read_image(write(tmp_path / 'a.png', GREY), color_type)
    np.testing.assert_array_equal(img, np.repeat(GREY[..., None], 3, axis=2))
    assert read_image(tmp_path / 'a.png', 'grayscale').shape == (6, 8)


@pytest.mark.parametrize('color_type', ['color', 'unchanged'])
def test_alpha_is_dropped(tmp_path, color_type):
    bgra = np.dstack([GREY, GREY + 1, GREY + 2, np.full_like(GREY, 255)])
    img = read_image(write(tmp_path / 'a.png', bgra), color_type)
    np.testing.assert_array_equal(img, bgra[..., :3])


@pytest.mark.parametrize('suffix', ['.tif', '.png'])
def test_sixteen_bits(tmp_path, suffix):
    deep = GREY.astype(np.uint16) * 1000
    path = write(tmp_path / f'a{suffix}', deep)
    img = read_image(path)
    assert img.dtype == np.uint8 and img.shape == (6, 8, 3)
    np.testing.assert_allclose(img[..., 0], deep / 256, atol=1)
    np.testing.assert_array_equal(read_image(path, 'unchanged')[..., 2], deep)


def test_floating_point_tif(tmp_path):
    path = write(tmp_path / 'a.tif', GREY.astype(np.float32) * 10)
    img = read_image(path)
    assert img.dtype == np.uint8
    np.testing.assert_array_equal(img[..., 1], np.minimum(GREY.astype(int) * 10, 255))


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


@pytest.mark.parametrize(
    ('size', 'scale', 'expected'),
    [
        ((640, 512), (1024, 1024), (1024, 819)),
        ((512, 640), (1024, 1024), (819, 1024)),
        ((1000, 600), (1333, 800), (1333, 800)),
        ((600, 1000), (800, 1333), (800, 1333)),
        ((800, 800), (800, 512), (512, 512)),
        ((3, 5), 0.5, (2, 3)),
    ],
)
def test_size_that_keeps_the_ratio(size, scale, expected):
    assert rescaled_size(size, scale) == expected


def test_scale_must_be_positive():
    with pytest.raises(ValueError, match='positive'):
        rescaled_size((4, 4), 0.0)


def test_resize_is_bilinear_and_copies_nothing_in_vain():
    np.testing.assert_array_equal(resize(GREY, (16, 12)), cv2.resize(GREY, (16, 12)))
    assert resize(GREY, (8, 6)) is GREY
    assert resize(GREY, (0, 3)).shape == (3, 1)


def test_pad():
    padded = pad(GREY, (7, 10), 9)
    assert padded.shape == (7, 10) and (padded[6] == 9).all() and (padded[:, 8:] == 9).all()
    np.testing.assert_array_equal(padded[:6, :8], GREY)
    assert pad(GREY, (6, 8)) is GREY
    with pytest.raises(ValueError, match='cannot pad'):
        pad(GREY, (5, 10))
