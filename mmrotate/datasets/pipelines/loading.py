"""First steps of a pipeline: reading the image and its annotations."""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from pathlib import Path

import numpy as np

from mmrotate.core.raster import Raster, read_window
from mmrotate.registry import PIPELINES
from mmrotate.utils import UserError
from mmrotate.utils.errors import ArgumentError

from .backends import joined_path, open_backend
from .boxes import keep_boxes
from .image import COLOR_TYPES, BadImageError, as_image, decode_image, read_image, swap_red_and_blue


@PIPELINES.register_module()
@dataclass(eq=False)
class LoadImageFromFile:
    """Reads ``img_prefix/img_info['filename']`` into ``img``.

    Sets filename, ori_filename, img, img_shape, ori_shape (both (H, W[, C])) and img_fields.

    Args:
        to_float32: give float32 pixels in place of uint8.
        color_type: see :func:`mmrotate.datasets.pipelines.image.read_image`.
        channel_order: 'bgr' or 'rgb'.
        file_client_args: where files are, see :func:`mmrotate.datasets.pipelines.backends.open_backend`.
    """

    to_float32: bool = False
    color_type: str = 'color'
    channel_order: str = 'bgr'
    file_client_args: InitVar[dict | None] = None

    def __post_init__(self, file_client_args: dict | None) -> None:
        if self.color_type not in COLOR_TYPES:
            raise ArgumentError(f'color_type must be one of {COLOR_TYPES}, got {self.color_type!r}')
        if self.channel_order not in ('bgr', 'rgb'):
            raise ArgumentError(f"channel_order must be 'bgr' or 'rgb', got {self.channel_order!r}")
        self._backend = open_backend(file_client_args)

    def __call__(self, results: dict) -> dict:
        """Read the image; a BadImageError says that its file is missing or damaged."""
        name, prefix = results['img_info']['filename'], results.get('img_prefix')
        filename = joined_path(prefix, name)
        results['filename'], results['ori_filename'] = filename, str(name)
        return self._set_image(results, self._read(filename))

    def _read(self, filename: str) -> np.ndarray:
        if self._backend is None:
            return read_image(filename, self.color_type)
        try:
            data = self._backend.get(filename)
        except (OSError, KeyError) as error:
            raise BadImageError(f'cannot read the image {filename}: {error}') from error
        if data is None:
            raise BadImageError(f'{type(self._backend).__name__} holds no image {filename}')
        return decode_image(bytes(data), self.color_type, f'the image {filename}')

    def _set_image(self, results: dict, img: np.ndarray) -> dict:
        """Put in an image, of colours in BGR order."""
        if self.channel_order == 'rgb':
            img = swap_red_and_blue(img)
        results['img'] = img.astype(np.float32) if self.to_float32 else img
        results['img_shape'] = results['ori_shape'] = img.shape
        results['img_fields'] = ['img']
        return results


@PIPELINES.register_module()
@dataclass(eq=False)
class LoadMultiChannelImageFromFiles(LoadImageFromFile):
    """Reads the files of the list ``img_info['filename']``, of one size, as the channels of one image.

    A grey file gives one channel, as does one whose channels all are the same. ``filename`` is that of the first. The
    arguments are those of :class:`LoadImageFromFile`.
    """

    color_type: str = 'unchanged'

    def __call__(self, results: dict) -> dict:
        """Set what :class:`LoadImageFromFile` sets."""
        names = results['img_info']['filename']
        if isinstance(names, str):
            raise BadImageError(f'LoadMultiChannelImageFromFiles needs a list of files for an image, got {names!r}')
        planes = []
        for name in names:
            one = super().__call__({**results, 'img_info': {'filename': name}})
            results.setdefault('filename', one['filename'])
            results.setdefault('ori_filename', one['ori_filename'])
            planes.append(_without_copies(one['img']))
        if len({plane.shape[:2] for plane in planes}) > 1:
            raise BadImageError(f'the files {names} are of several sizes: {[plane.shape[:2] for plane in planes]}')
        img = np.concatenate(planes, axis=2)
        return {**results, 'img': img, 'img_shape': img.shape, 'ori_shape': img.shape, 'img_fields': ['img']}


def _without_copies(img: np.ndarray) -> np.ndarray:
    """An image (H, W, C) of one channel if all are the same."""
    img = img.reshape(*img.shape[:2], -1)
    return img[..., :1] if (img == img[..., :1]).all() else img


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
class LoadPatchFromImage(LoadImageFromFile):
    """Takes a part of an image, ``win``: left, top, right, bottom in pixels.

    That is of ``results['img']``, with ``results['win']``; without an image it is of the file
    ``img_prefix/img_info['scene']``, with ``img_info['win']``, of which no more than needed is read: see
    :class:`mmrotate.datasets.LargeImageDataset`. ``filename`` is then that of the file. The arguments are those of
    :class:`LoadImageFromFile`, and:

    Args:
        padding_value: What stands outside of the file's image: a value, or one for each band, in the order BGR. None:
            what lies outside is not there, as for images in memory.
    """

    padding_value: Sequence[float] | float | None = None

    def __call__(self, results: dict) -> dict:
        """Set what :class:`LoadImageFromFile` sets; the file names are None for an image in memory."""
        if 'img' in results:
            left, top, right, bottom = results['win']
            results['filename'] = results['ori_filename'] = None
            return self._set_image(results, as_image(results['img'], self.color_type)[top:bottom, left:right])
        if self._backend is not None:
            raise UserError('LoadPatchFromImage reads windows from the disk only: leave out file_client_args')
        info, prefix = results['img_info'], results.get('img_prefix')
        results['filename'] = str(Path(prefix or '', info['scene']))
        results['ori_filename'] = info['filename']
        with Raster(results['filename']) as image:
            window = read_window(image, info['win'], self.padding_value)
        return self._set_image(results, self._as_read(window))

    def _as_read(self, window: np.ndarray) -> np.ndarray:
        """The window as :func:`mmrotate.core.images.read_image` gives it of a file."""
        if self.color_type == 'unchanged':
            return np.repeat(window, 3, axis=2) if window.shape[2] == 1 else window
        return as_image((window >> 8).astype(np.uint8) if window.dtype == np.uint16 else window, self.color_type)


@PIPELINES.register_module()
@dataclass(eq=False)
class LoadAnnotations:
    """Copies the annotations of the image: gt_bboxes, gt_bboxes_ignore (n, 5), gt_labels (n,).

    Args:
        with_bbox: load the boxes, those to ignore included (a pipeline's last step says whether they are handed on).
        with_label: load the labels.
        with_mask, with_seg: only False: masks and segmentation maps are not part of the datasets.
        poly2mask, file_client_args: say how masks are read, so they have no effect.
        denorm_bbox: only False: boxes are in pixels.
    """

    with_bbox: bool = True
    with_label: bool = True
    with_mask: InitVar[bool] = False
    with_seg: InitVar[bool] = False
    poly2mask: InitVar[bool] = True
    denorm_bbox: InitVar[bool] = False
    file_client_args: InitVar[dict | None] = None

    def __post_init__(
        self, with_mask: bool, with_seg: bool, poly2mask: bool, denorm_bbox: bool, file_client_args: dict | None
    ) -> None:
        del poly2mask, file_client_args
        if with_mask or with_seg:
            raise ArgumentError('with_mask and with_seg are not supported: rotated boxes only')
        if denorm_bbox:
            raise ArgumentError('denorm_bbox is not supported: rotated boxes are in pixels')

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


@PIPELINES.register_module()
@dataclass(eq=False)
class LoadProposals:
    """Copies the proposals of the dataset (its argument ``proposal_file``) as the boxes ``proposals`` (n, 5).

    Args:
        num_max_proposals: the first of them that are taken; None: all.
    """

    num_max_proposals: int | None = None

    def __call__(self, results: dict) -> dict:
        """Copy them; scores in a sixth column are left out."""
        given = np.array(results['proposals'], np.float32)
        if given.size and (given.ndim != 2 or given.shape[1] not in (5, 6)):
            raise ArgumentError(f'proposals must be (n, 5) or, with scores, (n, 6), got {given.shape}')
        boxes = given[:, :5] if given.size else np.zeros((0, 5), np.float32)
        results['proposals'] = boxes[: self.num_max_proposals]
        results['bbox_fields'] = [*results.get('bbox_fields', []), 'proposals']
        return results


@PIPELINES.register_module()
@dataclass(eq=False)
class FilterAnnotations:
    """Leaves out objects with a short side.

    Args:
        min_gt_bbox_wh: objects stay whose w and h are longer than these, in pixels.
        min_gt_mask_area: of masks, which there are none of: without effect.
        by_box: only True.
        by_mask: only False.
        keep_empty: a name of MMDetection for: drop a sample that loses all its objects so.
    """

    min_gt_bbox_wh: tuple[float, float] = (1.0, 1.0)
    min_gt_mask_area: InitVar[int] = 1
    by_box: InitVar[bool] = True
    by_mask: InitVar[bool] = False
    keep_empty: bool = True

    def __post_init__(self, min_gt_mask_area: int, by_box: bool, by_mask: bool) -> None:
        del min_gt_mask_area
        if by_mask or not by_box:
            raise ArgumentError('FilterAnnotations looks at boxes: by_box=True and by_mask=False are needed')

    def __call__(self, results: dict) -> dict | None:
        """Filter ``gt_bboxes`` and ``gt_labels``."""
        boxes = results['gt_bboxes']
        if not len(boxes):
            return results
        keep_boxes(results, 'gt_bboxes', (boxes[:, 2:4] > self.min_gt_bbox_wh).all(1))
        return None if self.keep_empty and not len(results['gt_bboxes']) else results
