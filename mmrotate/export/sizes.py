"""Whether a graph for any size of images holds a size of its example all the same.

Code that asks for a number of rows by ``len()``, or that compares two sizes, gets the answer of the example. PyTorch
keeps such answers as guards, and writes the graph nevertheless: ONNX has no guards, so the file would fail on other
images, or give wrong boxes.
"""

from typing import Any

from torch.export import ExportedProgram

from mmrotate.utils import UserError

# images, and rows and columns by which they are larger than the example, in units of the largest stride
_OTHERS = ((5, 1, 0), (3, 0, 1), (7, 4, 9))
_STRIDE = 128


def check_sizes(program: ExportedProgram) -> None:
    """UserError that names the line of code, unless all that was asked about sizes holds for larger ones, too."""
    given = program.graph_signature.user_inputs
    image, *facts = (node.meta['val'] for node in program.graph.nodes if node.name in given)
    for more in _OTHERS:
        sizes = _sizes(image, facts, *more)
        for guard in image.fake_mode.shape_env.guards:
            if guard.expr.xreplace(sizes) == False:  # noqa: E712  # neither True nor an open question
                raise UserError(
                    f'--dynamic: this detector computes with sizes of the example ({guard.expr}, at '
                    f'{getattr(guard, "sloc", "an unknown place")}): leave it out, and give the --shape of your images'
                )


def _sizes(image: Any, facts: list[Any], count: int, rows: int, columns: int) -> dict[Any, int]:
    """By symbol how many images there are, and how high and wide they are."""
    given = [(image.size(0), count), *((fact.size(0), count) for fact in facts)]
    for axis, more in ((2, rows), (3, columns)):
        given.append((image.size(axis), image.size(axis).node.hint + more * _STRIDE))
    sizes = {size.node.expr: number for size, number in given}
    # guards speak of symbols that were found to be equal to these
    equal = image.fake_mode.shape_env.replacements
    return sizes | {symbol: sizes[other] for symbol, other in equal.items() if other in sizes}
