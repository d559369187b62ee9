"""The key ``compile``: the parts of a detector that always do the same are compiled."""

import os
import shutil
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from mmrotate.utils import UserError

_COMPILERS = ('c++', 'g++', 'clang++', 'cl')


def compile_parts(model: nn.Module, given: Any) -> None:
    """Have ``torch.compile`` compile backbone and neck of ``model``, in place: names of weights stay.

    Heads depend on the number of objects, so that they would be compiled again and again. A model without these parts
    is compiled as a whole.

    Args:
        model: A detector.
        given: True, arguments of ``torch.compile``, or None or False for nothing.

    Raises:
        UserError: There is no compiler, or an argument makes no sense.
    """
    if not given and given != {}:
        return
    options: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {}
    backend = options.get('backend', 'inductor')
    if backend == 'inductor' and not (os.environ.get('CXX') or any(map(shutil.which, _COMPILERS))):
        raise UserError('compile (--compile) needs a compiler for C++, such as g++, and there is none')
    if isinstance(backend, str) and backend not in torch._dynamo.list_backends(exclude_tags=()):
        raise UserError(f'compile.backend={backend!r} is not known, known: {torch._dynamo.list_backends()}')
    parts = [part for name in ('backbone', 'neck') if isinstance(part := getattr(model, name, None), nn.Module)]
    try:
        for part in parts or [model]:
            part.compile(**options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f'compile={options}: {error}') from error
