"""Where on earth the pixels of an image are, and shapes there as GeoJSON has them."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmrotate.utils import UserError
from mmrotate.utils.imports import import_package

from .raster import Raster

WGS84 = 'wgs84'
SYSTEMS = (WGS84, 'raster')
_DECIMALS = {WGS84: 10, 'raster': 6}  # of degrees, of metres or feet: a hundredth of a millimetre and less
_EXTRA = 'where images are on earth'
_GCP_ERROR = 0.5  # pixels by which ground control points may miss one affine transform


class NowhereError(UserError):
    """An image that does not say where on earth it is; the message says what is missing."""


class Place(NamedTuple):
    """Where on earth the pixels of an image are.

    Args:
        crs: Its coordinate reference system, as WKT.
        transform: From x, y in pixels to x, y of the system: a, b, c, d, e, f of a x + b y + c and d x + e y + f.
    """

    crs: str
    transform: Sequence[float]


def place_of(path: str | Path) -> Place:
    """Where an image is: by the coordinate reference system and the affine transform, or by the control points, of its
    file.

    Raises:
        NowhereError: It does not say, or not by a transform.
        MissingPackageError: rasterio is not there.
    """
    import_package('rasterio', _EXTRA)
    with Raster(path) as raster:
        return _place_in(raster.dataset, f'the image {path} is not georeferenced')


def _place_in(dataset: Any, refusal: str) -> Place:
    if dataset is None or not (dataset.crs or dataset.gcps[1]):
        missing = 'it has rational polynomial coefficients (RPC) only: gdalwarp makes an image that has a transform'
        if dataset is None or not dataset.rpcs:
            missing = 'a coordinate reference system is missing'
        raise NowhereError(f'{refusal}, {missing}')
    if dataset.crs and not dataset.transform.is_identity:
        return Place(dataset.crs.to_wkt(), list(dataset.transform)[:6])
    points, crs = dataset.gcps
    if len(points) < 3 or not crs:
        raise NowhereError(f'{refusal}, a transform of its pixels is missing')
    pixels, ground = np.array([[p.col, p.row, 1] for p in points]), np.array([[p.x, p.y] for p in points])
    middle = ground.mean(0)
    fit, _, rank, _ = np.linalg.lstsq(pixels, ground - middle, rcond=None)
    if rank < 3:
        raise NowhereError(f'{refusal}, its ground control points lie on a line')
    place = Place(crs.to_wkt(), [*fit[:, 0].tolist(), *fit[:, 1].tolist()])
    missed = np.abs(_into_pixels(place, ground - middle) - pixels[:, :2]).max()
    if missed > _GCP_ERROR:
        hint = f'no affine transform fits its ground control points, the best misses one by {missed:.1f} pixels'
        raise NowhereError(f'{refusal}: {hint}; gdalwarp makes an image of it that has a transform')
    a, b, c, d, e, f = place.transform
    return place._replace(transform=[a, b, c + float(middle[0]), d, e, f + float(middle[1])])


def pixels_at(place: Place, points: np.ndarray, crs: Any) -> np.ndarray:
    """The pixels (n, 2) of points (n, 2) in a coordinate reference system of rasterio, x or longitude first."""
    warp = import_package('rasterio.warp', _EXTRA)
    return _into_pixels(place, np.stack(warp.transform(crs, place.crs, *np.asarray(points, np.float64).T), 1))


def _into_pixels(place: Place, points: np.ndarray) -> np.ndarray:
    a, b, c, d, e, f = place.transform
    return np.asarray((points - [c, f]) @ np.linalg.inv([[a, d], [b, e]]))


def authority_of(place: Place) -> str:
    """The name of the system of an image, such as EPSG:32633; a UserError if it has none."""
    crs = import_package('rasterio.crs', _EXTRA).CRS.from_wkt(place.crs)
    if (found := crs.to_authority()) is None:
        raise UserError('--crs raster: the system of the images has no number of EPSG; take --crs wgs84')
    return ':'.join(found)


def rings_on_earth(place: Place, corners: np.ndarray, system: str = WGS84) -> np.ndarray:
    """Closed rings (n, 5, 2) of quadrilaterals (n, 8), counterclockwise.

    They begin with their first corner, in degrees east and north or in the image's system.
    """
    corners = np.asarray(corners, np.float64).reshape(-1, 2)
    a, b, c, d, e, f = place.transform
    x, y = corners @ [a, b] + c, corners @ [d, e] + f
    if system == WGS84 and len(corners):
        warp = import_package('rasterio.warp', _EXTRA)
        x, y = map(np.array, warp.transform(place.crs, 'EPSG:4326', x, y))
    rings = np.stack([x, y], 1).reshape(-1, 4, 2)
    if system == WGS84:  # those over the antimeridian are held together
        rings[..., 0] = np.where(np.ptp(rings[..., 0], 1)[:, None] > 180, rings[..., 0] % 360, rings[..., 0])
    from_first = rings - rings[:, :1]  # the large numbers of coordinates would drown a small area
    after = np.roll(from_first, -1, 1)
    areas = (from_first[..., 0] * after[..., 1] - after[..., 0] * from_first[..., 1]).sum(1)
    rings = np.where(areas[:, None, None] < 0, rings[:, [0, 3, 2, 1]], rings)
    return np.concatenate([rings, rings[:, :1]], 1)


def collection(found: Iterable[Mapping[str, Any]], crs: str | None = None, **members: Any) -> Iterator[str]:
    """The text of a file with the features and other ``members``, in pieces.

    ``crs`` names their system if it is not that of RFC 7946.
    """
    if crs:
        members['crs'] = {'type': 'name', 'properties': {'name': f'urn:ogc:def:crs:{crs.replace(":", "::")}'}}
    yield '{"type": "FeatureCollection",\n'
    yield from (f'{json.dumps(key)}: {json.dumps(value)},\n' for key, value in members.items())
    yield '"features": ['
    for number, feature in enumerate(found):
        yield f'{"," if number else ""}\n{json.dumps(feature, ensure_ascii=False)}'
    yield '\n]}\n'


def lines(found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The text of a file with a feature on each line (newline-delimited GeoJSON)."""
    return (f'{json.dumps(feature, ensure_ascii=False)}\n' for feature in found)


def geometry(ring: np.ndarray, system: str) -> dict[str, Any]:
    """The member ``geometry`` of a closed ring (5, 2)."""
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
