"""First steps of a pipeline: reading the image and its annotations."""

from dataclasses import InitVar, dataclass
from pathlib import Path

import numpy as np

from mmrotate.registry import PIPELINES

from .image import COLOR_TYPES, as_image, read_image, swap_red_and_blue


@PIPELINES.register_module()
@dataclass(eq=False)
class LoadImageFromFile:
    """Reads ``img_prefix/img_info['filename']`` into ``img``.

    Sets filename, ori_filename, img, img_shape, ori_shape (both (H, W[, C])) and img_fields.

    Args:
        to_float32: give float32 pixels in place of uint8.
        color_type: see :func:`mmrotate.datasets.pipelines.image.read_image`.
        channel_order: 'bgr' or 'rgb'.
        file_client_args: only ``dict(backend='disk')`` of 0.x is understood.
    """

    to_float32: bool = False
    color_type: str = 'color'
    channel_order: str = 'bgr'
    file_client_args: InitVar[dict | None] = None

    def __post_init__(self, file_client_args: dict | None) -> None:
        if self.color_type not in COLOR_TYPES:
            raise ValueError(f'color_type must be one of {COLOR_TYPES}, got {self.color_type!r}')
        if self.channel_order not in ('bgr', 'rgb'):
            raise ValueError(f"channel_order must be 'bgr' or 'rgb', got {self.channel_order!r}")
        if (file_client_args or {}).get('backend', 'disk') != 'disk':
            raise ValueError(f'images are read from disk only, got {file_client_args}')

    def __call__(self, results: dict) -> dict:
        """Read the image; a BadImageError says that its file is missing or damaged."""
        name, prefix = results['img_info']['filename'], results.get('img_prefix')
        filename = str(Path(prefix) / name) if prefix else str(name)
        results['filename'], results['ori_filename'] = filename, str(name)
        return self._set_image(results, read_image(filename, self.color_type))

    def _set_image(self, results: dict, img: np.ndarray) -> dict:
        """Put in an image in BGR order."""
        if self.channel_order == 'rgb':
            img = swap_red_and_blue(img)
        results['img'] = img.astype(np.float32) if self.to_float32 else img
        results['img_shape'] = results['ori_shape'] = img.shape
        results['img_fields'] = ['img']
        return results


@PIPELINES.register_module()
@dataclass(eq=False)
class LoadImageFromWebcam(LoadImageFromFile):
    """Takes the image that already is in ``results['img']``: see :func:`mmrotate.core.images.as_image`.

    The arguments are those of :class:`LoadImageFromFile`.
    """

    def __call__(self, results: dict) -> dict:
        """Set what :class:`LoadImageFromFile` sets; the file names are None."""
        results['filename'] = results['ori_filename'] = None
        return self._set_image(results, as_image(results['img'], self.color_type))


@PIPELINES.register_module()
@dataclass(eq=False)
class LoadPatchFromImage(LoadImageFromWebcam):
    """Takes the part ``results['win']``, as left, top, right, bottom in pixels, of the image ``results['img']``.

    What lies outside of the image is not there. The arguments are those of :class:`LoadImageFromFile`.
    """

    def __call__(self, results: dict) -> dict:
        """Set what :class:`LoadImageFromFile` sets; the file names are None."""
        left, top, right, bottom = results['win']
        results['img'] = as_image(results['img'], self.color_type)[top:bottom, left:right]
        return super().__call__(results)


@PIPELINES.register_module()
@dataclass(eq=False)
class LoadAnnotations:
    """Copies the annotations of the image: gt_bboxes, gt_bboxes_ignore (n, 5), gt_labels (n,).

    Args:
        with_bbox: load the boxes, those to ignore included (a pipeline's last step says whether they are handed on).
        with_label: load the labels.
        with_mask, with_seg: only False: masks and segmentation maps are not part of the datasets.
    """

    with_bbox: bool = True
    with_label: bool = True
    with_mask: InitVar[bool] = False
    with_seg: InitVar[bool] = False

    def __post_init__(self, with_mask: bool, with_seg: bool) -> None:
        if with_mask or with_seg:
            raise ValueError('with_mask and with_seg are not supported: rotated boxes only')

    def __call__(self, results: dict) -> dict:
        """Copy the annotations, so that later steps can change them in place."""
        ann = results['ann_info']
        if self.with_bbox:
            results['bbox_fields'] = list(results.get('bbox_fields', []))
            for field, key in (('gt_bboxes', 'bboxes'), ('gt_bboxes_ignore', 'bboxes_ignore')):
                if key in ann:
                    results[field] = np.array(ann[key], np.float32).reshape(-1, 5)
                    results['bbox_fields'].append(field)
        if self.with_label:
            results['gt_labels'] = np.array(ann['labels'], np.int64)
        return results
