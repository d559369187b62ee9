"""The documented methods of the heads are on the path that runs: who overrides one changes what is done."""

from collections import Counter

import pytest
import torch

from mmrotate.models import build_detector
from mmrotate.registry import MODELS
from tests.helpers import configs, zoo

SIZE, VERSION = (64, 96), 'le90'
_ANCHORS = 'forward forward_single get_anchors get_targets loss loss_single get_bboxes _get_bboxes_single'
_POINTS = 'forward forward_single get_points get_targets offset_to_pts loss get_bboxes _get_bboxes_single'
_FCOS = 'forward forward_single get_targets loss get_bboxes _get_bboxes_single refine_bboxes centerness_target'
_RTMDET = 'forward forward_single get_targets loss loss_single get_bboxes _get_bboxes_single'
# head -> its documented methods, and the detectors that use it: config and where the head stands in it
HEADS = {
    'RotatedAnchorHead': (f'{_ANCHORS} aug_test merge_aug_bboxes', [('anchors', 'bbox_head')]),
    'RotatedRetinaHead': (
        f'{_ANCHORS} filter_bboxes refine_bboxes',
        [('retinanet', 'bbox_head'), ('r3det', 'bbox_head'), ('s2anet', 'fam_head')],
    ),
    'CSLRRetinaHead': (_ANCHORS, [('csl', 'bbox_head')]),
    'KFIoURRetinaHead': (_ANCHORS, [('kfiou', 'bbox_head')]),
    'RotatedATSSHead': (_ANCHORS, [('retinanet', 'bbox_head')]),
    'RotatedRetinaRefineHead': (f'{_ANCHORS} refine_bboxes', [('r3det', 'refine_heads')]),
    'KFIoURRetinaRefineHead': (f'{_ANCHORS} refine_bboxes', [('r3det', 'refine_heads')]),
    'ODMRefineHead': (_ANCHORS, [('s2anet', 'odm_head')]),
    'KFIoUODMRefineHead': (_ANCHORS, [('s2anet_kfiou', 'odm_head')]),
    'RotatedRPNHead': (_ANCHORS, [('rotated_faster_rcnn', 'rpn_head')]),
    'OrientedRPNHead': (_ANCHORS, [('oriented_rcnn', 'rpn_head')]),
    'RotatedFCOSHead': (_FCOS, [('fcos', 'bbox_head'), ('fcos_refined', 'fam_head')]),
    'CSLRFCOSHead': (_FCOS, [('fcos_csl', 'bbox_head'), ('fcos_csl_refined', 'fam_head')]),
    'RotatedRTMDetSepBNHead': (_RTMDET, [('rtmdet', 'bbox_head')]),
    'RotatedRepPointsHead': (
        f'{_POINTS} loss_single points2rotrect get_cfa_targets get_pos_loss reassign',
        [('plain', 'bbox_head'), ('cfa', 'bbox_head')],
    ),
    'SAMRepPointsHead': (f'{_POINTS} loss_single points2rotrect', [('sasm', 'bbox_head')]),
    'OrientedRepPointsHead': (
        f'{_POINTS} init_loss_single pointsets_quality_assessment dynamic_pointset_samples_selection '
        'sampling_points get_adaptive_points_feature feature_cosine_similarity',
        [('oriented', 'bbox_head')],
    ),
}


def _anchors() -> dict:
    cfg = configs.retinanet(VERSION)
    cfg['bbox_head'].pop('stacked_convs')
    return cfg


def _csl() -> dict:
    cfg = configs.retinanet(VERSION)
    cfg['bbox_head']['angle_coder'] = dict(type='CSLCoder', angle_version=VERSION, omega=4, radius=2)
    return cfg


def _refined(angle: str) -> dict:
    """FCOS as the first stage of S2A-Net."""
    return dict(configs.s2anet(VERSION), fam_head=configs.fcos(VERSION, angle)['bbox_head'])


def _config(name: str) -> dict:
    own = {
        'anchors': _anchors,
        'csl': _csl,
        'kfiou': lambda: configs.kfiou(configs.retinanet(VERSION)),
        'r3det': lambda: configs.r3det(VERSION, 2),
        's2anet_kfiou': lambda: configs.kfiou(configs.s2anet(VERSION)),
        'rtmdet': lambda: zoo.tiny('rotated_rtmdet'),
        'fcos_csl': lambda: configs.fcos(VERSION, 'csl'),
        'fcos_refined': lambda: _refined('together'),
        'fcos_csl_refined': lambda: _refined('csl'),
        **{kind: lambda kind=kind: configs.reppoints(VERSION, kind) for kind in ('plain', 'cfa', 'sasm', 'oriented')},
    }
    return own[name]() if name in own else getattr(configs, name)(VERSION)


def counting(base: type, methods: list[str], calls: Counter) -> type:
    """A user's subclass, whose methods count their calls."""

    def counted(name):
        def method(self, *args, **kwargs):
            calls[name] += 1
            return getattr(super(own, self), name)(*args, **kwargs)

        return method

    own = type(f'Own{base.__name__}', (base,), {name: counted(name) for name in methods})
    return own


def train_and_test(model: torch.nn.Module) -> None:
    """One step, one test, and one with two views."""
    torch.manual_seed(0)
    data = zoo.batch((4, 3), SIZE, VERSION)
    model.init_weights()
    model.train_step(data)['loss'].backward()
    model.eval()
    flipped = [dict(meta, flip=True, flip_direction='horizontal') for meta in data['img_metas']]
    with torch.no_grad():
        model.forward_test([data['img']], [data['img_metas']])
        model.forward_test([data['img'], data['img'].flip(-1)], [data['img_metas'], flipped])


@pytest.mark.parametrize('name', HEADS)
def test_every_documented_method_is_called(name):
    methods, uses = HEADS[name]
    calls: Counter = Counter()
    head = counting(MODELS.get(name), methods.split(), calls)
    for config, place in uses:
        cfg = _config(config)
        heads = cfg[place] if isinstance(cfg[place], list) else [cfg[place]]
        for each in heads:
            each['type'] = head
        train_and_test(build_detector(cfg))
    assert not [method for method in methods.split() if not calls[method]]
