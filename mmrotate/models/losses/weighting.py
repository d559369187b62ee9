"""How every loss weighs its elements and reduces them to a number."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor, nn

from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.graph import is_empty

# what a sum is divided by under 'mean'; None is the number of elements
Divisor = float | Tensor | None
REDUCTIONS = ('none', 'mean', 'sum')


def one_of(name: str, value: str, known: Iterable[str]) -> str:
    """The value of the argument ``name``; ValueError unless it is a known one."""
    if value not in known:
        raise ArgumentError(f'{name} must be one of {list(known)}, got {value!r}')
    return value


def reduce_loss(
    loss: Tensor, weight: Tensor | None = None, reduction: str = 'mean', avg_factor: Divisor = None
) -> Tensor:
    """Weigh and reduce an element-wise loss.

    Args:
        loss: Of any shape.
        weight: Of the same shape, or of its first dimensions; None for one.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        avg_factor: Divisor of the sum under ``'mean'``; None is the number of elements.

    Raises:
        ArgumentError: ``reduction`` is none of these.
    """
    one_of('reduction', reduction, REDUCTIONS)
    if weight is not None:
        loss = loss * weight.view(*weight.shape, *[1] * (loss.dim() - weight.dim()))
    if reduction == 'none':
        return loss
    if avg_factor is not None:
        if reduction == 'sum':
            raise ArgumentError("avg_factor goes with reduction='mean' or 'none', not with 'sum'")
        # eps: a batch without a sample has the factor 0
        return loss.sum() / (avg_factor + torch.finfo(torch.float32).eps)
    return loss.sum() / max(loss.numel(), 1) if reduction == 'mean' else loss.sum()


def over_processes(divisor: float | Tensor, like: Tensor) -> float | Tensor:
    """The mean over all processes of what each divides its losses by; alone what it is. ``like`` says the device.

    Gradients are means over the processes, too: so several learn as one does from all of their images.
    """
    if get_world_size() == 1:
        return divisor
    return mean_over_processes(torch.as_tensor(divisor, dtype=torch.float32, device=like.device), 0.0)


def mean_over_processes(divisor: Tensor, least: float = 1.0) -> Tensor:
    """The same of a number that is at least ``least`` over all processes together, without gradient."""
    mean = divisor.detach().clone()
    all_reduce(mean, op='mean')
    return mean.clamp(min=least / get_world_size())


def weighted_loss(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A decorator: an element-wise loss ``function(pred, target, **kwargs)`` with weights and a reduction.

    The result is called with ``weight``, ``reduction`` and ``avg_factor`` of :func:`reduce_loss` after the target.
    """

    @functools.wraps(function)
    def reduced(
        pred: Any,
        target: Any,
        weight: Tensor | None = None,
        reduction: str = 'mean',
        avg_factor: Divisor = None,
        **kwargs: Any,
    ) -> Tensor:
        return reduce_loss(function(pred, target, **kwargs), weight, reduction, avg_factor)

    return reduced


def wide(tensor: Tensor) -> Tensor:
    """Half precision as float32, the rest as it is."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def takes_boxes(loss: nn.Module, reg_decoded_bbox: bool, dims: int) -> bool:
    """Whether the regression targets of a head are boxes instead of deltas.

    Args:
        loss: Says by ``needs_decoded`` what it wants, see :class:`WeightedLoss`.
        reg_decoded_bbox: What the head's config says.
        dims: Numbers of the head's regression.

    Raises:
        ValueError: the loss is defined on boxes of other numbers.
    """
    wanted, columns = getattr(loss, 'needs_decoded', False), getattr(loss, 'box_dim', None)
    if columns not in (None, dims):
        raise ArgumentError(
            f'{type(loss).__name__} is a loss of {columns} numbers, but this head regresses '
            f'{dims}: choose another loss_bbox'
        )
    return wanted is True or (reg_decoded_bbox and not wanted)


def loss_of_rows(loss: nn.Module, pred: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The loss of predictions (n, ...), without a row 0, which reaches them: many of users' own ask for a row."""
    return pred.sum() if is_empty(pred) else loss(pred, *args, **kwargs)


def regression_loss(
    loss: nn.Module,
    pred: Tensor,
    target: Tensor,
    weight: Tensor,
    avg_factor: Divisor,
    decode: Callable,
    decoded: bool,
    **kwargs: Any,
) -> Tensor:
    """The loss of a head that predicts deltas, in the form that the loss wants them in.

    Args:
        loss: Called with what its ``needs_decoded`` says, see :class:`WeightedLoss`.
        pred: Deltas (n, d).
        target: Deltas, or boxes where ``decoded``.
        weight: (n, d).
        avg_factor: Divisor of the sum.
        decode: Deltas (n, d) -> boxes, from the priors of these rows.
        decoded: What :func:`takes_boxes` says.
        **kwargs: More arguments of the loss.
    """
    boxes = {}
    if getattr(loss, 'needs_decoded', False) == 'both':
        boxes = dict(pred_decode=decode(pred), targets_decode=decode(target))
    pred = decode(pred) if decoded else pred
    return loss_of_rows(loss, pred, target, weight, avg_factor=avg_factor, **boxes, **kwargs)


class WeightedLoss(nn.Module):
    """Base of the losses: an element-wise ``compute``, weighed, reduced and scaled.

    ``needs_decoded`` tells a head what a regression loss is called with:

    =========  ==========================================================================
    False      deltas, or boxes where the head's config says ``reg_decoded_bbox``
    True       boxes, whatever the config says
    'both'     deltas, and their boxes as the keywords ``pred_decode``, ``targets_decode``
    =========  ==========================================================================

    ``box_dim`` is the number of columns of its predictions, None for any.

    Args:
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: Factor of the result.
    """

    needs_decoded: bool | Literal['both'] = False
    box_dim: int | None = None

    def __init__(self, reduction: str = 'mean', loss_weight: float = 1.0) -> None:
        super().__init__()
        self.reduction = one_of('reduction', reduction, REDUCTIONS)
        self.loss_weight = loss_weight

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Element-wise loss of predictions in float32 or float64."""
        raise NotImplementedError

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: Divisor = None,
        reduction_override: str | None = None,
        **boxes: Tensor,
    ) -> Tensor:
        """Loss of ``pred`` against ``target``; see :func:`reduce_loss`.

        Without a sample the result is a zero that still reaches every prediction, so that all
        parameters get a gradient in a batch without objects.

        Args:
            pred: Predictions, (n, box_dim) of a :class:`BoxLoss`.
            target: Targets.
            weight: As for :func:`reduce_loss`; of a :class:`BoxLoss` (n,), or (n, k) whose means count.
            avg_factor: Divisor of the sum under ``'mean'``; not used where the loss was made with ``'sum'``.
            reduction_override: Reduction for this call.
            boxes: More tensors (n, ...) for ``compute``.
        """
        if self.reduction == 'sum' and reduction_override is None:
            avg_factor = None  # heads give it to every loss; a sum that a config asks for is not divided
        loss, weight = self._elements(pred, target, weight, **boxes)
        return self.loss_weight * self.reduce(loss, weight, reduction_override or self.reduction, avg_factor)

    def _elements(
        self, pred: Tensor, target: Tensor, weight: Tensor | None, **boxes: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Element-wise loss and its weights."""
        if boxes:
            raise TypeError(f'{type(self).__name__} takes no {list(boxes)}')
        pred = wide(pred)
        return pred if is_empty(pred) else self.compute(pred, target), weight

    def reduce(self, loss: Tensor, weight: Tensor | None, reduction: str, avg_factor: Divisor) -> Tensor:
        """Element-wise losses under their weights to a number, or as they are under ``'none'``."""
        return reduce_loss(loss, weight, reduction, avg_factor)


class BoxLoss(WeightedLoss):
    """Base of the losses with one number per box, found for boxes of weight above 0 only.

    So a row without an object, whatever stands in it, neither costs time nor makes a NaN.
    """

    def compute(self, pred: Tensor, target: Tensor, **boxes: Tensor) -> Tensor:
        """Loss (n,) of predictions (n, box_dim) in float32 or float64; n is at least 1."""
        raise NotImplementedError

    def _elements(
        self, pred: Tensor, target: Tensor, weight: Tensor | None, **boxes: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        if pred.size(-1) != self.box_dim or len(pred) != len(target):
            raise ArgumentError(
                f'{type(self).__name__} compares predictions (n, {self.box_dim}) with as many '
                f'targets, got {tuple(pred.shape)} and {tuple(target.shape)}'
            )
        weight = pred.new_ones(len(pred)) if weight is None else weight
        weight = weight.mean(-1) if weight.dim() > 1 else weight
        rows = (weight > 0).nonzero().squeeze(1)
        kept = wide(pred[rows])
        others = {name: other[rows].to(kept) for name, other in boxes.items()}
        # no row: a loss that still reaches the predictions
        loss = kept.sum(-1) if is_empty(kept) else self.compute(kept, target[rows].to(kept), **others)
        return loss.new_zeros(len(pred)).index_put((rows,), loss), weight
