import re

import cv2
import numpy as np
import pytest
import rasterio
import torch
from rasterio.control import GroundControlPoint
from rasterio.transform import from_origin

from mmrotate.core.bbox import rbbox_overlaps
from mmrotate.core.earth import place_of
from mmrotate.core.patch import WindowRules
from mmrotate.core.raster import BadImageError, Raster
from mmrotate.datasets import DOTADataset
from mmrotate.datasets.formats import Entry, Record
from mmrotate.datasets.scenes import merge_scenes, patch_of
from mmrotate.datasets.sources import recognise
from mmrotate.datasets.splitting import Job, SplitError, TileSettings, jobs_of_images, jobs_of_source, split_image
from mmrotate.utils import UserError
from tests.helpers.scenes import CLASSES, write_scene

RULES = WindowRules(sizes=[256], gaps=[100])


def read_lines(folder):
    return {path.stem: path.read_text().splitlines() for path in sorted((folder / 'annfiles').iterdir())}


def dataset(folder, labels, **options):
    return DOTADataset(
        str(folder / labels), [], classes=CLASSES, img_prefix=str(folder / 'images'), version='le90', **options
    )


def square(x, y, side=20, name='plane', difficulty=0):
    return Entry('', [x, y, x + side, y, x + side, y + side, x, y + side], name, difficulty)


def write_image(path, pixels):
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return path


def test_tiles_hold_the_pixels_and_objects_of_their_place(tmp_path):
    pixels = np.random.randint(0, 256, (300, 400, 3), np.uint8)
    # half of the third lies in none; the second is cut by the first tile, the fourth reaches its border
    entries = [square(10, 20, name='old ship'), square(240, 0, 18), square(390, 0), square(236, 236, difficulty=1)]
    job = Job(write_image(tmp_path / 'a.png', pixels), 'a', labels=Record('a.png', entries))
    counts = split_image(job, TileSettings(RULES), tmp_path / 'out')
    assert counts == {'tiles': 4, 'objects': 4, 'lost': 1, 'placed': 0}
    assert read_lines(tmp_path / 'out') == {
        'a__256__0___0': [
            '10 20 30 20 30 40 10 40 old ship 0',
            '240 0 258 0 258 18 240 18 plane 2',
            '236 236 256 236 256 256 236 256 plane 1',
        ],
        'a__256__0___44': ['236 192 256 192 256 212 236 212 plane 1'],
        'a__256__144___0': ['96 0 114 0 114 18 96 18 plane 0', '92 236 112 236 112 256 92 256 plane 1'],
        'a__256__144___44': ['92 192 112 192 112 212 92 212 plane 1'],
    }
    for path in (tmp_path / 'out/images').iterdir():
        place = patch_of(path.stem)
        np.testing.assert_array_equal(cv2.imread(path), pixels[place.y : place.y + 256, place.x : place.x + 256])


def test_labels_of_tiles_put_back_and_merged_are_those_of_the_image(tmp_path):
    write_scene(tmp_path, 'a', (900, 700), 150)
    for job in jobs_of_source(recognise(tmp_path)):
        split_image(job, TileSettings(RULES), tmp_path / 'out')
    whole, tiles = dataset(tmp_path, 'labelTxt'), dataset(tmp_path / 'out', 'annfiles', test_mode=True)
    results = []
    for ann in map(tiles.get_ann_info, range(len(tiles))):
        dets = np.concatenate([ann['bboxes'], np.ones((len(ann['labels']), 1), np.float32)], 1)
        results.append([dets[ann['labels'] == label] for label in range(2)])
    names, [merged] = merge_scenes(results, tiles.img_ids)
    assert names == ['a'] and len(tiles) > 10
    ann = whole.get_ann_info(0)
    for label, dets in enumerate(merged):
        boxes = ann['bboxes'][ann['labels'] == label]
        same = rbbox_overlaps(torch.tensor(boxes), torch.tensor(dets[:, :5])) > 0.99
        assert len(dets) == len(boxes) > 20 and (same.sum(1) == 1).all()


@pytest.mark.parametrize(
    ('padding', 'want'), [((1, 2, 3), [1, 2, 3]), ((7,), [7, 7, 7]), ((104, 116, 124), [104, 116, 124])]
)
def test_padding(tmp_path, padding, want):
    job = Job(write_image(tmp_path / 'a.png', np.full((100, 300, 3), 9, np.uint8)), 'a')
    split_image(job, TileSettings(RULES, padding), tmp_path)
    tile = cv2.imread(tmp_path / 'images/a__256__0___0.png')
    assert tile.shape == (256, 256, 3) and (tile[:100] == 9).all() and (tile[100:] == want).all()
    # an image without labels has tiles without labels, not tiles without objects
    assert not (tmp_path / 'annfiles').exists()


def test_without_padding(tmp_path):
    job = Job(write_image(tmp_path / 'a.png', np.full((100, 300, 3), 9, np.uint8)), 'a')
    split_image(job, TileSettings(RULES, padding=None), tmp_path)
    assert cv2.imread(tmp_path / 'images/a__256__44___0.png').shape == (100, 256, 3)


@pytest.mark.parametrize(('bands', 'want'), [(1, [117]), (4, [104, 116, 124, 0])])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_bands_and_depth_are_kept(tmp_path, bands, want, dtype):
    pixels = np.random.randint(0, np.iinfo(dtype).max, (100, 300, bands), dtype)
    job = Job(write_image(tmp_path / 'a.png', pixels), 'a')
    split_image(job, TileSettings(RULES), tmp_path)
    tile = cv2.imread(tmp_path / 'images/a__256__0___0.png', cv2.IMREAD_UNCHANGED).reshape(256, 256, bands)
    np.testing.assert_array_equal(tile[:100], pixels[:, :256])
    assert (tile[100:] == want).all()


def test_many_bands_are_written_as_tiff(tmp_path):
    planes = np.random.randint(0, 60000, (6, 100, 300), np.uint16)
    options = dict(driver='GTiff', width=300, height=100, count=6, dtype=np.uint16)
    with rasterio.open(tmp_path / 'a.tif', 'w', transform=rasterio.Affine(1, 0, 5, 0, -1, 5), **options) as file:
        file.write(planes)
    job = Job(tmp_path / 'a.tif', 'a')
    with pytest.raises(SplitError, match=r'6 bands of uint16 cannot be written as \.png: take --save-ext \.tif'):
        split_image(job, TileSettings(RULES, (0,)), tmp_path)
    with pytest.raises(BadImageError, match=r'a\.tif has 6 bands: give one padding value'):
        split_image(job, TileSettings(RULES, suffix='.tif'), tmp_path)
    split_image(job, TileSettings(RULES, (5,), '.tif'), tmp_path)
    with Raster(tmp_path / 'images/a__256__44___0.tif') as tile:
        np.testing.assert_array_equal(tile.read(0, 0, 256, 100), planes[:, :, 44:].transpose(1, 2, 0))
        assert (tile.read(0, 100, 256, 156) == 5).all()


def test_what_an_ending_cannot_hold(tmp_path):
    pixels = np.random.randint(0, 256, (300, 300, 4), np.uint8)
    split_image(Job(write_image(tmp_path / 'a.png', pixels), 'a'), TileSettings(RULES, suffix='.bmp'), tmp_path)
    tile = cv2.imread(tmp_path / 'images/a__256__0___0.bmp', cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(tile, pixels[:256, :256, :3])  # without alpha, as images are read
    deep = Job(write_image(tmp_path / 'b.png', pixels.astype(np.uint16)), 'b')
    with pytest.raises(SplitError, match=r'uint16 cannot be written as \.jpg'):
        split_image(deep, TileSettings(RULES, suffix='.jpg'), tmp_path)
    with pytest.raises(UserError, match=r'one of .*\.png.* got'):
        TileSettings(suffix='.gif')


def test_jobs_of_parts_and_folders(tmp_path):
    for part in ('train', 'val'):
        count = len(write_scene(tmp_path / part, 'a'))
    jobs = list(jobs_of_source(recognise(tmp_path)))
    assert [(job.image, job.name, job.part) for job in jobs] == [
        (tmp_path / part / 'images/a.png', 'a', part) for part in ('train', 'val')
    ]
    assert len(jobs[1].labels().entries) == count > 3
    assert [(job.name, job.part, job.labels) for job in jobs_of_images(tmp_path / 'val/images')] == [('a', '', None)]


def test_a_wrong_label_is_named(tmp_path):
    write_scene(tmp_path, 'a')
    (tmp_path / 'labelTxt/a.txt').write_text('1 2 3 4 5 6 7 nan plane 0\n')
    [job] = jobs_of_source(recognise(tmp_path))
    with pytest.raises(UserError, match=r"a\.txt, line 1: the corner value 'nan'"):
        split_image(job, TileSettings(RULES), tmp_path / 'out')


ROTATED = from_origin(500_000, 5_400_000, 0.5, 0.5) @ rasterio.Affine.rotation(20)


@pytest.mark.parametrize('kind', ['transform', 'control points'])
def test_tiles_of_a_georeferenced_scene_keep_their_place(tmp_path, kind):
    pixels = np.random.default_rng(0).integers(0, 3000, (4, 90, 120)).astype(np.uint16)
    corners = [(0, 0), (0, 120), (90, 0), (90, 120)]
    gcps = [GroundControlPoint(row, column, *(ROTATED @ (column, row))) for row, column in corners]
    place = {'transform': ROTATED} if kind == 'transform' else {'gcps': gcps}
    size = dict(width=120, height=90, count=4, dtype='uint16', nodata=7)
    with rasterio.open(tmp_path / 'P.tif', 'w', driver='GTiff', crs='EPSG:32633', **size, **place) as file:
        file.write(pixels)
    settings = TileSettings(WindowRules(sizes=(50,), gaps=(10,)), suffix='.tif')
    (job,) = jobs_of_images(tmp_path)
    counts = split_image(job, settings, tmp_path / 'out')
    count = counts['tiles']
    assert counts['placed'] == 1
    tiles = list((tmp_path / 'out/images').iterdir())
    assert len(tiles) == count > 4
    for path in tiles:
        x, y = map(int, re.findall(r'(\d+)___(\d+)', path.stem)[0])
        placed = place_of(path)
        np.testing.assert_allclose([placed.transform[2], placed.transform[5]], ROTATED @ (x, y), atol=1e-4)
        with rasterio.open(path) as tile:
            np.testing.assert_array_equal(tile.read(), pixels[:, y : y + 50, x : x + 50])
            assert tile.nodata == 7


def test_a_tile_keeps_the_mask(tmp_path):
    mask = np.zeros((60, 80), bool)
    mask[:, :30] = True
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(tmp_path / 'P.tif', 'w', driver='GTiff', width=80, height=60, count=3, dtype='uint8') as file,
    ):
        file.write(np.full((3, 60, 80), 9, np.uint8))
        file.write_mask(mask)
    (job,) = jobs_of_images(tmp_path)
    split_image(job, TileSettings(WindowRules(sizes=(80,), gaps=(0,)), None, '.tif'), tmp_path / 'out')
    (path,) = (tmp_path / 'out/images').iterdir()
    with rasterio.open(path) as tile:
        np.testing.assert_array_equal(tile.dataset_mask() > 0, mask)
