"""The key ``compile``: a detector, or the parts of it that always do the same, are compiled."""

import functools
import os
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.utils import UserError

_COMPILERS = ('c++', 'g++', 'clang++', 'cl')
# what the number of objects decides is followed, in place of ending the graph
FOLLOWED = dict(capture_dynamic_output_shape_ops=True, capture_scalar_outputs=True)


def compile_parts(model: nn.Module, given: Any) -> None:
    """Have ``torch.compile`` compile a detector in place: names of weights stay.

    Args:
        model: A detector.
        given: True for backbone and neck, or the whole of a model without them; a dict has arguments of
            ``torch.compile``, and ``whole=True`` for the heads and losses too. None or False for nothing.

    Raises:
        UserError: There is no compiler, or an argument makes no sense.
    """
    if not given and given != {}:
        return
    options: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {}
    whole = bool(options.pop('whole', False))
    backend = options.get('backend', 'inductor')
    if backend == 'inductor' and not (os.environ.get('CXX') or any(map(shutil.which, _COMPILERS))):
        raise UserError('compile (--compile) needs a compiler for C++, such as g++, and there is none')
    if isinstance(backend, str) and backend not in torch._dynamo.list_backends(exclude_tags=()):
        raise UserError(f'compile.backend={backend!r} is not known, known: {torch._dynamo.list_backends()}')
    parts = [part for name in ('backbone', 'neck') if isinstance(part := getattr(model, name, None), nn.Module)]
    try:
        for part in [model] if whole else parts or [model]:
            part.compile(**options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f'compile={options}: {error}') from error
    if whole:
        # a part that cannot be compiled runs as it is, unless one graph is asked for
        settings: dict[str, Any] = dict(FOLLOWED, suppress_errors=not options.get('fullgraph', False))
        call: Any = model._compiled_call_impl
        model._compiled_call_impl = _counting_objects(call, settings)  # type: ignore[assignment]


def _counting_objects(call: Callable, settings: dict[str, Any]) -> Callable:
    """A compiled call for which the number of objects is unknown: another one compiles nothing anew."""

    @functools.wraps(call)
    def called(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get('return_loss', True):
            for facts in kwargs.values():
                for rows in facts if isinstance(facts, list | tuple) else ():
                    if isinstance(rows, Tensor):
                        torch._dynamo.decorators.mark_unbacked(rows, 0)
        with torch._dynamo.config.patch(settings):
            return call(*args, **kwargs)

    return called
