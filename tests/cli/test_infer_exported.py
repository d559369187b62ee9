"""``mmrotate infer MODEL.onnx IMAGES``: the outputs of a checkpoint, without PyTorch."""

import json
import subprocess
import sys

import cv2
import numpy as np
import onnx
import openvino
import pytest

from mmrotate.cli import main
from mmrotate.export import runtime
from tests.export.test_runtime import DETS, IMAGES, file  # noqa: F401  (a fixture)

WITHOUT = "import sys; sys.modules['torch'] = sys.modules['mmengine'] = None; from mmrotate.cli import main; "


def infer(file, *options):  # noqa: F811
    return main(['infer', str(file), *map(str, options)])


def test_every_form_is_written_without_pytorch(file, tmp_path):  # noqa: F811
    argv = ['infer', str(file), *map(str, IMAGES), '--out', str(tmp_path / 'o'), '--to']
    argv += ['json,pictures,crops,dota,yolo,coco,csv']
    run = subprocess.run([sys.executable, '-c', f'{WITHOUT} sys.exit(main({argv}))'], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert '4 detections with a score from 0.3 on in 2 image(s)' in run.stdout
    found = json.loads((tmp_path / 'o/detections.json').read_text())
    assert found['schema'] == 'mmrotate.detections' and found['classes'] == ['car', 'person']
    car, person = found['images'][1]['detections'][1], found['images'][1]['detections'][0]
    assert (person['label'], car['label']) == ('person', 'car')
    np.testing.assert_allclose(person['rbox'], DETS[0, 0, :5], atol=1e-5)
    assert len(list((tmp_path / 'o/crops/car').iterdir())) == 2
    assert cv2.imread(str(tmp_path / 'o/pictures' / IMAGES[0].name)).shape == cv2.imread(str(IMAGES[0])).shape


def test_tiles_are_merged_and_options_of_pictures_obeyed(file, tmp_path, capsys):  # noqa: F811
    options = ['--tile', 320, '--overlap', 0, '--json', tmp_path / 'a.json', '--out-file', tmp_path / 'a.png']
    assert infer(file, IMAGES[0], *options, '--score-thr', 0.5, '--palette', 'red') == 0
    (image,) = json.loads((tmp_path / 'a.json').read_text())['images']
    places = sorted((one['rbox'][0], one['rbox'][1]) for one in image['detections'])
    assert places == [(x + 30, y + 20) for x in (0, 320) for y in (0, 192)]
    red = (cv2.imread(str(tmp_path / 'a.png')) == (0, 0, 255)).all(-1)
    assert red.any()


def test_an_image_that_cannot_be_read_stops_none(file, tmp_path, capsys):  # noqa: F811
    (tmp_path / 'bad.png').write_bytes(b'no image')
    assert infer(file, tmp_path / 'bad.png', IMAGES[0], '--json', tmp_path / 'a.json') == 1
    assert '1 of 2 images could not be used' in capsys.readouterr().err
    (tmp_path / 'bad.png').unlink()
    cv2.imwrite(str(tmp_path / 'bad.png'), np.zeros((9, 9, 3), np.uint8))
    assert infer(file, tmp_path / 'bad.png', IMAGES[0], '--json', tmp_path / 'a.json', '--resume') == 0
    assert len(json.loads((tmp_path / 'a.json').read_text())['images']) == 2


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        (['--device', 'cuda'], 'is not for an exported file: it runs where its library'),
        (['--cfg-options', 'a=1'], 'the config was read when it was exported'),
        (['--half'], 'export it with --half'),
        (['--launcher', 'pytorch'], 'start a process for each part'),
        (['--fps', '3'], 'is of videos'),
    ],
)
def test_options_of_checkpoints_are_named(file, options, reason, capsys):  # noqa: F811
    with pytest.raises(SystemExit) as stopped:
        infer(file, IMAGES[0], *options)
    assert stopped.value.code == 2
    assert f'argument {options[0]}: ' in (error := capsys.readouterr().err) and reason in error


def test_what_cannot_be_used_is_said(file, tmp_path, capsys):  # noqa: F811
    def error(*argv):
        assert infer(*argv) == 1
        return capsys.readouterr().err

    assert 'there is no file' in error(tmp_path / 'none.onnx', IMAGES[0])
    assert 'clip.mp4 is a video: it takes a config and a checkpoint' in error(file, 'clip.mp4')
    assert '--merge-iou-thr is of what is seen more than once' in error(file, IMAGES[0], '--merge-iou-thr', '0')
    assert '--crs is of GeoJSON' in error(file, IMAGES[0], '--crs', 'raster')


def test_a_file_of_openvino_finds_the_same(file, tmp_path):  # noqa: F811
    converted = openvino.convert_model(str(file))
    converted.set_rt_info(onnx.load(file).metadata_props[0].value, runtime.KEY)
    openvino.save_model(converted, tmp_path / 'detector.xml', compress_to_fp16=False)
    for model in (file, tmp_path / 'detector.xml'):
        assert infer(model, IMAGES[0], '--json', tmp_path / f'{model.suffix[1:]}.json') == 0
    assert (tmp_path / 'onnx.json').read_text() == (tmp_path / 'xml.json').read_text()
