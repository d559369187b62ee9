"""Layers of an ONNX file in int8, their ranges taken from images."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmrotate.utils.imports import import_package

from .runtime import KEY, Recipe, batch_of, read_image

_LAYERS = ('Conv', 'Gemm')
# what may lie between a layer and the next one
_BETWEEN = (
    'Add BatchNormalization Cast Concat Flatten GlobalAveragePool GroupNormalization HardSigmoid HardSwish Identity '
    'InstanceNormalization MaxPool Mul Relu Reshape Resize Sigmoid'
).split()


def quantize(images: Sequence[str], source: Path, target: Path) -> None:
    """Write an ONNX file with convolutions and linear layers in int8, but the first and those that predict.

    Args:
        images: Files that show what the model will see: some dozens.
        source: The file in float32, of `mmrotate export`.
        target: The new one.
    """
    tools = import_package('onnxruntime.quantization', '--int8')
    onnx = import_package('onnx', '--int8')
    model = onnx.load(source)
    recipe = Recipe.loads(next(p.value for p in model.metadata_props if p.key == KEY))
    tools.quantize_static(
        str(source),
        str(target),
        _reader(tools, _inputs(images, recipe)),
        quant_format=tools.QuantFormat.QDQ,
        # boxes are computed in float32
        op_types_to_quantize=list(_LAYERS),
        nodes_to_exclude=outer_layers(model.graph),
        per_channel=True,
        activation_type=tools.QuantType.QUInt8,
        weight_type=tools.QuantType.QInt8,
    )


def outer_layers(graph: Any) -> list[str]:
    """Names of the layers of a graph that see the image, and of those whose results no further layer takes.

    Int8 would round what the latter give, scores and offsets, to 256 values.
    """
    takers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            takers.setdefault(name, []).append(node)

    def layers_after(names: Sequence[str]) -> list[str]:
        """Layers that the values lead to through simple operators."""
        found, open_, seen = [], list(names), set(names)
        while open_:
            for node in takers.get(open_.pop(), []):
                if node.op_type in _LAYERS:
                    found.append(node.name)
                elif node.op_type in _BETWEEN:
                    open_ += [name for name in node.output if name not in seen]
                    seen.update(node.output)
        return found

    outer = layers_after([graph.input[0].name])
    outer += [node.name for node in graph.node if node.op_type in _LAYERS and not layers_after(node.output)]
    return sorted(set(outer))


def _inputs(images: Sequence[str], recipe: Recipe) -> Iterator[dict[str, np.ndarray]]:
    for image in images:
        yield batch_of([recipe.prepare(read_image(image))])


def _reader(tools: Any, inputs: Iterator[dict[str, np.ndarray]]) -> Any:
    class Reader(tools.CalibrationDataReader):
        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(inputs, None)

    return Reader()
