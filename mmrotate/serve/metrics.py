"""Counters and histograms in the text form of Prometheus."""

import bisect
from collections import defaultdict
from collections.abc import Iterator

_HELP = {
    'mmrotate_requests_total': ('counter', 'Requests by path and status.'),
    'mmrotate_request_seconds': ('histogram', 'Seconds from the head of a request to the end of its answer.'),
    'mmrotate_images_total': ('counter', 'Images that went through a detector.'),
    'mmrotate_detections_total': ('counter', 'Detections that were sent.'),
    'mmrotate_batch_images': ('histogram', 'Images of a batch.'),
    'mmrotate_batch_seconds': ('histogram', 'Seconds that a detector worked on a batch.'),
    'mmrotate_waiting_images': ('gauge', 'Images that wait for a detector.'),
}
_BOUNDS = {'mmrotate_batch_images': (1, 2, 4, 8, 16, 32)}
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Numbers of one process; those of several workers are scraped one by one."""

    def __init__(self) -> None:
        self._numbers: defaultdict[tuple[str, Labels], float] = defaultdict(float)
        self._buckets: dict[tuple[str, Labels], list[int]] = {}

    def add(self, name: str, amount: float = 1, **labels: str) -> None:
        """Raise a counter."""
        self._numbers[name, _labels(labels)] += amount

    def put(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self._numbers[name, _labels(labels)] = value

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Put a value into a histogram."""
        bounds, key = _BOUNDS.get(name, _SECONDS), (name, _labels(labels))
        self._buckets.setdefault(key, [0] * (len(bounds) + 1))[bisect.bisect_left(bounds, value)] += 1
        self._numbers[key] += value

    def text(self) -> str:
        """All numbers, as ``/metrics`` gives them."""
        return ''.join(f'{line}\n' for line in self._lines())

    def _lines(self) -> Iterator[str]:
        for name, (kind, text) in _HELP.items():
            yield f'# HELP {name} {text}'
            yield f'# TYPE {name} {kind}'
            for (of, labels), value in sorted(self._numbers.items()):
                if of != name:
                    continue
                if kind != 'histogram':
                    yield f'{name}{_braces(labels)} {value:g}'
                else:
                    yield from self._histogram(name, labels, value)

    def _histogram(self, name: str, labels: Labels, total: float) -> Iterator[str]:
        count = 0
        bounds = [*map('{:g}'.format, _BOUNDS.get(name, _SECONDS)), '+Inf']
        for bound, inside in zip(bounds, self._buckets[name, labels], strict=True):
            count += inside
            yield f'{name}_bucket{_braces((*labels, ("le", bound)))} {count}'
        yield f'{name}_sum{_braces(labels)} {total:g}'
        yield f'{name}_count{_braces(labels)} {count}'


def _labels(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _braces(labels: Labels) -> str:
    escaped = ((name, value.replace('\\', r'\\').replace('"', r'\"').replace('\n', r'\n')) for name, value in labels)
    return '{' + ','.join(f'{name}="{value}"' for name, value in escaped) + '}' if labels else ''
