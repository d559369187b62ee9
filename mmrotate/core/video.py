"""Frames of videos, image sequences, cameras and streams, with their times; and a video of frames."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from mmrotate.core.images import BadImageError, read_image
from mmrotate.utils import UserError, get_root_logger
from mmrotate.utils.files import WriteError, naming_errors

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg', '.ts', '.wmv', '.flv')
_STREAMS = ('rtsp://', 'rtsps://', 'rtmp://', 'udp://', 'tcp://', 'http://', 'https://')
_CODECS = {'.mp4': 'mp4v', '.m4v': 'mp4v', '.mov': 'mp4v', '.mkv': 'mp4v', '.avi': 'MJPG', '.webm': 'VP80'}
_FPS = 25.0  # of what does not say
_STILL = 10.0  # seconds that a frame of a written video may stand


class Frame(NamedTuple):
    """A frame: its number from 0, its time in seconds, and its pixels (H, W, 3), uint8, BGR."""

    number: int
    seconds: float
    image: np.ndarray


def is_video(source: str) -> bool:
    """Whether a name is one of a video, an image sequence (``frames/%05d.png``), a camera or a stream."""
    name = source.lower()
    return (
        name.startswith(_STREAMS) or name.endswith(VIDEO_SUFFIXES) or is_sequence(source) or _camera(source) is not None
    )


def is_sequence(source: str) -> bool:
    """Whether a name stands for numbered images: what is there under it is itself meant."""
    return '%' in source and not source.lower().startswith(_STREAMS) and not Path(source).exists()


class Video:
    """Frames of a source, one after the other; a context manager.

    Args:
        source: A file; a pattern of numbered images such as ``frames/%05d.png``, from the first that is there on; a
            camera: its number (``0``) or ``/dev/video0``; or the address of a stream.
        fps: Frames a second of an image sequence; by default 25.

    Attributes:
        width, height: Of a frame, in pixels.
        fps: Frames a second, as the source says it; those of a variable rate have times of their own.
        count: How many frames there are, as the source says; None: it does not.
        live: Whether frames come at their own pace, and are lost when they are not taken.

    Raises:
        BadImageError: The source cannot be opened, or has no frame.
    """

    def __init__(self, source: str, fps: float | None = None) -> None:
        self.source, camera = source, _camera(source)
        self.count: int | None = None
        self.live = camera is not None or source.lower().startswith(_STREAMS)
        self._sequence = is_sequence(source)
        if not self.live and not self._sequence and not Path(source).is_file():
            raise BadImageError(f'the video {source} does not exist')
        if self._sequence:
            self.fps, self.count = fps or _FPS, sum(1 for _ in _numbered(source))
            self.height, self.width = read_image(next(_numbered(source))).shape[:2]
            return
        self._capture = cv2.VideoCapture(source if camera is None else camera)
        first = self._capture.read()[1] if self._capture.isOpened() else None
        if first is None:
            self._capture.release()
            raise BadImageError(f'{source} cannot be opened as a video: it is damaged, not there or of an unknown kind')
        self._began = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        self._first: np.ndarray = first
        self.height, self.width = first.shape[:2]
        self.fps = _sensible(self._capture.get(cv2.CAP_PROP_FPS))
        if not self.live:
            self.count = round(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)) or None

    def __enter__(self) -> 'Video':
        return self

    def __exit__(self, *exception: Any) -> None:
        if not self._sequence:
            self._capture.release()

    def __iter__(self) -> Iterator[Frame]:
        """The frames; those of a file once."""
        number = -1
        for number, (seconds, image) in enumerate(self._of_files() if self._sequence else self._of_capture()):
            if image.shape[:2] != (self.height, self.width):
                size = f'{image.shape[1]} x {image.shape[0]}'
                raise BadImageError(f'{self.source}: frame {number} is {size}, the first {self.width} x {self.height}')
            yield Frame(number, seconds, image)
        if self.count is not None and number + 1 < self.count and not self._sequence:
            text = '%s: %d of %d frames could be read; the number in its head may be wrong, or the rest is damaged'
            get_root_logger().warning(text, self.source, number + 1, self.count)

    def _of_files(self) -> Iterator[tuple[float, np.ndarray]]:
        for number, file in enumerate(_numbered(self.source)):
            yield number / self.fps, read_image(file)

    def _of_capture(self) -> Iterator[tuple[float, np.ndarray]]:
        image: np.ndarray | None = self._first
        seconds, before = self._began, -1.0
        while image is not None:
            if seconds <= before:  # some files do not say: their rate does
                seconds = before + 1 / self.fps
            yield seconds, image
            image = self._capture.read()[1]
            before, seconds = seconds, self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000


class VideoWriter:
    """A video file of frames, each as long as its time says; a context manager that leaves a whole file or none.

    The file has a constant rate: a frame is written as often as it lasts, and one that lasts shorter than half of a
    frame's time may be left out.

    Args:
        path: ``.mp4``, ``.avi``, ``.mov``, ``.mkv`` or ``.webm``; its folder is made.
        fps: Its frames a second.
        width, height: Of the frames.

    Raises:
        UserError: Another suffix.
        WriteError: It cannot be written.
    """

    def __init__(self, path: str | Path, fps: float, width: int, height: int) -> None:
        self._path, self._fps, self._size = Path(path), fps, (width, height)
        codec = video_codec(self._path)
        self._temporary = self._path.with_name(f'.{self._path.stem}.{os.getpid()}{self._path.suffix}')
        with naming_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = cv2.VideoWriter(str(self._temporary), cv2.VideoWriter.fourcc(*codec), fps, self._size)
        if not self._writer.isOpened():
            raise WriteError(f'{path} cannot be written as a video: its folder is read-only, or OpenCV has no {codec}')
        self._last: np.ndarray | None = None
        self._written, self._start = 0, 0.0

    def write(self, image: np.ndarray, seconds: float) -> None:
        """Add a frame (H, W, 3), uint8, BGR, that is shown from ``seconds`` on."""
        if self._last is None:
            self._start = seconds
        else:
            self._fill(self._last, min(seconds - self._start, self._written / self._fps + _STILL))
        self._last = image

    def _fill(self, image: np.ndarray, until: float) -> None:
        """Write a frame as often as it stands until a time."""
        for _ in range(round(until * self._fps) - self._written):
            self._writer.write(image)
            self._written += 1

    def __enter__(self) -> 'VideoWriter':
        return self

    def __exit__(self, kind: Any, *exception: Any) -> None:
        if kind is None and self._last is not None:
            self._fill(self._last, (self._written + 1) / self._fps)
        self._writer.release()
        if kind is None and self._last is not None:
            with naming_errors(self._path):
                os.replace(self._temporary, self._path)
        else:
            self._temporary.unlink(missing_ok=True)


def can_write_video(path: str | Path) -> bool:
    """Whether the suffix is one of a video that is written."""
    return Path(path).suffix.lower() in _CODECS


def video_codec(path: Path) -> str:
    """The four letters of the codec for a file that is to be written.

    Raises:
        UserError: No video of this suffix is written.
    """
    if not can_write_video(path):
        raise UserError(f'{path}: videos are written as {", ".join(_CODECS)}')
    return _CODECS[path.suffix.lower()]


def _camera(source: str) -> int | None:
    """The number of a camera that a name means."""
    digits = source.removeprefix('/dev/video')
    # a folder or a file of digits alone is itself meant
    is_one = digits.isdecimal() and (digits != source or not Path(source).exists())
    return int(digits) if is_one else None


def _numbered(pattern: str) -> Iterator[Path]:
    """Images of consecutive numbers, from the lowest that is there on."""
    try:
        start = next((number for number in range(10_001) if Path(pattern % number).is_file()), None)
    except (TypeError, ValueError) as error:
        raise BadImageError(f'{pattern} is no pattern of numbered images such as frames/%05d.png: {error}') from error
    if start is None:
        raise BadImageError(f'no image is called {pattern % 0}, {pattern % 1}, ...')
    number = start
    while (file := Path(pattern % number)).is_file():
        yield file
        number += 1


def _sensible(fps: float) -> float:
    return fps if math.isfinite(fps) and 0 < fps <= 1000 else _FPS
