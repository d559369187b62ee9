"""Steps that change colours only: boxes stay."""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from typing import Any

import cv2
import numpy as np

from mmrotate.registry import PIPELINES
from mmrotate.utils import ArgumentError
from mmrotate.utils.imports import import_package

from .image import BadImageError


@PIPELINES.register_module()
@dataclass(eq=False)
class PhotoMetricDistortion:
    """Changes brightness, contrast, saturation and hue, and swaps channels, each with a probability of one half.

    The image, in BGR order, becomes float32 and may leave the range 0..255.

    Args:
        brightness_delta: the most that is added.
        contrast_range: the image is multiplied by a factor between these.
        saturation_range: likewise its saturation.
        hue_delta: the most that the hue is turned, in degrees.
    """

    brightness_delta: float = 32
    contrast_range: tuple[float, float] = (0.5, 1.5)
    saturation_range: tuple[float, float] = (0.5, 1.5)
    hue_delta: float = 18

    def __call__(self, results: dict) -> dict:
        """Distort."""
        img: Any = _of_three_channels(results, 'PhotoMetricDistortion').astype(np.float32)
        if _heads():
            img += np.float32(np.random.uniform(-self.brightness_delta, self.brightness_delta))
        contrast_last = _heads()
        if not contrast_last:
            img = self._contrast(img)
        hsv: Any = cv2.cvtColor(img, cv2.COLOR_BGR2HSV)
        if _heads():
            hsv[..., 1] *= np.float32(np.random.uniform(*self.saturation_range))
        if _heads():
            hsv[..., 0] = (hsv[..., 0] + np.float32(np.random.uniform(-self.hue_delta, self.hue_delta))) % 360
        img = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
        if contrast_last:
            img = self._contrast(img)
        if _heads():
            img = np.ascontiguousarray(img[..., np.random.permutation(3)])
        results['img'] = img
        return results

    def _contrast(self, img: np.ndarray) -> np.ndarray:
        return img * np.float32(np.random.uniform(*self.contrast_range)) if _heads() else img


@PIPELINES.register_module()
@dataclass(eq=False)
class YOLOXHSVRandomAug:
    """Adds random values to hue, saturation and value of a uint8 image in BGR order, each with a probability of 1/2.

    Args:
        hue_delta: the most that is added to the hue, in units of two degrees.
        saturation_delta: to the saturation, of 255.
        value_delta: to the value, of 255.
    """

    hue_delta: float = 5
    saturation_delta: float = 30
    value_delta: float = 30

    def __call__(self, results: dict) -> dict:
        """Change the colours."""
        img = _of_three_channels(results, 'YOLOXHSVRandomAug')
        if img.dtype != np.uint8:
            raise BadImageError(f'YOLOXHSVRandomAug needs an image of uint8, before Normalize; got {img.dtype}')
        most = np.array([self.hue_delta, self.saturation_delta, self.value_delta])
        gains = (np.random.uniform(-1, 1, 3) * most * np.random.randint(0, 2, 3)).astype(np.int16)
        hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV).astype(np.int16) + gains
        hsv[..., 0] %= 180
        results['img'] = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2BGR)
        return results


@PIPELINES.register_module()
@dataclass(eq=False)
class Albu:
    """Steps of albumentations that change colours, noise and sharpness (the extra ``albu``).

    Args:
        transforms: configs of its steps, by their names there; OneOf, SomeOf and Compose hold some themselves. Steps
            that move pixels are refused, as the rotated boxes would stay where they are.
        bbox_params, keymap, update_pad_shape: names of MMDetection without effect: the boxes and the shape stay.
        skip_img_without_anno: drop samples without objects.
    """

    transforms: Sequence[dict]
    bbox_params: InitVar[Any] = None
    keymap: InitVar[Any] = None
    update_pad_shape: InitVar[bool] = False
    skip_img_without_anno: bool = False

    def __post_init__(self, bbox_params: Any, keymap: Any, update_pad_shape: bool) -> None:
        del bbox_params, keymap, update_pad_shape
        library = import_package('albumentations', 'the step Albu')
        self.aug = library.Compose([_albu_step(library, step) for step in self.transforms])

    def __call__(self, results: dict) -> dict | None:
        """Change the image."""
        if self.skip_img_without_anno and not len(results.get('gt_bboxes', ())):
            return None
        # it has a generator of its own, which is to follow from that of the worker
        self.aug.set_random_seed(int(np.random.randint(2**31)))
        results['img'] = self.aug(image=results['img'])['image']
        return results


def _albu_step(library: Any, cfg: dict) -> Any:
    """A step of albumentations, with those inside of it, from its config."""
    given = dict(cfg)
    name = given.pop('type', None)
    cls = getattr(library, name, None) if isinstance(name, str) else name
    if not isinstance(cls, type):
        raise ArgumentError(f'Albu: albumentations has no step {name!r}')
    if 'transforms' in given:
        return cls([_albu_step(library, step) for step in given.pop('transforms')], **given)
    if not issubclass(cls, library.ImageOnlyTransform):
        raise ArgumentError(
            f'Albu: {name} moves pixels, but would leave the rotated boxes where they are: take RResize, RRandomFlip, '
            'RRandomCrop, PolyRandomRotate or RandomAffine'
        )
    return cls(**given)


def _heads() -> bool:
    return bool(np.random.randint(2))


def _of_three_channels(results: dict, name: str) -> Any:
    img = results['img']
    if img.ndim != 3 or img.shape[2] != 3:
        raise BadImageError(f'{name} needs an image (H, W, 3) in BGR order, got {img.shape}')
    return img
