"""Detection in image files of any size, scene by scene, each in windows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mmrotate.core.patch import MergeRule, tile_windows
from mmrotate.core.scene import Scene
from mmrotate.utils import UserError
from mmrotate.utils.journal import Failure

from .tiles import RULE, Result, Sight, detect_windows, joined

Size = tuple[int, int]  # width and height in pixels
MUCH_LARGER = 1.5  # times the scale of the test pipeline, beyond which 'auto' makes tiles


@dataclass(frozen=True)
class Search:
    """How scenes are searched.

    Args:
        tile: Width and height of the windows; None: each image is one window.
        only_large: Images that are not much larger than a tile are one window too.
        overlap: What neighbours share: pixels, or below 1 a part of the shorter side of the tile.
        scales: Scales at which a scene is searched; at 0.5 the windows are twice as large.
        flips: Ways in which each window is seen besides its own.
        rule: How detections that overlap become one.
        bands: See :class:`Scene`, as ``stretch``.
    """

    tile: Size | None = None
    only_large: bool = False
    overlap: float = 0.2
    scales: Sequence[float] = (1.0,)
    flips: Sequence[str] = ()
    rule: MergeRule = RULE
    bands: Sequence[int] | None = None
    stretch: str | None = None

    def reads_windows(self, size: Size) -> bool:
        """Whether an image of this size is read window by window, not as a whole by the test pipeline."""
        return bool(self.flips or self.bands or self.stretch) or len(self.windows(size)) > 1

    def windows(self, size: Size) -> np.ndarray:
        """Left, top, right, bottom (n, 4) of the windows over an image, from top to bottom."""
        if self.tile is None or (self.only_large and times_larger(size, self.tile) <= MUCH_LARGER):
            return np.array([[0, 0, *size]])
        share = self.overlap if self.overlap < 1 else self.overlap / min(self.tile)
        sizes = [(round(self.tile[0] / scale), round(self.tile[1] / scale)) for scale in self.scales]
        return tile_windows(*size, sizes, share)


def times_larger(size: Size, scale: Size) -> float:
    """How many times an image is larger than a scale it is brought to with its proportions, either way up."""
    return max(max(size) / max(scale), min(size) / min(scale))


def stream_scenes(
    sight: Sight, files: Sequence[Path], numbers: Iterable[int], search: Search, batch_size: int, score_thr: float
) -> Iterator[tuple[int, Any]]:
    """Number and result of those of the files whose ``numbers`` come, in their order, with a bar for each.

    Windows of one scene make the batches, so a result does not depend on what else is searched.

    Yields:
        Number, and a list over classes of arrays (n, 6), or a :class:`Failure` for an image that cannot be read.
    """
    for number in numbers:
        try:
            with Scene(files[number], search.bands, search.stretch) as scene:
                result: Any = _search(sight, scene, search, batch_size, score_thr)
        except UserError as error:
            result = Failure(error)
        yield number, result


def _search(sight: Sight, scene: Scene, search: Search, batch_size: int, score_thr: float) -> Result:
    windows = search.windows((scene.width, scene.height))
    empty = 0

    def read(window: Sequence[int]) -> np.ndarray | None:
        nonlocal empty
        pixels = scene.read(window)
        empty += pixels is None
        return pixels

    with tqdm(total=len(windows), desc=scene.path.name, unit='window', leave=False) as bar:
        parts = detect_windows(
            sight, read, windows, search.rule, search.flips, batch_size, score_thr, progress=bar.update
        )
        result = joined(parts)
    if len(windows) > 1 or scene.changed:
        tqdm.write(_told(scene, windows, empty))
    return result or [np.zeros((0, 6), np.float32) for _ in sight.classes]


def _told(scene: Scene, windows: np.ndarray, empty: int) -> str:
    sizes = ', '.join(f'{w}x{h}' for w, h in sorted({(r - x, b - y) for x, y, r, b in windows.tolist()}))
    text = f'{scene.path.name}: {scene.width}x{scene.height} pixels in {len(windows)} windows of {sizes}'
    text += f', {empty} of them empty' if empty else ''
    return f'{text}; {scene.said}' if scene.changed else text
