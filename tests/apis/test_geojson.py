"""Detections on earth: places by formulas written here, the rules of RFC 7946, and GDAL's own reader where it is."""

import json
import math
import shutil
import subprocess
import sys

import numpy as np
import pytest

from mmrotate.apis.geojson import features
from mmrotate.core.earth import Place, authority_of, collection, lines, place_of, rings_on_earth
from mmrotate.core.visualization import rbox_corners
from mmrotate.utils import UserError
from tests.helpers.geo import write_tiff

BOX = np.array([[40.0, 30.0, 20.0, 8.0, 0.5, 0.9]], np.float32)
BLANK = np.zeros((64, 96, 3), np.uint8)


def from_utm(x, y, zone):
    """Degrees east and north of a place in a northern zone of UTM, by Krueger's series to the fourth order."""
    a, f = 6378137.0, 1 / 298.257223563
    n = f / (2 - f)
    radius = a / (1 + n) * (1 + n**2 / 4 + n**4 / 64)
    xi, eta = y / (0.9996 * radius), (x - 500000) / (0.9996 * radius)
    betas = [n / 2 - 2 * n**2 / 3 + 37 * n**3 / 96, n**2 / 48 + n**3 / 15, 17 * n**3 / 480]
    turns = list(enumerate(betas, 1))
    xi, eta = (
        xi - sum(b * math.sin(2 * j * xi) * math.cosh(2 * j * eta) for j, b in turns),
        eta - sum(b * math.cos(2 * j * xi) * math.sinh(2 * j * eta) for j, b in turns),
    )
    chi = math.asin(math.sin(xi) / math.cosh(eta))
    deltas = [2 * n - 2 * n**2 / 3 - 2 * n**3, 7 * n**2 / 3 - 8 * n**3 / 5, 56 * n**3 / 15]
    north = chi + sum(d * math.sin(2 * j * chi) for j, d in enumerate(deltas, 1))
    east = math.radians(zone * 6 - 183) + math.atan2(math.sinh(eta), math.cos(xi))
    return math.degrees(east), math.degrees(north)


def signed_area(ring):
    ring = np.asarray(ring) - ring[0]
    return ((ring[:-1, 0] * ring[1:, 1]) - (ring[1:, 0] * ring[:-1, 1])).sum() / 2


def test_a_box_lies_where_its_pixels_are(tmp_path):
    place = place_of(write_tiff(tmp_path / 'a.tif', BLANK, 'EPSG:32633', (465000, 5250000), 0.5))
    ring = rings_on_earth(place, rbox_corners(BOX[:, :5]))[0]
    assert ring.shape == (5, 2)
    assert ring[0].tolist() == ring[-1].tolist()
    assert signed_area(ring) > 0  # counterclockwise: the right-hand rule
    centre = from_utm(465000 + 40 * 0.5, 5250000 - 30 * 0.5, 33)
    metre = 1 / 111_000
    np.testing.assert_allclose(ring[:4].mean(0), centre, atol=0.01 * metre)
    metres = rings_on_earth(place, rbox_corners(BOX[:, :5]), 'raster')[0]
    np.testing.assert_allclose(metres[:4].mean(0), [465020, 5249985], atol=1e-6)
    assert signed_area(metres) == pytest.approx(20 * 8 * 0.25)
    assert authority_of(place) == 'EPSG:32633'


def test_collections_keep_the_rules(tmp_path):
    place = place_of(write_tiff(tmp_path / 'a.tif', BLANK))
    found = list(features('a.tif', place, [np.zeros((0, 6)), BOX], ['car', 'ship'], 'wgs84'))
    text = ''.join(collection(found))
    data = json.loads(text)
    assert (data['type'], len(data['features']), 'crs' in data) == ('FeatureCollection', 1, False)
    feature = data['features'][0]
    assert (feature['type'], feature['geometry']['type']) == ('Feature', 'Polygon')
    assert feature['properties'] == {'image': 'a.tif', 'class': 'ship', 'score': 0.9, 'rbox': [40, 30, 20, 8, 0.5]}
    assert [json.loads(line) for line in lines(found)] == data['features']
    named = json.loads(''.join(collection(features('a', place, [BOX], ['car'], 'raster'), 'EPSG:32633')))
    assert named['crs']['properties']['name'] == 'urn:ogc:def:crs:EPSG::32633'
    assert named['features'][0]['geometry']['coordinates'][0][0][0] > 500000
    assert json.loads(''.join(collection([])))['features'] == []
    if program := shutil.which('ogrinfo'):
        (tmp_path / 'a.geojson').write_text(text)
        seen = subprocess.run([program, '-al', tmp_path / 'a.geojson'], capture_output=True, text=True, check=True)
        assert 'Feature Count: 1' in seen.stdout
        assert 'class (String) = ship' in seen.stdout


def test_an_object_on_the_antimeridian_is_cut_in_two():
    place = Place('EPSG:4326', [0.001, 0, 179.97, 0, -0.001, 10])
    (feature,) = features('a', place, [BOX], ['ship'], 'wgs84')
    assert feature['geometry']['type'] == 'MultiPolygon'
    (west,), (east,) = feature['geometry']['coordinates']
    assert (np.max(west, 0)[0], np.min(east, 0)[0]) == (180, -180)
    assert min(np.min(west, 0)[0], -np.max(east, 0)[0]) > 179.9
    whole = 20 * 8 * 1e-6
    assert signed_area(west) > 0 < signed_area(east)
    assert signed_area(west) + signed_area(east) == pytest.approx(whole, rel=1e-4)


def test_what_is_nowhere_on_earth_is_refused(tmp_path):
    with pytest.raises(UserError, match='not georeferenced, a coordinate reference system is missing'):
        place_of(write_tiff(tmp_path / 'a.tif', BLANK, None))
    own = '+proj=tmerc +lat_0=1 +lon_0=7 +k=0.99 +x_0=3 +y_0=5 +datum=WGS84 +units=m'
    with pytest.raises(UserError, match='no number of EPSG'):
        authority_of(place_of(write_tiff(tmp_path / 'b.tif', BLANK, own)))


def test_without_rasterio_its_extra_is_named(tmp_path, monkeypatch):
    path = write_tiff(tmp_path / 'a.tif', BLANK)
    monkeypatch.setitem(sys.modules, 'rasterio', None)
    with pytest.raises(UserError, match=r"pip install 'mmrotate\[geo\]'"):
        place_of(path)
