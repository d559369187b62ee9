"""GeoJSON, in pixels and in the coordinates of the Earth."""

import json

import cv2
import numpy as np
import pytest
import rasterio
from rasterio.warp import transform

from mmrotate.core.earth import place_of
from mmrotate.datasets.formats import FORMATS, LabelError, Record, Split, check_record
from mmrotate.datasets.formats.geojson import dump_geojson
from mmrotate.datasets.formats.record import AnyNames, Entry
from mmrotate.utils import UserError

GEOJSON = FORMATS['geojson']
CORNERS = [10.0, 20.0, 40.0, 25.0, 35.0, 60.0, 5.0, 50.0]
UTM = 'EPSG:32633'
PLACE = rasterio.Affine(0.5, 0, 400_000, 0, -0.5, 5_000_000)  # half a metre a pixel


def feature(points, properties, kind='Polygon'):
    ring = [[*map(float, point)] for point in [*points, points[0]]]
    return {
        'type': 'Feature', 'properties': properties,
        'geometry': {'type': kind, 'coordinates': [ring] if kind == 'Polygon' else [[ring]]},
    }  # fmt: skip


@pytest.fixture
def images(tmp_path):
    """A folder with one image that has a place on the Earth."""
    (tmp_path / 'images').mkdir()
    settings = dict(driver='GTiff', width=100, height=80, count=1, dtype='uint8', crs=UTM, transform=PLACE)
    with rasterio.open(tmp_path / 'images/a.tif', 'w', **settings) as file:
        file.write(np.zeros((1, 80, 100), np.uint8))
    return tmp_path / 'images'


@pytest.fixture
def read(tmp_path):
    def read(data, images=None):
        path = tmp_path / 'all.geojson'
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        assert GEOJSON.suits(path.read_bytes()) or not isinstance(data, dict)
        return [check_record(record, AnyNames()) for record in GEOJSON.read(Split(path, images))]

    return read


def collection(*features, **others):
    return {'type': 'FeatureCollection', 'features': list(features), **others}


def test_what_is_written_is_read_and_has_pixels(read, images):
    entry = Entry('', CORNERS, 'ship', 1, 0.5, 0.25)
    text = ''.join(dump_geojson([Record('a.tif', [entry], (100, 80)), Record('b.tif', [])], []))
    data = json.loads(text)
    assert data['coordinates'] == 'pixels'
    assert data['features'][0]['geometry']['coordinates'][0][0] == [10, 20]
    first, second = read(text, images)
    assert (first.image, first.size, first.entries[0][1:]) == ('a.tif', (100, 80), entry[1:])
    assert (second.image, second.size, second.entries) == ('b.tif', None, [])


@pytest.mark.parametrize('crs', [None, UTM, 'urn:ogc:def:crs:EPSG::3857'])
def test_coordinates_on_the_earth_become_pixels(read, images, crs):
    metres = [(PLACE.a * x + PLACE.c, PLACE.e * y + PLACE.f) for x, y in np.reshape(CORNERS, (4, 2))]
    points = list(zip(*transform(UTM, crs or 'OGC:CRS84', *zip(*metres, strict=True)), strict=True))
    named = {} if crs is None else {'crs': {'type': 'name', 'properties': {'name': crs}}}
    # neither image nor class are called as we call them; QGIS writes polygons of several parts
    (record,) = read(collection(feature(points, {'label': 'ship'}, 'MultiPolygon'), **named), images)
    assert (record.image, record.entries[0].name) == ('a.tif', 'ship')
    assert record.entries[0].shape == pytest.approx(CORNERS, abs=0.01)


def test_an_image_without_a_place_has_pixels(read, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((9, 9), np.uint8))
    (record,) = read(collection(feature(np.reshape(CORNERS, (4, 2)), {'class': 'ship'})), tmp_path)
    assert record.entries[0].shape == CORNERS
    with pytest.raises(LabelError, match=r'has a crs, but the image .*a\.png is not georef'):
        read(collection(feature(np.reshape(CORNERS, (4, 2)), {}), crs={}), tmp_path)


@pytest.mark.parametrize(
    ('data', 'reason'),
    [
        ('{', 'no JSON'),
        ({'type': 'FeatureCollection'}, 'no GeoJSON'),
        (collection(7), 'feature 0: a feature is needed'),
        (collection(feature([(0, 0), (1, 0), (1, 1)], {})), "feature 0: a text 'image' is needed"),
        (collection(feature([(0, 0), (1, 0)], {'image': 'a', 'class': 'x'})), 'feature 0: .*at least three'),
        (collection({'properties': {'image': 'a'}, 'geometry': {'type': 'Point'}}), 'feature 0: a Polygon is needed'),
        (collection(feature([(0, 0), (1, 0), (1, 1)], {'image': 'a'})), 'no name of a class'),
    ],
)
def test_what_is_wrong_has_its_feature(read, data, reason):
    with pytest.raises((LabelError, ValueError), match=reason):
        read(data)


def test_an_unknown_crs_is_named(read, images):
    data = collection(feature(np.reshape(CORNERS, (4, 2)), {'class': 'a'}), crs={'properties': {'name': 'EPSG:no'}})
    with pytest.raises(LabelError, match="crs 'EPSG:no' is not known"):
        read(data, images)


def test_properties_that_are_none(tmp_path):
    path = tmp_path / 'all.geojson'
    path.write_text('{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": "a"}]}')
    with pytest.raises(LabelError, match=r'all\.geojson, feature 0: properties must be an object, got a'):
        list(FORMATS['geojson'].read(Split(path)))


@pytest.mark.parametrize('system', ['wgs84', 'raster'])
def test_labels_of_georeferenced_images_lie_on_earth(read, images, tmp_path, system):
    """GDAL's own transformation says where the corners are; what is read again is the same to 0.001 pixels."""
    entry = Entry('', CORNERS, 'ship', 1, None, 0.25)
    earth = place_of(images / 'a.tif')
    text = ''.join(dump_geojson([Record('a.tif', [entry], (100, 80), '', earth)], [], system))
    data = json.loads(text)
    assert ('crs' in data, 'coordinates' in data) == (system == 'raster', False)
    ring = np.array(data['features'][0]['geometry']['coordinates'][0])
    metres = np.array([(PLACE.a * x + PLACE.c, PLACE.e * y + PLACE.f) for x, y in np.reshape(CORNERS, (4, 2))])
    wanted = metres if system == 'raster' else np.stack(transform(UTM, 'EPSG:4326', *metres.T), 1)
    np.testing.assert_allclose(ring[[0, 3, 2, 1, 4]], wanted[[0, 1, 2, 3, 0]], rtol=0, atol=1e-5)
    (record,) = read(text, images)
    assert record.entries[0].shape == pytest.approx(CORNERS, abs=1e-3)
    assert record.entries[0][2:] == entry[2:]


def test_where_an_image_is_nowhere_all_have_pixels(images):
    records = [Record('a.tif', [Entry('', CORNERS, 'ship')], None, '', place_of(images / 'a.tif')), Record('b.png', [])]
    data = json.loads(''.join(dump_geojson(records, [])))
    assert data['coordinates'] == 'pixels' and data['features'][0]['geometry']['coordinates'][0][0] == [10, 20]


def test_one_file_has_one_system(images):
    own = place_of(images / 'a.tif')
    other = own._replace(crs=rasterio.CRS.from_epsg(3857).to_wkt())
    with pytest.raises(UserError, match='the images are in several systems'):
        ''.join(dump_geojson([Record(n, [], None, '', p) for n, p in (('a', own), ('b', other))], [], 'raster'))
