"""ReDet's second stage against itself in float64, on weights on which its scores do not saturate.

On the weights of the reference values its activations are so large that all scores are 1, so these cannot tell.
"""

import copy

import numpy as np
import pytest
import torch

from mmrotate.core import rbbox2roi
from mmrotate.models import build_detector
from tests.helpers.configs import redet
from tests.helpers.reference import fill, image

SIZE = (96, 128)


@pytest.fixture(scope='module')
def stage():
    """Maps, RoIs and the second stage's extractor and head; of the equivariant layers six tenths of the weights."""
    model = fill(build_detector(redet('le90')))
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if key.endswith('.weights'):
                weight.mul_(0.6)
        maps = model.train().eval().extract_feat(image('a', *SIZE))
    rng = np.random.default_rng(0)
    boxes = rng.uniform([10, 10, 12, 6, -1.5], [118, 86, 60, 30, 1.5], (2, 40, 5)).astype(np.float32)
    rois = rbbox2roi(list(torch.from_numpy(boxes)))
    return maps, rois, model.roi_head.bbox_roi_extractor[1], model.roi_head.bbox_head[1]


def run(maps, rois, extractor, head):
    features = extractor(maps[: extractor.num_inputs], rois)
    return features, *head(features)


def test_scores_and_deltas_are_those_in_float64(stage):
    maps, rois, extractor, head = stage
    with torch.no_grad():
        found = run(*stage)
        wide = copy.deepcopy(extractor).double(), copy.deepcopy(head).double()
        expected = run([level.double() for level in maps], rois.double(), *wide)
    for one, other in zip(found, expected, strict=True):
        assert other.std() > 1e-3
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=2e-5 * float(other.std()))
    probability = expected[1].softmax(1).amax(1)
    assert probability.max() < 0.999  # nothing saturates
    assert probability.std() > 0.01  # and RoIs are told apart


def test_losses_and_gradients_are_those_in_float64(stage):
    maps, rois, extractor, head = stage
    found = []
    for dtype in (torch.float32, torch.float64):
        parts = [copy.deepcopy(part).to(dtype) for part in (extractor, head)]
        levels = [level.detach().clone().to(dtype).requires_grad_() for level in maps]
        _, scores, deltas = run(levels, rois.to(dtype), *parts)
        labels = torch.arange(len(rois)) % (head.num_classes + 1)
        target = torch.linspace(-1, 1, deltas.numel(), dtype=dtype).view_as(deltas)
        loss = torch.nn.functional.cross_entropy(scores, labels) + (deltas - target).abs().mean()
        loss.backward()
        # a level without a RoI may have none
        grads = [torch.zeros_like(level) if level.grad is None else level.grad for level in levels]
        found.append((loss.detach().double(), *(grad.double() for grad in grads)))
    assert sum(bool(grad.any()) for grad in found[0][1:]) > 0
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4 * float(other.abs().max()))
