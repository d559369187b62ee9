"""infer on large images, and the forms of its results."""

import csv
import json
import multiprocessing
import os
import random
import signal

import cv2
import numpy as np
import pytest
import torch

from mmrotate.apis import scenes
from mmrotate.cli import main
from mmrotate.core.images import read_image
from mmrotate.datasets.formats import COCO, YOLO_OBB, Split
from tests.helpers.geo import write_tiff
from tests.helpers.pages import ROOT
from tests.helpers.tiny import write_config, write_weights

SHIPPED = (
    ROOT / 'configs/hit_uav/oriented_rcnn_r18_half_fpn_hit_uav_le90.py',
    ROOT / 'demo/oriented_rcnn_r18_half_fpn_hit_uav_le90.pth',
)


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder with a config, ``m.pth``, and three GeoTIFFs and a picture in ``scenes``, 160 x 128."""
    folder = tmp_path_factory.mktemp('infer')
    config = write_config(folder)
    write_weights(config, folder / 'm.pth')
    (folder / 'scenes').mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        write_tiff(folder / f'scenes/s{i}.tif', rng.integers(0, 255, (128, 160, 3), np.uint8))
    cv2.imwrite(str(folder / 'large.png'), rng.integers(0, 255, (128, 160, 3), np.uint8))
    return folder


def infer(place, images, *options):
    argv = ['infer', place / images, place / 'tiny.py', place / 'm.pth', '--device', 'cpu', *options]
    return main(list(map(str, argv)))


def error_of(capsys, *argv):
    assert infer(*argv) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith('error: ')
    return error


def test_every_form_holds_the_same_detections(place, tmp_path, capsys):
    every = 'pictures,crops,json,geojson,dota,yolo,coco,csv'
    assert infer(place, 'scenes', '--tile', 64, '--overlap', 0, '--out', tmp_path / 'o', '--to', every) == 0
    said = capsys.readouterr()
    assert 's0.tif: 160x128 pixels in 6 windows of 64x64' in said.out + said.err
    found = json.loads((tmp_path / 'o/detections.json').read_text())
    count = sum(len(image['detections']) for image in found['images'])
    assert f'{count} detections with a score from 0.3 on in 3 image(s)' in said.out
    assert count >= 3
    assert len(json.loads((tmp_path / 'o/detections.geojson').read_text())['features']) == count
    coco = list(COCO.read(Split(tmp_path / 'o/coco.json')))
    yolo = list(YOLO_OBB.read(Split(tmp_path / 'o/yolo', place / 'scenes'), found['classes']))
    rows = list(csv.DictReader((tmp_path / 'o/detections.csv').open()))
    task1 = (tmp_path / 'o/dota/Task1_car.txt').read_text().splitlines()
    assert sum(len(record.entries) for record in coco) == len(rows) == count
    assert sum(len(record.entries) for record in yolo) == count
    assert len(task1) == count
    one = found['images'][0]['detections'][0]
    corners = np.ravel(one['polygon'])
    np.testing.assert_allclose(coco[0].entries[0].shape, corners, atol=0.01)
    np.testing.assert_allclose([float(v) for v in task1[0].split()[2:]], corners, atol=0.02)
    np.testing.assert_allclose(sorted(map(float, yolo[0].entries[0].shape)), sorted(corners), atol=0.01)
    assert float(rows[0]['score']) == one['score']
    assert (tmp_path / 'o/yolo/classes.txt').read_text() == 'car\nship\n'
    assert read_image(tmp_path / 'o/pictures/s0.jpg').shape == (128, 160, 3)
    assert len(list((tmp_path / 'o/crops/car').iterdir())) == count
    assert not (tmp_path / 'o/.done').exists()


def test_after_ctrl_c_resume_goes_on_to_the_same_files(place, tmp_path, monkeypatch, capsys):
    options = ['--tile', 64, '--to', 'json,geojson,csv,pictures', '--out']
    assert infer(place, 'scenes', *options, tmp_path / 'whole') == 0
    search, seen = scenes._search, []

    def interrupted(model, scene, *rest):
        seen.append(scene.path.name)
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return search(model, scene, *rest)

    monkeypatch.setattr(scenes, '_search', interrupted)
    assert infer(place, 'scenes', *options, tmp_path / 'o') == 130
    assert 'interrupted: 2 of 3 images are done; the same command with --resume goes on' in capsys.readouterr().err
    assert len(json.loads((tmp_path / 'o/detections.json').read_text())['images']) == 2
    assert 'score_thr 0.3, now 0.4' in error_of(
        capsys, place, 'scenes', *options, tmp_path / 'o', '--resume', '--score-thr', 0.4
    )
    assert infer(place, 'scenes', *options, tmp_path / 'o', '--resume') == 0
    assert seen == ['s0.tif', 's1.tif', 's2.tif', 's2.tif']
    names = [path.relative_to(tmp_path / 'o') for path in (tmp_path / 'o').rglob('*') if path.is_file()]
    assert len(names) == 6
    assert all((tmp_path / 'o' / name).read_bytes() == (tmp_path / 'whole' / name).read_bytes() for name in names)


def killed_at(number, before, place, options):
    """Run until the file ``number`` takes its place, and die before or after that."""
    torch.set_num_threads(1)
    replace, seen = os.replace, []

    def dying(*names):
        seen.append(names)
        if before and len(seen) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(*names)
        if len(seen) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = dying
    infer(place, 'scenes', *options)


def test_ten_kills_end_in_the_same_files(place, tmp_path):
    options = ['--tile', 64, '--to', 'json,dota,csv,pictures,crops', '--resume', '--out']
    assert infer(place, 'scenes', *options, tmp_path / 'whole') == 0
    draw = random.Random(0)
    for _ in range(10):
        moment = (draw.randint(1, 9), draw.random() < 0.5)
        options_of_child = (*moment, place, [*options, tmp_path / 'o'])
        process = multiprocessing.get_context('fork').Process(target=killed_at, args=options_of_child)
        process.start()
        process.join()
    assert infer(place, 'scenes', *options, tmp_path / 'o') == 0
    whole, got = ({path.relative_to(top): path.read_bytes() for path in top.rglob('*') if path.is_file()}
                  for top in (tmp_path / 'whole', tmp_path / 'o'))  # fmt: skip
    assert len(whole) > 10
    assert got == whole


def test_a_damaged_scene_stops_no_other(place, tmp_path, capsys):
    (tmp_path / 'scenes').mkdir()
    for name in ('s0.tif', 's1.tif'):
        data = (place / 'scenes' / name).read_bytes()
        (tmp_path / 'scenes' / name).write_bytes(data[: len(data) // 2] if name == 's0.tif' else data)
    error = error_of(capsys, place, tmp_path / 'scenes', '--tile', 64, '--out', tmp_path / 'o')
    assert '1 of 2 images could not be used, 1 are done' in error
    assert 's0.tif' in error
    assert len(json.loads((tmp_path / 'o/detections.json').read_text())['images']) == 1


def test_auto_says_what_it_chose_and_whole_images_that_shrink_are_named(place, tmp_path, capsys):
    assert (
        infer(place, 'large.png', '--tile', 'auto', '--json', tmp_path / 'a.json', '--out-file', tmp_path / 'a.png')
        == 0
    )
    said = capsys.readouterr()
    assert '--tile auto: images more than 1.5 times 64x64, the scale of the test pipeline' in said.out
    assert 'large.png: 160x128 pixels in 9 windows of 64x64' in said.out + said.err
    assert read_image(tmp_path / 'a.png').shape == (128, 160, 3)
    tiled = json.loads((tmp_path / 'a.json').read_text())['images'][0]['detections']
    assert infer(place, 'large.png', '--json', tmp_path / 'b.json') == 0
    assert 'large.png is 2.5 times as large as the detector sees it (64x64)' in capsys.readouterr().out
    assert len(tiled) > len(json.loads((tmp_path / 'b.json').read_text())['images'][0]['detections'])
    assert infer(place, 'data/images/img0.png', '--tile', 'auto') == 0
    assert 'windows of' not in capsys.readouterr().err
    assert infer(place, 'large.png', '--tile', 64, '--scales', '1,0.5', '--flip', 'horizontal', '--half') == 0
    said = capsys.readouterr()
    assert 'in 11 windows of 64x64, 128x128' in said.out + said.err


def test_bands_and_stretch(place, tmp_path, capsys):
    path = write_tiff(tmp_path / 'deep.tif', np.random.default_rng(0).integers(90, 3000, (64, 64, 8)).astype(np.uint16))
    assert infer(place, path, '--tile', 32) == 1
    assert 'has 8 bands: choose those for red, green and blue by --bands 3,2,1' in capsys.readouterr().err
    assert infer(place, path, '--tile', 'auto') == 1  # nor is it read as a whole
    assert 'choose those' in capsys.readouterr().err
    assert infer(place, path, '--bands', '5,3,2', '--out', tmp_path / 'o', '--to', 'pictures,json') == 0
    said = capsys.readouterr()
    assert 'bands 5, 3, 2 as red, green, blue; uint16 stretched to 0..255 (percentile)' in said.out + said.err
    assert 90 < read_image(tmp_path / 'o/pictures/deep.jpg').mean() < 160


@pytest.mark.parametrize('tile', ['auto', '64'])
def test_16_bits_are_seen_the_same_in_every_format(place, tmp_path, capsys, tile):
    values = np.random.default_rng(0).integers(90, 3000, (96, 96, 3)).astype(np.uint16)
    write_tiff(tmp_path / 'deep.tif', values)
    cv2.imwrite(str(tmp_path / 'deep.png'), values[..., ::-1])
    found = []
    for name in ('deep.tif', 'deep.png'):
        out = tmp_path / name.replace('.', '')
        options = ['--tile', tile, '--out', str(out), '--to', 'pictures,json', '--score-thr', '0.05']
        assert infer(place, tmp_path / name, *options) == 0
        said = capsys.readouterr()
        assert 'uint16 stretched to 0..255 (percentile)' in said.out + said.err
        found.append(json.loads((out / 'detections.json').read_text())['images'][0]['detections'])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        (['--scales', '1,2'], '--scales is of tiles: give --tile too'),
        (['--to', 'json'], 'give --out DIR too'),
        (['--crs', 'wgs84'], 'give --out DIR --to geojson too'),
        (['--crs', 'wgs84', '--out', '{}'], 'give --to json,geojson'),
        (['--fps', '3'], '--fps is of numbered images'),
        (['--wait-time', '3'], '--wait-time is how long'),
        (['--class-agnostic'], '--class-agnostic is of what is seen more than once'),
        (['--launcher', 'pytorch'], 'several processes need one folder for their results: --out DIR'),
        (['--out', '{}', '--json', 'a.json'], '--out DIR --to json,pictures has both'),
        (['--out', '{}', '--to', 'geojson'], 'large.png is not georeferenced'),
        (['--tile', '64', '--overlap', '64'], '--overlap 64 is not less than the tile of 64x64'),
    ],
)
def test_options_that_do_not_fit_are_refused(place, tmp_path, capsys, options, expected):
    options = [option.format(tmp_path / 'o') for option in options]
    assert expected in error_of(capsys, place, 'large.png', *options)
    assert not (tmp_path / 'o').exists()


@pytest.mark.parametrize(
    ('option', 'value', 'expected'),
    [
        ('--tile', 'big', 'auto, or a size from 32 on such as 1024 or 1280x1024'),
        ('--to', 'json,pdf', "'pdf' is none of pictures"),
        ('--flip', 'up', "'up' is none of horizontal"),
        ('--scales', '0', 'a number from 0.01 on'),
        ('--bands', 'red', 'the number of a band, or several by commas'),
        ('--overlap', '-1', 'a number from 0 on'),
    ],
)
def test_values_that_cannot_be_are_refused(place, capsys, option, value, expected):
    with pytest.raises(SystemExit):
        infer(place, 'large.png', f'{option}={value}')
    assert expected in capsys.readouterr().err


@pytest.mark.slow
def test_a_mosaic_of_an_image_has_what_the_image_has(tmp_path):
    """All 20 objects are found once in every one of 16 copies; what is beside them has low scores."""
    image = read_image(ROOT / 'demo/images/1_60_30_0_00147.jpg')
    height, width = image.shape[:2]
    cv2.imwrite(str(tmp_path / 'one.png'), image)
    cv2.imwrite(str(tmp_path / 'mosaic.png'), np.tile(image, (4, 4, 1)))
    argv = ['infer', tmp_path, *SHIPPED, '--tile', 'auto', '--out', tmp_path / 'o', '--batch-size', '4']
    assert main(list(map(str, argv))) == 0
    mosaic, one = (entry['detections'] for entry in json.loads((tmp_path / 'o/detections.json').read_text())['images'])
    one, mosaic = ([found for found in each if found['score'] > 0.8] for each in (one, mosaic))
    assert len(one) == 20
    places = np.array([found['rbox'][:2] for found in mosaic])
    assert len(places) == 320
    for found in one:
        shifts = np.array([[x * width, y * height] for x in range(4) for y in range(4)])
        apart = np.abs(places - (shifts + found['rbox'][:2])[:, None]).max(-1).min(1)
        assert (apart < 5).all()
