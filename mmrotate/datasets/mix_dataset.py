"""A dataset whose pipeline mixes several images."""

from collections.abc import Collection, Sequence
from typing import Any

from mmrotate.registry import DATASETS, PIPELINES
from mmrotate.utils import ArgumentError, UserError, get_root_logger

from .pipelines.compose import build_step, run_step
from .pipelines.versions import inherit_version
from .wrappers import AnyDataset, DatasetWrapper

# what steps have drawn for one image: they draw anew for the mixed one, and would not where it stands in the sample
_DRAWN = ('scale', 'scale_factor', 'flip', 'flip_direction')


class MixError(UserError, RuntimeError):
    """A step of the pipeline gave no sample, however often it was tried."""


@DATASETS.register_module()
class MultiImageMixDataset(DatasetWrapper):
    """Samples of a dataset, run through a further pipeline whose steps may ask for more samples (RMosaic, MixUp).

    A step that has ``get_indexes(dataset)`` finds the samples of these indices in ``results['mix_results']``. A step
    that drops a sample is run again, on new ones of these.

    Args:
        dataset: the dataset, whose own pipeline loads images and annotations.
        pipeline: the steps, config dicts.
        dynamic_scale: a former way of resizing: only None.
        skip_type_keys: types of steps that are left out, see :meth:`update_skip_type_keys`.
        max_refetch: how often a step is run until it gives a sample; then a MixError is raised.
    """

    def __init__(
        self,
        dataset: AnyDataset,
        pipeline: Sequence[dict],
        dynamic_scale: tuple[int, int] | None = None,
        skip_type_keys: Sequence[str] | None = None,
        max_refetch: int = 15,
    ) -> None:
        if dynamic_scale is not None:
            raise ArgumentError(f'dynamic_scale={dynamic_scale!r} is not read any more: put RResize into pipeline')
        if not isinstance(max_refetch, int) or max_refetch < 1:
            raise ArgumentError(f'max_refetch must be a whole number above 0, got {max_refetch!r}')
        if any(getattr(leaf, 'test_mode', False) for leaf in getattr(dataset, 'leaves', [])):
            raise ArgumentError('MultiImageMixDataset mixes images, for training: test with the dataset inside')
        super().__init__([dataset])
        self.max_refetch = max_refetch
        steps: Sequence[Any] = inherit_version(pipeline, self.version)
        if isinstance(steps, (str, dict)) or not all(isinstance(step, dict) for step in steps):
            raise TypeError(f'pipeline must be a list of config dicts, got {pipeline!r}')
        self.pipeline_types = [step.get('type') for step in steps]
        self.pipeline = [build_step(i, step) for i, step in enumerate(steps, start=1)]
        self.update_skip_type_keys(skip_type_keys)

    def update_skip_type_keys(self, skip_type_keys: Collection[str] | None) -> None:
        """Leave the steps of these types out from now on (in worker processes: from their next start on)."""
        keys = [skip_type_keys] if isinstance(skip_type_keys, str) else list(skip_type_keys or [])
        skipped = {key: [i for i, kind in enumerate(self.pipeline_types) if _same(key, kind)] for key in keys}
        if unknown := [key for key, steps in skipped.items() if not steps]:
            text = 'skip_type_keys: no step %s in the pipeline of MultiImageMixDataset, which has %s'
            get_root_logger().warning(text, unknown, self.pipeline_types)
        self._skipped = {i for steps in skipped.values() for i in steps}

    @property
    def dataset(self) -> AnyDataset:
        """The dataset inside."""
        return self._parts[0]

    @property
    def leaves(self) -> list:
        """The single datasets inside."""
        return self.dataset.leaves

    def __len__(self) -> int:
        return len(self.dataset)

    def _place(self, index: int) -> tuple[int, int]:
        return 0, index

    def image_name(self, index: int) -> str:
        """Name of image ``index``, the first of those that are mixed."""
        return self.dataset.image_name(index)

    def __getitem__(self, index: int) -> dict:
        results = self._sample(index)
        for i, step in enumerate(self.pipeline):
            if i not in self._skipped:
                results = self._run(i + 1, step, results)
        return results

    def _sample(self, index: int) -> dict:
        return {key: value for key, value in self.dataset[index].items() if key not in _DRAWN}

    def _run(self, position: int, step: Any, results: dict) -> dict:
        for _ in range(self.max_refetch):
            given = dict(results)
            if hasattr(step, 'get_indexes'):
                indices = step.get_indexes(self.dataset)
                indices = indices if isinstance(indices, Sequence) else [indices]
                given['mix_results'] = [self._sample(i) for i in indices]
            if (changed := run_step(position, step, given)) is not None:
                changed.pop('mix_results', None)
                return changed
        raise MixError(
            f'step {position} ({type(step).__name__}) of MultiImageMixDataset gave no sample in max_refetch='
            f'{self.max_refetch} attempts on {results.get("filename")}: it drops all of its objects'
        )


def _same(key: Any, kind: Any) -> bool:
    """Whether two types of steps, names or classes, are the same."""
    first, second = (PIPELINES.get(each) if isinstance(each, str) else each for each in (key, kind))
    return key == kind or (first is not None and first is second)
