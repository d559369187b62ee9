"""A graph for any size of images holds nothing of its example, or says where it does."""

import pytest
import torch
from torch.export import Dim

from mmrotate.export.batching import over_images
from mmrotate.export.sizes import check_sizes
from mmrotate.ops import min_area_polygons, modulated_deform_conv2d
from mmrotate.utils import UserError
from mmrotate.utils.graph import Graph, tracing


def traced(function):
    """A function of images as a graph for any number and size of them, and that graph."""

    class Model(torch.nn.Module):
        def forward(self, image, img_shape, scale_factor):
            with tracing(Graph(10)):
                return function(image)

    inputs = torch.rand(2, 3, 12, 16), torch.rand(2, 2), torch.rand(2, 4)
    axes = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}, {0: Dim.DYNAMIC}, {0: Dim.DYNAMIC}
    return torch.export.export(Model(), inputs, dynamic_shapes=axes, strict=False)


def by_value(image):
    """Values (C, H, W) of each image in rising order, by argsort and gather along counted dimensions."""
    order = image.argsort(dim=-1, stable=True)
    return torch.gather(image, 2, order) + image.gather(-1, order)


def rectangles(image):
    """Of every column of the map (3, H, W) the smallest rectangle around nine points, its first 18 numbers."""
    return min_area_polygons(image[:, :6].flatten(0, 1).T.clone())


def deformed(images):
    weight = torch.linspace(-1, 1, 2 * 3 * 9).view(2, 3, 3, 3)
    offset = images.mean(1, keepdim=True).repeat(1, 18, 1, 1)
    return modulated_deform_conv2d(images, offset, offset[:, :9], weight, padding=1)


@pytest.mark.parametrize('of_each', [by_value, rectangles, None], ids=['argsort, gather', 'hulls', 'deformable'])
@torch.no_grad()
def test_what_detectors_are_made_of_runs_at_every_size(of_each):
    function = (lambda images: over_images(of_each, images)) if of_each else deformed
    program = traced(function)
    check_sizes(program)
    for shape in ((2, 3, 12, 16), (5, 3, 20, 7)):
        image = torch.rand(shape)
        with tracing(Graph(10)):
            wanted = torch.stack(list(map(of_each, image))) if of_each else deformed(image)
        found = program.module()(image, torch.rand(shape[0], 2), torch.rand(shape[0], 4))
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize(
    'function',
    [lambda image: image.new_ones(len(image.flatten())), lambda image: image + 1 if image.size(2) < 100 else image],
    ids=['a count by len()', 'a comparison'],
)
def test_a_size_of_the_example_is_named_with_the_line_that_asked(function):
    program = traced(function)
    with pytest.raises(UserError, match=r'computes with sizes of the example \(.*test_sizes.py:\d+ in <lambda>'):
        check_sizes(program)
