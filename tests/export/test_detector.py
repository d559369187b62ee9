"""A detector as a function of tensors gives the boxes that it gives itself."""

from functools import partial

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmrotate.export.detector import GraphDetector
from mmrotate.export.nms import greedy, limit_each_class, rotated_nms, upright_nms
from mmrotate.export.recipe import check_exports
from mmrotate.export.verify import difference
from mmrotate.models import build_detector
from mmrotate.ops import nms_rotated
from mmrotate.utils import UserError
from tests.helpers import configs, zoo
from tests.helpers.pages import ROOT

METHODS = {
    'retinanet': lambda: configs.retinanet('le135'),
    'r3det': lambda: configs.r3det('oc', 2),
    's2anet': lambda: configs.s2anet('le90'),
    'fcos': lambda: configs.fcos('le90'),
    'csl': lambda: configs.fcos('le90', 'csl'),
    'reppoints': lambda: configs.reppoints('oc'),
    'rtmdet': lambda: Config.fromfile(ROOT / 'configs/hit_uav/rotated_rtmdet_lite0_hit_uav_le90.py').model,
    'oriented_rcnn': lambda: configs.oriented_rcnn('le90'),
    'faster_rcnn': lambda: configs.rotated_faster_rcnn('le90'),
    'roi_trans': lambda: configs.roi_trans('le90'),
    'gliding_vertex': lambda: configs.gliding_vertex('le90'),
    'redet': lambda: configs.redet('le90'),
    **{
        method: partial(zoo.tiny, method)
        for method in ('cfa', 'g_reppoints', 'oriented_reppoints', 'sasm_reppoints', *zoo.NEWER)
        if method != 'rotated_rtmdet'
    },
}


def inputs():
    """Two images with a padding, one of them resized."""
    shapes = torch.tensor([[128.0, 160.0], [100.0, 140.0]])
    return torch.randn(2, 3, 128, 160), shapes, torch.tensor([[1.0] * 4, [2.0] * 4])


def results(dets, labels, classes=3):
    return [[d[own == c].numpy() for c in range(classes)] for d, own in zip(dets, labels, strict=True)]


def distinct(result):
    """The boxes of an image whose scores no other has: of equal ones any may come first."""
    values, counts = np.unique(np.concatenate(result)[:, 5], return_counts=True)
    return [part[np.isin(part[:, 5], values[counts == 1])] for part in result]


def detector(method):
    cfg = METHODS[method]()
    for settings in (cfg['test_cfg'], *cfg['test_cfg'].values()):
        if isinstance(settings, dict) and 'nms_pre' in settings:
            settings['nms_pre'] = 40
            if 'score_thr' in settings:
                # YOLOX multiplies two scores that begin at 0.01
                settings['score_thr'] = 1e-5 if method == 'rotated_yolox' else 0.005
    model = build_detector(cfg)
    model.init_weights()
    # no two scores alike: the order of equal ones is free
    for name, values in model.named_parameters():
        if method == 'redet' and name.endswith('fc_reg.bias'):
            # the last bit of an angle of pi / 2 would decide by how much features are turned
            values.data += 0.3
        if ('head' in name or 'align' in name) and 'reg' not in name and values.dim() > 1:
            torch.nn.init.normal_(values, 0, 0.1 if values.dim() > 2 else 0.02)
    return model.eval()


@pytest.mark.parametrize('method', METHODS)
@torch.no_grad()
def test_every_method_gives_its_own_boxes(method):
    model = detector(method)
    image, shapes, factors = inputs()
    metas = [
        dict(img_shape=(*map(int, shape), 3), scale_factor=factor.numpy())
        for shape, factor in zip(shapes, factors, strict=True)
    ]
    wanted = model.simple_test(image, metas, rescale=True)
    own = results(*GraphDetector(model)(image, shapes, factors), len(wanted[0]))
    found = difference(list(map(distinct, wanted)), list(map(distinct, own)))
    assert found.matched > 20
    assert found.box < 1e-3 and found.score < 1e-5
    assert found.alone == 0


@torch.no_grad()
def test_normalising_inside_is_normalising_before_and_padding_stays_zero():
    model = detector('retinanet')
    _, shapes, factors = inputs()
    pixels = torch.randint(0, 256, (2, 3, 128, 160)).float()
    mean, std = [120.0, 110.0, 100.0], [50.0, 60.0, 70.0]
    image = (pixels.flip(1) - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    image[1, :, 100:], image[1, :, :, 140:] = 0, 0
    outside = GraphDetector(model)(image, shapes, factors)
    inside = GraphDetector(model, (mean, std, True))(pixels, shapes, factors)
    torch.testing.assert_close(inside, outside)


@torch.no_grad()
def test_candidates_and_boxes_of_a_class_are_bounded():
    model = detector('retinanet')
    dets, labels = GraphDetector(model, candidates=30, with_nms=False)(*inputs())
    assert dets.shape == (2, 30, 6) and (dets[..., 5].diff(dim=1) <= 0).all()
    _, labels = GraphDetector(model, most_per_class=4)(*inputs())
    counts = torch.stack([(labels == c).sum(1) for c in range(3)])
    assert counts.max() == 4


@torch.no_grad()
def test_images_without_an_object_have_no_boxes():
    model = detector('retinanet')
    model.bbox_head.test_cfg.score_thr = 1.0
    dets, labels = GraphDetector(model)(*inputs())
    assert dets.shape == (2, 0, 6) and labels.shape == (2, 0)


def test_nms_is_that_of_the_operation():
    centres = torch.rand(2, 60, 2) * 60
    boxes = torch.cat([centres, torch.rand(2, 60, 2) * 30 + 2, torch.rand(2, 60, 1) * 3], 2)
    scores = torch.rand(2, 60).sort(1, descending=True).values
    labels = torch.randint(0, 3, (2, 60))
    alive = torch.arange(60).expand(2, -1) < torch.tensor([[60], [40]])
    for groups in (labels, None):
        keep = rotated_nms(boxes, groups, alive, 0.1)
        for i, count in enumerate((60, 40)):
            own = None if groups is None else groups[i, :count]
            _, wanted = nms_rotated(boxes[i, :count], scores[i, :count], 0.1, own)
            assert keep[i].nonzero().squeeze(1).tolist() == sorted(wanted.tolist())


def test_a_chain_of_boxes_is_followed_to_its_end():
    # each box hits the next alone: every other one stays
    hits = torch.ones(1, 9, 9, dtype=torch.bool).triu(1).tril(1)
    assert greedy(hits, torch.ones(1, 9, dtype=torch.bool))[0].tolist() == [True, False] * 4 + [True]


def test_upright_boxes_of_different_images_do_not_meet():
    boxes = torch.tensor([[[0.0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60]]] * 2)
    scores = torch.tensor([[0.9, 0.8, 0.7], [0.6, 0.95, 0.5]])
    alive = torch.tensor([[True, True, True], [True, True, False]])
    keep = upright_nms(boxes, scores, alive, 0.5)
    assert keep.tolist() == [[True, False, True], [False, True, False]]


def test_the_first_of_each_class_stay():
    keep = torch.tensor([[True, True, False, True, True]])
    labels = torch.tensor([[0, 0, 0, 0, 1]])
    assert limit_each_class(keep, labels, 2).tolist() == [[True, True, False, False, True]]


def test_what_has_no_graph_is_refused_with_the_reason():
    cfg = configs.retinanet('le90')
    cfg['test_cfg']['nms'] = dict(type='soft_nms', iou_thr=0.1)
    with pytest.raises(UserError, match='soft NMS cannot be exported'):
        check_exports(build_detector(cfg))
    cfg = configs.oriented_rcnn('le90')
    cfg['roi_head']['bbox_roi_extractor']['roi_layer']['sample_num'] = 0
    with pytest.raises(UserError, match='sampling_ratio=0'):
        check_exports(build_detector(cfg))
    with pytest.raises(UserError, match='only detectors of one stage'):
        check_exports(torch.nn.Linear(1, 1))
