"""An image file of any size, type and number of bands as a detector sees it: windows of uint8, BGR."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmrotate.core.images import BadImageError
from mmrotate.core.raster import Raster

STRETCHES = ('percentile', 'minmax', 'none')
_PERCENTILES = (2, 98)
_PREVIEW = 1024  # pixels of the longer side of what the limits of a stretch are taken from


class Scene:
    """An image of which windows are read as uint8 (h, w, 3), BGR, whatever the file holds; a context manager.

    Args:
        path: The file, see :class:`Raster`.
        bands: Numbers from 1 of the bands taken for red, green and blue, or of one taken for all; None: those of a
            file that has one, three, or four, whose fourth is dropped.
        stretch: How values become 0 to 255: between the limits 'percentile' (2 and 98 %) or 'minmax' of each band,
            taken from the data of a preview of 1024 pixels; 'none': bytes as they are, 16 bits divided by 256, others
            cut. None: 'none' for bytes, else 'percentile'.

    Attributes:
        width, height: In pixels.
        changed: Whether values or bands are not those of the file.

    Raises:
        BadImageError: The file cannot be read, or has other numbers of bands.
    """

    def __init__(self, path: str | Path, bands: Sequence[int] | None = None, stretch: str | None = None) -> None:
        self.path, self._raster = Path(path), Raster(path)
        self.width, self.height = self._raster.width, self._raster.height
        self._bands = self._chosen(bands)
        self._stretch = stretch
        self.changed = bands is not None or stretch is not None or self._raster.dtype != np.uint8
        self._limits: np.ndarray | None = None
        flags = [] if self.dataset is None else self.dataset.mask_flag_enums
        self._masked = any('all_valid' not in (flag.name for flag in of_band) for of_band in flags)

    @property
    def dataset(self) -> Any:
        """The dataset of rasterio, which knows where on earth the image is; None if OpenCV reads the file."""
        return self._raster.dataset

    @property
    def said(self) -> str:
        """What is done to the pixels, for people."""
        kind, dtype, names = self._kind(), self._raster.dtype, [str(band) for band in self._bands[::-1]]
        bands = f'bands {", ".join(names)} as red, green, blue'
        if kind == 'none':
            how = {'uint8': 'as they are', 'uint16': 'divided by 256'}.get(dtype.name, 'cut to 0..255')
            return f'{bands}; {dtype} {how}'
        spans = (f'{low:g}..{high:g}' for low, high in self._find_limits().T[::-1])
        return f'{bands}; {dtype} stretched to 0..255 ({kind}) from {", ".join(spans)}'

    def read(self, window: Sequence[int]) -> np.ndarray | None:
        """The pixels of a window (left, top, right, bottom) within the image; None if it holds no data.

        That is: all are marked so, or all are of one colour.
        """
        values, valid = self._values(window)
        if (valid is not None and not valid.any()) or (values == values[:1, :1]).all():
            return None
        return self._as_bytes(values, valid)

    def pixels(self, window: Sequence[int]) -> np.ndarray:
        """The pixels of a window (left, top, right, bottom), which may stick out; those without data are black."""
        return self._as_bytes(*self._values(window))

    def preview(self, longest: int) -> np.ndarray:
        """The whole image with sides of at most ``longest`` pixels."""
        return self._as_bytes(self._raster.preview(longest, self._bands), None)

    def close(self) -> None:
        """Let go of the file."""
        self._raster.close()

    def __enter__(self) -> 'Scene':
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _values(self, window: Sequence[int]) -> tuple[np.ndarray, np.ndarray | None]:
        """Values of the file (h, w, 3), and which are data (h, w); None: all within the image."""
        left, top, right, bottom = (int(side) for side in window)
        place = (left, top, right - left, bottom - top)
        return self._raster.read(*place, bands=self._bands), self._raster.valid(*place) if self._masked else None

    def _chosen(self, bands: Sequence[int] | None) -> list[int]:
        """Bands for blue, green and red."""
        count = self._raster.bands
        if bands is None and count == 2 and self.dataset is not None and self.dataset.colorinterp[1].name == 'alpha':
            bands = [1]
        if bands is None:
            if count not in (1, 3, 4):
                how = 'those for red, green and blue by --bands 3,2,1' if count > 2 else 'one by --bands 1'
                raise BadImageError(f'the image {self.path} has {count} bands: choose {how}')
            bands = [1] if count == 1 else [1, 2, 3]
        if len(bands) not in (1, 3):
            raise BadImageError(f'one band or three, for red, green and blue, are needed, got {list(bands)}')
        if wrong := [band for band in bands if not 1 <= band <= count]:
            raise BadImageError(f'the image {self.path} has the bands 1 to {count}, no {wrong[0]}')
        return list(bands)[::-1] if len(bands) == 3 else [bands[0]] * 3

    def _kind(self) -> str:
        return self._stretch or ('none' if self._raster.dtype == np.uint8 else 'percentile')

    def _find_limits(self) -> np.ndarray:
        """The values (2, 3) that become 0 and 255."""
        if self._limits is None:
            self._limits = self._limits_of_bands()
        return self._limits

    def _limits_of_bands(self) -> np.ndarray:
        kind = self._kind()
        if kind == 'none':
            top = 255 * 257 if self._raster.dtype == np.uint16 else 255
            return np.array([[0.0] * 3, [float(top)] * 3])
        data = self._raster.preview(_PREVIEW, self._bands).reshape(-1, 3).astype(np.float64)
        nodata = self._raster.nodata
        good = np.isfinite(data) if nodata is None else np.isfinite(data) & (data != nodata)
        ends = _PERCENTILES if kind == 'percentile' else (0, 100)
        found = [
            np.percentile(band[use], ends) if use.any() else (0, 1) for band, use in zip(data.T, good.T, strict=True)
        ]
        return np.array(found).T

    def _as_bytes(self, values: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
        if self._kind() == 'none' and values.dtype in (np.uint8, np.uint16):
            out = values if values.dtype == np.uint8 else (values >> 8).astype(np.uint8)
        else:
            low, high = self._find_limits().astype(np.float32)
            scaled = (values.astype(np.float32) - low) * (255 / np.maximum(high - low, np.finfo(np.float32).tiny))
            out = np.clip(np.rint(np.nan_to_num(scaled)), 0, 255).astype(np.uint8)
        if valid is not None and not valid.all():
            out = np.where(valid[..., None], out, np.uint8(0))
        return np.ascontiguousarray(out)
