"""Layers of an ONNX file in int8, their ranges taken from images."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmrotate.utils.imports import import_package

from .runtime import KEY, Recipe, batch_of, read_image


def quantize(images: Sequence[str], source: Path, target: Path) -> None:
    """Write an ONNX file with convolutions and linear layers in int8.

    Args:
        images: Files that show what the model will see: some dozens.
        source: The file in float32, of `mmrotate export`.
        target: The new one.
    """
    tools = import_package('onnxruntime.quantization', '--int8')
    onnx = import_package('onnx', '--int8')
    recipe = Recipe.loads(next(p.value for p in onnx.load(source).metadata_props if p.key == KEY))
    tools.quantize_static(
        str(source),
        str(target),
        _reader(tools, _inputs(images, recipe)),
        quant_format=tools.QuantFormat.QDQ,
        # boxes are computed in float32
        op_types_to_quantize=['Conv', 'Gemm'],
        per_channel=True,
        activation_type=tools.QuantType.QUInt8,
        weight_type=tools.QuantType.QInt8,
    )


def _inputs(images: Sequence[str], recipe: Recipe) -> Iterator[dict[str, np.ndarray]]:
    for image in images:
        yield batch_of([recipe.prepare(read_image(image))])


def _reader(tools: Any, inputs: Iterator[dict[str, np.ndarray]]) -> Any:
    class Reader(tools.CalibrationDataReader):
        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(inputs, None)

    return Reader()
