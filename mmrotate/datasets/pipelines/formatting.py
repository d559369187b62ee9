"""Last steps of a pipeline: normalizing, tensors, and the choice of what the model gets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import torch

from mmrotate.registry import PIPELINES
from mmrotate.utils.errors import ArgumentError

from .image import BadImageError, swap_red_and_blue

BATCH_PAD = 'batch_pad_val'  # meta value: what pads the image in a batch, if not 0
META_KEYS = tuple(
    'filename ori_filename ori_shape img_shape pad_shape scale_factor flip flip_direction img_norm_cfg'.split()
)


@PIPELINES.register_module()
@dataclass(eq=False)
class Normalize:
    """Subtracts ``mean`` and divides by ``std``, which is positive; the image becomes float32.

    Both hold one value per channel in the order of the output: ``to_rgb`` swaps BGR to RGB first.
    """

    mean: Any
    std: Any
    to_rgb: bool = True

    def __post_init__(self) -> None:
        mean, std = self.mean, self.std
        self.mean, self.std = np.array(mean, np.float32), np.array(std, np.float32)
        if self.mean.shape != self.std.shape or self.mean.ndim != 1:
            raise ArgumentError(f'mean and std need one value per channel, got {mean} and {std}')
        if not (self.std > 0).all():
            raise ArgumentError(f'std must be positive, got {std}')
        # the 256 results of each channel: reading them off is several times faster
        self._tables = np.ascontiguousarray(self._normalize(np.arange(256, dtype=np.float64)[:, None]).T)

    def __call__(self, results: dict) -> dict:
        """Normalize every image of ``img_fields`` and note the values in ``img_norm_cfg``."""
        for key in results.get('img_fields', ['img']):
            img = results[key]
            channels = 1 if img.ndim == 2 else img.shape[2]
            if channels != len(self.mean):
                name = results.get('filename') or 'the image'
                hint = "color_type='color' of LoadImageFromFile gives three channels, 'unchanged' those of the file"
                raise BadImageError(f'{name} has {channels} channels, mean and std {len(self.mean)} values: {hint}')
            if self.to_rgb:
                img = swap_red_and_blue(img)
            if img.dtype == np.uint8 and img.ndim == 3:
                results[key] = self._looked_up(img)
            else:
                results[key] = self._normalize(img)
        results['img_norm_cfg'] = dict(mean=self.mean, std=self.std, to_rgb=self.to_rgb)
        return results

    def _looked_up(self, img: np.ndarray) -> np.ndarray:
        """The normalized image, a view of planes one after the other: tensors want it so, and need no copy."""
        planes = np.empty((img.shape[2], *img.shape[:2]), np.float32)
        for channel, (plane, table) in enumerate(zip(planes, self._tables, strict=True)):
            cv2.LUT(np.ascontiguousarray(img[..., channel]), table, dst=plane)
        return planes.transpose(1, 2, 0)

    def _normalize(self, img: np.ndarray) -> np.ndarray:
        return ((img - self.mean) * (1 / self.std.astype(np.float64))).astype(np.float32)


@PIPELINES.register_module()
@dataclass(eq=False)
class DefaultFormatBundle:
    """Turns the image, boxes and labels into tensors.

    ``img`` becomes (C, H, W), with ``img_to_float`` float32; gt_bboxes, gt_bboxes_ignore and proposals float32 (n, 5),
    gt_labels int64 (n,). Meta values that no earlier step has set get their defaults.

    Args:
        img_to_float: see above.
        pad_val: dict(img=value): what pads images of a batch to the size of the largest; other keys are those of masks.
    """

    img_to_float: bool = True
    pad_val: dict[str, float] = field(default_factory=lambda: {'img': 0})

    def __call__(self, results: dict) -> dict:
        """Format what is there."""
        if 'img' in results:
            img = results['img']
            results.setdefault('pad_shape', img.shape)
            results.setdefault('scale_factor', np.ones(4, np.float32))
            channels = 1 if img.ndim == 2 else img.shape[2]
            no_norm = dict(mean=np.zeros(channels, np.float32), std=np.ones(channels, np.float32), to_rgb=False)
            results.setdefault('img_norm_cfg', no_norm)
            tensor = image_to_tensor(img)
            results['img'] = tensor.float() if self.img_to_float else tensor
            if value := self.pad_val.get('img', 0):
                results[BATCH_PAD] = value
        for key in ('gt_bboxes', 'gt_bboxes_ignore', 'proposals'):
            if key in results:
                results[key] = torch.as_tensor(results[key], dtype=torch.float32).reshape(-1, 5)
        if 'gt_labels' in results:
            results['gt_labels'] = torch.as_tensor(results['gt_labels'], dtype=torch.int64)
        return results


@PIPELINES.register_module()
@dataclass(eq=False)
class ImageToTensor:
    """Turns the images under ``keys`` into tensors (C, H, W) of the same type."""

    keys: Sequence[str]

    def __call__(self, results: dict) -> dict:
        """Replace the arrays by tensors; tensors stay as they are."""
        for key in self.keys:
            if not torch.is_tensor(results[key]):
                results[key] = image_to_tensor(results[key])
        return results


@PIPELINES.register_module()
@dataclass(eq=False)
class ToTensor:
    """Turns what is under ``keys`` into tensors of the same type and shape."""

    keys: Sequence[str]

    def __call__(self, results: dict) -> dict:
        """Replace arrays, lists and numbers by tensors; tensors stay as they are."""
        for key in self.keys:
            if not torch.is_tensor(results[key]):
                results[key] = torch.from_numpy(np.ascontiguousarray(results[key]))
        return results


@PIPELINES.register_module()
@dataclass(eq=False)
class Transpose:
    """Puts the axes of the arrays under ``keys`` into the ``order``."""

    keys: Sequence[str]
    order: Sequence[int]

    def __call__(self, results: dict) -> dict:
        """Transpose."""
        for key in self.keys:
            results[key] = results[key].transpose(*self.order)
        return results


@PIPELINES.register_module()
@dataclass(eq=False)
class ToDataContainer:
    """Checks that the keys of ``fields`` are there: batches are made of plain tensors, without 0.x's containers.

    Args:
        fields: dicts with a ``key``; what else they say was for the containers.
    """

    fields: Sequence[dict] = ({'key': 'img', 'stack': True}, {'key': 'gt_bboxes'}, {'key': 'gt_labels'})

    def __call__(self, results: dict) -> dict:
        """Check; a KeyError names what is missing."""
        if missing := [field['key'] for field in self.fields if field['key'] not in results]:
            raise KeyError(f'ToDataContainer: no {missing} in the results, which hold {sorted(results)}')
        return results


@PIPELINES.register_module()
@dataclass(eq=False)
class Collect:
    """Keeps ``keys``, and ``meta_keys`` as the dict ``img_metas``.

    Args:
        keys: what the model gets, e.g. ``['img', 'gt_bboxes', 'gt_labels']``.
        meta_keys: entries of ``img_metas``; those of the defaults that are not there are left out.
    """

    keys: Sequence[str]
    meta_keys: Sequence[str] = META_KEYS

    def __call__(self, results: dict) -> dict:
        """Gather the sample; a KeyError names the keys that are not there."""
        needed = [*self.keys, *(k for k in self.meta_keys if k not in META_KEYS)]
        if missing := [key for key in needed if key not in results]:
            raise KeyError(f'Collect: no {missing} in the results, which hold {sorted(results)}')
        metas = {key: results[key] for key in (*self.meta_keys, BATCH_PAD) if key in results}
        return {'img_metas': metas, **{key: results[key] for key in self.keys}}


def image_to_tensor(img: np.ndarray) -> torch.Tensor:
    """Tensor (C, H, W) of an image array (H, W, C) or (H, W), contiguous."""
    if img.ndim == 2:
        img = img[..., None]
    return torch.from_numpy(np.ascontiguousarray(img.transpose(2, 0, 1)))
