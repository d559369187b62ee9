"""Options of the export, and an ONNX file against the detector."""

import argparse

import numpy as np
import onnxruntime
import pytest
import torch

from mmrotate.cli.export import add_arguments
from mmrotate.cli.export import main as export
from mmrotate.cli.pytorch2onnx import main as pytorch2onnx
from mmrotate.cli.test_exported import main as score_file
from mmrotate.export.files import check_format, fixed_size, graph_of, size_of, trace, write
from mmrotate.export.runtime import INPUTS, KEY, Detector, Recipe, batch_of
from mmrotate.export.verify import difference
from mmrotate.utils import UserError
from tests.export.test_detector import detector, distinct
from tests.export.test_runtime import Model, file  # noqa: F401  (a fixture)
from tests.helpers.pages import HIT_UAV, ROOT, commands_of

CONFIG = str(ROOT / 'configs/hit_uav/oriented_rcnn_r18_half_fpn_hit_uav_le90.py')
CHECKPOINT = str(ROOT / 'demo/oriented_rcnn_r18_half_fpn_hit_uav_le90.pth')
RECIPE = Recipe(['a', 'b', 'c'], None, 'le90', [160, 128], True, [100.0] * 3, [50.0] * 3, True, 32)


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        (['--out', 'model.pt2'], 'ends in .onnx, got model.pt2'),
        (['--out', 'nowhere/model.onnx'], 'there is no folder nowhere'),
        (['--out', 'model.onnx', '--half', '--int8'], 'exclude each other'),
        (['--out', 'model.onnx', '--raw', '--verify'], 'leave --raw out'),
        (['--out', 'model.pt2', '--format', 'torch', '--verify'], 'for onnx and openvino'),
        (['--out', 'model.onnx', '--shape', '1', '2', '3'], 'a height and a width'),
        (['--out', 'model.pt2', '--format', 'torch', '--opset', '20'], 'for onnx and openvino'),
        (['--out', 'model.onnx', '--images', 'a.png'], 'give one of these, too'),
        (['--out', 'model.onnx', '--verify', '--images', 'a.png'], 'a.png'),
        (['--out', 'model.onnx', '--int8', '--images', CONFIG], 'cannot read the image'),
        (['--out', f'{CONFIG}/model.onnx'], 'there is no folder'),
    ],
)
def test_wrong_options_are_named_and_nothing_is_written(options, reason, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert export([CONFIG, CHECKPOINT, *options]) == 1
    assert reason in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named_before_the_work(tmp_path, capsys):
    (tmp_path / 'model.bin').mkdir()
    assert export([CONFIG, CHECKPOINT, '--format', 'openvino', '--out', str(tmp_path / 'model.xml')]) == 1
    assert 'model.bin is a folder: a file is needed' in capsys.readouterr().err
    (tmp_path / 'model.onnx').symlink_to(CHECKPOINT)
    assert export([CONFIG, CHECKPOINT, '--out', str(tmp_path / 'model.onnx')]) == 1
    assert 'would overwrite' in capsys.readouterr().err
    assert export([CONFIG, CHECKPOINT, '--out', '/proc/other.onnx']) == 1
    assert '--out /proc/other.onnx cannot be written: no ' in capsys.readouterr().err


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(UserError, match=r"openvino: pip install 'mmrotate\[export\]'"):
        check_format('openvino', 'model.xml')


def test_the_older_script_passes_its_options_on(tmp_path, capsys):
    assert pytorch2onnx([CONFIG, CHECKPOINT, '--output-file', str(tmp_path / 'model.pt')]) == 1
    assert 'ends in .onnx' in capsys.readouterr().err


def test_the_older_script_says_all_that_the_export_reads(monkeypatch):
    given = []
    monkeypatch.setattr('mmrotate.cli.export.run', given.append)
    (command,) = (command for command, _ in commands_of(ROOT / 'docs/export.md') if 'pytorch2onnx.py' in command)
    assert pytorch2onnx(command.split()[2:]) == 0
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    wanted = vars(parser.parse_args(['CONFIG', 'CHECKPOINT', '--out', 'detector.onnx', '--dynamic', '--opset', '20']))
    assert wanted.items() - {'nms': False}.items() == vars(given[0]).items()


def test_inputs_have_the_size_of_the_config_with_its_padding():
    assert fixed_size(Model()) == (512, 640)
    assert fixed_size(Model(), (500, 610)) == (512, 640)


def test_files_of_openvino_are_as_large_as_both_parts(tmp_path):
    for ending, size in (('.onnx', 4000), ('.xml', 1000), ('.bin', 2000)):
        (tmp_path / f'model{ending}').write_bytes(bytes(size))
    assert size_of(tmp_path / 'model.onnx') == 4000
    assert size_of(tmp_path / 'model.xml') == 3000


def test_settings_of_the_export_are_read():
    model = detector('retinanet')
    assert graph_of(model).candidates == 2000
    model.test_cfg.update(deploy_nms_pre=70, max_output_boxes_per_class=5)
    graph = graph_of(model)
    assert (graph.candidates, graph.most_per_class) == (70, 5)


@torch.no_grad()
def test_layers_in_float16_give_nearly_the_same_boxes():
    image, shape, factor = torch.randn(1, 3, 64, 64), torch.tensor([[64.0, 64]]), torch.ones(1, 4)
    wanted, _ = graph_of(detector('retinanet'), with_nms=False)(image, shape, factor)
    torch.manual_seed(0)
    dets, _ = graph_of(detector('retinanet'), with_nms=False, half=True)(image, shape, factor)
    assert dets.dtype == torch.float32 and dets.shape == wanted.shape


def test_a_file_is_scored_over_the_test_data(file, tmp_path, capsys):  # noqa: F811
    data = [f'data.test.ann_file={HIT_UAV}/labelTxt', f'data.test.img_prefix={HIT_UAV}/images']
    assert score_file([CONFIG, str(file), '--out', 'results.json']) == 1
    assert score_file([CONFIG, str(file), '--eval', 'mAP', '--backend', 'tensorrt']) == 1
    assert 'TensorRT' in capsys.readouterr().err
    assert score_file([CONFIG, str(file), '--eval', 'mAP', '--cfg-options', *data]) == 1
    assert "finds ['car', 'person']" in capsys.readouterr().err


@pytest.mark.slow
def test_the_shipped_model_gives_its_boxes_by_onnxruntime(tmp_path, capsys):
    images = sorted(map(str, (HIT_UAV / 'images').iterdir()))[:3]
    assert export([CONFIG, CHECKPOINT, '--out', str(tmp_path / 'model.onnx'), '--verify', '--images', *images]) == 0
    text = capsys.readouterr().out
    assert '; 0 without a partner' in text
    assert float(text.split('difference ')[1].split(' px')[0]) < 1e-2
    assert float(text.split('score ')[1].split(';')[0]) < 1e-4
    assert np.array(sorted(path.name for path in tmp_path.iterdir())).tolist() == ['model.onnx']


def test_a_dynamic_graph_of_an_example_with_a_map_of_one_row_is_refused():
    with pytest.raises(UserError, match=r'at --shape 32 64 one is 1 by 1: give a larger --shape'):
        trace(graph_of(detector('retinanet')), (32, 64), dynamic=True)


@pytest.mark.slow
@torch.no_grad()
def test_layers_in_float16_are_written_for_pytorch_and_give_nearly_the_same_boxes(tmp_path):
    model, path = detector('retinanet'), tmp_path / 'model.pt2'
    inputs = torch.randn(1, 3, 64, 64), torch.full((1, 2), 64.0), torch.ones(1, 4)
    wanted = graph_of(model)(*inputs)[0]
    write(trace(graph_of(model, half=True), (64, 64), dynamic=False), 'torch', path, RECIPE)
    extra = {KEY: ''}
    program = torch.export.load(path, extra_files=extra)
    assert Recipe.loads(extra[KEY]) == RECIPE
    assert torch.float16 in {values.dtype for values in program.state_dict.values()}
    dets, _ = program.module()(*inputs)
    found = difference([[wanted[0].numpy()]], [[dets[0].numpy()]])
    assert dets.dtype == torch.float32
    # a few lie so near the lowest score that they are lost
    assert found.matched > 10 and found.alone < 6
    assert found.box < 0.1 and found.score < 1e-2


def test_operators_are_written_that_the_exporter_does_not_know(tmp_path):
    class Unknown(torch.nn.Module):
        def forward(self, image, shape, factor):
            return image.argsort(dim=3, stable=True), torch.hypot(shape, factor[:, :2])

    image = torch.tensor([2.0, 1.0, 2.0, 1.0]).expand(1, 3, 1, 4)
    inputs = image, torch.tensor([[3.0, 0.0]]), torch.tensor([[-4.0, 0.0, 0.0, 0.0]])
    program = torch.export.export(Unknown(), inputs)
    write(program, 'onnx', tmp_path / 'model.onnx', RECIPE)
    session = onnxruntime.InferenceSession(tmp_path / 'model.onnx')
    order, lengths = session.run(None, {name: value.numpy() for name, value in zip(INPUTS, inputs, strict=True)})
    # of equal values the first stays first
    assert order[0, 0, 0].tolist() == [1, 3, 0, 2] and lengths.tolist() == [[5.0, 0.0]]
    # nothing of the machine that wrote it
    assert b'.py' not in (tmp_path / 'model.onnx').read_bytes()


@pytest.mark.slow
def test_a_file_for_any_batch_and_size_gives_the_boxes_of_its_method(tmp_path):
    model, path = detector('fcos'), tmp_path / 'model.onnx'
    images = [np.random.randint(0, 256, (*size, 3), np.uint8) for size in ((120, 160), (256, 240))]
    image, shapes, factors = batch_of([RECIPE.prepare(image) for image in images]).values()
    metas = [dict(img_shape=(*map(int, s), 3), scale_factor=f) for s, f in zip(shapes, factors, strict=True)]
    with torch.no_grad():
        wanted = model.simple_test(torch.from_numpy(image), metas, rescale=True)
    write(trace(graph_of(model), (256, 320), dynamic=True), 'onnx', path, RECIPE)
    found = difference(list(map(distinct, wanted)), list(map(distinct, Detector(path, 1)(images, batch_size=2))))
    assert found.matched > 20 and found.alone == 0
    assert found.box < 1e-2 and found.score < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize('method', ['oriented_rcnn', 'o2_rtdetr'])
def test_no_size_of_the_example_stays_in_a_dynamic_graph(method):
    program = trace(graph_of(detector(method)), (160, 288), dynamic=True)
    # symbols of sizes that are given are called s
    given = [bounds for size, bounds in program.range_constraints.items() if str(size).startswith('s')]
    assert {str(bounds.upper) for bounds in given} == {'int_oo'}
