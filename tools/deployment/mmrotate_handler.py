"""What TorchServe runs for an archive of ``mmrotate2torchserve.py``; needs mmrotate where TorchServe runs."""

import base64
from pathlib import Path
from typing import Any

import torch

from mmrotate.apis import inference_detector, init_detector
from mmrotate.apis.results import torchserve_detections


class MMRotateHandler:
    """A detector in TorchServe: the only class here, as TorchServe asks for, and of no base of its own."""

    threshold = 0.5

    def initialize(self, context: Any) -> None:
        """Load the detector of the archive that ``context`` names."""
        properties, model = context.system_properties, context.manifest['model']
        folder = Path(properties['model_dir'])
        number = properties.get('gpu_id')
        device = f'cuda:{number}' if torch.cuda.is_available() and number is not None else 'cpu'
        self.model = init_detector(str(folder / 'config.py'), str(folder / model['serializedFile']), device)
        self.initialized = True

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[list[dict[str, Any]]]:
        """Detections of the images of a batch of requests."""
        return self.postprocess(self.inference(self.preprocess(data)))

    def preprocess(self, data: list[dict[str, Any]]) -> list[bytes]:
        """The files in the requests: their bytes, or these in base64."""
        files = [row.get('data') or row.get('body') for row in data]
        return [base64.b64decode(file) if isinstance(file, str) else bytes(file or b'') for file in files]

    def inference(self, data: list[bytes]) -> list[Any]:
        """Per image a list over classes of arrays (n, 6)."""
        return inference_detector(self.model, data)

    def postprocess(self, data: list[Any]) -> list[list[dict[str, Any]]]:
        """Per image its detections with a score from ``threshold`` on."""
        return [torchserve_detections(result, self.model.CLASSES, self.threshold) for result in data]
