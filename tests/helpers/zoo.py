"""Methods of the zoo, small enough for a test, and batches for them."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor
from torch.nn import functional as F

from mmrotate.core.bbox.angle import regularize
from tests.helpers import reference

VERSIONS, HEADING = ('oc', 'le90', 'le135'), 'r360'
NUM_CLASSES = 3
# parts of a name that do not change the method
_VARIANTS = (
    *('r50', 're50', 'fpn', 'refpn', '1x', '2x', '3x', '6x', '40e', 'fp16', 'ms', 'rr', 'dota'),
    *('hrsc', 'ssdd', 'hrsid', 'adamw', 'convnext', 'swin', 'tiny(?!_(r50|kfiou|kld))'),
)
CONFIGS = Path(__file__).parents[2] / 'configs'
# methods that 0.3 has not
NEWER = {
    'rotated_rtmdet': 'rotated_rtmdet/rotated_rtmdet_tiny-3x-dota.py',
    'rotated_yolox': 'rotated_yolox/rotated_yolox_s-100e-aug-dota.py',
    'psc_fcos': 'psc/rotated-fcos-hbox-le90_r50_fpn_psc-dual_1x_dota.py',
    'psc_retinanet': 'psc/rotated-retinanet-rbox-le90_r50_fpn_psc-dual_amp-1x_dota.py',
    'acm_fcos': 'acm/rotated-fcos-le90_r50_fpn_acm_1x_dota.py',
    'gaucho_fcos': 'gaucho/gaussian_fcos_r50_fpn_gaucho_probiou_1x_dota_le90.py',
    'h2rbox': 'h2rbox/h2rbox-le90_r50_fpn_adamw-1x_dota.py',
    'h2rbox_v2': 'h2rbox_v2/h2rbox_v2-le90_r50_fpn-1x_dota.py',
    'lsk_t': 'lsknet/lsk_t_fpn_1x_dota_le90.py',
    'pkinet_t': 'pkinet/pkinet_t_fpn_o-rcnn_dota1.0_ss_le90.py',
    'strip_rcnn_t': 'strip_rcnn/strip_rcnn_t_fpn_1x_dota_le90.py',
    'deformable_detr': 'rotated_deformable_detr/rotated_deformable-detr_r50_2xb2-50e_dota.py',
    'deformable_detr_refine_twostage': (
        'rotated_deformable_detr/rotated_deformable-detr_refine_twostage_r50_2xb2-50e_dota.py'
    ),
    'rotated_dino': 'rotated_dino/rotated_dino_4scale_r50_2xb4_12e_dota.py',
    'rhino': 'rhino/rhino_phc_haus_4scale_r50_2xb4_36e_dota.py',
    'o2_rtdetr': 'o2_rtdetr/o2_rtdetr_r18vd_2xb4_72e_dota.py',
}
# the same with other parts
_NEWER_PARTS = {
    'psc_single_fcos': 'psc/rotated-fcos-hbox-le90_r50_fpn_psc_rr-6x_hrsc.py',
    'psc_single_retinanet': 'psc/rotated-retinanet-rbox-le90_r50_fpn_psc_rr-6x_hrsc.py',
    'deformable_detr_refine': 'rotated_deformable_detr/rotated_deformable-detr_refine_r50_2xb2-50e_dota.py',
    'o2_rtdetr_deim': 'o2_rtdetr/o2_rtdetr_r18vd_2xb4_coco_pretrain_72e_dota_ms.py',
    'heading_fcos': 'rotated_fcos/rotated_fcos_heading_r50_fpn_6x_hrsc_r360.py',
}
_WIDE = {'in_channels', 'feat_channels', 'point_feat_channels', 'out_channels', 'channels'}


def _method(name: str) -> str:
    """``r3det_tiny_kld`` of ``r3det_tiny_kld_r50_fpn_1x_dota_oc``."""
    return re.sub(rf'_({"|".join(_VARIANTS + VERSIONS)})(?=_|$)', '', name)


def walk(node: Any) -> Any:
    """Every dict in a config."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list | tuple):
            yield from walk(child)


def _narrow(part: dict) -> None:
    for key, value in part.items():
        if value == 256 and key in _WIDE:
            part[key] = 64
        elif value == 1024 and key == 'fc_out_channels':
            part[key] = 64
        elif key == 'num_classes':
            part[key] = NUM_CLASSES
        elif key == 'stacked_convs':
            part[key] = 1
        elif key.endswith('_classes'):  # of DOTA
            part[key] = value and [1]


def _shrink_transformer(model: dict) -> None:
    """The same of a detector with queries, of which it has 20."""
    small = dict(embed_dims=32, num_feats=16, feedforward_channels=32, num_layers=2, out_channels=32)
    for part in walk({key: value for key, value in model.items() if key != 'backbone'}):
        part.update({key: value for key, value in small.items() if key in part})
        if part.get('in_channels') == [256, 256, 256]:
            part['in_channels'] = [32, 32, 32]
        if part.get('type') in ('BN', 'GN'):  # of one image of 32 px the last map has one pixel
            part.update(type='GN', num_groups=4)
    body = dict(type=model['backbone']['type'], depth=18, base_channels=8, out_indices=[1, 2, 3], norm_eval=True)
    model.update(backbone=body, num_queries=20)
    model['neck']['in_channels'] = [16, 32, 64]


def _shrink(model: dict) -> dict:
    """A narrow ResNet-18 and narrow heads, in place."""
    for part in walk({k: v for k, v in model.items() if k != 'backbone'}):
        _narrow(part)
    channels = [8, 16, 32, 64]
    model.pop('init_cfg', None)  # weights of the whole detector
    if 'decoder' in model:
        _shrink_transformer(model)
    elif model['backbone']['type'] in ('CSPNeXt', 'CSPDarknet'):
        model['backbone'] = dict(model['backbone'], widen_factor=0.125, init_cfg=None)
        model['neck'] = dict(model['neck'], in_channels=[32, 64, 128], out_channels=16)
        model['bbox_head'].update(in_channels=16, feat_channels=16)
    elif model['backbone']['type'] in ('LSKNet', 'StripNet', 'PKINet'):
        size = dict(arch=dict(channels=[8, *channels], depths=[1] * 4), drop_path_rate=0.0)
        if model['backbone']['type'] != 'PKINet':
            size = dict(embed_dims=channels, depths=[1] * 4)
        model['backbone'] = dict(model['backbone'], init_cfg=None, **size)
        model['neck'] = dict(model['neck'], in_channels=channels)
    elif model['backbone']['type'] != 'ReResNet':
        model['backbone'] = dict(type='ResNet', depth=18, base_channels=8, norm_eval=True)
        model['neck'] = dict(model['neck'], in_channels=channels)
    for part in walk(model):
        if part.get('type') == 'SyncBN' or 'momentum' in part:  # of one image of 32 px the last map has one pixel
            part.pop('momentum', None)
            part.update(type='GN', num_groups=4)
    return reference.make_deterministic(model)


def small(config: str) -> dict:
    """Config of a small model of a config of the zoo."""
    return _shrink(Config.fromfile(CONFIGS / config, import_custom_modules=False).model.to_dict())


def _methods() -> dict[str, dict]:
    zoo = reference.load_json('zoo.json.gz')
    methods: dict[str, dict] = {}
    for name in sorted(zoo, key=lambda n: n.split('/')[-1]):
        model = zoo[name]['config']['model']
        methods.setdefault(_method(name.split('/')[-1]), model)
    for name, config in {**NEWER, **_NEWER_PARTS}.items():
        methods[name] = Config.fromfile(CONFIGS / config, import_custom_modules=False).model.to_dict()
    return methods


METHODS = _methods()


def tiny(method: str, version: str | None = None) -> dict:
    """Config of a small model of a method, under an angle version or its own."""
    text = json.dumps(METHODS[method])
    if version is not None:
        text = re.sub(rf'"({"|".join((*VERSIONS, HEADING))})"', f'"{version}"', text)
    return _shrink(json.loads(text))


def version_of(method: str) -> str:
    """The angle version that the zoo's config has."""
    found = re.search(rf'"({"|".join((*VERSIONS, HEADING))})"', json.dumps(METHODS[method]))
    return found[1] if found else 'oc'


def versions_of(method: str) -> tuple[str, ...]:
    """The angle versions that a method is tried under; boxes with a front are learned in one way."""
    return (HEADING,) if version_of(method) == HEADING else VERSIONS


def boxes(count: int, size: tuple[int, int], version: str, seed: int = 0, beyond: int = 0) -> Tensor:
    """Boxes (count, 5) in the form of a version, with centres up to ``beyond`` px outside."""
    rng = np.random.RandomState(seed)
    low, high = (-beyond, -beyond, 4, 4, 0), (size[1] + beyond, size[0] + beyond, 40, 20, np.pi)
    x, y, w, h, theta = torch.from_numpy(rng.uniform(low, high, (count, 5))).float().T
    return torch.stack([x, y, *regularize(w, h, theta, version)], 1)


def batch(counts: tuple[int, ...], size: tuple[int, int], version: str, beyond: int = 0) -> dict[str, Any]:
    """A training batch with so many objects on its images of ``size`` (height, width)."""
    return dict(
        img=reference.image('x', *size)[: len(counts)],
        img_metas=reference.metas(*size, count=len(counts)),
        gt_bboxes=[boxes(n, size, version, i, beyond) for i, n in enumerate(counts)],
        gt_labels=[torch.arange(n) % NUM_CLASSES for n in counts],
    )


def padded(batches: list[dict[str, Any]]) -> dict[str, Any]:
    """Training batches of images of different sizes as one, whose images are padded to the largest and to 32 px."""
    sizes = [batch['img'].shape[-2:] for batch in batches]
    height, width = (-(-max(sides) // 32) * 32 for sides in zip(*sizes, strict=True))
    joined = {key: [each for batch in batches for each in batch[key]] for key in batches[0]}
    images = [F.pad(img, (0, width - img.size(-1), 0, height - img.size(-2))) for img in joined['img']]
    for meta in joined['img_metas']:
        meta['pad_shape'] = (*(-(-side // 32) * 32 for side in meta['img_shape'][:2]), 3)
    return joined | dict(img=torch.stack(images))
