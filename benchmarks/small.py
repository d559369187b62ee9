"""Small versions of the zoo's models, which a CPU trains in minutes."""

from pathlib import Path
from typing import Any

from mmengine.config import Config

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
# one config for each method
METHODS = (
    'rotated_retinanet/rotated_retinanet_obb_r50_fpn_1x_dota_le90',
    'rotated_retinanet/rotated_retinanet_hbb_r50_fpn_1x_dota_oc',
    'rotated_faster_rcnn/rotated_faster_rcnn_r50_fpn_1x_dota_le90',
    'rotated_reppoints/rotated_reppoints_r50_fpn_1x_dota_oc',
    'rotated_fcos/rotated_fcos_r50_fpn_1x_dota_le90',
    'rotated_fcos/rotated_fcos_sep_angle_r50_fpn_1x_dota_le90',
    'rotated_fcos/rotated_fcos_kld_r50_fpn_1x_dota_le90',
    'rotated_fcos/rotated_fcos_csl_gaussian_r50_fpn_1x_dota_le90',
    'roi_trans/roi_trans_r50_fpn_1x_dota_le90',
    'gliding_vertex/gliding_vertex_r50_fpn_1x_dota_le90',
    'rotated_atss/rotated_atss_obb_r50_fpn_1x_dota_le90',
    'rotated_atss/rotated_atss_hbb_r50_fpn_1x_dota_oc',
    'csl/rotated_retinanet_obb_csl_gaussian_r50_fpn_fp16_1x_dota_le90',
    'r3det/r3det_r50_fpn_1x_dota_oc',
    'r3det/r3det_refine_r50_fpn_1x_dota_oc',
    'r3det/r3det_tiny_r50_fpn_1x_dota_oc',
    'rotated_atss/r3det_atss_r50_fpn_1x_dota_oc',
    's2anet/s2anet_r50_fpn_1x_dota_le135',
    'redet/redet_re50_refpn_1x_dota_le90',
    'cfa/cfa_r50_fpn_1x_dota_le135',
    'oriented_rcnn/oriented_rcnn_r50_fpn_1x_dota_le90',
    'gwd/rotated_retinanet_obb_gwd_r50_fpn_1x_dota_le90',
    'kld/rotated_retinanet_obb_kld_r50_fpn_1x_dota_le90',
    'kld/rotated_retinanet_obb_kld_stable_r50_fpn_1x_dota_le90',
    'sasm_reppoints/sasm_reppoints_r50_fpn_1x_dota_oc',
    'oriented_reppoints/oriented_reppoints_r50_fpn_1x_dota_le135',
    'kfiou/rotated_retinanet_obb_kfiou_r50_fpn_1x_dota_le90',
    'kfiou/r3det_kfiou_ln_r50_fpn_1x_dota_oc',
    'kfiou/s2anet_kfiou_ln_r50_fpn_1x_dota_le135',
    'kfiou/roi_trans_kfiou_ln_r50_fpn_1x_dota_le90',
    'g_reppoints/g_reppoints_r50_fpn_1x_dota_le135',
)


def load(name: str) -> Config:
    """The config ``METHOD/NAME`` of the zoo."""
    return Config.fromfile(CONFIGS / f'{name}.py', import_custom_modules=False)


def angle_version(name: str) -> str:
    """Angle version that a config's name ends in."""
    return name.rsplit('_', 1)[-1]


def small_model(model: dict, num_classes: int, base: int = 64, channels: int = 64) -> dict:
    """The same method on ResNet-18 without pretrained weights, and ``channels`` maps.

    Other bodies than ResNet stay as they are, but are trained from scratch as well.

    Args:
        model: Model of a config of the zoo.
        num_classes: Classes of the new data.
        base: Maps of the body's first stage.
        channels: Maps of the pyramid and of the heads.
    """
    model = _narrowed(model, num_classes, channels)
    backbone = model['backbone']
    backbone.update(frozen_stages=-1, init_cfg=None, norm_eval=False)
    model.pop('pretrained', None)
    backbone.pop('pretrained', None)
    if backbone['type'] == 'ResNet':
        backbone.update(depth=18, base_channels=base)
        model['neck']['in_channels'] = [base, 2 * base, 4 * base, 8 * base]
    elif backbone['type'] != 'ReResNet':
        for key in ('frozen_stages', 'norm_eval'):
            backbone.pop(key)
    return model


def _narrowed(value: Any, num_classes: int, channels: int) -> Any:
    if isinstance(value, list | tuple):
        return [_narrowed(item, num_classes, channels) for item in value]
    if not isinstance(value, dict):
        return value
    value = {key: _narrowed(item, num_classes, channels) for key, item in value.items()}
    if 'num_classes' in value:
        value['num_classes'] = num_classes
    for key, width in value.items():
        if key.endswith('channels') and width == 256:
            value[key] = channels
        elif key.endswith('channels') and width == 1024:
            value[key] = 4 * channels
    return value


def with_few_proposals(value: Any, proposals: int, samples: int) -> Any:
    """A model whose second stage sees at most so many proposals, and learns from fewer."""
    if isinstance(value, list | tuple):
        return [with_few_proposals(item, proposals, samples) for item in value]
    if not isinstance(value, dict):
        return value
    few = dict(nms_pre=proposals, max_per_img=proposals, num=samples)
    value = {key: with_few_proposals(item, proposals, samples) for key, item in value.items()}
    return {key: min(item, few[key]) if key in few else item for key, item in value.items()}


def with_version(value: Any, version: str) -> Any:
    """A pipeline or dataset config whose boxes are of another angle version."""
    if isinstance(value, list | tuple):
        return [with_version(item, version) for item in value]
    if not isinstance(value, dict):
        return value
    value = {key: with_version(item, version) for key, item in value.items()}
    return {**value, 'version': version} if 'version' in value else value
