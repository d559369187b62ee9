import cv2
import numpy as np
import pytest

from mmrotate.core.images import BadImageError
from mmrotate.core.video import Video, VideoWriter, is_video
from mmrotate.utils import UserError


def picture(number):
    """A grey picture whose brightness says its number."""
    return np.full((48, 64, 3), 20 * number, np.uint8)


def numbers(video):
    return [round(frame.image.mean() / 20) for frame in video]


@pytest.mark.parametrize('suffix', ['.mp4', '.avi', '.mkv', '.mov', '.webm'])
def test_frames_come_back_with_their_times(tmp_path, suffix):
    path = tmp_path / 'folder' / f'a{suffix}'
    with VideoWriter(path, 10, 64, 48) as writer:
        for i in range(8):
            writer.write(picture(i), i / 10)
    with Video(str(path)) as video:
        assert (video.width, video.height, video.live) == (64, 48, False)
        assert video.fps == pytest.approx(10)
        frames = list(video)
    assert [frame.number for frame in frames] == list(range(8))
    assert [frame.seconds for frame in frames] == pytest.approx([i / 10 for i in range(8)], abs=2e-3)
    assert numbers(frames) == list(range(8))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_frame_stands_as_long_as_its_time_says(tmp_path):
    with VideoWriter(tmp_path / 'a.avi', 10, 64, 48) as writer:
        for number, seconds in [(0, 5.0), (1, 5.1), (2, 5.4), (3, 5.45), (4, 5.6)]:
            writer.write(picture(number), seconds)
    with Video(str(tmp_path / 'a.avi')) as video:
        found = numbers(video)
    assert found[:6] == [0, 1, 1, 1, 2, 3] or found[:6] == [0, 1, 1, 1, 3, 3]
    assert found[-1] == 4
    assert len(found) == 7


def test_numbered_images_are_a_video(tmp_path):
    for i in range(3, 7):
        cv2.imwrite(str(tmp_path / f'{i:04d}.png'), picture(i))
    with Video(str(tmp_path / '%04d.png'), fps=5) as video:
        assert (video.count, video.fps, video.width) == (4, 5, 64)
        frames = list(video)
    assert numbers(frames) == [3, 4, 5, 6]
    assert [frame.seconds for frame in frames] == [0, 0.2, 0.4, 0.6]
    cv2.imwrite(str(tmp_path / '0007.png'), picture(7)[:40])
    with Video(str(tmp_path / '%04d.png')) as video, pytest.raises(BadImageError, match='frame 4 is 64 x 40'):
        list(video)


@pytest.mark.parametrize(
    ('name', 'content', 'text'),
    [
        ('none.mp4', None, 'does not exist'),
        ('empty.mp4', b'', 'cannot be opened as a video'),
        ('text.mp4', b'hello', 'cannot be opened as a video'),
        ('%d.png', None, 'no image is called'),
        ('%q.png', None, 'no pattern of numbered images'),
    ],
)
def test_what_is_no_video(tmp_path, name, content, text):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadImageError, match=text):
        Video(str(tmp_path / name))


def test_a_video_that_was_cut_off_is_told_of(tmp_path, caplog):
    path = tmp_path / 'a.avi'
    with VideoWriter(path, 10, 64, 48) as writer:
        for i in range(12):
            writer.write(np.random.default_rng(i).integers(0, 255, (48, 64, 3), np.uint8), i / 10)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with Video(str(path)) as video:
        assert 0 < len(list(video)) < 12


def test_nothing_is_left_of_a_video_that_was_not_finished(tmp_path):
    with pytest.raises(ZeroDivisionError), VideoWriter(tmp_path / 'a.mp4', 10, 64, 48) as writer:
        writer.write(picture(1), 0)
        raise ZeroDivisionError
    with VideoWriter(tmp_path / 'b.mp4', 10, 64, 48):
        pass
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match=r'a\.gif: videos are written as \.mp4'):
        VideoWriter(tmp_path / 'a.gif', 10, 64, 48)


@pytest.mark.parametrize(
    ('name', 'video'),
    [
        ('a.mp4', True),
        ('A.AVI', True),
        ('f/%05d.png', True),
        ('0', True),
        ('/dev/video2', True),
        ('rtsp://host/stream', True),
        ('http://host/a', True),
        ('a.png', False),
        ('folder', False),
        ('a*.jpg', False),
    ],
)
def test_names_of_videos(name, video):
    assert is_video(name) is video


def test_what_is_there_under_a_name_is_itself_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / '2023').mkdir()
    (tmp_path / '50%.png').touch()
    assert not is_video('2023') and not is_video('50%.png')
    assert is_video('2024') and is_video('%d.png')
