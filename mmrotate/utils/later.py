"""Packages that are loaded when they are first used, because loading takes long."""

from types import ModuleType


def torchvision() -> ModuleType:
    """The package torchvision, which takes as long to load as PyTorch."""
    import torchvision  # noqa: PLC0415

    return torchvision
