"""Parts that do not go together, found when a head is built."""

from typing import Any

from torch import nn


def check_parts(head: nn.Module, assigner: Any = None) -> None:
    """Raise ValueError unless coder, priors and overlaps of an anchor head are of one kind.

    What a part does not say of itself is not checked, so parts of a user's own pass.

    Args:
        head: With ``bbox_coder``, ``anchor_generator`` and ``bbox_dim``.
        assigner: Its assigner; None in a head that is not trained.
    """
    coder, name = head.bbox_coder, type(head.bbox_coder).__name__
    size = getattr(coder, 'encode_size', head.bbox_dim)
    if size != head.bbox_dim:
        raise ValueError(
            f'{type(head).__name__} regresses {head.bbox_dim} numbers for an anchor, but its '
            f'bbox_coder {name} takes {size}: choose another bbox_coder'
        )
    priors = getattr(head.anchor_generator, 'prior_dim', None)
    overlaps = getattr(assigner, 'iou_calculator', None)
    for part, fix in ((coder, 'bbox_coder'), (overlaps, "the assigner's iou_calculator")):
        wanted = getattr(part, 'prior_dim', None)
        if priors is not None and wanted is not None and priors != wanted:
            raise ValueError(
                f'{type(head.anchor_generator).__name__} makes boxes of {priors} numbers '
                f'(4: horizontal, 5: rotated), but {fix}, {type(part).__name__}, takes {wanted}: '
                'change one of them'
            )
