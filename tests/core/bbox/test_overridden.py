"""Documented methods of assigners, samplers, mixtures and anchors are on the path that runs."""

import pytest
import torch

from mmrotate.core import GaussianMixture, obb2poly, rbbox2roi
from mmrotate.core.anchor import PseudoAnchorGenerator, RotatedAnchorGenerator
from mmrotate.core.bbox import ATSSKldAssigner, ConvexAssigner, MaxConvexIoUAssigner, RRandomSampler, SASAssigner
from mmrotate.core.bbox.assigners import AssignResult
from tests.helpers.golden import random_boxes

POLYGONS = obb2poly(random_boxes(4, 1, 100))
SETS = torch.randn(30, 18) * 20 + 50
POINTS = torch.cat([torch.rand(30, 2) * 100, torch.full((30, 1), 8.0)], 1)


def by_level(make):
    make().assign(SETS, [20, 10], POLYGONS)


def sample(make):
    found = AssignResult(1, torch.arange(30) % 2, torch.zeros(30))
    make().sample(found, random_boxes(30), random_boxes(1))


CASES = [
    (
        lambda cls: cls(3, True),
        ATSSKldAssigner,
        'AspectRatio get_horizontal_bboxes kld_overlaps kld_mixture2single',
        by_level,
    ),
    (lambda cls: cls(3), SASAssigner, 'AspectRatio get_horizontal_bboxes', by_level),
    (lambda cls: cls(), ConvexAssigner, 'get_horizontal_bboxes', lambda make: make().assign(POINTS, POLYGONS)),
    (
        lambda cls: cls(0.4, 0.3),
        MaxConvexIoUAssigner,
        'assign_wrt_overlaps',
        lambda make: make().assign(SETS, POLYGONS, torch.rand(4, 30)),
    ),
    (lambda cls: cls(4, 0.5, add_gt_as_proposals=False), RRandomSampler, 'random_choice', sample),
    (
        lambda cls: cls(2),
        GaussianMixture,
        'EM_step check_size em_runner estimate_log_prob log_resp_step update_mu update_pi update_var',
        lambda make: make().fit(torch.randn(2, 9, 2)),
    ),
    (
        lambda cls: cls([8], [1.0], [4]),
        RotatedAnchorGenerator,
        'single_level_grid_priors',
        lambda make: make().grid_priors([(2, 2)]),
    ),
]


@pytest.mark.parametrize(
    ('make', 'base', 'method', 'run'),
    [(make, base, method, run) for make, base, methods, run in CASES for method in methods.split()],
)
def test_an_override_is_called(make, base, method, run):
    calls = []

    def counted(self, *args, **kwargs):
        calls.append(method)
        return getattr(base, method)(self, *args, **kwargs)

    run(lambda: make(type('Mine', (base,), {method: counted})))
    assert calls


def test_a_pseudo_generator_has_one_anchor_and_makes_none():
    generator = PseudoAnchorGenerator([8, 16])
    assert generator.num_base_anchors == [1, 1]
    with pytest.raises(ValueError, match='rois'):
        generator.single_level_grid_anchors((2, 2))


def test_divergences_of_a_fitted_mixture():
    sets, polygons = SETS[:3].unflatten(1, (9, 2)), POLYGONS[:2].unflatten(1, (4, 2))
    mixture = GaussianMixture(1)
    mixture.fit(sets)
    assigner = ATSSKldAssigner(3)
    mean, var = torch.zeros(2, 2), torch.eye(2).expand(2, 2, 2)
    assert assigner.kld_mixture2single(mixture, (mean, var)).shape == (2, 3)
    expected = assigner.kld_overlaps(polygons.flatten(1), sets.flatten(1))
    alone = torch.cat([assigner.kld_overlaps(polygons[i : i + 1].flatten(1), sets.flatten(1)) for i in range(2)])
    torch.testing.assert_close(alone, expected)


def test_thresholds_fall_with_the_shapes_on_request():
    plain, lower = (ATSSKldAssigner(3, flag).assign(SETS, [20, 10], POLYGONS) for flag in (False, True))
    assert (lower.gt_inds > 0).sum() >= (plain.gt_inds > 0).sum() > 0


def test_horizontal_boxes_are_rois_too():
    boxes = torch.arange(8.0).view(2, 4)
    assert rbbox2roi([boxes[:1], boxes[1:]]).tolist() == [[0, 0, 1, 2, 3], [1, 4, 5, 6, 7]]
