"""Near names for what was not found."""

import difflib
from pathlib import Path


def near_files(path: Path) -> str:
    """``': did you mean A, B?'`` from the files beside ``path``, or an empty string."""
    folder = path.parent
    if not folder.is_dir():
        return f' (nor does its folder {folder})'
    names = [file.name for file in folder.iterdir() if file.suffix == path.suffix]
    near = difflib.get_close_matches(path.name, names, n=3)
    return f': did you mean {", ".join(str(folder / name) for name in near)}?' if near else ''
