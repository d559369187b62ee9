"""Tables of scores, for a log or for standard output."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

Logger = logging.Logger | str | None


def tell(text: str, logger: Logger) -> None:
    """Write to the logger; None prints, ``'silent'`` does nothing."""
    if isinstance(logger, logging.Logger):
        logger.info(text)
    elif logger != 'silent':
        print(text)


def print_map_summary(
    mean_ap: float,
    results: Sequence[dict[str, Any]],
    dataset: Sequence[str] | None = None,
    scale_range: tuple[float, float] | None = None,
    logger: Logger = None,
) -> None:
    """Write objects, detections, recall and average precision of each class, and the mean.

    The arguments are results and settings of :func:`eval_rbbox_map`; ``scale_range`` is that of these results.
    """
    if logger == 'silent':
        return
    names = list(dataset) if dataset else [str(i) for i in range(len(results))]
    width = max([5, *map(len, names)])
    rule = f'+-{"-" * width}-+-------+--------+--------+-------+'
    lines = [rule, f'| {"class":<{width}} |   gts |   dets | recall |    ap |', rule]
    for name, result in zip(names, results, strict=True):
        recall = result['recall'][-1] if len(result['recall']) else 0.0
        lines.append(
            f'| {name:<{width}} | {result["num_gts"]:>5} | {result["num_dets"]:>6} '
            f'| {recall:>6.3f} | {result["ap"]:>5.3f} |'
        )
    lines += [rule, f'| {"mAP":<{width}} |       |        |        | {mean_ap:>5.3f} |', rule]
    if not any(result['num_gts'] for result in results):
        lines.append('no objects were annotated: this mAP says nothing')
    title = '' if scale_range is None else f'sides {scale_range[0]} to {scale_range[1]} px'
    text = '\n'.join([title, *lines])
    tell(text, logger)


def print_recalls(
    recalls: np.ndarray, numbers: Sequence[int], iou_thrs: Sequence[float], logger: Logger = None
) -> None:
    """Write a table of recalls (numbers, thresholds)."""
    head = ' '.join([f'{"proposals":>9}', *(f'{threshold:>6.2f}' for threshold in iou_thrs)])
    rows = [f'{number:>9} ' + ' '.join(f'{v:>6.3f}' for v in row) for number, row in zip(numbers, recalls, strict=True)]
    tell('\n'.join(['recall at IoU', head, *rows]), logger)
