import json
import threading
import time

import numpy as np
import pytest

from mmrotate.apis import inference_detector, init_detector
from mmrotate.apis.video import VideoLog, detect_video, results_of
from mmrotate.core.video import Frame
from mmrotate.utils import UserError
from tests.helpers.tiny import CLASSES, write_config


class Made:
    """A video of random pictures."""

    def __init__(self, count=5, live=False):
        draw = np.random.default_rng(0)
        self.images = [draw.integers(0, 255, (40, 60, 3), np.uint8) for _ in range(count)]
        self.source, self.width, self.height, self.fps, self.count, self.live = 'made', 60, 40, 10.0, count, live

    def __iter__(self):
        for i, image in enumerate(self.images):
            yield Frame(i, i / 10, image)


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return init_detector(str(write_config(tmp_path_factory.mktemp('video'))), device='cpu')


@pytest.mark.parametrize('batch_size', [1, 2, 8])
def test_frames_are_detected_in_their_order(model, batch_size):
    video = Made()
    seen = list(detect_video(model, video, batch_size))
    assert [one.frame.number for one in seen] == list(range(5))
    expected = inference_detector(model, video.images)
    for one, result in zip(seen, expected, strict=True):
        assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(one.result, result, strict=True))


def test_what_is_known_is_not_detected_again(model, monkeypatch):
    video, calls = Made(), []
    expected = [one.result for one in detect_video(model, video)]
    monkeypatch.setattr('mmrotate.apis.video.detect', lambda model, batch: calls.append(1) or [expected[0]])
    seen = list(detect_video(model, video, 1, expected[:3]))
    assert len(calls) == 2
    assert all(one.result is result for one, result in zip(seen[:3], expected[:3], strict=True))


def test_of_a_live_source_the_newest_frame_is_taken(model, monkeypatch):
    came, gate = [], threading.Event()

    class Live(Made):
        def __iter__(self):
            yield from list(super().__iter__())[:1]
            gate.wait(10)
            yield from list(super().__iter__())[1:]
            came.append(1)

    def slow(model, batch):
        gate.set()
        while not came:
            time.sleep(0.01)
        return [[np.zeros((0, 6), np.float32)] * 2]

    monkeypatch.setattr('mmrotate.apis.video.detect', slow)
    assert [one.frame.number for one in detect_video(model, Live(live=True))] == [0, 4]


def test_json_lines_are_gone_on_with(model, tmp_path):
    video, path = Made(), tmp_path / 'folder' / 'a.jsonl'
    seen = list(detect_video(model, video))

    def log():
        return VideoLog(path, video, CLASSES, 0.3)

    whole = log()
    assert whole.known() == []
    whole.begin()
    for one in seen:
        whole.add(one.frame, whole.entries(one.result))
    whole.end()
    text = path.read_text()
    head, *lines = map(json.loads, text.splitlines())
    assert (head['schema'], head['classes'], head['width']) == ('mmrotate.video', list(CLASSES), 60)
    assert [(line['frame'], line['seconds']) for line in lines] == [(i, i / 10) for i in range(5)]
    assert lines[0]['detections'][0]['label'] in CLASSES

    part = path.with_name('a.jsonl.part')
    part.write_text(''.join(text.splitlines(True)[:3]) + '{"frame": 2, "sec')  # broken off in a line
    broken = log()
    entries = broken.known()
    assert len(entries) == 2
    assert np.allclose(results_of(entries, 2)[1][0], seen[1].result[0], atol=1e-4)
    broken.begin(entries)
    for one in seen[2:]:
        broken.add(one.frame, broken.entries(one.result))
    broken.end()
    assert path.read_text() == text
    assert [file.name for file in path.parent.iterdir()] == ['a.jsonl']

    part.write_text(text.replace('"fps": 10.0', '"fps": 5.0'))
    with pytest.raises(UserError, match=r'is of another run \(fps: 5.0, now 10.0\)'):
        log().known()
