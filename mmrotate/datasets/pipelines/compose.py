"""A pipeline: a list of steps, each a function from a dict of results to a dict of results."""

from collections.abc import Callable, Sequence

from mmrotate.datasets.checked_build import build_checked
from mmrotate.registry import PIPELINES

Step = Callable[[dict], dict | None]


@PIPELINES.register_module()
class Compose:
    """Calls its steps one after the other.

    They are config dicts with a ``type`` or functions ``dict -> dict | None``. A TypeError or KeyError names the
    position of a step that is unknown or has a wrong argument.
    """

    def __init__(self, transforms: Sequence[dict | Step]) -> None:
        if isinstance(transforms, dict) or not isinstance(transforms, Sequence):
            raise TypeError(f'a pipeline is a list of steps, got {type(transforms).__name__}')
        self.transforms = [_build_step(i, step) for i, step in enumerate(transforms, start=1)]

    def __call__(self, results: dict) -> dict | None:
        """Run ``results`` through all steps; None as soon as a step gives None."""
        for step in self.transforms:
            if (changed := step(results)) is None:
                return None
            results = changed
        return results

    def __repr__(self) -> str:
        steps = '\n'.join(f'    {step}' for step in self.transforms)
        return f'{type(self).__name__}(\n{steps}\n)'


def _build_step(position: int, step: dict | Step) -> Step:
    if isinstance(step, dict):
        return build_checked(PIPELINES, step, f'pipeline step {position}')
    if callable(step):
        return step
    raise TypeError(f'pipeline step {position}: a config dict or a function, got {step!r}')
