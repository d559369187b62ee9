"""Detectors on hard batches, the protocol of 0.x, and test-time augmentation."""

import numpy as np
import pytest
import torch
from torch import nn

from mmrotate.models import build_detector
from mmrotate.models.detectors import RotatedBaseDetector
from tests.helpers import reference
from tests.helpers.configs import (
    fcos,
    gliding_vertex,
    kfiou,
    oriented_rcnn,
    r3det,
    redet,
    reppoints,
    retinanet,
    roi_trans,
    rotated_faster_rcnn,
    s2anet,
)

SIZE = (64, 96)
DETECTORS = {
    **{f'retinanet_obb_{v}': lambda v=v: retinanet(v) for v in ('oc', 'le90', 'le135')},
    **{f'retinanet_hbb_{v}': lambda v=v: retinanet(v, hbb=True) for v in ('oc', 'le90', 'le135')},
    **{
        f'fcos_{angle}_{v}': lambda v=v, angle=angle: fcos(v, angle)
        for v in ('oc', 'le90', 'le135')
        for angle in ('together', 'kld', 'separate', 'csl')
    },
    **{f'oriented_rcnn_{v}': lambda v=v: oriented_rcnn(v) for v in ('oc', 'le90', 'le135')},
    **{f'r3det_{v}': lambda v=v: r3det(v) for v in ('oc', 'le90', 'le135')},
    'r3det_refine_oc': lambda: r3det('oc', stages=2),
    **{f'r3det_kfiou_{v}': lambda v=v: kfiou(r3det(v)) for v in ('oc', 'le90', 'le135')},
    **{f's2anet_kfiou_{v}': lambda v=v: kfiou(s2anet(v)) for v in ('oc', 'le90', 'le135')},
    **{f'faster_rcnn_{v}': lambda v=v: rotated_faster_rcnn(v) for v in ('oc', 'le90', 'le135')},
    **{f'roi_trans_{v}': lambda v=v: roi_trans(v) for v in ('oc', 'le90', 'le135')},
    **{f'gliding_vertex_{v}': lambda v=v: gliding_vertex(v) for v in ('oc', 'le90', 'le135')},
    'redet_le90': lambda: redet('le90'),
    'roi_trans_kfiou_le90': lambda: roi_trans('le90', kfiou=True),
    **{f's2anet_{v}': lambda v=v: s2anet(v) for v in ('oc', 'le90', 'le135')},
    **{
        f'reppoints_{method}': lambda method=method: reppoints('le90', method)
        for method in ('plain', 'cfa', 'oriented', 'sasm', 'kld')
    },
}


@pytest.fixture(params=DETECTORS)
def model(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    detector = build_detector(DETECTORS[request.param]())
    detector.init_weights()
    if 'fcos' in request.param:  # a box of no size, its first guess, overlaps not even itself
        nn.init.constant_(detector.bbox_head.conv_reg.bias, 1.0)
    return detector


def _boxes(count: int, size: tuple[int, int] = SIZE, seed: int = 0) -> torch.Tensor:
    rng = np.random.RandomState(seed)
    low, high = (0, 0, 4, 4, 0.01), (size[1], size[0], 40, 20, 1.5)
    return torch.from_numpy(rng.uniform(low, high, (count, 5)).astype(np.float32))


def _batch(counts: tuple[int, ...], size: tuple[int, int] = SIZE) -> dict:
    return dict(
        img=reference.image('x', *size)[: len(counts)],
        img_metas=reference.metas(*size, count=len(counts)),
        gt_bboxes=[_boxes(n, size, i) for i, n in enumerate(counts)],
        gt_labels=[torch.arange(n) % 3 for n in counts],
    )


@pytest.mark.parametrize(
    ('counts', 'size'),
    [
        ((3, 5), SIZE),
        ((4, 0), SIZE),  # an image without objects
        ((0, 0), SIZE),  # a batch without objects
        ((1,), (32, 32)),
        ((500,), (64, 64)),
    ],
)
def test_losses_are_finite_and_reach_every_parameter(
    model: nn.Module, counts: tuple[int, ...], size: tuple[int, int]
) -> None:
    model.train()
    out = model.train_step(_batch(counts, size))
    assert out['num_samples'] == len(counts)
    assert np.isfinite(list(out['log_vars'].values())).all()
    out['loss'].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_ignored_boxes_change_the_losses_only_as_ignored(model: nn.Module) -> None:
    batch = _batch((3,))
    batch['gt_bboxes_ignore'] = [torch.tensor([[48.0, 32, 90, 60, 0.3]])]
    losses, log = model._parse_losses(model(**batch))
    assert losses.isfinite()
    assert log['loss'] > 0


@pytest.mark.parametrize('size', [SIZE, (32, 32)])
def test_results_are_boxes_per_class(model: nn.Module, size: tuple[int, int]) -> None:
    model.eval()
    with torch.no_grad():
        results = model([reference.image('y', *size)], [reference.metas(*size)], return_loss=False, rescale=True)
    assert len(results) == 2
    for result in results:
        assert len(result) == 3
        for boxes in result:
            assert boxes.shape[1] == 6
            assert np.isfinite(boxes).all()
            assert (boxes[:, 2:4] >= 0).all()


def test_rescale_divides_by_the_scale_factor(model: nn.Module) -> None:
    model.eval()
    metas = reference.metas(*SIZE)
    for meta in metas:
        meta['scale_factor'] = np.full(4, 2.0, np.float32)
    img = reference.image('y', *SIZE)
    with torch.no_grad():
        plain, small = (model.simple_test(img, metas, rescale=r)[0] for r in (False, True))
    # the best box survives NMS at either scale
    best, best_small = (max(np.concatenate(r), key=lambda b: b[5]) for r in (plain, small))
    np.testing.assert_allclose(best[:4] / 2, best_small[:4], rtol=1e-4, atol=1e-3)


def test_merging_equal_augmentations_changes_nothing(model: nn.Module) -> None:
    model.eval()
    img, metas = reference.image('y', *SIZE), reference.metas(*SIZE)
    with torch.no_grad():
        once = model.simple_test(img, metas, rescale=True)
        twice = model.aug_test([img, img], [metas, metas], rescale=True)
    for a, b in zip(once[0], twice[0], strict=True):
        order = [np.lexsort(x.T[:5]) for x in (a, b)]
        np.testing.assert_allclose(a[order[0]], b[order[1]], rtol=1e-4, atol=1e-4)


def test_a_flipped_augmentation_is_mapped_back(model: nn.Module) -> None:
    model.eval()
    img = reference.image('z', *SIZE)
    plain = reference.metas(*SIZE)
    flipped = [dict(m, flip=True, flip_direction='horizontal') for m in plain]

    def simple_test(x: torch.Tensor, metas: list[dict], rescale: bool = False) -> list:
        box = [20.0, 30, 30, 10, 0.3, 0.9]
        if metas[0]['flip']:
            box[0], box[4] = SIZE[1] - box[0], -box[4]
        found = np.array([box], np.float32)
        return [[found, *[np.zeros((0, 6), np.float32)] * 2] for _ in metas]

    model.simple_test = simple_test  # a detector that sees the same object in both
    merged = RotatedBaseDetector.aug_test(model, [img, img.flip(-1)], [plain, flipped], rescale=True)
    assert [len(c) for c in merged[0]] == [1, 0, 0]
    x, y = merged[0][0][0, :2]
    assert (x, y) == pytest.approx((20, 30), abs=1e-3)


def test_every_other_number_of_augmentations_is_an_error(model: nn.Module) -> None:
    img = reference.image('y', *SIZE)
    with pytest.raises(ValueError, match='2 augmented batches, but 1'):
        model.forward_test([img, img], [reference.metas(*SIZE)])


def test_bfloat16_autocast_keeps_geometry_in_float32(model: nn.Module) -> None:
    model.train()
    with torch.autocast('cpu', torch.bfloat16):
        losses = model(**_batch((3, 5)))
        loss, _ = model._parse_losses(losses)
    assert loss.dtype == torch.float32
    loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_show_result_writes_a_picture(tmp_path) -> None:
    detector = build_detector(retinanet('le90'))
    detector.CLASSES = ('a', 'b', 'c')
    result = [np.array([[48, 32, 40, 20, 0.3, 0.9]], np.float32), *[np.zeros((0, 6))] * 2]
    img = np.zeros((*SIZE, 3), np.uint8)
    drawn = detector.show_result(img, result, out_file=tmp_path / 'out.png')
    assert (tmp_path / 'out.png').stat().st_size > 0
    assert drawn.any()
    assert not img.any()
    nothing = detector.show_result(img, result, score_thr=0.95)
    assert not nothing.any()


@pytest.mark.parametrize('misplaced', [dict(train_cfg=dict(x=1)), dict(test_cfg=dict(x=1))])
def test_settings_given_twice_are_refused(misplaced: dict) -> None:
    with pytest.raises(ValueError, match='keep one'):
        build_detector(retinanet('le90'), **misplaced)


def test_unknown_type_names_near_matches() -> None:
    cfg = retinanet('le90')
    cfg['type'] = 'RotatedRetinanet'
    with pytest.raises(KeyError, match='did you mean RotatedRetinaNet'):
        build_detector(cfg)
