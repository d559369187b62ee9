"""demo/image_demo.py: the defaults of 0.3."""

import re
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmrotate.cli import infer
from mmrotate.cli.huge_image_demo import main as huge
from mmrotate.cli.image_demo import main
from tests.helpers.tiny import write_config, write_weights

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / 'demo/images/1_60_30_0_00147.jpg'
CONFIG = ROOT / 'configs/hit_uav/oriented_rcnn_r18_half_fpn_hit_uav_le90.py'
CHECKPOINT = ROOT / 'demo/oriented_rcnn_r18_half_fpn_hit_uav_le90.pth'
FILES = [str(path) for path in (IMAGE, CONFIG, CHECKPOINT)]


def test_the_documented_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    out = tmp_path / 'result.jpg'
    monkeypatch.setattr(sys, 'argv', ['image_demo.py', *FILES, '--out-file', str(out), '--palette', 'hrsc_classwise'])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / 'demo/image_demo.py'), run_name='__main__')
    assert end.value.code == 0
    told = capsys.readouterr()
    assert re.match(r'2\d detections', told.out)
    assert 'PyTorch sees no CUDA device here: --device cuda:0 becomes cpu' in told.err
    assert cv2.imread(str(out)).shape == cv2.imread(str(IMAGE)).shape


@pytest.fixture
def given(monkeypatch):
    """Arguments that reach the command, in place of running it."""
    arguments = []
    monkeypatch.setattr(infer, 'run', arguments.append)
    return arguments


@pytest.mark.parametrize('screen', [True, False])
def test_its_defaults(given, capsys, monkeypatch, screen):
    monkeypatch.setattr('mmrotate.cli.image_demo.has_screen', lambda: screen)
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    assert main(FILES) == 0
    assert (given[0].device, given[0].palette, given[0].score_thr, given[0].show) == ('cuda:0', 'dota', 0.3, screen)
    assert ('no window can be opened here' in capsys.readouterr().err) == (not screen)


def test_a_palette_that_there_is_not_is_refused_before_anything_runs(given, capsys):
    with pytest.raises(SystemExit) as end:
        main([*FILES, '--palette', 'hrsc_otherwise'])
    assert end.value.code == 2
    assert 'hrsc_classwise' in capsys.readouterr().err  # among those that there are
    assert not given


def test_the_demo_of_huge_images(tmp_path, capsys):
    config, out = write_config(tmp_path), tmp_path / 'out.png'
    write_weights(config, tmp_path / 'm.pth')
    image = np.random.default_rng(0).integers(0, 255, (96, 160, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    argv = [*map(str, (tmp_path / 'a.png', config, tmp_path / 'm.pth')), '--out-file', str(out), '--patch_sizes', '64']
    assert huge([*argv, '--patch_steps', '48', '--img_ratios', '1.0', '0.5', '--device', 'cpu']) == 0
    assert 'detections with a score from 0.3 on' in capsys.readouterr().err
    assert cv2.imread(str(out)).shape == image.shape
    assert huge([*argv, '--patch_steps', '64', '--device', 'cpu']) == 1
    assert 'a step below each of --patch_sizes [64] is needed' in capsys.readouterr().err
