"""The forms of results, apart from the command that writes them."""

import json

import numpy as np

from mmrotate.apis import products
from mmrotate.apis.products import Findings, Found, picture_name, write_all, write_crops
from mmrotate.core.earth import place_of
from mmrotate.core.scene import Scene
from tests.helpers.geo import write_tiff

DETS = np.array([[40, 30, 20, 8, 0.5, 0.9], [60, 20, 10, 8, 0, 0.8]], np.float32)


def test_many_objects_stand_on_lines_of_their_own(tmp_path, monkeypatch):
    path = write_tiff(tmp_path / 'a.tif', np.zeros((64, 96, 3), np.uint8))
    found = Found(str(path), (96, 64), [DETS[:0], DETS], place_of(path))
    again = Found.of(json.loads(json.dumps(found.plain())))
    assert (again.image, again.size, again.place) == (found.image, found.size, found.place)
    np.testing.assert_array_equal(again.result[1], DETS)
    findings = Findings(lambda: iter([again]), ('car', 'ship'), 2)
    (whole,) = write_all(tmp_path, ['geojson', 'crops'], findings)
    monkeypatch.setattr(products, 'MANY', 2)
    (by_line,) = write_all(tmp_path, ['geojson'], findings)
    assert (whole.name, by_line.name) == ('detections.geojson', 'detections.geojsonl')
    features = json.loads(whole.read_text())['features']
    assert [json.loads(line) for line in by_line.read_text().splitlines()] == features
    assert len(features) == 2


def test_crops_of_an_earlier_run_that_found_more_go(tmp_path):
    path = write_tiff(tmp_path / 'a.tif', np.full((64, 96, 3), 7, np.uint8))
    with Scene(path) as scene:
        write_crops(scene, [DETS[:1], DETS], ['car/van', 'ship'], tmp_path)
        write_crops(scene, [DETS[:0], DETS[:1]], ['car/van', 'ship'], tmp_path)
    assert [file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob('*.png')] == ['ship/a_000000.png']


def test_pictures_keep_names_that_say_a_format(tmp_path):
    names = ['a.png', 'b.JPG', 'c.tif', 'd.jp9']
    assert [picture_name(tmp_path / name) for name in names] == ['a.png', 'b.JPG', 'c.jpg', 'd.jpg']
