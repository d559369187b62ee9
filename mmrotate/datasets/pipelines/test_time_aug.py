"""Test-time augmentation: one image, several scales and flips."""

from collections.abc import Sequence

from mmrotate.registry import PIPELINES

from .compose import Compose, Step
from .geometric import Scale, as_list


@PIPELINES.register_module()
class MultiScaleFlipAug:
    """Runs the image through ``transforms`` once for each scale and flip.

    Args:
        transforms: the steps, which read ``scale`` (or ``scale_factor``), ``flip`` and
            ``flip_direction`` from the results, e.g. RResize and RRandomFlip.
        img_scale: one target size or several, see RResize.
        scale_factor: in place of ``img_scale``: one factor or several.
        flip: also give every scale mirrored.
        flip_direction: one direction or several, see RRandomFlip.
    """

    def __init__(
        self,
        transforms: Sequence[dict | Step],
        img_scale: Scale | Sequence[Scale] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        flip: bool = False,
        flip_direction: str | Sequence[str] = 'horizontal',
    ) -> None:
        if (img_scale is None) == (scale_factor is None):
            raise ValueError('MultiScaleFlipAug needs either img_scale or scale_factor')
        self.transforms = Compose(transforms)
        if img_scale is not None:
            self.scale_key, self.scales = 'scale', as_list(img_scale)
        else:
            single = isinstance(scale_factor, (int, float))
            self.scale_key, self.scales = 'scale_factor', [scale_factor] if single else scale_factor  # type: ignore
        directions = [flip_direction] if isinstance(flip_direction, str) else list(flip_direction)
        self.flip = flip
        self.flip_direction = directions

    def __call__(self, results: dict) -> dict[str, list]:
        """Give a dict of lists with one entry per scale and flip, the unflipped image first."""
        flips: list[tuple[bool, str | None]] = [(False, None)]
        if self.flip:
            flips += [(True, direction) for direction in self.flip_direction]
        samples: list[dict] = []
        for scale in self.scales:
            for is_flipped, direction in flips:
                one = {**results, self.scale_key: scale}
                one.update(flip=is_flipped, flip_direction=direction)
                sample = self.transforms(one)
                if sample is None:
                    raise ValueError(f'a step of the test pipeline dropped {one.get("filename")}')
                samples.append(sample)
        return {key: [sample[key] for sample in samples] for key in samples[0]}

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(transforms={self.transforms}, {self.scale_key}={self.scales}, '
            f'flip={self.flip}, flip_direction={self.flip_direction})'
        )
