"""A result in a window."""

from pathlib import Path
from typing import Any

import numpy as np


def show_result_pyplot(
    model: Any,
    img: str | Path | np.ndarray,
    result: list[np.ndarray],
    score_thr: float = 0.3,
    title: str = 'result',
    wait_time: float = 0,
    palette: Any = None,
    out_file: str | Path | None = None,
) -> None:
    """Show the boxes of one image in a window of matplotlib.

    Args:
        model: A detector.
        img: The image's file, or an array (H, W, 3), BGR.
        result: What ``inference_detector`` gives: per class (n, 6).
        score_thr: Boxes with a lower score are left out.
        title: Title of the window.
        wait_time: Seconds until it closes; 0: when the user closes it.
        palette: Colours, as of ``mmrotate.core.get_palette``; None: those of the model.
        out_file: Write the picture there, too.
    """
    # a detector of the module of a wrapper: DataParallel and the like
    detector = getattr(model, 'module', model)
    detector.show_result(
        img,
        result,
        score_thr=score_thr,
        show=True,
        wait_time=wait_time,
        win_name=title,
        bbox_color=palette,
        out_file=out_file,
    )
