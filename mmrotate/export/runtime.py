"""Exported detectors without PyTorch: NumPy, OpenCV, and onnxruntime or openvino.

>>> from mmrotate.export.runtime import Detector
>>> detector = Detector('detector.onnx')
>>> result = detector('image.jpg')  # per class an array (n, 6), as of inference_detector
"""

import argparse
import importlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmrotate.apis.tiles import RULE, detect_windows, joined
from mmrotate.core.patch import MergeRule, tile_windows
from mmrotate.core.wholeness import damage

INPUTS = ('image', 'img_shape', 'scale_factor')
OUTPUTS = ('dets', 'labels')
# key of the recipe in a model file
KEY = 'mmrotate'
_LIBRARIES = {'.onnx': 'onnxruntime', '.xml': 'openvino'}


class ModelFileError(ValueError):
    """A model file, or an image or a setting for it, that cannot be used."""


@dataclass(frozen=True)
class Recipe:
    """What a model file says of itself, and how images are prepared for it.

    Args:
        classes: Names of the classes.
        palette: Their colours, if any.
        angle_version: Of the boxes.
        scale: Width and height that images are resized to.
        keep_ratio: Resize to fit into ``scale`` at most, whichever way the image lies.
        mean: Subtracted of each channel.
        std: What it is then divided by.
        to_rgb: Whether channels are turned from BGR to RGB before.
        divisor: Sides are filled up with zeros to a multiple of it.
        size: Height and width that all inputs have; None for any.
        normalize: Whether the model normalises, so that it takes pixels of 0 to 255, BGR.
        with_nms: Whether the model suppresses; else its boxes are candidates.
    """

    classes: Sequence[str]
    palette: Sequence[Sequence[int]] | None
    angle_version: str | None
    scale: Sequence[int]
    keep_ratio: bool
    mean: Sequence[float]
    std: Sequence[float]
    to_rgb: bool
    divisor: int
    size: Sequence[int] | None = None
    normalize: bool = False
    with_nms: bool = True

    def dumps(self) -> str:
        """As text."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> 'Recipe':
        """From text."""
        return cls(**json.loads(text))

    def target(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that an image is resized to."""
        if not self.keep_ratio:
            return self.scale[0], self.scale[1]
        factor = min(max(self.scale) / max(width, height), min(self.scale) / min(width, height))
        if self.size is not None:
            factor = min(factor, self.size[1] / width, self.size[0] / height)
        return int(width * factor + 0.5), int(height * factor + 0.5)

    def prepare(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Input (3, H, W), height and width in it (2,), scale factor (4,) of an image (h, w, 3), BGR, uint8."""
        height, width = image.shape[:2]
        w, h = self.target(width, height)
        pixels = cv2.resize(image, (w, h), interpolation=cv2.INTER_LINEAR)
        values: np.ndarray = pixels.astype(np.float32)
        if not self.normalize:
            values = pixels[..., ::-1] if self.to_rgb else pixels
            mean, std = (np.array(each, np.float32).astype(np.float64) for each in (self.mean, self.std))
            values = ((values - mean) * (1 / std)).astype(np.float32)
        side = self.divisor
        size = self.size or (-(-h // side) * side, -(-w // side) * side)
        out = np.zeros((3, *size), np.float32)
        out[:, :h, :w] = values.transpose(2, 0, 1)
        return out, np.array([h, w], np.float32), np.array([w / width, h / height] * 2, np.float32)


class Detector:
    """A model file, ready to run.

    Args:
        file: ``.onnx`` or ``.xml``, written by ``mmrotate export``.
        threads: Threads to use; None leaves it to the library.

    Raises:
        ModelFileError: The file is missing, of another kind, or lacks the recipe.
    """

    device = 'cpu'  # where tiles are merged

    def __init__(self, file: str | os.PathLike, threads: int | None = None) -> None:
        path = Path(file)
        name = _LIBRARIES.get(path.suffix.lower())
        if name is None:
            raise ModelFileError(f'{path}: a file that ends in {" or ".join(_LIBRARIES)} is needed')
        if not path.is_file():
            raise ModelFileError(f'there is no file {path}')
        try:
            library = importlib.import_module(name)
        except ImportError as error:
            raise ModelFileError(f'{path} needs {name}: pip install {name}') from error
        try:
            self._run, text = (_onnxruntime if name == 'onnxruntime' else _openvino)(library, path, threads)
        except Exception as error:  # each library has its own; OpenVINO begins with lines of its source
            reason = [type(error).__name__, *str(error).split('\n')]
            raise ModelFileError(f'{name} cannot run {path}: {next(filter(str.strip, reversed(reason)))}') from error
        if not text:
            raise ModelFileError(f'{path} has no entry {KEY!r}: it was not written by `mmrotate export`')
        try:
            self.recipe = Recipe.loads(text)
        except (ValueError, TypeError) as error:
            raise ModelFileError(f'the entry {KEY!r} of {path} is of another version: {error}') from error

    def prepare(self, pixels: np.ndarray) -> tuple[np.ndarray, ...]:
        """The sample of an image (h, w, 3), BGR, uint8."""
        return self.recipe.prepare(pixels)

    def detect(self, samples: Sequence[tuple[np.ndarray, ...]]) -> list[list[np.ndarray]]:
        """Results of samples; those of a file of fixed size go through it one by one."""
        step = 1 if self.recipe.size else len(samples)
        batches = (samples[start : start + step] for start in range(0, len(samples), step or 1))
        return [result for batch in batches for result in self._batch(batch)]

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes."""
        return self.recipe.classes

    def __call__(self, images: Any, batch_size: int = 1) -> Any:
        """Result of an image, a file or an array (h, w, 3), BGR, uint8; of a list of them, a list.

        A result is a list over classes of arrays (n, 6): x, y, w, h in pixels of the image, theta in radians, score.
        Images of a batch that are not of one size are filled up to the largest; files of fixed size take one by one.
        """
        single = not isinstance(images, list | tuple)
        given = [images] if single else images
        results: list[list[np.ndarray]] = []
        for start in range(0, len(given), batch_size):
            results += self.detect([self.prepare(read_image(image)) for image in given[start : start + batch_size]])
        return results[0] if single else results

    def tiles(
        self,
        image: Any,
        size: Sequence[int] | None = None,
        overlap: float = 0.2,
        rule: MergeRule = RULE,
        batch_size: int = 1,
        score_thr: float = 0.0,
    ) -> list[np.ndarray]:
        """Result of an image that is too large for the detector, tile by tile, as of ``mmrotate infer --tile``.

        Args:
            image: A file or an array (h, w, 3), BGR, uint8.
            size: Width and height of the tiles; None: the scale that images are resized to.
            overlap: What neighbours share, as a part, in [0, 1), of their shorter side.
            rule: How detections of several tiles become one.
            batch_size: Tiles that go through the detector at once.
            score_thr: Detections with lower scores are left out before they are merged.

        Returns:
            A list over classes of arrays (n, 6), best first, as of a call.
        """
        if not 0 <= overlap < 1:
            raise ModelFileError(f'overlap is a part in [0, 1) of the shorter side of a tile, got {overlap}')
        pixels = read_image(image)
        height, width = pixels.shape[:2]
        tile_width, tile_height = size or self.recipe.scale
        windows = tile_windows(width, height, [(tile_width, tile_height)], overlap)

        def read(window: Sequence[int]) -> np.ndarray:
            left, top, right, bottom = window
            return pixels[top:bottom, left:right]

        return joined(detect_windows(self, read, windows, rule, batch_size=batch_size, score_thr=score_thr))

    def _batch(self, samples: Sequence[tuple[np.ndarray, ...]]) -> list[list[np.ndarray]]:
        dets, labels = self._run(batch_of(samples))
        count = len(self.classes)
        return [[d[own == c] for c in range(count)] for d, own in zip(dets, labels, strict=True)]


def batch_of(prepared: Sequence[tuple[np.ndarray, ...]]) -> dict[str, np.ndarray]:
    """Inputs of a model from those of each image, filled up with zeros to the largest."""
    height, width = np.max([image.shape[1:] for image, *_ in prepared], axis=0)
    batch = np.zeros((len(prepared), 3, height, width), np.float32)
    for row, (image, *_) in zip(batch, prepared, strict=True):
        row[:, : image.shape[1], : image.shape[2]] = image
    _, shapes, factors = zip(*prepared, strict=True)
    return dict(zip(INPUTS, (batch, np.stack(shapes), np.stack(factors)), strict=True))


def read_image(image: Any) -> np.ndarray:
    """The image (h, w, 3), BGR, uint8, of a file or an array."""
    if isinstance(image, str | os.PathLike):
        return _decoded(Path(image))
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        given = getattr(image, 'shape', type(image).__name__), getattr(image, 'dtype', '')
        raise ModelFileError(f'an image file or an array (h, w, 3), BGR, uint8, is needed, got {given}')
    return image


def _decoded(path: Path) -> np.ndarray:
    try:
        data = path.read_bytes()
        if (what := damage(data)) is not None:
            raise ModelFileError(f'the image {path} {what}')
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error) as error:  # more pixels than OpenCV takes are an error of it
        raise ModelFileError(f'cannot read the image {path}: {error}') from error
    if pixels is None:
        raise ModelFileError(f'cannot read the image {path}: it is damaged, or of a format that OpenCV does not read')
    return pixels


def _onnxruntime(library: Any, path: Path, threads: int | None) -> tuple[Any, str | None]:
    options = library.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3
    session = library.InferenceSession(str(path), options, providers=library.get_available_providers())
    return (lambda inputs: session.run(list(OUTPUTS), inputs), session.get_modelmeta().custom_metadata_map.get(KEY))


def _openvino(library: Any, path: Path, threads: int | None) -> tuple[Any, str | None]:
    core = library.Core()
    model = core.read_model(path)
    text = model.get_rt_info(KEY).value if model.has_rt_info(KEY) else None
    # its own choice of precision may be half of float32
    settings = {'INFERENCE_PRECISION_HINT': 'f32'} | ({'INFERENCE_NUM_THREADS': threads} if threads else {})
    compiled = core.compile_model(model, 'CPU', settings)

    def run(inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        found = compiled(inputs)
        return [found[name] for name in OUTPUTS]

    return run, text


def main(argv: Sequence[str] | None = None) -> None:
    """Print the detections in images, one JSON object a line, as `images` of `mmrotate infer --json` holds them."""
    parser = argparse.ArgumentParser('python -m mmrotate.export.runtime', description=main.__doc__)
    parser.add_argument('model', help='file of `mmrotate export`')
    parser.add_argument('images', nargs='+', help='image files')
    parser.add_argument('--score-thr', type=float, default=0.3, help='lowest score printed (default: 0.3)')
    args = parser.parse_args(argv)
    # it draws too, and so needs a package more than detecting does
    entry = importlib.import_module('mmrotate.apis.results').image_entry
    try:
        detector = Detector(args.model)
        for image in args.images:
            print(json.dumps(entry(image, detector(image), detector.classes, args.score_thr)))
    except ModelFileError as error:
        parser.exit(1, f'error: {error}\n')


if __name__ == '__main__':
    main()
