"""Packages that only some models need."""

import importlib
from typing import Any

from mmrotate.utils.errors import UserError


class MissingPackageError(UserError, ImportError):
    """A package is needed that is not installed."""


def import_package(name: str, needed_by: str, extra: str | None = None) -> Any:
    """Import ``name`` (``e2cnn.nn``) at its first use; ``extra`` is that of this package that brings it.

    Raises:
        MissingPackageError: It is not installed; the message says who needs it, and what to do.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition('.')[0]
        install = f"'mmrotate[{extra}]'" if extra else package
        raise MissingPackageError(
            f'{needed_by} needs the package {package}, which cannot be imported ({error}): pip install {install}'
        ) from error
