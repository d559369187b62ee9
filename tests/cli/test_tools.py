"""Tools that look at a config, its data and its speed: print-config, browse, benchmark, flops."""

import json
import re
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmrotate.cli import main
from tests.helpers.configs import retinanet
from tests.helpers.tiny import train, write_config

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Folder with a config ``tiny.py``, its data, and a work directory ``work``."""
    path = tmp_path_factory.mktemp('tools')
    train(write_config(path), path / 'work')
    return path


@pytest.fixture
def files(folder):
    return [str(folder / 'tiny.py'), str(folder / 'work/latest.pth')]


def run(*argv):
    assert main([str(arg) for arg in argv]) == 0


# what TorchServe loads is no program
TOOLS = sorted(path for path in ROOT.glob('tools/*/*.py') if path.stem != 'mmrotate_handler')


@pytest.mark.parametrize('path', TOOLS, ids=lambda path: path.stem)
def test_every_tool_has_a_help(path, capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', [str(path), '--help'])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(path), run_name='__main__')
    assert end.value.code == 0
    usage = capsys.readouterr().out
    assert usage.startswith(('usage: mmrotate ', f'usage: {path.name} '))


# ---- print-config


def test_the_printed_config_is_a_config(files, tmp_path, capsys):
    run('print-config', files[0], '--options', 'seed=9', 'data.samples_per_gpu=3')
    (tmp_path / 'a.py').write_text(capsys.readouterr().out)
    cfg = Config.fromfile(tmp_path / 'a.py')
    assert (cfg.seed, cfg.data.samples_per_gpu) == (9, 3)
    assert cfg.data.train.pipeline[0].type == 'LoadImageFromFile'


def test_a_config_is_written_but_not_over_itself(files, tmp_path, capsys):
    run('print-config', files[0], '--save-path', tmp_path / 'a.py')
    assert Config.fromfile(tmp_path / 'a.py').seed == 7
    assert main(['print-config', files[0], '--save-path', files[0]]) == 1
    assert 'would overwrite' in capsys.readouterr().err


# ---- browse


def test_browse_draws_each_image_after_the_pipeline(files, tmp_path, capsys):
    run('browse', files[0], '--output-dir', tmp_path, '--not-show', '--skip-type', 'RRandomFlip', 'Pad')
    assert sorted(path.name for path in tmp_path.iterdir()) == [f'img{i}.png' for i in range(5)]
    source = Path(files[0]).parent / 'data/images/img0.png'
    changed = (cv2.imread(str(source)) != cv2.imread(str(tmp_path / 'img0.png'))).any(axis=2)
    assert 50 < changed.sum() < changed.size / 2  # a box on an image that is else as it was
    assert '5 pictures written' in capsys.readouterr().out


def test_browse_writes_into_a_folder_of_its_own_where_no_window_opens(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run('browse', files[0], '--number', 2)
    assert len(list(tmp_path.glob('work_dirs/tiny/browse/*.png'))) == 2


def test_browse_spares_the_images_and_names_repeated_ones(folder, tmp_path, capsys):
    more = "\ndata['train'] = dict(type='RepeatDataset', times=2, dataset=data['train'])\n"
    config = folder / 'repeated.py'
    config.write_text((folder / 'tiny.py').read_text() + more)
    run('browse', config, '--output-dir', tmp_path)
    assert len(list(tmp_path.iterdir())) == 10
    assert (tmp_path / 'img4_2.png').is_file()
    assert main(['browse', str(config), '--output-dir', str(folder / 'data/images')]) == 1
    assert 'holds the images themselves' in capsys.readouterr().err


def test_browse_says_what_cannot_be_drawn(files, tmp_path, capsys):
    assert main(['browse', files[0], '--output-dir', str(tmp_path), '--skip-type', 'LoadAnnotations']) == 1
    assert 'gives no gt_bboxes, gt_labels' in capsys.readouterr().err
    assert main(['browse', files[0], '--cfg-options', 'data.train=None']) == 1
    assert 'no data.train' in capsys.readouterr().err


# ---- benchmark


def test_benchmark_measures_as_often_as_asked(files, capsys):
    options = ['--repeat-num', 2, '--max-iter', 8, '--log-interval', 4, '--fuse-conv-bn', '--use-fp16']
    run('benchmark', *files, *options)  # of five images: they are seen again
    out = capsys.readouterr().out
    assert len(re.findall(r'Done image \[[48] */ 8\], fps: [\d.]+ img / s', out)) == 4
    assert len(re.findall(r'Overall fps: [\d.]+ img / s, times per image: [\d.]+ ms / img', out)) == 2
    assert re.search(r'mean [\d.]+, standard deviation [\d.]+ img / s', out)


def test_benchmark_is_for_one_process(files, capsys, monkeypatch):
    monkeypatch.setattr('mmrotate.cli.benchmark.rank_and_size', lambda: (0, 2))
    assert main(['benchmark', *files]) == 1
    assert 'start the benchmark with one' in capsys.readouterr().err


# ---- flops


def test_flops_go_through_the_whole_detector(tmp_path, capsys):
    config = tmp_path / 'a.py'
    config.write_text(f'model = {retinanet("le90")!r}')
    counts = []
    for shape in ([64], [64, 128], [100, 128]):
        run('flops', config, '--shape', *shape)
        out = capsys.readouterr().out
        counts.append(float(re.search(r'Flops: ([\d.]+) GFLOPs', out)[1]))
        assert re.search(r'Params: [\d.]+ M', out)
    assert 'makes the shape (100, 128) (128, 128)' in out
    assert np.allclose(counts[1:], [2 * counts[0], 4 * counts[0]], atol=0.02)
    assert main(['flops', str(config), '--shape', '1', '2', '3']) == 1
    assert '--shape takes a height and a width' in capsys.readouterr().err


def test_flops_need_a_forward_dummy(files, capsys):
    assert main(['flops', files[0]]) == 1
    assert 'TinyDetector has no forward_dummy' in capsys.readouterr().err


# ---- anchors


@pytest.mark.parametrize('algorithm', ['k-means', 'differential_evolution'])
def test_anchors_of_boxes_that_are_all_alike(files, tmp_path, capsys, algorithm):
    options = ['--algorithm', algorithm, '--num-anchors', 2, '--iters', 30, '--output-dir', tmp_path]
    run('anchors', files[0], *options, '--input-shape', 128, 256)  # the images are 64 x 64, the boxes 20 x 10
    found = json.loads((tmp_path / 'anchor_optimize_result.json').read_text())
    assert np.allclose(found, [[40, 20]] * 2, rtol=0.01)
    out = capsys.readouterr().out
    assert '7 boxes' in out
    assert 'sides only: 1.0000' in out


def test_anchors_are_held_against_those_of_the_config(folder, tmp_path, capsys):
    config = folder / 'retinanet.py'
    config.write_text((folder / 'tiny.py').read_text() + f'\nmodel = {retinanet("le90")!r}\n')
    run('anchors', config, '--iters', 2, '--num-anchors', 1, '--output-dir', tmp_path)
    assert re.search(r'the 45 anchors of model.bbox_head in the config have 0\.\d+', capsys.readouterr().out)
    assert main(['anchors', str(config), '--num-anchors', '8']) == 1
    assert 'data.train has 7 boxes: too few' in capsys.readouterr().err
