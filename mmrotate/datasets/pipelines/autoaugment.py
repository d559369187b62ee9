"""The policies of AutoAugment, of steps that leave the boxes where they are or move them too."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps

from mmrotate.registry import PIPELINES
from mmrotate.utils.errors import ArgumentError

from .compose import Compose
from .image import BadImageError

_MAX_LEVEL = 10


@PIPELINES.register_module()
@dataclass(eq=False)
class AutoAugment:
    """Runs one of several pipelines, drawn for each image.

    Args:
        policies: the pipelines, lists of steps.
    """

    policies: Sequence[Sequence[dict]]

    def __post_init__(self) -> None:
        if isinstance(self.policies, str | dict) or not self.policies or not all(self.policies):
            raise ArgumentError(
                f'policies: a list of pipelines, which are lists of steps, is needed, got {self.policies!r}'
            )
        self.pipelines = [Compose(policy) for policy in self.policies]

    def __call__(self, results: dict) -> dict | None:
        """Run the one that is drawn."""
        return self.pipelines[np.random.randint(len(self.pipelines))](results)


@dataclass(eq=False)
class _ColourStep:
    """A change of the colours with a strength and a probability."""

    level: float
    prob: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.level <= _MAX_LEVEL or not 0 <= self.prob <= 1:
            raise ArgumentError(
                f'level in [0, {_MAX_LEVEL}] and prob in [0, 1] are needed, got {self.level}, {self.prob}'
            )
        self.factor = self.level / _MAX_LEVEL * 1.8 + 0.1

    def __call__(self, results: dict) -> dict:
        """Change the images of ``img_fields``."""
        if np.random.random_sample() < self.prob:
            for key in results.get('img_fields', ['img']):
                results[key] = self._changed(results[key])
        return results

    def _changed(self, img: np.ndarray) -> np.ndarray:
        """The image blended with another one: all of it at the factor 1, and beyond it for larger ones."""
        other = np.broadcast_to(self._other(img), img.shape)
        mixed = img * np.float32(self.factor) + other * np.float32(1 - self.factor)
        return np.clip(np.rint(mixed) if img.dtype == np.uint8 else mixed, 0, 255).astype(img.dtype)

    def _other(self, img: np.ndarray) -> Any:
        raise NotImplementedError


@PIPELINES.register_module()
class ColorTransform(_ColourStep):
    """Changes the saturation: level 0 gives nearly grey, 5 the image itself, 10 nearly twice its colours."""

    def _other(self, img: np.ndarray) -> Any:
        return _grey(img)[..., None]


@PIPELINES.register_module()
class BrightnessTransform(_ColourStep):
    """Changes the brightness: level 0 gives nearly black, 5 the image itself, 10 nearly twice its values."""

    def _other(self, img: np.ndarray) -> Any:
        return 0


@PIPELINES.register_module()
class ContrastTransform(_ColourStep):
    """Changes the contrast: level 0 gives nearly one grey, 5 the image itself, 10 nearly twice its contrast."""

    def _other(self, img: np.ndarray) -> Any:
        return round(float(_grey(img).mean()))


@PIPELINES.register_module()
@dataclass(eq=False)
class EqualizeTransform:
    """Equalizes the histogram of each channel of a uint8 image, with the probability ``prob``."""

    prob: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.prob <= 1:
            raise ArgumentError(f'prob in [0, 1] is needed, got {self.prob}')

    def __call__(self, results: dict) -> dict:
        """Equalize the images of ``img_fields``."""
        if np.random.random_sample() < self.prob:
            for key in results.get('img_fields', ['img']):
                if results[key].dtype != np.uint8:
                    raise BadImageError(f'EqualizeTransform needs an image of uint8, got {results[key].dtype}')
                results[key] = np.asarray(ImageOps.equalize(Image.fromarray(results[key])))
        return results


def _grey(img: np.ndarray) -> np.ndarray:
    if img.ndim != 3 or img.shape[2] != 3:
        raise BadImageError(f'an image (H, W, 3) in BGR order is needed, got {img.shape}')
    return cv2.cvtColor(img, cv2.COLOR_BGR2GRAY)
