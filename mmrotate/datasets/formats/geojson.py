"""GeoJSON: one file with a polygon for each object.

What is written of georeferenced images has longitude and latitude (RFC 7946) or, with a member ``crs``, the coordinates
of the images' system. Of others, or where but one of the images is none, it has pixel coordinates, which the member
``"coordinates": "pixels"`` of the collection says. Features have the properties ``image``, ``class``, and where there
are some ``difficulty``, ``score``, ``heading``, ``width`` and ``height`` (of the image). An image without objects is a
feature without geometry.

Read are files of others too: polygons of any number of points, with a ``class`` (or ``label``, or ``name``), and an
``image`` unless there is but one. Without that member the coordinates of a georeferenced image are those of the member
``crs``, else longitude and latitude (RFC 7946); rasterio (extra ``geo``) turns them into pixels.
"""

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmrotate.core.earth import (
    WGS84,
    NowhereError,
    Place,
    authority_of,
    collection,
    geometry,
    pixels_at,
    place_of,
    rings_on_earth,
)
from mmrotate.utils import UserError
from mmrotate.utils.imports import import_package

from ..image_folder import find_images
from .coco import text_at
from .documents import numbers, parse_json, polygon
from .frame import PerSet
from .record import Entry, EntryError, Record
from .shapes import corners

_PIXELS = 'pixels'
_WGS84 = 'OGC:CRS84'  # longitude, latitude
_CLASSES = ('class', 'label', 'name')
ToPixels = Callable[[Sequence[float]], Sequence[float]]  # x1, y1, x2 ... of a file to those of an image


def parse_geojson(path: Path, images: Path | None = None) -> Iterator[Record]:
    """The records of a file, in the order of their first features; see :class:`.frame.PerSet`."""
    data = parse_json(path.read_bytes())
    features = data.get('features') if isinstance(data, dict) else None
    if not isinstance(features, list):
        raise ValueError('this is no GeoJSON: a FeatureCollection with features is needed')
    found: dict[str, list[Entry]] = {}
    sizes: dict[str, tuple[int, int] | None] = {}
    ways: dict[str, ToPixels | None] = {}
    for number, feature in enumerate(features):
        place = f'feature {number}'
        if not isinstance(feature, dict):
            raise EntryError(place, f'a feature is needed, got {str(feature)[:60]}')
        properties = feature.get('properties') or {}
        if not isinstance(properties, dict):
            raise EntryError(place, f'properties must be an object, got {str(properties)[:60]}')
        name = _image_of(properties, images, place)
        entries = found.setdefault(name, [])
        sizes[name] = sizes.get(name) or _size(properties)
        if feature.get('geometry') is not None:
            if name not in ways:
                ways[name] = _way_to_pixels(data, images, name)
            entries.append(_entry(feature['geometry'], properties, ways[name], place))
    return (Record(name, entries, sizes[name]) for name, entries in found.items())


def _image_of(properties: Mapping[str, Any], images: Path | None, place: str) -> str:
    if properties.get('image') is None and images is not None and len(every := find_images(images)) == 1:
        return next(iter(every.values()))
    return text_at(properties, 'image', place)


def _size(properties: Mapping[str, Any]) -> tuple[int, int] | None:
    width, height = properties.get('width'), properties.get('height')
    known = isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0
    return (width, height) if known else None  # type: ignore[return-value]


def _entry(geometry: Any, properties: Mapping[str, Any], way: ToPixels | None, place: str) -> Entry:
    values = numbers(place, _ring(geometry, place))
    if way is not None:
        values = numbers(place, way(values))
    name = next((properties[key] for key in _CLASSES if isinstance(properties.get(key), str)), '')
    score, heading = properties.get('score'), properties.get('heading')
    return Entry(place, polygon(place, values), name, properties.get('difficulty') or 0, score, heading)


def _ring(geometry: Any, place: str) -> list[Any]:
    """The points of the outer ring of a polygon, without the last, which closes it: x1, y1, x2 ..."""
    kind, parts = (geometry.get('type'), geometry.get('coordinates')) if isinstance(geometry, dict) else (None, None)
    if kind == 'MultiPolygon' and isinstance(parts, list) and len(parts) == 1:
        kind, parts = 'Polygon', parts[0]
    ring = parts[0] if kind == 'Polygon' and isinstance(parts, list) and parts else None
    if not isinstance(ring, list) or not all(isinstance(point, list) and len(point) >= 2 for point in ring):
        raise EntryError(place, f'a Polygon is needed, got {str(geometry)[:60]}')
    points = ring[:-1] if len(ring) > 1 and ring[0] == ring[-1] else ring
    return [value for point in points for value in point[:2]]


def _way_to_pixels(data: Mapping[str, Any], images: Path | None, name: str) -> ToPixels | None:
    """How coordinates become pixels of an image; None if they are."""
    if data.get('coordinates') == _PIXELS:
        return None
    own = data.get('crs')
    try:
        if images is None or not (images / name).is_file():
            raise NowhereError(f'the image {name} is not there')
        place = _earth_of(images / name)
    except NowhereError as error:
        if own is not None:
            raise ValueError(f'it has a crs, but {error}: nothing turns it into pixels') from None
        return None
    named = (own.get('properties') or {}).get('name') if isinstance(own, dict) else None
    crs = import_package('rasterio.crs', 'the crs of GeoJSON')
    try:
        source = crs.CRS.from_user_input(named or _WGS84)
    except ValueError as error:  # CRSError is one
        raise ValueError(f'the crs {named!r} is not known: {error}') from None

    def to_pixels(values: Sequence[float]) -> Sequence[float]:
        points = pixels_at(place, np.reshape(values, (-1, 2)), source)
        from_first = points - points[0]
        following = np.roll(from_first, -1, 0)
        turns_left = (from_first[:, 0] * following[:, 1] - following[:, 0] * from_first[:, 1]).sum() < 0
        # on earth rings are counterclockwise; corners in images are mostly clockwise on the screen
        return (np.concatenate([points[:1], points[:0:-1]]) if turns_left else points).reshape(-1).tolist()

    return to_pixels


def earth_of(path: Path) -> Place | None:
    """Where on earth an image is; None if it does not say."""
    try:
        return _earth_of(path)
    except NowhereError:
        return None


def _earth_of(path: Path) -> Place:
    if path.suffix.lower() not in ('.tif', '.tiff') and importlib.util.find_spec('rasterio') is None:
        raise NowhereError(f'the image {path} is no TIFF')
    return place_of(path)


def dump_geojson(records: Iterable[Record], classes: Sequence[str], system: str = WGS84) -> Iterator[str]:
    """The text of a file, in pieces; a line for each feature.

    Coordinates are those of ``system`` if all records have a place on earth, else pixels.
    """
    del classes
    systems = {record.earth and record.earth.crs for record in records}
    placed = bool(systems) and None not in systems
    crs = None
    if placed and system != WGS84:
        if len(systems) > 1:
            raise UserError('--crs raster: the images are in several systems, one file has one: take --crs wgs84')
        crs = authority_of(next(record.earth for record in records if record.earth))
    features = (each for record in records for each in _features(record, system if placed else _PIXELS))
    yield from collection(features, crs, **({} if placed else {'coordinates': _PIXELS}))


def _features(record: Record, system: str) -> Iterator[dict[str, Any]]:
    size = {} if record.size is None else dict(zip(('width', 'height'), record.size, strict=True))
    shapes = np.array([corners(e.shape) for e in record.entries]).reshape(-1, 8)
    for e, shape in zip(record.entries, _geometries(record, shapes, system), strict=True):
        found = {'difficulty': e.difficulty or None, 'score': e.score, 'heading': e.heading}
        known = {key: value for key, value in found.items() if value is not None}
        yield _feature(shape, {'image': record.image, 'class': e.name, **known, **size})
    if not record.entries:
        yield _feature(None, {'image': record.image, **size})


def _geometries(record: Record, shapes: np.ndarray, system: str) -> Iterator[dict[str, Any]]:
    if system != _PIXELS and record.earth is not None:
        yield from (geometry(ring, system) for ring in rings_on_earth(record.earth, shapes, system))
        return
    for points in shapes.round(6).reshape(-1, 4, 2).tolist():
        yield {'type': 'Polygon', 'coordinates': [[*points, points[0]]]}


def _feature(geometry: Any, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {'type': 'Feature', 'properties': properties, 'geometry': geometry}


def _suits(content: bytes) -> str | None:
    """Why a file is one of the format."""
    return 'a FeatureCollection of GeoJSON' if b'"FeatureCollection"' in content[:4096] else None


GEOJSON = PerSet(
    name='geojson',
    summary='GeoJSON: polygons with class and image; longitude and latitude of georeferenced images, else pixels',
    suffix='.geojson',
    suits=_suits,
    holds=frozenset(('turned', 'corners', 'difficulty', 'grade', 'score', 'heading', 'empty', 'size', 'earth')),
    images='{split}',
    labels='{split}.geojson',
    parse=parse_geojson,
    dump=dump_geojson,
)
