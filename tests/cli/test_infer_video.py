import json

import numpy as np
import pytest
import torch

from mmrotate.apis import init_detector
from mmrotate.cli.infer import main
from mmrotate.cli.video_demo import main as video_demo
from mmrotate.cli.video_demo import webcam_main
from mmrotate.core.video import Video, VideoWriter
from tests.helpers.tiny import TinyDetector, write_config


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Video, config and checkpoint."""
    folder = tmp_path_factory.mktemp('infer_video')
    config = str(write_config(folder))
    torch.save({'state_dict': init_detector(config, device='cpu').state_dict()}, folder / 'tiny.pth')
    with VideoWriter(folder / 'a.avi', 10, 64, 48) as writer:
        for i in range(6):
            writer.write(np.random.default_rng(i).integers(0, 255, (48, 64, 3), np.uint8), i / 10)
    return [str(folder / 'a.avi'), config, str(folder / 'tiny.pth')]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_video_becomes_a_video_and_json_lines(files, tmp_path, capsys):
    out, found = tmp_path / 'out.mp4', tmp_path / 'out.jsonl'
    assert main([*files, '--out-file', str(out), '--json', str(found), '--score-thr', '0.1', '--batch-size', '4']) == 0
    said = capsys.readouterr().out
    assert '6 detections with a score from 0.1 on in 6 frames' in said
    assert f'written: {out}' in said and f'written: {found}' in said
    assert [line['frame'] for line in lines(found)[1:]] == list(range(6))
    with Video(str(out)) as video:
        assert len(list(video)) == 6
    assert sorted(file.name for file in tmp_path.iterdir()) == ['out.jsonl', 'out.mp4']


def test_a_run_that_broke_off_goes_on(files, tmp_path, monkeypatch):
    argv = [*files, '--out-dir', str(tmp_path), '--score-thr', '0.1']
    assert main(argv) == 0
    expected = (tmp_path / 'a.jsonl').read_bytes()
    (tmp_path / 'a.jsonl').rename(tmp_path / 'a.jsonl.part')
    part = tmp_path / 'a.jsonl.part'
    part.write_bytes(b''.join(expected.splitlines(True)[:4]))
    calls = []
    real = TinyDetector.forward
    monkeypatch.setattr(TinyDetector, 'forward', lambda *args, **kwargs: calls.append(1) or real(*args, **kwargs))
    assert main([*argv, '--resume']) == 0
    assert len(calls) == 3
    assert (tmp_path / 'a.jsonl').read_bytes() == expected
    assert sorted(file.name for file in tmp_path.iterdir()) == ['a.jsonl', 'a.mp4']


@pytest.mark.parametrize(
    ('options', 'text'),
    [
        ([], 'nothing would be kept'),
        (['--tile', '64', '--out-dir', 'x'], '--tile is for images'),
        (['--out', 'x'], '--out is for images'),
        (['--merge-iou-thr', '0'], '--merge-iou-thr is for images'),
        (['--launcher', 'pytorch'], '--launcher is for images'),
        (['--class-agnostic'], '--class-agnostic is for images'),
        (['--crs', 'wgs84'], '--crs is for images'),
        (['--fps', '3', '--json', 'a'], '--fps is of numbered images'),
        (['--wait-time', '0', '--json', 'a'], '--wait-time is how long --show shows a frame'),
        (['--resume', '--out-file', 'a.mp4'], '--resume goes on with the JSON lines'),
        (['--out-file', 'a.png'], 'videos are written as .mp4'),
        (['--show'], 'no window can be opened'),
    ],
)
def test_what_videos_do_not_take(files, options, text, capsys):
    assert main([*files, *options]) == 1
    assert text in capsys.readouterr().err


def test_images_and_videos_are_not_mixed(files, tmp_path, capsys):
    video, config, checkpoint = files
    argv = [config, checkpoint, '--out-file', str(tmp_path / 'a.mp4')]
    assert main([video, 'a.png', *argv]) == 1
    assert 'a.png is no video' in capsys.readouterr().err
    assert main([video, video, *argv]) == 1
    assert '2 videos: --out-dir DIR' in capsys.readouterr().err
    image = tmp_path.parent / 'none.png'
    assert main([video, *argv[:2], '--out-file', video]) == 1
    assert 'would overwrite' in capsys.readouterr().err
    assert not image.exists()


def test_the_demos_of_the_documentation(files, tmp_path, capsys):
    out = tmp_path / 'result.mp4'
    assert video_demo([*files, '--out', str(out), '--score-thr', '0.1', '--nvdecode']) == 0
    assert 'decoded by OpenCV' in capsys.readouterr().err
    with Video(str(out)) as video:
        assert len(list(video)) == 6
    assert video_demo(files) == 1
    assert '--out FILE (a video) or --show' in capsys.readouterr().err
    assert webcam_main(files[1:]) == 1
    assert 'no window can be opened' in capsys.readouterr().err
