"""``mmrotate infer``: with a config and a checkpoint, or with an exported file, which needs no PyTorch."""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

# endings of the files of `mmrotate export` that run without PyTorch
_EXPORTED = ('.onnx', '.xml')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the one that the arguments name; gives the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    exported = any(Path(word).suffix.lower() in _EXPORTED for word in words)
    return importlib.import_module(f'mmrotate.cli.{"infer_exported" if exported else "infer"}').main(words)
