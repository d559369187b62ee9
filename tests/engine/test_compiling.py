"""A detector that is compiled as a whole: one graph, whatever the number of objects, and equal numbers."""

import copy

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter

from mmrotate.engine.compiling import FOLLOWED, compile_parts
from mmrotate.models import build_detector
from tests.helpers import reference, zoo

SIZE = (64, 96)
COUNTS = ((3, 5), (0, 7), (1, 0))
METHODS = [
    'rotated_retinanet_obb',
    *(
        pytest.param(method, marks=pytest.mark.slow)
        for method in (
            *(
                'rotated_fcos',
                'rotated_fcos_csl_gaussian',
                'psc_fcos',
                'gaucho_fcos',
                'rotated_rtmdet',
                'rotated_yolox',
            ),
            *('rotated_atss_obb', 's2anet', 'r3det', 'h2rbox', 'h2rbox_v2'),
            *('rotated_reppoints', 'cfa', 'g_reppoints', 'sasm_reppoints', 'oriented_reppoints'),
            *('oriented_rcnn', 'rotated_faster_rcnn', 'roi_trans', 'gliding_vertex', 'redet'),
            *('deformable_detr', 'rotated_dino', 'rhino', 'o2_rtdetr'),
        )
    ),
]


def compiled(model, **options):
    """A copy that is compiled as a whole, and the counter of its graphs."""
    counter, other = CompileCounter(), copy.deepcopy(model)
    torch._dynamo.reset()
    compile_parts(other, dict(whole=True, backend=counter, **options))
    return other, counter


def step(model, batch):
    """Losses and gradients of a batch."""
    torch.manual_seed(1)
    model.zero_grad()
    losses = model(**batch)
    loss, values = model._parse_losses(losses)
    loss.backward()
    return values, {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_learns_alike(model, other, method):
    """Losses and gradients of batches with other numbers of objects are the same."""
    for counts in COUNTS:
        batch = zoo.batch(counts, SIZE, zoo.version_of(method))
        values, gradients = step(model, batch)
        found, theirs = step(other, batch)
        assert found == pytest.approx(values, rel=1e-5, abs=1e-6)
        assert theirs.keys() == gradients.keys()
        for name, gradient in gradients.items():
            torch.testing.assert_close(theirs[name], gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('method', METHODS)
def test_losses_are_one_graph_whatever_the_number_of_objects(method):
    model = build_detector(zoo.tiny(method)).train()
    other, counter = compiled(model, fullgraph=True)
    assert_learns_alike(model, other, method)
    assert counter.frame_count == 1


def detections(model, img, img_metas):
    """Boxes and labels of each image, before they become arrays."""
    x = model.extract_feat(img)
    if hasattr(model, 'roi_head'):
        return model.roi_head.simple_test(x, model._propose(x, img_metas, None), img_metas)
    return model._detect(x, img_metas, False)[0]


def assert_finds_alike(method, backend):
    """Boxes and labels are the same when all that finds them is one graph."""
    model = reference.fill(build_detector(zoo.tiny(method)))
    torch._dynamo.reset()
    find = torch.compile(detections, backend=backend, fullgraph=True)
    batch = zoo.batch((0, 0), SIZE, zoo.version_of(method))
    metas = [dict(meta, batch_input_shape=SIZE) for meta in batch['img_metas']]
    for img in (batch['img'], batch['img'] / 2):
        with torch.no_grad(), torch._dynamo.config.patch(**FOLLOWED):
            wanted, found = detections(model, img, metas), find(model, img, metas)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-3)


# those learn otherwise than another, but find boxes by the same code
FIND_ALIKE = {'cfa', 'g_reppoints', 'sasm_reppoints', 'oriented_reppoints', 'rhino'}


@pytest.mark.parametrize(
    'method', [each for each in METHODS if not FIND_ALIKE.intersection(getattr(each, 'values', ()))]
)
def test_boxes_are_one_graph(method):
    counter = CompileCounter()
    assert_finds_alike(method, counter)
    assert counter.frame_count == 1


@pytest.mark.slow
def test_inductor_gives_equal_numbers():
    method = 'rotated_retinanet_obb'
    model = build_detector(zoo.tiny(method)).train()
    other = copy.deepcopy(model)
    torch._dynamo.reset()
    compile_parts(other, dict(whole=True, fullgraph=True))
    assert_learns_alike(model, other, method)
    assert_finds_alike(method, 'inductor')


class Doubled(nn.Module):
    def forward(self, img, return_loss=True):
        return img * 2


def broken(graph, inputs):
    raise ValueError('this backend compiles nothing')


def test_what_cannot_be_compiled_runs_as_it_is():
    images = torch.ones(2, 3)
    plain, strict = Doubled(), Doubled()
    torch._dynamo.reset()
    compile_parts(plain, dict(whole=True, backend=broken))
    assert torch.equal(plain(img=images), images * 2)
    torch._dynamo.reset()  # else what was not compiled once is left alone
    compile_parts(strict, dict(whole=True, backend=broken, fullgraph=True))
    with pytest.raises(RuntimeError, match=r'compiles nothing|no compiled frames'):
        strict(img=images)
    assert not torch._dynamo.config.suppress_errors
