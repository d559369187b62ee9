"""Small versions of the zoo's models, which a CPU trains in minutes."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmrotate.core.bbox.angle import VERSIONS

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
# parts that differ from their papers unless told otherwise
_PUBLISHED_OTHERWISE = re.compile('RepPointsHead|SASAssigner|H2RBoxConsistencyLoss')
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
    'rotated_rtmdet/rotated_rtmdet_tiny-3x-dota',
    'rotated_yolox/rotated_yolox_s-100e-aug-dota',
    'psc/rotated-fcos-hbox-le90_r50_fpn_psc-dual_1x_dota',
    'psc/rotated-retinanet-rbox-le90_r50_fpn_psc-dual_amp-1x_dota',
    'acm/rotated-fcos-le90_r50_fpn_acm_1x_dota',
    'gaucho/gaussian_fcos_r50_fpn_gaucho_probiou_1x_dota_le90',
    'h2rbox/h2rbox-le90_r50_fpn_adamw-1x_dota',
    'h2rbox_v2/h2rbox_v2-le90_r50_fpn-1x_dota',
    'lsknet/lsk_t_fpn_1x_dota_le90',
    'pkinet/pkinet_t_fpn_o-rcnn_dota1.0_ss_le90',
    'strip_rcnn/strip_rcnn_t_fpn_1x_dota_le90',
    'rotated_deformable_detr/rotated_deformable-detr_refine_twostage_r50_2xb2-50e_dota',
    'o2_rtdetr/o2_rtdetr_r18vd_2xb4_72e_dota',
    'rotated_dino/rotated_dino_4scale_r50_2xb4_12e_dota',
    'rhino/rhino_phc_haus_4scale_r50_2xb4_36e_dota',
    'rotated_fcos/rotated_fcos_heading_r50_fpn_6x_hrsc_r360',
)


def load(name: str) -> Config:
    """The config ``METHOD/NAME`` of the zoo."""
    return Config.fromfile(CONFIGS / f'{name}.py', import_custom_modules=False)


def angle_version(name: str) -> str:
    """Angle version of a config."""
    return str(load(name).angle_version)


def small_model(model: dict, num_classes: int, base: int = 64, channels: int = 64) -> dict:
    """The same method on ResNet-18 without pretrained weights, and ``channels`` maps.

    CSPNeXt, CSPDarknet, LSKNet, StripNet and PKINet are as narrow. Other bodies stay as they are, but are trained from
    scratch as well. What the published models do otherwise than their papers is done as the papers say.

    Args:
        model: Model of a config of the zoo.
        num_classes: Classes of the new data.
        base: Maps of the body's first stage.
        channels: Maps of the pyramid and of the heads.
    """

    def change(part: dict) -> dict:
        if 'num_classes' in part:
            part['num_classes'] = num_classes
        if _PUBLISHED_OTHERWISE.search(part.get('type', '')):
            part['as_published'] = False
        if (part.get('init_cfg') or {}).get('type') == 'Pretrained':
            part.pop('init_cfg')
        # classes of the data of the zoo, such as those that are round
        part |= {key: None for key in part if key.endswith('_classes') and key != 'num_classes'}
        for key, width in part.items():
            if key.endswith('channels') and width in (256, 1024):
                part[key] = channels * width // 256
        return part

    model = _changed(model, change)
    for module in model.get('frm_cfgs', []):
        module['as_published'] = False
    backbone = model['backbone']
    backbone.update(frozen_stages=-1, init_cfg=None, norm_eval=False)
    model.pop('pretrained', None)
    backbone.pop('pretrained', None)
    _narrow_body(model, base, channels)
    return model


def _narrow_body(model: dict, base: int, channels: int) -> None:
    """Make a body narrow, in place, with what comes after it."""
    backbone = model['backbone']
    if backbone['type'] in ('ResNet', 'ResNetV1dPaddle'):
        backbone.update(depth=18, base_channels=base)
        widths = [base, 2 * base, 4 * base, 8 * base]
        model['neck']['in_channels'] = [widths[i] for i in backbone['out_indices']]
        if 'decoder' in model:
            model.update(_changed(dict(model), lambda part: _narrow_attention(part, channels)))
    elif backbone['type'] in ('CSPNeXt', 'CSPDarknet'):
        backbone.update(deepen_factor=0.167, widen_factor=base / 128)
        model['neck'].update(in_channels=[2 * base, 4 * base, 8 * base], out_channels=channels, num_csp_blocks=1)
        model['bbox_head'].update(in_channels=channels, feat_channels=channels)
    elif backbone['type'] in ('LSKNet', 'StripNet', 'PKINet'):
        widths, depths = [base, 2 * base, 4 * base, 8 * base], [2, 2, 2, 2]
        model['neck']['in_channels'] = widths
        if backbone['type'] == 'PKINet':
            backbone['arch'] = dict(channels=[base // 2, *widths], depths=depths)
        else:
            backbone.update(embed_dims=widths, depths=depths, drop_rate=0.0)
        backbone['drop_path_rate'] = 0.0
    elif backbone['type'] != 'ReResNet':
        for key in ('frozen_stages', 'norm_eval'):
            backbone.pop(key)


def _narrow_attention(part: dict, channels: int) -> dict:
    """A part of a detector with queries, with ``channels`` numbers each, two layers in a row and 100 queries."""
    small = dict(embed_dims=channels, num_feats=channels // 2, feedforward_channels=2 * channels, num_queries=100)
    for key, width in part.items():
        if key in small:
            part[key] = small[key]
        elif key == 'num_layers':
            part[key] = 2
        elif width in ([256] * 3, [384] * 3):
            part[key] = [channels] * 3
        elif width == 384:
            part[key] = channels
    return part


def with_few_proposals(model: dict, proposals: int, samples: int) -> dict:
    """A model whose second stage sees at most so many proposals, and learns from fewer."""
    few = dict(nms_pre=proposals, max_per_img=proposals, num=samples)
    return _changed(model, lambda part: {k: min(v, few[k]) if k in few else v for k, v in part.items()})


def for_small_objects(model: dict) -> dict:
    """A model whose anchors and points are half as large."""
    halved = ('octave_base_scale', 'point_base_scale')

    def change(part: dict) -> dict:
        part = {key: value / 2 if key in halved else value for key, value in part.items()}
        if str(part.get('type', '')).endswith('AnchorGenerator') and part.get('scales'):
            part['scales'] = [scale / 2 for scale in part['scales']]
        return part

    return _changed(model, change)


def with_version(config: dict, version: str) -> dict:
    """A config of data or of a model whose boxes are of another angle version."""

    def change(part: dict) -> dict:
        return {key: version if isinstance(value, str) and value in VERSIONS else value for key, value in part.items()}

    return _changed(config, change)


def _changed(value: Any, change: Callable[[dict], dict]) -> Any:
    """A config of which every dict, the inner ones first, went through ``change``."""
    if isinstance(value, list | tuple):
        return [_changed(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    return change({key: _changed(item, change) for key, item in value.items()})
