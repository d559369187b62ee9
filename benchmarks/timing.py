"""Medians of calls, for the benchmarks."""

import statistics
import time
from collections.abc import Callable

import torch


def median_ms(function: Callable[[], object], seconds: float = 1.0, device: str = 'cpu', least: int = 5) -> float:
    """Median milliseconds of a call, over about ``seconds`` and at least ``least`` calls."""
    synchronize = torch.cuda.synchronize if device.startswith('cuda') else lambda: None
    function()
    times: list[float] = []
    while len(times) < least or (sum(times) < seconds and len(times) < 1000):
        synchronize()
        start = time.perf_counter()
        function()
        synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3
