"""Which layers of a file become int8."""

import pytest
from onnx import TensorProto, helper

from mmrotate.export.quantize import outer_layers

STEPS = {
    'first': ('Conv', ['image', 'w0'], 'a'),
    'relu': ('Relu', ['a'], 'b'),
    'body': ('Conv', ['b', 'w1'], 'c'),
    'norm': ('InstanceNormalization', ['c', 's', 'o'], 'd'),
    'tower': ('Conv', ['d', 'w2'], 'e'),
    'classes': ('Conv', ['e', 'w3'], 'f'),
    'rows': ('Transpose', ['f'], 'g'),
    'best': ('TopK', ['g', 'k'], 'h'),
    'regions': ('Reshape', ['h', 'shape'], 'i'),
    'linear': ('Gemm', ['i', 'w4'], 'j'),
    'activation': ('Relu', ['j'], 'k2'),
    'scores': ('Gemm', ['k2', 'w5'], 'dets'),
}


@pytest.fixture
def graph():
    """A body, a tower that predicts classes, and two linear layers on what was found."""
    nodes = [helper.make_node(kind, inputs, [output], name=name) for name, (kind, inputs, output) in STEPS.items()]
    image, dets = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ('image', 'dets'))
    return helper.make_graph(nodes, 'detector', [image], [dets])


def test_the_first_layer_and_those_that_predict_stay(graph):
    assert outer_layers(graph) == ['classes', 'first', 'scores']


def test_a_layer_whose_results_go_out_stays_too(graph):
    del graph.node[-2:]
    assert outer_layers(graph) == ['classes', 'first', 'linear']
