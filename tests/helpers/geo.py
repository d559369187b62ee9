"""GeoTIFFs for tests."""

import numpy as np
import rasterio
from rasterio.transform import from_origin


def write_tiff(path, image, crs='EPSG:32633', origin=(500000, 5400000), pixel=0.5, nodata=None):
    """Write an array (h, w, bands), in the order of the file, as a tiled GeoTIFF; gives its path."""
    height, width, bands = image.shape
    transform = from_origin(*origin, pixel, pixel)
    options = dict(tiled=True, blockxsize=64, blockysize=64, compress='deflate', nodata=nodata)
    place = {} if crs is None else dict(crs=crs, transform=transform)
    with rasterio.open(
        path, 'w', driver='GTiff', width=width, height=height, count=bands, dtype=image.dtype, **place, **options
    ) as file:
        file.write(np.moveaxis(image, 2, 0))
    return path
