"""Detections of georeferenced images as GeoJSON."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmrotate.core.visualization import rbox_corners
from mmrotate.utils import UserError
from mmrotate.utils.imports import import_package

WGS84 = 'wgs84'
SYSTEMS = (WGS84, 'raster')
_DECIMALS = {WGS84: 8, 'raster': 4}  # of degrees: a millimetre; of metres or feet
_EXTRA = 'where images are on earth'


class Place(NamedTuple):
    """Where on earth the pixels of an image are.

    Args:
        crs: Its coordinate reference system, as WKT.
        transform: From x, y in pixels to x, y of the system: a, b, c, d, e, f of a x + b y + c and d x + e y + f.
    """

    crs: str
    transform: Sequence[float]


def place_of(path: str | Path) -> Place:
    """Where an image is, which its file must say by a coordinate reference system and an affine transform.

    Raises:
        UserError: It does not say.
        MissingPackageError: rasterio is not there.
    """
    rasterio = import_package('rasterio', _EXTRA, 'geo')
    try:
        with rasterio.open(path) as dataset:
            crs, transform = dataset.crs, dataset.transform
    except rasterio.errors.RasterioError as error:
        raise UserError(f'cannot read where the image {path} is: {error}') from error
    if not crs or transform.is_identity:
        what = 'no coordinate reference system' if not crs else 'no transform from pixels'
        raise UserError(f'--to geojson: the image {path} is not georeferenced, it has {what}; --to json has pixels')
    return Place(crs.to_wkt(), list(transform)[:6])


def authority_of(place: Place) -> str:
    """The name of the system of an image, such as EPSG:32633; a UserError if it has none."""
    crs = import_package('rasterio.crs', _EXTRA, 'geo').CRS.from_wkt(place.crs)
    if (found := crs.to_authority()) is None:
        raise UserError('--crs raster: the system of the images has no number of EPSG; take --crs wgs84')
    return ':'.join(found)


def rings_on_earth(place: Place, boxes: np.ndarray, system: str = WGS84) -> np.ndarray:
    """Closed rings (n, 5, 2) of boxes (n, 5), counterclockwise, in degrees east and north or in the image's system."""
    corners = rbox_corners(np.asarray(boxes, np.float64)).reshape(-1, 2)
    a, b, c, d, e, f = place.transform
    x, y = corners @ [a, b] + c, corners @ [d, e] + f
    if system == WGS84 and len(corners):
        warp = import_package('rasterio.warp', _EXTRA, 'geo')
        x, y = map(np.array, warp.transform(place.crs, 'EPSG:4326', x, y))
    rings = np.stack([x, y], 1).reshape(-1, 4, 2)
    if system == WGS84:  # those over the antimeridian are held together
        rings[..., 0] = np.where(np.ptp(rings[..., 0], 1)[:, None] > 180, rings[..., 0] % 360, rings[..., 0])
    after = np.roll(rings, -1, 1)
    areas = (rings[..., 0] * after[..., 1] - after[..., 0] * rings[..., 1]).sum(1)
    rings = np.where(areas[:, None, None] < 0, rings[:, ::-1], rings)
    return np.concatenate([rings, rings[:, :1]], 1)


def features(
    image: str, place: Place, result: Sequence[np.ndarray], classes: Sequence[str], system: str
) -> Iterator[dict]:
    """A feature of GeoJSON for each detection of a result, a list over classes of (n, 6)."""
    for name, dets in zip(classes, result, strict=True):
        for ring, det in zip(rings_on_earth(place, dets[:, :5], system), dets, strict=True):
            yield {
                'type': 'Feature',
                'geometry': _geometry(ring, system),
                'properties': {
                    'image': image, 'class': name, 'score': round(float(det[5]), 6),
                    'rbox': [round(float(value), 5) for value in det[:5]],
                },
            }  # fmt: skip


def collection(found: Iterable[Mapping[str, Any]], crs: str | None = None) -> Iterator[str]:
    """The text of a file with the features, in pieces; ``crs`` names their system if it is not that of RFC 7946."""
    named = {'type': 'name', 'properties': {'name': f'urn:ogc:def:crs:{crs.replace(":", "::")}'}} if crs else None
    yield '{"type": "FeatureCollection",\n'
    yield f'"crs": {json.dumps(named)},\n' if named else ''
    yield '"features": ['
    for number, feature in enumerate(found):
        yield f'{"," if number else ""}\n{json.dumps(feature, ensure_ascii=False)}'
    yield '\n]}\n'


def lines(found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The text of a file with a feature on each line (newline-delimited GeoJSON)."""
    return (f'{json.dumps(feature, ensure_ascii=False)}\n' for feature in found)


def _geometry(ring: np.ndarray, system: str) -> dict[str, Any]:
    if system == WGS84 and ring[:, 0].max() > 180:  # RFC 7946, 3.1.9: cut in two
        west, east = _below(ring, 180.0, 1), _below(ring, 180.0, -1)
        east[:, 0] -= 360
        return {'type': 'MultiPolygon', 'coordinates': [[_rounded(west, system)], [_rounded(east, system)]]}
    return {'type': 'Polygon', 'coordinates': [_rounded(ring, system)]}


def _below(ring: np.ndarray, limit: float, side: int) -> np.ndarray:
    """The part of a closed ring (n, 2) where ``side`` * x is at most ``side`` * ``limit``, closed."""
    kept = []
    for one, other in itertools.pairwise(ring):
        inside = [side * point[0] <= side * limit for point in (one, other)]
        if inside[0]:
            kept.append(one)
        if inside[0] != inside[1]:
            kept.append(one + (other - one) * (limit - one[0]) / (other[0] - one[0]))
    return np.array([*kept, kept[0]])


def _rounded(ring: np.ndarray, system: str) -> list[list[float]]:
    rounded: list[list[float]] = np.round(ring, _DECIMALS[system]).tolist()
    return rounded
