"""The table of an evaluation."""

import logging
from collections.abc import Sequence
from typing import Any


def print_map_summary(
    mean_ap: float,
    results: Sequence[dict[str, Any]],
    dataset: Sequence[str] | None = None,
    scale_range: tuple[float, float] | None = None,
    logger: logging.Logger | str | None = None,
) -> None:
    """Write objects, detections, recall and average precision of each class, and the mean.

    Args:
        mean_ap: Mean over the classes that have objects.
        results: Per class the dict of ``eval_rbbox_map``.
        dataset: Names of the classes.
        scale_range: Sides in pixels that this table is about.
        logger: Where it goes; None prints it, ``'silent'`` does not.
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
    if isinstance(logger, logging.Logger):
        logger.info(text)
    else:
        print(text)
