import json

import numpy as np
import pytest
import torch

from mmrotate.apis import init_detector
from mmrotate.cli.track import main
from mmrotate.core.video import Video, VideoWriter
from tests.helpers.sequences import crossing
from tests.helpers.tiny import CLASSES, TinyDetector, write_config


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Video, config and checkpoint."""
    folder = tmp_path_factory.mktemp('track')
    config = str(write_config(folder))
    torch.save({'state_dict': init_detector(config, device='cpu').state_dict()}, folder / 'tiny.pth')
    with VideoWriter(folder / 'a.avi', 10, 320, 320) as writer:
        for i in range(20):
            writer.write(np.full((320, 320, 3), 40 + i, np.uint8), i / 10)
    return [str(folder / 'a.avi'), config, str(folder / 'tiny.pth')]


@pytest.fixture(autouse=True)
def ships(monkeypatch):
    """The detector finds the ships of a made sequence."""
    _, results = crossing(frames=20, objects=4, miss=0, low=0)
    left = iter(results)

    def forward(self, img, img_metas, **kwargs):
        return [[np.zeros((0, 6), np.float32), next(left)[0]] for _ in range(len(img[0]))]

    monkeypatch.setattr(TinyDetector, 'forward', forward)
    return results


def test_objects_are_numbered_written_and_counted(files, ships, tmp_path, capsys):
    out, found, mot, counts = (tmp_path / name for name in ('o.mp4', 'o.jsonl', 'o.txt', 'counts.json'))
    argv = [*files, '--out-file', str(out), '--json', str(found), '--mot', str(mot), '--counts', str(counts)]
    argv += ['--zone', '0,0,320,0,320,320,0,320', '--line', '0,-50,320,-50', '--batch-size', '3']
    assert main(argv) == 0
    said = capsys.readouterr().out
    assert '4 objects in 20 frames' in said
    lines = [json.loads(line) for line in found.read_text().splitlines()[1:]]
    assert [line['frame'] for line in lines] == list(range(20))
    assert [one['track_id'] for one in lines[10]['detections']] == [1, 2, 3, 4]
    assert {one['label'] for line in lines for one in line['detections']} == {CLASSES[1]}
    rows = np.loadtxt(mot, delimiter=',')
    assert rows.shape == (80, 14)
    assert set(rows[:, 1]) == {1, 2, 3, 4} and set(rows[:, 7]) == {2}
    assert np.allclose(np.sort(rows[rows[:, 0] == 5, 9]), np.sort(ships[4][0][:, 0]), atol=1e-3)
    assert np.allclose(rows[:, 2] + rows[:, 4] / 2, rows[:, 9], atol=0.02)  # both boxes have one centre
    zone = next(one for one in json.loads(counts.read_text()) if 'zone' in one)
    assert 0 < zone['at most at once'] <= 4
    with Video(str(out)) as video:
        frames = list(video)
    assert len(frames) == 20
    assert np.ptp(frames[10].image, axis=2).max() > 50  # coloured boxes on grey
    assert sorted(file.name for file in tmp_path.iterdir()) == ['counts.json', 'o.jsonl', 'o.mp4', 'o.txt']


@pytest.mark.parametrize('tracker', ['ocsort', 'botsort'])
def test_other_styles(files, tmp_path, tracker, capsys):
    assert (
        main([*files, '--tracker', tracker, '--mot', str(tmp_path / 'o.txt'), '--keep', '5', '--score-thr', '0.65'])
        == 0
    )
    assert '4 objects' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('options', 'code', 'text'),
    [
        ([], 1, 'nothing would be kept'),
        (['--counts', 'a.json'], 1, 'give --line or --zone'),
        (['--line', '1,2,3'], 2, '4 coordinates'),
        (['--line', '1,1,1,1'], 1, 'two different points'),
        (['--zone', '1,2,3,4'], 2, 'an even number, 6 or more'),
        (['--out-file', 'a.gif'], 1, 'videos are written as'),
        (['--show'], 1, 'no window'),
    ],
)
def test_what_cannot_be_done_is_said(files, options, code, text, capsys):
    try:
        assert main([*files, *options]) == code
    except SystemExit as end:
        assert end.code == code
    assert text in capsys.readouterr().err
