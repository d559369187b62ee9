"""Finding files that a training left."""

import re
from pathlib import Path


def find_latest_checkpoint(path: str | Path, suffix: str = 'pth') -> str | None:
    """The checkpoint to go on from: ``latest.pth``, else the one with the highest number.

    Args:
        path: A work directory, existing or not.
        suffix: Extension of the checkpoints.

    Returns:
        Path of the checkpoint, ``None`` if there is none.
    """
    folder = Path(path)
    latest = folder / f'latest.{suffix}'
    if latest.is_file():  # a link whose target is gone is no file
        return str(latest)
    numbered = [
        (int(match.group(1)), str(file))
        for file in folder.glob(f'*.{suffix}')
        if (match := re.fullmatch(r'(?:epoch|iter)_(\d+)', file.stem))
    ]
    return max(numbered)[1] if numbered else None
