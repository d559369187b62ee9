"""A detector written as ONNX, ``torch.export`` or OpenVINO."""

import contextlib
import importlib
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.export import Dim, ExportedProgram

from mmrotate.utils import UserError
from mmrotate.utils.files import naming_errors
from mmrotate.utils.imports import install_line

from .detector import GraphDetector
from .recipe import check_exports, recipe_of
from .runtime import INPUTS, KEY, OUTPUTS, Recipe, batch_of
from .sizes import check_sizes

# what each format is written by, and the ending of its files
FORMATS = {
    'onnx': (('onnx', 'onnxscript'), '.onnx'),
    'torch': ((), '.pt2'),
    'openvino': (('onnx', 'onnxscript', 'openvino'), '.xml'),
}
OPSET = 20
LAST_OPSET = 25  # that the exporter can write
# the best of them come before NMS; below, results of crowded images would differ
CANDIDATES = 2000


def check_format(kind: str, file: str | os.PathLike) -> Path:
    """The file as a path, if this format can be written here; UserError that says what to do if it cannot."""
    needed, ending = FORMATS[kind]
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f'--format {kind} needs {", ".join(missing)}: {install_line(missing[0])}')
    path = Path(file)
    if path.suffix != ending:
        raise UserError(f'--format {kind} writes a file that ends in {ending}, got {path}')
    if not path.absolute().parent.is_dir():
        raise UserError(f'there is no folder {path.parent} for {path.name}')
    return path


def graph_of(
    model: Any, normalize: bool = False, with_nms: bool = True, half: bool = False, recipe: Recipe | None = None
) -> GraphDetector:
    """The detector as a function of tensors, by its ``test_cfg``.

    Of that ``deploy_nms_pre``, if above 0, is the most candidates of an image that NMS sees, by default 2000, and
    ``max_output_boxes_per_class`` the most boxes of a class, by default any number.
    """
    check_exports(model)
    cfg = model.test_cfg.get('rcnn', model.test_cfg)
    candidates = cfg.get('deploy_nms_pre', 0)
    values = (recipe.mean, recipe.std, recipe.to_rgb) if normalize and recipe is not None else None
    return GraphDetector(
        model,
        values,
        candidates if candidates > 0 else CANDIDATES,
        cfg.get('max_output_boxes_per_class'),
        with_nms,
        half,
    ).eval()


def fixed_size(model: Any, shape: Sequence[int] | None = None) -> tuple[int, int]:
    """Height and width of inputs: those given, else of the config's scale with its padding."""
    recipe = recipe_of(model)
    height, width = shape or (min(recipe.scale), max(recipe.scale))
    side = recipe.divisor
    return -(-height // side) * side, -(-width // side) * side


def trace(graph: GraphDetector, size: tuple[int, int], dynamic: bool) -> ExportedProgram:
    """The graph by ``torch.export``; ``dynamic``: for any batch and size of images.

    Raises:
        UserError: A map of a dynamic graph has a side of 1 at ``size``, which would be taken for a constant, or the
            detector computes with other sizes of the example.
    """
    # a dynamic axis must not be 1 in the example
    count = 2 if dynamic else 1
    if dynamic:
        _check_maps(graph, size)
    image = np.zeros((3, *size), np.float32)
    facts = np.array(size, np.float32), np.ones(4, np.float32)
    inputs = tuple(map(torch.from_numpy, batch_of([(image, *facts)] * count).values()))
    axes = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}, {0: Dim.DYNAMIC}, {0: Dim.DYNAMIC}) if dynamic else None
    # what an earlier trace left of the loop of NMS would make the number of images a constant
    torch.compiler.reset()
    with torch.no_grad(), _quiet():
        program = torch.export.export(graph, inputs, dynamic_shapes=axes, strict=False)
        without_checks(program)
    if dynamic:
        check_sizes(program)
    return program


@torch.no_grad()
def _check_maps(graph: GraphDetector, size: tuple[int, int]) -> None:
    maps = graph.model.extract_feat(torch.zeros(1, 3, *size, dtype=graph.dtype))
    if min(side for each in maps for side in each.shape[2:]) < 2:
        raise UserError(
            f'--dynamic needs an example whose maps are at least 2 by 2, but at --shape {size[0]} {size[1]} one is '
            f'{" by ".join(map(str, maps[-1].shape[2:]))}: give a larger --shape'
        )


def without_checks(program: ExportedProgram) -> None:
    """Drop the checks that a conversion of a tensor's type leaves: vmap has no rule for them."""
    graph = program.graph_module.graph
    for node in list(graph.nodes):
        if node.target is torch.ops.aten._assert_tensor_metadata.default:
            graph.erase_node(node)
    program.graph_module.recompile()


def write(
    program: ExportedProgram,
    kind: str,
    path: Path,
    recipe: Recipe,
    opset: int = OPSET,
    quantize: Callable[[Path, Path], None] | None = None,
) -> None:
    """Write a traced detector with its recipe; the file is there when it is whole.

    ``quantize`` makes of the ONNX file another, before anything else is made of it.
    """
    parent, prefix = path.absolute().parent, f'.{path.name}.'
    with naming_errors(path), tempfile.TemporaryDirectory(dir=parent, prefix=prefix) as folder:
        made = Path(folder) / path.name
        if kind == 'torch':
            torch.export.save(program.run_decompositions(), made, extra_files={KEY: recipe.dumps()})
        else:
            onnx_file = made.with_suffix('.onnx')
            _write_onnx(program, onnx_file, recipe, opset)
            if quantize is not None:
                quantize(onnx_file, made.with_suffix('.int8.onnx'))
                os.replace(made.with_suffix('.int8.onnx'), onnx_file)
            if kind == 'openvino':
                to_openvino(onnx_file, made, recipe)
        for part in (made.with_suffix('.bin'), made):
            if part.exists():
                os.replace(part, path.with_suffix(part.suffix))


def _operators() -> dict[Any, Callable]:
    """By what ONNX does operators of PyTorch that its exporter does not know."""
    aten = importlib.import_module('onnxscript.function_libs.torch_lib.ops.core')
    onnx = importlib.import_module('onnxscript').opset20

    # one operator sorts, and of equal values puts the first first
    def sort_stable(self: Any, stable: bool = True, dim: int = -1, descending: bool = False) -> Any:
        return aten.aten_sort(self, dim, descending)

    def hypot(self: Any, other: Any) -> Any:
        return onnx.Sqrt(onnx.Add(onnx.Mul(self, self), onnx.Mul(other, other)))

    return {torch.ops.aten.sort.stable: sort_stable, torch.ops.prims.hypot.default: hypot}


def _write_onnx(program: ExportedProgram, path: Path, recipe: Recipe, opset: int) -> None:
    onnx = importlib.import_module('onnx')
    with torch.no_grad(), _quiet():
        made = torch.onnx.export(
            program,
            (),
            dynamo=True,
            opset_version=opset,
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            verbose=False,
            custom_translation_table=_operators(),
        )
    assert made is not None
    # where in the code an operator comes from: an eighth of the file, with paths of this machine
    importlib.import_module('onnx_ir.passes.common').ClearMetadataAndDocStringPass()(made.model)
    proto = made.model_proto
    # sizes of what lies between, as they were in the example, mislead the planning of memory
    del proto.graph.value_info[:]
    for function in proto.functions:
        del function.value_info[:]
    entry = proto.metadata_props.add()
    entry.key, entry.value = KEY, recipe.dumps()
    onnx.save(proto, path)


def to_openvino(onnx_file: Path, path: Path, recipe: Recipe) -> None:
    """An ONNX file as OpenVINO's pair of files."""
    openvino = importlib.import_module('openvino')
    model = openvino.convert_model(onnx_file)
    model.set_rt_info(recipe.dumps(), KEY)
    openvino.save_model(model, path, compress_to_fp16=False)


def size_of(path: Path) -> int:
    """Bytes of a file that was written, of OpenVINO's with the weights beside it."""
    parts = [path, path.with_suffix('.bin')] if path.suffix == FORMATS['openvino'][1] else [path]
    return sum(part.stat().st_size for part in parts)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What PyTorch's exporters tell of their own insides is of no use to who exports."""
    loggers = [logging.getLogger(name) for name in ('torch.onnx', 'onnxscript', 'onnx_ir', 'torch.export')]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
