"""From a config to what a model file says of itself, and what cannot be exported."""

from typing import Any

from mmrotate.apis.inference import innermost_dataset
from mmrotate.core.post_processing import read_nms
from mmrotate.engine import dataset_config
from mmrotate.models.detectors import RotatedDeformableDETR, RotatedSingleStageDetector, RotatedTwoStageDetector
from mmrotate.models.detectors.refine import RefineSingleStageDetector
from mmrotate.utils import UserError

from .runtime import Recipe

_FAMILIES = (RotatedSingleStageDetector, RefineSingleStageDetector, RotatedTwoStageDetector, RotatedDeformableDETR)
# steps that change nothing where test-time augmentation flips nothing, and those that only pack
_IDLE = ('LoadImageFromFile', 'RRandomFlip', 'RandomFlip', 'DefaultFormatBundle', 'ImageToTensor', 'Collect')


def check_exports(model: Any) -> None:
    """Raise a UserError that says why, if this detector has no graph."""
    name = type(model).__name__
    if not isinstance(model, _FAMILIES):
        raise UserError(
            f'{name} cannot be exported: only detectors of one stage, that refine, of two stages, or with queries can'
        )
    if isinstance(model, RotatedTwoStageDetector):
        if not (model.with_rpn and model.with_roi_head):
            raise UserError(f'{name} cannot be exported: it needs an rpn_head and a roi_head')
        for _, _, extractor, _ in model.roi_head._stages():
            for layer in extractor.roi_layers:
                if getattr(layer, 'sampling_ratio', 1) == 0 and extractor.box_dim == 5:
                    raise UserError(
                        f'{name} cannot be exported: sampling_ratio=0 of its roi_layer takes a number of samples from '
                        'each box; a graph needs a fixed one, e.g. sampling_ratio=2'
                    )
    settings = model.test_cfg.get('rcnn', model.test_cfg)
    if not isinstance(model, RotatedDeformableDETR) and read_nms(settings.nms)[2] is not None:
        raise UserError("soft NMS cannot be exported: take nms=dict(type='nms_rotated', iou_thr=0.1) in its test_cfg")


def recipe_of(
    model: Any, size: tuple[int, int] | None = None, normalize: bool = False, with_nms: bool = True
) -> Recipe:
    """The recipe of a detector from its config's test pipeline.

    Args:
        model: Of :func:`mmrotate.apis.init_detector`.
        size: Height and width of every input; None for any.
        normalize: Whether the model normalises itself.
        with_nms: Whether it suppresses.

    Raises:
        UserError: The pipeline has a step that only PyTorch's side has, or several scales.
    """
    cfg = model.cfg
    split = 'test' if (cfg.get('data') or {}).get('test') else 'val'
    data = innermost_dataset(dataset_config(cfg, split))
    steps, scale = [], None
    for step in data.pipeline:
        if step['type'] == 'MultiScaleFlipAug':
            scale = step.get('img_scale')
            if step.get('flip') or not isinstance(scale, tuple | list) or not isinstance(scale[0], int):
                raise UserError(
                    'an exported model takes one view of an image: MultiScaleFlipAug needs one img_scale and flip=False'
                )
            steps += step['transforms']
        else:
            steps.append(step)
    named = {step['type']: step for step in steps}
    unknown = [name for name in named if name not in (*_IDLE, 'RResize', 'Resize', 'Normalize', 'Pad')]
    missing = {'Normalize', 'Pad'}.difference(named)
    if unknown or missing:
        raise UserError(
            'an exported model prepares images by RResize, Normalize and Pad; the test pipeline '
            + (f'also has {", ".join(unknown)}' if unknown else f'has no {", ".join(sorted(missing))}')
        )
    resize = named.get('RResize', named.get('Resize', {}))
    norm, pad = named['Normalize'], named['Pad']
    scale = scale or resize.get('img_scale')
    if scale is None:
        raise UserError('the test pipeline says no img_scale')
    return Recipe(
        classes=list(model.CLASSES),
        palette=None if model.PALETTE is None else [list(colour) for colour in model.PALETTE],
        angle_version=data.get('version'),
        scale=list(scale),
        keep_ratio=resize.get('keep_ratio', True),
        mean=list(norm['mean']),
        std=list(norm['std']),
        to_rgb=norm.get('to_rgb', True),
        divisor=pad.get('size_divisor') or 1,
        size=size,
        normalize=normalize,
        with_nms=with_nms,
    )
