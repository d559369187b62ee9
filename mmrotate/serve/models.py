"""A detector under a name."""

from typing import Any

import numpy as np
import torch

from mmrotate.apis.inference import Preparation, Result
from mmrotate.datasets import collate
from mmrotate.engine.testing import detect
from mmrotate.utils import UserError


class ServedModel:
    """A detector that answers requests.

    Args:
        name: What clients call it: letters, digits, dots, dashes and underscores.
        detector: Of :func:`mmrotate.apis.init_detector`.
        source: What it was made from, for people: a config's and a checkpoint's name.
        version: What clients may ask for by ``/predictions/NAME/VERSION``.

    Raises:
        UserError: The name cannot stand in an address, or the detector has no class names.
    """

    def __init__(self, name: str, detector: Any, source: str = '', version: str = '1.0') -> None:
        if not name or not name.replace('-', '').replace('_', '').replace('.', '').isalnum() or not name.isascii():
            raise UserError(f'a model is called by letters, digits, dots, dashes and underscores, got {name!r}')
        if not detector.CLASSES:
            raise UserError(f'the model {name} has no class names: neither its checkpoint nor its config names them')
        self.name, self.source, self.version = name, source, version
        self.classes = tuple(detector.CLASSES)
        self._detector, self._prepare = detector, Preparation.of(detector)

    @property
    def device(self) -> str:
        """Where it works."""
        return str(next(self._detector.parameters()).device)

    def prepare(self, image: np.ndarray) -> Any:
        """Sample of an image (H, W, 3), uint8, BGR; several threads may prepare at once."""
        return self._prepare(image)

    def detect(self, samples: list[Any]) -> list[Result]:
        """Results of samples of images of one size, which share a batch without padding."""
        with torch.no_grad():
            return detect(self._detector, collate(samples))
