"""Image files of any size: their size without decoding, and windows of them.

TIFFs and what is too large to be decoded as a whole are read by rasterio (extra ``geo``), window by window; all else by
OpenCV, as a whole and once.
"""

import importlib.util
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from mmrotate.utils.imports import import_package

from .images import BadImageError, check_whole

WHOLE_PIXELS = 170_000_000  # up to here OpenCV decodes a file as a whole: 500 MB of three bands
# of decoded blocks, of all files of the process together; rasterio takes bytes where GDAL takes megabytes
CACHE_BYTES = 256 << 20
_TIFF = ('.tif', '.tiff')
_JPEG = ('.jpg', '.jpeg')
_OPENCV = (*_TIFF, *_JPEG, '.png', '.bmp', '.webp')
_PNG_DEPTH = 24  # where its header has the bits of a band
_EXTRA = "pip install 'mmrotate[geo]' brings rasterio, which may read it"
_GREY = np.array([0.114, 0.587, 0.299])  # shares of blue, green and red
_ORIENTATION = 0x0112  # tag of EXIF; from 5 on its values make width and height change places


class Raster:
    """An image file, of which windows are read; a context manager. Threads that read wait for each other.

    Arrays are (h, w, bands), of the type of the file, also if it has one band. Where no bands are chosen, those of
    files with three or four are in cv2's order, BGR(A), and those of all others in the order of the file. Colour maps
    are resolved, fewer than 8 bits become 0 to 255, and 0 is black.

    Attributes:
        path: The file.
        width, height: In pixels, as the image is seen (EXIF may turn it).
        dataset: The open dataset of rasterio, with ``crs``, ``transform`` and the like; None if OpenCV reads the file.

    Raises:
        BadImageError: Here and from the methods: the file is missing or damaged; the message holds its path.
        MissingPackageError: It needs rasterio, which is not there.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise BadImageError(f'cannot open the image {path}: no such file')
        self.dataset: Any = None
        self._lock = threading.Lock()
        self._decoded: np.ndarray | None = None
        self._colours: np.ndarray | None = None  # of a file with a colour map, by value, in cv2's order
        self._levels: np.ndarray | None = None  # of a file of few bits, or where 0 is white: brightness by value
        self._turned = False
        if not self._open_for_opencv():
            self._open_by_rasterio()

    @property
    def bands(self) -> int:
        """Number of bands."""
        return self._pixels.shape[2] if self.dataset is None else 3 if self._has_map else self.dataset.count

    @property
    def dtype(self) -> np.dtype:
        """Type of the pixels."""
        if self.dataset is None:
            return self._pixels.dtype if self.path.suffix.lower() in _TIFF else self._depth_of_header()
        return np.dtype(np.uint8 if self._has_map else self.dataset.dtypes[0])

    @property
    def nodata(self) -> float | None:
        """Value of pixels that hold nothing, if the file names one."""
        return None if self.dataset is None else self.dataset.nodata

    def read(
        self, x: int, y: int, w: int, h: int, fill: ArrayLike = 0, bands: Sequence[int] | None = None
    ) -> np.ndarray:
        """The window (h, w, bands) whose left upper corner is at ``x``, ``y``.

        Args:
            x: In pixels, as are the others; the window may stick out of the image, or lie outside.
            y: Likewise.
            w: Width of the window.
            h: Height.
            fill: What stands outside: a value, or one for each of the bands that are given back.
            bands: Numbers of bands, counted from 1 in the order of the file; None: all, see the class.
        """
        numbers = self._numbers(bands)
        inner, place = self._clip(x, y, w, h)
        if inner == (x, y, w, h):
            return self._read(inner, numbers)
        window = np.empty((h, w, len(numbers)), self.dtype)
        window[...] = fill
        if inner[2] > 0 and inner[3] > 0:
            window[place] = self._read(inner, numbers)
        return window

    def valid(self, x: int, y: int, w: int, h: int) -> np.ndarray:
        """Which pixels (h, w), bool, of a window are data: in the image, and neither ``nodata`` nor masked.

        An alpha band of 0 masks, of files that rasterio reads; the value ``nodata`` does where all bands have it.
        """
        mask = np.zeros((h, w), bool)
        inner, place = self._clip(x, y, w, h)
        if inner[2] > 0 and inner[3] > 0:
            mask[place] = True if self.dataset is None else self._by_rasterio('dataset_mask', inner) > 0
        return mask

    def preview(self, longest: int = 1024, bands: Sequence[int] | None = None) -> np.ndarray:
        """The whole image (h, w, bands) with sides of at most ``longest`` pixels, which are some of its pixels.

        It comes from the overviews of a file, if it has them.
        """
        factor = min(longest / max(self.width, self.height), 1)
        size = max(round(self.width * factor), 1), max(round(self.height * factor), 1)
        return self._read((0, 0, self.width, self.height), self._numbers(bands), size)

    def close(self) -> None:
        """Let go of the file and of what is in memory."""
        self._decoded = None
        if self.dataset is not None:
            self.dataset.close()

    def __enter__(self) -> 'Raster':
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _open_for_opencv(self) -> bool:
        """Whether OpenCV is to read the file; then its size is known from its header."""
        suffix = self.path.suffix.lower()
        if suffix not in _OPENCV:
            return False
        try:
            with warnings.catch_warnings(), Image.open(self.path) as header:
                warnings.simplefilter('ignore', Image.DecompressionBombWarning)
                (width, height), orientation = header.size, header.getexif().get(_ORIENTATION, 1)
        except Image.DecompressionBombError:
            return False
        except (OSError, ValueError, SyntaxError) as error:  # Pillow's errors of damaged headers
            if suffix in _TIFF and _has_rasterio():
                return False
            raise BadImageError(f'cannot read the size of the image {self.path}: {error}') from error
        if width * height > WHOLE_PIXELS or (suffix in _TIFF and orientation == 1 and _has_rasterio()):
            return False
        self._turned = orientation != 1
        self.width, self.height = (height, width) if orientation >= 5 else (width, height)
        return True

    def _depth_of_header(self) -> np.dtype:
        """The type of a file that is no TIFF: of those that OpenCV reads only PNG has more than 8 bits."""
        with self.path.open('rb') as file:
            start = file.read(_PNG_DEPTH + 1)
        return np.dtype(np.uint16 if start[1:4] == b'PNG' and start[_PNG_DEPTH:] == b'\x10' else np.uint8)

    @property
    def _pixels(self) -> np.ndarray:
        """The image (H, W, bands) as OpenCV decodes it."""
        with self._lock:
            if self._decoded is None:
                self._decoded = self._decode()
            return self._decoded

    def _decode(self) -> np.ndarray:
        # OpenCV keeps alpha and lets EXIF turn the image, but not both
        flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH if self._turned else cv2.IMREAD_UNCHANGED
        try:
            data = self.path.read_bytes()
            check_whole(data, f'the image {self.path}')
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except (OSError, cv2.error) as error:
            raise BadImageError(f'cannot decode the image {self.path}: {error}') from error
        if pixels is None or pixels.shape[:2] != (self.height, self.width):
            hint = '' if _has_rasterio() else f'; {_EXTRA}'
            raise BadImageError(f'cannot decode the image {self.path}: it is damaged, or of an unusual kind{hint}')
        return pixels.reshape(self.height, self.width, -1)

    def _open_by_rasterio(self) -> None:
        self._rasterio = import_package('rasterio', f'the image {self.path}, too large for OpenCV or none of its')
        if self.path.suffix.lower() in _JPEG:
            check_whole(self.path.read_bytes(), f'the image {self.path}')
        with self._gdal():
            self.dataset = self._rasterio.open(self.path)
            self.width, self.height = self.dataset.width, self.dataset.height
            if self.dataset.dtypes[0].startswith('complex'):
                raise BadImageError(f'the image {self.path} has complex numbers: write their amplitude into a file')
            self._levels = self._find_levels()
            if self._has_map:
                self._colours = np.zeros((65536, 3), np.uint8)
                for value, colour in self.dataset.colormap(1).items():
                    self._colours[value] = colour[2::-1]

    def _find_levels(self) -> np.ndarray | None:
        bits = int(self.dataset.tags(1, ns='IMAGE_STRUCTURE').get('NBITS', 8))
        inverted = self.dataset.tags(ns='IMAGE_STRUCTURE').get('MINISWHITE') == 'YES'
        if self._has_map or self.dtype not in (np.uint8, np.uint16) or not (bits < 8 or inverted):
            return None
        top = np.iinfo(self.dtype).max
        levels = np.arange(top + 1, dtype=np.int64) * (255 // (2**bits - 1) if bits < 8 else 1)
        levels = np.minimum(levels, top)
        return (top - levels if inverted else levels).astype(self.dtype)

    @property
    def _has_map(self) -> bool:
        return self.dataset.colorinterp[0].name == 'palette'

    def _gdal(self) -> Any:
        return _Gdal(self._rasterio, self.path)

    def _by_rasterio(self, method: str, inner: tuple[int, ...], **options: Any) -> np.ndarray:
        with self._lock, self._gdal():
            return getattr(self.dataset, method)(window=self._rasterio.windows.Window(*inner), **options)

    def _read(self, inner: tuple[int, ...], numbers: list[int], size: tuple[int, int] | None = None) -> np.ndarray:
        """The bands ``numbers`` of a window within the image, brought to ``size`` (w, h)."""
        x, y, w, h = inner
        if self.dataset is None:
            window = self._pixels[y : y + h, x : x + w, [self._index(number) for number in numbers]]
            return window if size is None else _sampled(window, size)
        width, height = size or (w, h)
        if self._colours is not None:
            values = self._by_rasterio('read', inner, indexes=1, out_shape=(height, width))
            return np.ascontiguousarray(self._colours[values][..., [3 - number for number in numbers]])
        planes = self._by_rasterio('read', inner, indexes=numbers, out_shape=(len(numbers), height, width))
        planes = planes if self._levels is None else self._levels[planes]
        return np.ascontiguousarray(planes.transpose(1, 2, 0))

    def _index(self, number: int) -> int:
        """Where OpenCV has the band ``number`` of the file."""
        return 3 - number if self.bands in (3, 4) and number < 4 else number - 1

    def _numbers(self, bands: Sequence[int] | None) -> list[int]:
        count = self.bands
        if bands is None:
            return [3, 2, 1, 4][:count] if count in (3, 4) else list(range(1, count + 1))
        if wrong := [band for band in bands if not 1 <= band <= count]:
            raise BadImageError(f'the image {self.path} has the bands 1 to {count}, no {wrong[0]}')
        return list(bands)

    def _clip(self, x: int, y: int, w: int, h: int) -> tuple[tuple[int, int, int, int], tuple[slice, slice]]:
        """The part of a window that lies in the image, and its place in the window."""
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + w, self.width), min(y + h, self.height)
        return (left, top, right - left, bottom - top), (slice(top - y, bottom - y), slice(left - x, right - x))


def read_window(image: Raster, window: Sequence[int], padding: Sequence[float] | float | None = None) -> np.ndarray:
    """The window left, top, right, bottom (h, w, bands) of an image.

    Args:
        image: The file.
        window: In pixels; it begins in the image.
        padding: What stands outside of the image: a value, or one for each band, in the order BGR; three also serve
            for grey, by their brightness, and for a fourth band, which is 0 there. None: what lies outside is left
            out.

    Raises:
        BadImageError: Another number of values than the file has bands, and those of :class:`Raster`.
    """
    left, top, right, bottom = window
    if padding is None:
        right, bottom = min(right, image.width), min(bottom, image.height)
    return image.read(left, top, right - left, bottom - top, 0 if padding is None else _fill(image, padding))


def _fill(image: Raster, padding: Sequence[float] | float) -> np.ndarray:
    """The value of each band outside of an image."""
    values = np.asarray(padding, np.float64).reshape(-1)
    if len(values) == 3 and image.bands == 1:
        return np.rint(values @ _GREY)
    if len(values) == 3 and image.bands == 4:
        return np.append(values, 0)
    if len(values) not in (1, image.bands):
        raise BadImageError(f'{image.path} has {image.bands} bands: give one padding value, or as many')
    return values


def write_tiff(path: str | Path, pixels: np.ndarray, scene: Raster, x: int, y: int) -> None:
    """Write a window (h, w, bands) of a scene, whose left upper corner is at ``x``, ``y``, as a compressed TIFF.

    Of any type and number of bands; place on earth, ``nodata`` and mask stay.
    """
    height, width, bands = pixels.shape
    rasterio = import_package('rasterio', f'the image {path} of {bands} bands')
    profile = dict(driver='GTiff', compress='deflate', height=height, width=width, count=bands, dtype=pixels.dtype)
    if bands in (3, 4):
        pixels = pixels[..., [2, 1, 0, 3][:bands]]
        profile |= {'photometric': 'rgb'} if pixels.dtype in (np.uint8, np.uint16) else {}
    mask = None
    if (source := scene.dataset) is not None:
        profile |= _placed(source, rasterio, x, y)
        profile['nodata'] = None if scene.bands != source.count else source.nodata
        if all('per_dataset' in (flag.name for flag in flags) for flags in source.mask_flag_enums):
            mask = None if bands in (2, 4) else scene.valid(x, y, width, height)
    with _Gdal(rasterio, Path(path), GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, 'w', **profile) as file:
        file.write(pixels.transpose(2, 0, 1))
        if mask is not None:
            file.write_mask(mask)


def _placed(source: Any, rasterio: Any, x: int, y: int) -> dict[str, Any]:
    """Where on earth the part of a dataset at ``x``, ``y`` is, as its file says it."""
    points, crs = source.gcps
    if not source.crs and crs:
        moved = [rasterio.control.GroundControlPoint(p.row - y, p.col - x, p.x, p.y, p.z) for p in points]
        return {'crs': crs, 'gcps': moved}
    place = {'crs': source.crs} if source.crs else {}
    if not source.transform.is_identity:
        place['transform'] = rasterio.windows.transform(rasterio.windows.Window(x, y, 1, 1), source.transform)
    return place


class _Gdal:
    """What GDAL says of a file is an error of the image; what it keeps in memory is bounded."""

    def __init__(self, rasterio: Any, path: Path, **settings: Any) -> None:
        self._errors, self._path = rasterio.errors, path
        self._settings = rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES, **settings)
        self._warnings = warnings.catch_warnings()

    def __enter__(self) -> None:
        self._warnings.__enter__()
        warnings.simplefilter('ignore', self._errors.NotGeoreferencedWarning)
        self._settings.__enter__()

    def __exit__(self, *raised: Any) -> None:
        self._settings.__exit__(*raised)
        self._warnings.__exit__(*raised)
        if isinstance(error := raised[1], self._errors.RasterioError):
            raise BadImageError(f'cannot read the image {self._path}: {error.__cause__ or error}') from error


def _has_rasterio() -> bool:
    return importlib.util.find_spec('rasterio') is not None


def _sampled(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels of an image (h, w, c) on a grid of ``size`` (w, h)."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int) for new, old in zip(size[::-1], image.shape, strict=False)
    )
    return image[rows[:, None], columns]
