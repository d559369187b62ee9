"""Detectors that find objects by queries: padding, results without suppression, parts that do not fit."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mmrotate.models import build_detector
from mmrotate.models.dense_heads import RotatedRTDETRHead
from mmrotate.models.dense_heads.detr_head import Pairs, Truth
from mmrotate.models.detectors import detr
from mmrotate.models.transformers.layers import pixel_centres
from mmrotate.utils.errors import ArgumentError
from tests.helpers import reference, zoo

SIZE = (64, 96)
METHODS = ('deformable_detr', 'deformable_detr_refine_twostage', 'rotated_dino', 'rhino', 'o2_rtdetr')


def detector(method, **changes):
    torch.manual_seed(0)
    cfg = zoo.tiny(method)
    for key, value in changes.items():
        part, name = cfg, key.split('__')
        for step in name[:-1]:
            part = part[step]
        part[name[-1]] = value
    model = build_detector(cfg)
    model.init_weights()
    return model.eval()


@pytest.mark.parametrize('method', METHODS)
def test_the_best_pairs_are_the_result(method):
    """Nothing is suppressed: every query gives a box for every class, the best of all are left."""
    model = detector(method, test_cfg__max_per_img=7)
    with torch.no_grad():
        result = model.simple_test(reference.image('x', *SIZE), reference.metas(*SIZE))[0]
        scores, _ = model.forward_dummy(reference.image('x', *SIZE))
    found = np.concatenate(result)
    assert len(found) == 7
    np.testing.assert_allclose(np.sort(found[:, 5])[::-1], scores[0].sigmoid().flatten().topk(7).values, rtol=1e-5)
    assert (found[:, 4] > 0).all() and (found[:, 4] < np.pi).all()


@pytest.mark.parametrize('method', METHODS[:4])
def test_padding_changes_nothing(method):
    model = detector(method)
    img, metas = reference.image('x', *SIZE), reference.metas(*SIZE)
    padded = F.pad(img, (0, 32, 0, 32))
    with torch.no_grad():
        maps = [torch.randn(2, 32, 8 // 2**i, 12 // 2**i) for i in range(4)]
        wide = [F.pad(m, (0, 4 // 2**i, 0, 4 // 2**i), value=9.0) for i, m in enumerate(maps)]
        alone = model._detect(maps, [dict(m, batch_input_shape=SIZE) for m in metas], False)[0]
        beside = model._detect(wide, [dict(m, batch_input_shape=tuple(padded.shape[2:])) for m in metas], False)[0]
    for (boxes, labels), (others, other_labels) in zip(alone, beside, strict=True):
        near = (boxes[:, None] - others).abs().amax(-1) < 1e-2
        assert (near & (labels[:, None] == other_labels)).any(1).all()


def test_rt_detr_measures_on_the_padded_image():
    model = detector('o2_rtdetr')
    metas = [dict(meta, batch_input_shape=(96, 128)) for meta in reference.metas(*SIZE)]
    assert model.sizes(metas) == [(128, 96)] * 2
    assert detector('rhino').sizes(metas) == [(96, 64)] * 2


@pytest.mark.parametrize('version', zoo.VERSIONS)
def test_objects_have_one_form_under_every_angle_version(version):
    head = detector('o2_rtdetr').bbox_head
    boxes = zoo.boxes(50, SIZE, version)
    unit = torch.tensor([96, 64, 96, 64, np.pi])
    shares = head.in_shares(boxes, unit)
    assert (shares[:, 4] >= 0).all() and (shares[:, 4] < 1).all()
    back = shares * unit
    assert (back[:, 2] >= back[:, 3]).all()
    torch.testing.assert_close(back[:, :2], boxes[:, :2])
    # the same rectangle: the longer side points the same way or the other
    own = torch.where(boxes[:, 2] >= boxes[:, 3], boxes[:, 4], boxes[:, 4] + np.pi / 2)
    torch.testing.assert_close((2 * back[:, 4]).cos(), (2 * own).cos(), rtol=0, atol=1e-4)


def test_an_assigner_that_matches_in_its_way_is_asked_image_by_image():
    head = detector('o2_rtdetr').bbox_head
    counts = [2, 0]
    truth = head.truth(
        [torch.rand(n, 5) * 40 + 5 for n in counts], [torch.zeros(n).long() for n in counts], [(96, 64)] * 2
    )
    outputs = torch.randn(2, 6, head.num_classes), torch.rand(2, 6, 5)
    found, asked, assign = head.get_targets(*outputs, truth), [], head.assigner.assign

    def own(*image):
        asked.append(len(image[2]))
        return assign(*image)

    head.assigner.assign = own
    again = head.get_targets(*outputs, truth)
    assert asked == counts and len(found.queries) == 2
    assert all(torch.equal(one, other) for one, other in zip(found, again, strict=True))


def test_qualities_are_overlaps():
    boxes = torch.tensor([[0.5, 0.5, 0.4, 0.2, 0.0], [0.5, 0.5, 0.4, 0.2, 0.5]])
    both = torch.tensor([0, 1])
    units = torch.tensor([[100, 100, 100, 100, np.pi]])
    truth = Truth(boxes[:1].repeat(2, 1), torch.tensor([1, 0]), torch.zeros_like(both), units, [2])
    facts = (torch.zeros(1, 2, 3), boxes[None], truth, Pairs(torch.zeros_like(both), both, both))
    for kind, turned in (('hbox_iou', 1.0), ('rbox_iou', 1 / 3)):
        head = RotatedRTDETRHead(3, 8, loss_cls=dict(type='RTDETRVarifocalLoss', varifocal_loss_iou_type=kind))
        expected = torch.tensor([[[0, 1.0, 0], [turned, 0, 0]]])
        torch.testing.assert_close(head._classes(*facts), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ('method', 'changes', 'message'),
    [
        ('rhino', dict(dn_cfg__angle_factor=1.0), 'angle_factor of dn_cfg must be that of bbox_head'),
        ('o2_rtdetr', dict(decoder__angle_factor=1.0), 'angle_factor of decoder must be that of bbox_head'),
        ('rotated_dino', dict(positional_encoding__num_feats=8), 'num_feats must be half of embed_dims, got 8 and 32'),
        ('rotated_dino', dict(as_two_stage=False), 'needs with_box_refine=True and as_two_stage=True'),
        ('o2_rtdetr', dict(positional_encoding=dict(num_feats=16)), 'has no positional_encoding'),
        ('o2_rtdetr', dict(decoder__return_intermediate=False), 'return_intermediate=True'),
        ('o2_rtdetr', dict(bbox_head__angle_cfg=dict(width_longer=False)), 'width_longer=True only'),
        ('o2_rtdetr', dict(bbox_head__loss_cls=dict(type='CrossEntropyLoss')), 'use_sigmoid=True'),
    ],
)
def test_parts_that_do_not_fit(method, changes, message):
    with pytest.raises(ArgumentError, match=message):
        detector(method, **changes)


def test_a_detector_may_begin_with_other_weights(tmp_path):
    """Those of four numbers and other classes have other shapes in the head, which begins as without them."""
    state = {key: torch.full_like(value, 0.5) for key, value in detector('o2_rtdetr').state_dict().items()}
    for layer in range(3):
        state[f'bbox_head.cls_branches.{layer}.weight'] = torch.ones(80, 32)
        state[f'bbox_head.cls_branches.{layer}.bias'] = torch.ones(80)
    torch.save(dict(state_dict=state), tmp_path / 'coco.pth')
    model = detector('o2_rtdetr', init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'coco.pth')))
    assert model.decoder.layers[0].ffn.layers[1].weight.eq(0.5).all()
    assert model.bbox_head.cls_branches[0].bias.detach().sigmoid().numpy() == pytest.approx(np.full(3, 0.01), rel=1e-3)


def test_where_pixels_are_few_queries_are_fewer():
    model = detector('rotated_dino')
    with torch.no_grad():
        scores, boxes = model.forward_dummy(reference.image('x', 32, 32))
    assert scores.shape[:2] == boxes.shape[:2] == (2, 20)
    few = detector('rotated_dino', num_queries=500)
    with torch.no_grad():
        assert few.forward_dummy(reference.image('x', 32, 32))[0].size(1) == 16 + 4 + 1 + 1


@pytest.mark.parametrize('towards', [0.0, 1.0])
def test_a_pixel_at_the_limit_is_no_candidate_however_its_place_is_rounded(monkeypatch, towards):
    # of 50 pixels in a row the first and the last lie at 0.01 and 0.99
    def rounded(*args):
        places = pixel_centres(*args)
        return torch.where(places < 0.5, places.nextafter(places + towards), places.nextafter(places - towards))

    model = build_detector(zoo.tiny('rotated_dino'))
    monkeypatch.setattr(detr, 'pixel_centres', rounded)
    pixels = torch.zeros(1, 2500, model.embed_dims)
    _, logits = model.candidates(detr.Memory(pixels, [(50, 50)], None, None))
    inside = (logits[0, :, 0] < 100).view(50, 50)
    assert inside[1:-1, 1:-1].all() and inside.sum() == 48 * 48
