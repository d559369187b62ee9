"""A pipeline: a list of steps, each a function from a dict of results to a dict of results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from mmrotate.datasets.checked_build import build_checked
from mmrotate.registry import PIPELINES
from mmrotate.utils import ArgumentError, UserError

from .geometric import as_list

Step = Callable[[dict], dict | None]


class StepOrderError(UserError, KeyError):
    """A step of a pipeline stands before the one that gives what it needs."""

    __str__ = Exception.__str__  # that of KeyError puts quotes around the message


@PIPELINES.register_module()
class Compose:
    """Calls its steps one after the other.

    They are config dicts with a ``type`` or functions ``dict -> dict | None``. A TypeError or KeyError names the
    position of a step that is unknown or has a wrong argument.
    """

    def __init__(self, transforms: Sequence[dict | Step]) -> None:
        if isinstance(transforms, dict) or not isinstance(transforms, Sequence):
            raise TypeError(f'a pipeline is a list of steps, got {type(transforms).__name__}')
        self.transforms = [build_step(i, step) for i, step in enumerate(transforms, start=1)]

    def __call__(self, results: dict) -> dict | None:
        """Run ``results`` through all steps; None as soon as a step gives None."""
        for i, step in enumerate(self.transforms, start=1):
            changed = run_step(i, step, results)
            if changed is None:
                return None
            results = changed
        return results

    def __repr__(self) -> str:
        steps = '\n'.join(f'    {step}' for step in self.transforms)
        return f'{type(self).__name__}(\n{steps}\n)'


def run_step(position: int, step: Step, results: dict) -> dict | None:
    """What a step makes of ``results``; a StepOrderError names what it misses in them."""
    try:
        return step(results)
    except StepOrderError:
        raise
    except KeyError as error:
        name = getattr(step, '__name__', type(step).__name__)
        raise StepOrderError(
            f'pipeline step {position} ({name}) needs {error}, which no step before it gives'
        ) from error


def build_step(position: int, step: dict | Step) -> Step:
    """The step of a config dict, or the function that is given; errors name its position."""
    if isinstance(step, dict):
        return build_checked(PIPELINES, step, f'pipeline step {position}')
    if callable(step):
        return step
    raise TypeError(f'pipeline step {position}: a config dict or a function, got {step!r}')


@PIPELINES.register_module()
@dataclass(eq=False)
class MultiScaleFlipAug:
    """Test-time augmentation: runs the image through ``transforms`` once for each scale and flip.

    Args:
        transforms: the steps, which read ``scale`` (or ``scale_factor``), ``flip`` and ``flip_direction`` from the
            results, e.g. RResize and RRandomFlip.
        img_scale: one target size or several, see RResize.
        scale_factor: in place of ``img_scale``: one factor or several.
        flip: also give every scale mirrored.
        flip_direction: one direction or several, see RRandomFlip.
    """

    transforms: Any
    img_scale: Any = None
    scale_factor: Any = None
    flip: bool = False
    flip_direction: Any = 'horizontal'

    def __post_init__(self) -> None:
        if (self.img_scale is None) == (self.scale_factor is None):
            raise ArgumentError('MultiScaleFlipAug needs either img_scale or scale_factor')
        self.transforms = Compose(self.transforms)
        if self.img_scale is not None:
            self.scale_key, self.scales = 'scale', as_list(self.img_scale)
        else:
            single = isinstance(self.scale_factor, (int, float))
            self.scale_key, self.scales = 'scale_factor', [self.scale_factor] if single else self.scale_factor
        if isinstance(self.flip_direction, str):
            self.flip_direction = [self.flip_direction]

    def __call__(self, results: dict) -> dict[str, list]:
        """Give a dict of lists with one entry per scale and flip, the unflipped image first."""
        samples: list[dict] = []
        for scale, direction in product(self.scales, [None, *(self.flip_direction if self.flip else ())]):
            one = {**results, self.scale_key: scale, 'flip': direction is not None, 'flip_direction': direction}
            if (sample := self.transforms(one)) is None:
                raise ValueError(f'a step of the test pipeline dropped {one.get("filename")}')
            samples.append(sample)
        return {key: [sample[key] for sample in samples] for key in samples[0]}
