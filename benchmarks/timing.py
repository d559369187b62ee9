"""Medians of calls and peaks of memory, for the benchmarks."""

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


class Stopwatch:
    """Times calls on a device, on CUDA by events of its stream; notes the most memory that they held there."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.gpu = device.type == 'cuda'
        self._forget()

    def _forget(self) -> None:
        if self.gpu:
            torch.cuda.reset_peak_memory_stats(self.device)

    def seconds(self, function: Callable[[], object], rounds: int) -> float:
        """Median seconds of a call, after one that warms up."""
        self._forget()
        function()
        return statistics.median(self._once(function) for _ in range(rounds))

    def _once(self, function: Callable[[], object]) -> float:
        if not self.gpu:
            start = time.perf_counter()
            function()
            return time.perf_counter() - start
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        function()
        last.record()
        torch.cuda.synchronize(self.device)
        return first.elapsed_time(last) / 1e3

    def peak_memory(self) -> float | None:
        """MiB that tensors took on the GPU at most since the last measurement began; None on a CPU."""
        return torch.cuda.max_memory_allocated(self.device) / 2**20 if self.gpu else None
