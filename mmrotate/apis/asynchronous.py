"""Detection for programs that await: the event loop goes on meanwhile."""

import asyncio
from collections.abc import Sequence
from typing import Any

from mmrotate.apis.inference import Image, Result, detect_by
from mmrotate.utils.contextmanagers import on_stream


async def async_inference_detector(model: Any, imgs: Image | Sequence[Image]) -> Result | list[Result]:
    """What :func:`mmrotate.apis.inference_detector` gives, from a thread of its own.

    Several may run at once, also on one model: PyTorch frees Python's lock while it computes. Under
    :func:`mmrotate.utils.contextmanagers.concurrent` each has a stream of the GPU to itself. The detector is called
    through its ``aforward_test``.
    """
    return await asyncio.to_thread(_detect, model, imgs)  # takes the task's stream with it


def _detect(model: Any, imgs: Any) -> Result | list[Result]:
    async def test(batch: dict[str, Any]) -> list[Result]:
        return await model.aforward_test(rescale=True, **batch)

    with on_stream():
        return detect_by(lambda batch: asyncio.run(test(batch)), model, imgs)
