"""Every backbone, neck and loss that MMDetection 3.x registers, one training step and one test in a rotated detector.

Run it where the extra ``mmdet`` is installed, ``.ci/mmdet_extra.sh`` makes such a place: ``python
benchmarks/mmdet_extra.py [--out docs/mmdet_extra.md]``. It prints a table; the exit code is 1 if one does not work
for another reason than a known one.
"""

import argparse
import copy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

# started as a script, Python looks for modules in this folder only
if (root := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.insert(0, root)

from mmrotate.models import build_backbone, build_detector, build_loss, build_neck
from mmrotate.registry import MODELS
from tests.helpers import zoo
from tests.helpers.configs import retinanet

KINDS = ('backbones', 'necks', 'losses')
SIZE = (128, 128)
_BN = dict(type='BN')
_SMALL_RESNET = dict(type='ResNet', depth=18, base_channels=8, norm_eval=True)
_CHANNELS = [8, 16, 32, 64]
_FPG = dict(
    across_lateral_trans=dict(type='conv', kernel_size=1, inplace=False, order=('act', 'conv', 'norm')),
    same_up_trans=dict(type='conv', kernel_size=3, stride=2, padding=1, inplace=False, order=('act', 'conv', 'norm')),
    across_down_trans=dict(type='interpolation_conv', mode='nearest', kernel_size=3, inplace=False),
    across_skip_trans=None,
    output_trans=dict(type='last_conv', kernel_size=3, order=('act', 'conv', 'norm'), inplace=False),
    skip_inds=[(0, 1), (0, 1), (0, 1), (0,), ()],
)


def _branches(count: int) -> dict[str, Any]:
    channels = tuple(8 * 2**i for i in range(count))
    return dict(num_modules=1, num_branches=count, block='BASIC', num_blocks=(1,) * count, num_channels=channels)


_HRNET = dict(
    stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1,), num_channels=(8,)),
    **{f'stage{i}': _branches(i) for i in (2, 3, 4)},
)
_PYRAMID = dict(embed_dims=8, num_layers=[1, 1, 1, 1], num_heads=[1, 1, 2, 2])
# the smallest of each kind; what is not here is made by its defaults
BACKBONES: dict[str, dict[str, Any]] = {
    'CSPDarknet': dict(deepen_factor=0.1, widen_factor=0.125),
    'CSPNeXt': dict(deepen_factor=0.1, widen_factor=0.125),
    'DetectoRS_ResNet': dict(
        depth=50, base_channels=8, sac=dict(type='SAC', use_deform=True), stage_with_sac=(False, True, True, True),
        conv_cfg=dict(type='ConvAWS'), output_img=False,
    ),
    'DetectoRS_ResNeXt': dict(depth=50, base_channels=8, groups=2, base_width=4),
    'EfficientNet': dict(out_indices=(3, 4, 5)),
    'HRNet': dict(extra=_HRNET),
    'HourglassNet': dict(
        downsample_times=2, num_stacks=1, stage_channels=(16, 16, 32), stage_blocks=(1, 1, 1), feat_channel=16
    ),
    'MobileNetV2': dict(widen_factor=0.25),
    'PyramidVisionTransformer': _PYRAMID,
    'PyramidVisionTransformerV2': _PYRAMID,
    'RegNet': dict(arch='regnetx_400mf'),
    'Res2Net': dict(depth=50, base_channels=16, base_width=26),
    'ResNeSt': dict(depth=50, base_channels=16, stem_channels=16),
    'ResNeXt': dict(depth=50, base_channels=8, groups=2),
    'ResNet': dict(depth=18, base_channels=8),
    'ResNetV1d': dict(depth=18, base_channels=8),
    'SSDVGG': dict(depth=11, out_feature_indices=(10, 15)),
    'SwinTransformer': dict(embed_dims=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2), window_size=4),
    'TridentResNet': dict(
        depth=50, base_channels=8, num_branch=3, test_branch_idx=1, trident_dilations=(1, 2, 3), num_stages=3,
        strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(2,),
    ),
}  # fmt: skip
_PYRAMID_NECK = dict(in_channels=_CHANNELS, out_channels=16)
_ONE = dict(in_channels=64)
NECKS: dict[str, dict[str, Any]] = {
    'BFP': dict(in_channels=16, num_levels=4, refine_type='non_local'),
    'CTResNetNeck': dict(_ONE, num_deconv_filters=(32, 16), num_deconv_kernels=(4, 4)),
    'DilatedEncoder': dict(_ONE, out_channels=16, block_mid_channels=8, num_residual_blocks=2, block_dilations=[2, 4]),
    'DyHead': dict(in_channels=16, out_channels=16, num_blocks=1),
    'FPG': dict(_PYRAMID_NECK, num_outs=5, inter_channels=16, stack_times=2, paths=['bu'] * 2, **_FPG),
    'NASFPN': dict(_PYRAMID_NECK, num_outs=5, stack_times=1, start_level=1, norm_cfg=_BN),
    'NASFCOS_FPN': dict(_PYRAMID_NECK, num_outs=5, add_extra_convs=True, conv_cfg=dict(type='DCNv2', deform_groups=2)),
    'RFP': dict(
        _PYRAMID_NECK, num_outs=5, rfp_steps=2, aspp_out_channels=4, aspp_dilations=(1, 3, 6, 1),
        rfp_backbone=dict(
            type='DetectoRS_ResNet', depth=50, base_channels=2, rfp_inplanes=16, norm_eval=False, conv_cfg=None
        ),
    ),
    'SSDNeck': dict(
        in_channels=(32, 64), out_channels=(32, 64, 16, 16), level_strides=(2, 1), level_paddings=(1, 1)
    ),
    'SSH': dict(num_scales=3, in_channels=[16, 32, 64], out_channels=[16, 16, 16]),
    'YOLOV3Neck': dict(num_scales=3, in_channels=[64, 32, 16], out_channels=[32, 16, 8]),
    **dict.fromkeys(('YOLOXPAFPN', 'CSPNeXtPAFPN', 'ChannelMapper'), _PYRAMID_NECK),
}  # fmt: skip
# necks that refine what another one gives, and those that take some levels of the backbone only
_AFTER = {'BFP': 4, 'DyHead': 4}
_LEVELS = {
    'CTResNetNeck': slice(3, 4), 'DilatedEncoder': slice(3, 4), 'SSDNeck': slice(2, 4), 'SSH': slice(1, 4),
    'YOLOV3Neck': slice(1, 4),
}  # fmt: skip
LOSSES: dict[str, dict[str, Any]] = {
    'CrossEntropyCustomLoss': dict(use_sigmoid=True, num_classes=3),
    'EQLV2Loss': dict(num_classes=3),
    'FocalCustomLoss': dict(num_classes=3),
    'SeesawLoss': dict(num_classes=3),
}
_CLASSES_OF_RETINANET = ('FocalLoss', 'FocalCustomLoss', 'GHMC')
_CLASSES_OF_RCNN = ('CrossEntropyLoss', 'EQLV2Loss', 'SeesawLoss')
_DELTAS = ('BalancedL1Loss', 'GHMR', 'L1Loss', 'MSELoss', 'SmoothL1Loss')
_UPRIGHT = ('IoULoss', 'BoundedIoULoss', 'GIoULoss', 'DIoULoss', 'CIoULoss', 'EIoULoss', 'SIoULoss')


def registered(kind: str) -> dict[str, type]:
    """Classes of MMDetection of a kind, by name, from its own registry."""
    MODELS.get('mmdet.HRNet')  # loads it
    models = sys.modules['mmdet.registry'].MODELS.module_dict
    return {name: cls for name, cls in sorted(models.items()) if cls.__module__.startswith(f'mmdet.models.{kind}.')}


class Levels(nn.Module):
    """Some levels of a backbone, as a backbone: ``inner`` is the config of what gives the levels."""

    def __init__(self, inner: dict, levels: slice = slice(None), refined: int = 0) -> None:
        super().__init__()
        self.inner, self.levels = build_backbone(inner), levels
        fpn = dict(type='FPN', in_channels=_CHANNELS, out_channels=16, num_outs=refined)
        self.fpn = build_neck(fpn) if refined else None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images to maps."""
        maps = self.inner(x)
        return tuple((maps if self.fpn is None else self.fpn(maps))[self.levels])


def step(model: nn.Module, batch: dict[str, Any]) -> dict[str, float]:
    """One training step and one test of a detector; the losses.

    Raises:
        AssertionError: A loss is not finite, or no weight of a part has changed.
    """
    model.init_weights()  # type: ignore[operator]
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    loss, said = model._parse_losses(model(**batch))  # type: ignore[operator]
    loss.backward()
    before = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    optimizer.step()
    changed = {
        name.partition('.')[0] for name, p in model.named_parameters() if name in before and _differs(p, before[name])
    }
    assert torch.isfinite(loss), said
    assert changed >= {name.partition('.')[0] for name in before}, f'only {sorted(changed)} learn'
    model.eval()
    with torch.no_grad():
        (result, *_) = model.simple_test(batch['img'], batch['img_metas'])  # type: ignore[operator]
    assert len(result) == 3
    return said


def _differs(one: Tensor, other: Tensor) -> bool:
    return not torch.equal(one.detach(), other)


class _OwnWidths(Exception):
    """A neck whose levels are of several widths, which no head here takes: its body and itself, and how many."""


def _in_retinanet(backbone: dict, neck: dict | None, head: dict | None = None) -> dict[str, float]:
    """A step of a RetinaNet around a backbone and a neck; its anchors follow the maps that come out."""
    model = retinanet('le90')
    body = build_backbone(copy.deepcopy(backbone))
    body.eval()  # what it gives back is nothing, in some of MMDetection
    with torch.no_grad():
        maps = body(torch.zeros(1, 3, *SIZE))
        if neck is None:
            neck = dict(type='FPN', in_channels=[m.size(1) for m in maps], out_channels=16, num_outs=len(maps) + 1)
        trunk = build_neck(copy.deepcopy(neck))
        trunk.eval()
        outs = trunk(maps)
    widths = {m.size(1) for m in outs}
    if len(widths) > 1:
        raise _OwnWidths([body, trunk], len(widths))
    strides = [SIZE[0] // m.size(-1) for m in outs]
    model.update(backbone=backbone, neck=neck)
    model['bbox_head'].update(in_channels=widths.pop(), **(head or {}))
    model['bbox_head']['anchor_generator']['strides'] = strides
    return step(build_detector(model), zoo.batch((2, 1), SIZE, 'le90'))


def try_backbone(name: str, cls: Any) -> str:
    """Train one with an FPN; where."""
    settings = BACKBONES.get(name, {})
    _in_retinanet(dict(type=cls, **settings), None)
    return 'RotatedRetinaNet, FPN after it'


def try_neck(name: str, cls: Any) -> str:
    """Train one after a ResNet; where."""
    settings = NECKS.get(name, dict(_PYRAMID_NECK, num_outs=5))
    levels = dict(type=Levels, inner=_SMALL_RESNET, levels=_LEVELS.get(name, slice(None)), refined=_AFTER.get(name, 0))
    if name == 'RFP':  # it reads the image, which DetectoRS' backbones give as the first map
        backbone: dict[str, Any] = dict(type='mmdet.DetectoRS_ResNet', depth=50, base_channels=2, output_img=True)
    else:
        backbone = levels
    try:
        _in_retinanet(backbone, dict(type=cls, **settings))
    except _OwnWidths as found:
        (body, neck), count = found.args
        neck.init_weights()
        neck.train()
        sum(level.square().mean() for level in neck(body(torch.rand(2, 3, *SIZE)))).backward()
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in neck.parameters())
        return f'alone: its levels have {count} widths, and the heads here share one over all levels'
    return 'RotatedRetinaNet, after a ResNet'


def _rcnn() -> dict:
    return zoo.tiny('rotated_faster_rcnn', 'le90')


def try_loss(name: str, cls: Any) -> str:
    """Train a head by one, or, where no head calls it so, the loss alone; where."""
    loss = dict(type=cls, **LOSSES.get(name, {}))
    if name in _CLASSES_OF_RETINANET:
        _in_retinanet(_SMALL_RESNET, dict(type='FPN', **_PYRAMID_NECK, num_outs=5), dict(loss_cls=loss))
        return 'classes of RotatedRetinaNet'
    if name in _DELTAS:
        _in_retinanet(_SMALL_RESNET, dict(type='FPN', **_PYRAMID_NECK, num_outs=5), dict(loss_bbox=loss))
        return 'boxes of RotatedRetinaNet'
    if name in (*_CLASSES_OF_RCNN, *_UPRIGHT):
        model = _rcnn()
        if name in _UPRIGHT:
            model['rpn_head'].update(loss_bbox=loss, reg_decoded_bbox=True)
        else:
            model['roi_head']['bbox_head']['loss_cls'] = loss
        step(build_detector(model), zoo.batch((2, 1), SIZE, 'le90'))
        return 'upright boxes of RotatedRPNHead' if name in _UPRIGHT else 'classes of RotatedFasterRCNN'
    _alone(name, build_loss(loss))
    return 'alone: the head that it is for is not here'


def _alone(name: str, loss: nn.Module) -> None:
    scores = torch.randn(6, 3, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    share = torch.rand(6, 3)
    given: dict[str, Callable[[], tuple]] = {
        'AssociativeEmbeddingLoss': lambda: (
            scores.view(1, 1, 6, 3), scores.flip(0).view(1, 1, 6, 3), [[[[0, 1], [2, 2]]]]
        ),
        'CrossEntropyCustomLoss': lambda: (scores.repeat(1, 2)[:, :3], labels),
        'DistributionFocalLoss': lambda: (scores, torch.tensor([0.2, 1.1, 0.7, 1.4, 0.1, 1.9])),
        'GaussianFocalLoss': lambda: (scores.sigmoid(), share),
        'L2Loss': lambda: (scores, share.round()),
        'MarginL2Loss': lambda: (scores, share.round()),
        'MultiPosCrossEntropyLoss': lambda: (scores, torch.eye(3)[labels]),
        'QualityFocalLoss': lambda: (scores, (labels, share[:, 0])),
        'TripletLoss': lambda: (scores, labels),
    }  # fmt: skip
    values = loss(*given.get(name, lambda: (scores, share))())
    total = sum(values) if isinstance(values, tuple) else values
    total.backward()
    assert torch.isfinite(total) and scores.grad is not None and scores.grad.abs().sum() > 0


# of what does not work, why
REASONS = {
    'TridentResNet': 'it gives three maps for an image, which only the detector TridentFasterRCNN of MMDetection takes'
}
TRIES: dict[str, Callable[[str, Any], str]] = dict(backbones=try_backbone, necks=try_neck, losses=try_loss)


def attempt(kind: str, name: str) -> tuple[bool, str]:
    """Whether a class works, and where it was tried or why not."""
    torch.manual_seed(0)
    try:
        return True, TRIES[kind](name, registered(kind)[name])
    except Exception as error:
        return False, REASONS.get(name) or f'{type(error).__name__}: {str(error).partition(chr(10))[0]}'


def main(argv: list[str] | None = None) -> int:
    """Print the table, and write it to a file if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--out', type=Path, help='file whose part from the first heading of level 2 on is replaced')
    parser.add_argument('--only', nargs='+', default=[], help='names')
    args = parser.parse_args(argv)
    lines, failed = [], 0
    for kind in KINDS:
        lines += [
            '',
            f'## {kind.capitalize()}',
            '',
            '| name | `mmdet.NAME` is | trained and tested | in |',
            '|---|---|---|---|',
        ]
        for name in registered(kind):
            if args.only and name not in args.only:
                continue
            works, text = attempt(kind, name)
            failed += not works and name not in REASONS
            ours = MODELS.get(f'mmdet.{name}').__module__.startswith('mmrotate.')
            row = (name, 'ours' if ours else 'that of MMDetection', 'yes' if works else 'no', text)
            lines.append(f'| {" | ".join(row)} |')
            print(lines[-1], flush=True)
    if args.out is not None:
        head = args.out.read_text('utf-8').partition('\n## ')[0].rstrip() if args.out.exists() else ''
        args.out.write_text('\n'.join([head, *lines, '']), encoding='utf-8')
    return int(failed > 0)


if __name__ == '__main__':
    sys.exit(main())
