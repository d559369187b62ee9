"""From images of requests to detections: decoding in threads, batches, and what was counted."""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from mmrotate.apis.inference import Result
from mmrotate.engine.shortage import shortage
from mmrotate.serve.batching import Batcher
from mmrotate.serve.fetch import fetch
from mmrotate.serve.images import decode
from mmrotate.serve.limits import Limits, RequestError
from mmrotate.serve.metrics import Metrics
from mmrotate.serve.models import ServedModel
from mmrotate.serve.requests import Sent
from mmrotate.utils import UserError

T = TypeVar('T')
_DECODERS = 2  # threads: more would unpack more images into memory at once


@dataclass(frozen=True)
class Answer:
    """What was found in an image: its name, its size in pixels, and a list over classes of arrays (n, 6)."""

    name: str
    width: int
    height: int
    result: Result


class Service:
    """Models under their names, and how they are asked.

    Args:
        models: At least one; the first answers where none is named.
        limits: What clients may ask for.
    """

    def __init__(self, models: Sequence[ServedModel], limits: Limits) -> None:
        self.models = {model.name: model for model in models}
        if not models or len(self.models) < len(models):
            raise UserError(f'models of different names are needed, got {[model.name for model in models]}')
        self.limits, self.metrics, self.ready = limits, Metrics(), False
        self._pool = ThreadPoolExecutor(_DECODERS)
        self._batchers = {name: self._batcher(model) for name, model in self.models.items()}

    async def start(self) -> None:
        """Begin to answer."""
        for batcher in self._batchers.values():
            batcher.start()
        self.ready = True

    async def stop(self) -> None:
        """Finish what is in work; what waits is told so."""
        self.ready = False
        for batcher in self._batchers.values():
            await batcher.stop()
        self._pool.shutdown()

    def model(self, name: str | None, version: str | None = None) -> ServedModel:
        """The model of a name; None: the first.

        Raises:
            RequestError: There is none (404).
        """
        model = next(iter(self.models.values())) if name is None else self.models.get(name)
        if model is None:
            text = f'Model not found: {name} (there are: {", ".join(self.models)})'
            raise RequestError(404, text, 'ModelNotFoundException')
        if version not in (None, model.version):
            text = f'Model version: {version} does not exist for model: {model.name} (there is {model.version})'
            raise RequestError(404, text, 'ModelVersionNotFoundException')
        return model

    async def detect(self, model: ServedModel, images: Sequence[Sent]) -> list[Answer]:
        """What a model finds in images.

        Raises:
            RequestError: An image is bad, or there is no room or time.
        """
        answers = await _together([self._detect(model, sent) for sent in images])
        self.metrics.add('mmrotate_images_total', len(answers), model=model.name)
        return answers

    def metrics_text(self) -> str:
        """All numbers, for Prometheus."""
        for name, batcher in self._batchers.items():
            self.metrics.put('mmrotate_waiting_images', len(batcher), model=name)
        return self.metrics.text()

    async def _detect(self, model: ServedModel, sent: Sent) -> Answer:
        batcher = self._batchers[model.name]
        if len(batcher) >= self.limits.queue:  # before memory is spent on it
            raise RequestError(503, f'{len(batcher)} images wait, as many as may: try again later')
        width, height, sample = await self._in_pool(self._prepare, model, sent)
        try:
            result = await batcher(sample, (height, width))
        except RequestError:
            raise
        except Exception as error:
            logging.getLogger('mmrotate').exception('the model %s failed on %s', model.name, sent.name)
            lack = shortage(error)
            raise RequestError(503 if lack else 500, lack or f'the model failed on {sent.name}') from error
        return Answer(sent.name, width, height, result)

    def _prepare(self, model: ServedModel, sent: Sent) -> tuple[int, int, Any]:
        data = sent.data if sent.url is None else fetch(sent.url, self.limits)
        image = decode(data or b'', sent.name, self.limits.pixels)
        return image.shape[1], image.shape[0], model.prepare(image)

    async def _in_pool(self, function: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)

    def _batcher(self, model: ServedModel) -> Batcher:
        return Batcher(model.detect, self.limits, functools.partial(self._watch, model.name))

    def _watch(self, name: str, size: int, seconds: float) -> None:
        self.metrics.observe('mmrotate_batch_images', size, model=name)
        self.metrics.observe('mmrotate_batch_seconds', seconds, model=name)


async def _together(works: Sequence[Awaitable[T]]) -> list[T]:
    """Results of all; when one fails, the others are given up."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
