"""Turns, shears and shifts of the image and its boxes, by a given amount or a random one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmrotate.registry import PIPELINES
from mmrotate.utils.errors import ArgumentError

from .affine import move
from .boxes import centres_inside, keep_boxes

_MAX_LEVEL = 10
_QUARTERS = (90, 180, -90, -180)
_DIRECTIONS = ('horizontal', 'vertical')

Fill = float | Sequence[float]


def about(centre: Sequence[float], linear: np.ndarray) -> np.ndarray:
    """The map (2, 3) whose linear part is ``linear`` and that leaves the point ``centre`` where it is."""
    return np.column_stack([linear, np.asarray(centre) - linear @ centre])


def turn_matrix(degrees: float, scale: float = 1.0) -> np.ndarray:
    """A turn (2, 2), clockwise on the screen, times a scale."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return scale * np.array([[cos, -sin], [sin, cos]])


def move_and_keep(results: dict, matrix: np.ndarray, fill: Fill, version: str, min_size: float = 0) -> dict | None:
    """Move pixels and boxes by a matrix (2, 3) within the image's size.

    Objects whose centre is moved out of the image go, as do those with a side of at most ``min_size`` pixels; the
    others stay whole. None if there were some, and all are gone.
    """
    h, w = results['img'].shape[:2]
    had_objects = len(results.get('gt_bboxes', ())) > 0
    move(results, matrix, (h, w), fill, version)
    for key in results.get('bbox_fields', []):
        large = (results[key][:, 2:4] > min_size).all(1)
        keep_boxes(results, key, centres_inside(results[key], h, w) & large)
    return None if had_objects and not len(results['gt_bboxes']) else results


def _check_chances(level: float | None = None, **chances: float) -> None:
    if level is not None and not 0 <= level <= _MAX_LEVEL:
        raise ArgumentError(f'level: a number from 0 to {_MAX_LEVEL} is needed, got {level!r}')
    for name, chance in chances.items():
        if not 0 <= chance <= 1:
            raise ArgumentError(f'{name}: a probability in [0, 1] is needed, got {chance!r}')


def _check_direction(direction: str) -> None:
    if direction not in _DIRECTIONS:
        raise ArgumentError(f'direction must be one of {_DIRECTIONS}, got {direction!r}')


def _drawn(level: float, most: float, prob: float, negative: float) -> float | None:
    """``level`` tenths of ``most``, to either side; None for no move."""
    if np.random.random_sample() >= prob:
        return None
    return (-1 if np.random.random_sample() < negative else 1) * level / _MAX_LEVEL * most


@PIPELINES.register_module()
@dataclass(eq=False)
class Rotate:
    """Turns the image and its boxes about the image's centre, within its size.

    Either by ``rotate_angle``, always, or by ``level`` tenths of ``max_rotate_angle``, with a probability. Objects
    whose centre leaves the image go; a sample that loses all its objects so is dropped.

    Args:
        level: strength from 0 to 10.
        scale: factor of the size.
        center: point (x, y) that stays where it is, in place of the image's centre.
        img_fill_val: value of new pixels, or one for each channel.
        prob: probability of a turn by level.
        max_rotate_angle: angle of level 10 in degrees.
        random_negative_prob: probability that it goes counter-clockwise.
        rotate_angle: degrees, clockwise on the screen, in place of all random ones.
        img_border_value: other name of ``img_fill_val``, used with ``rotate_angle``.
        version: angle version of the boxes: 'oc', 'le90' or 'le135'; in a dataset by default that of the dataset.
    """

    level: float | None = None
    scale: float = 1.0
    center: Sequence[float] | None = None
    img_fill_val: Fill = 128
    prob: float = 0.5
    max_rotate_angle: float = 30
    random_negative_prob: float = 0.5
    rotate_angle: float | None = None
    img_border_value: Fill = 0
    version: str = 'le90'

    def __post_init__(self) -> None:
        if (self.level is None) == (self.rotate_angle is None):
            raise ArgumentError('Rotate needs either level or rotate_angle')
        _check_chances(self.level, prob=self.prob, random_negative_prob=self.random_negative_prob)

    def __call__(self, results: dict) -> dict | None:
        """Turn."""
        if self.level is None:
            return self._turn(results, self.rotate_angle or 0.0, self.img_border_value)
        angle = _drawn(self.level, self.max_rotate_angle, self.prob, self.random_negative_prob)
        return results if angle is None else self._turn(results, angle, self.img_fill_val)

    def _turn(self, results: dict, angle: float, fill: Fill) -> dict | None:
        h, w = results['img'].shape[:2]
        centre = (w / 2, h / 2) if self.center is None else self.center
        return move_and_keep(results, about(centre, turn_matrix(angle, self.scale)), fill, self.version)


@PIPELINES.register_module()
@dataclass(eq=False)
class Shear:
    """Shears the image about its upper left corner; a box becomes the one that its angle version makes of its corners.

    Args:
        level: strength from 0 to 10.
        img_fill_val: value of new pixels, or one for each channel.
        prob: probability of a shear.
        direction: 'horizontal' or 'vertical'.
        max_shear_magnitude: pixels along the direction for each pixel across it, at level 10.
        random_negative_prob: probability that it goes to the other side.
        version: angle version of the boxes; in a dataset by default that of the dataset.
    """

    level: float
    img_fill_val: Fill = 128
    prob: float = 0.5
    direction: str = 'horizontal'
    max_shear_magnitude: float = 0.3
    random_negative_prob: float = 0.5
    version: str = 'le90'

    def __post_init__(self) -> None:
        _check_direction(self.direction)
        _check_chances(self.level, prob=self.prob, random_negative_prob=self.random_negative_prob)

    def __call__(self, results: dict) -> dict | None:
        """Shear."""
        amount = _drawn(self.level, self.max_shear_magnitude, self.prob, self.random_negative_prob)
        if amount is None:
            return results
        linear = np.eye(2)
        linear[(0, 1) if self.direction == 'horizontal' else (1, 0)] = amount
        return move_and_keep(results, about((0, 0), linear), self.img_fill_val, self.version)


@PIPELINES.register_module()
@dataclass(eq=False)
class Translate:
    """Shifts the image and its boxes by whole pixels.

    Args:
        level: strength from 0 to 10.
        prob: probability of a shift.
        img_fill_val: value of new pixels, or one for each channel.
        direction: 'horizontal' or 'vertical'.
        max_translate_offset: pixels at level 10.
        random_negative_prob: probability that it goes to the left, or up.
        min_size: objects stay whose sides are both longer, in pixels.
        version: angle version of the boxes, which a shift does not change.
    """

    level: float
    prob: float = 0.5
    img_fill_val: Fill = 128
    direction: str = 'horizontal'
    max_translate_offset: float = 250.0
    random_negative_prob: float = 0.5
    min_size: float = 0
    version: str = 'le90'

    def __post_init__(self) -> None:
        _check_direction(self.direction)
        _check_chances(self.level, prob=self.prob, random_negative_prob=self.random_negative_prob)

    def __call__(self, results: dict) -> dict | None:
        """Shift."""
        amount = _drawn(self.level, self.max_translate_offset, self.prob, self.random_negative_prob)
        if amount is None:
            return results
        shift = [int(amount), 0] if self.direction == 'horizontal' else [0, int(amount)]
        matrix = np.column_stack([np.eye(2), shift])
        return move_and_keep(results, matrix, self.img_fill_val, self.version, self.min_size)


@PIPELINES.register_module()
@dataclass(eq=False)
class RandomRotate:
    """Turns the image by an angle drawn from a range, about its centre and within its size.

    Args:
        prob: probability of a turn.
        angle_range: the largest angle in degrees, to both sides.
        rect_obj_labels: labels of classes whose boxes are always upright: an image with one of them is turned by
            quarter turns only.
        rotate_type: the step that turns, with ``rotate_angle``.
        img_border_value: value of new pixels, or one for each channel.
        version: angle version of the boxes; in a dataset by default that of the dataset.
    """

    prob: float = 0.5
    angle_range: float = 180
    rect_obj_labels: Sequence[int] | None = None
    rotate_type: str = 'Rotate'
    img_border_value: Fill = 0
    version: str = 'le90'

    def __post_init__(self) -> None:
        _check_chances(prob=self.prob)
        if not 0 < self.angle_range <= 180:
            raise ArgumentError(f'angle_range: degrees in (0, 180] are needed, got {self.angle_range!r}')

    def __call__(self, results: dict) -> dict | None:
        """Turn; sets rotate_angle (degrees, clockwise) if it does."""
        return _turned(results, self, float(self.angle_range * np.random.uniform(-1, 1)))


@PIPELINES.register_module()
@dataclass(eq=False)
class RandomChoiceRotate:
    """Turns the image by one of several angles, about its centre and within its size.

    Args:
        angles: degrees, clockwise on the screen.
        prob: probability of a turn.
        rect_obj_labels, rotate_type, img_border_value, version: as of :class:`RandomRotate`.
    """

    angles: Sequence[float]
    prob: float = 0.5
    rect_obj_labels: Sequence[int] | None = None
    rotate_type: str = 'Rotate'
    img_border_value: Fill = 0
    version: str = 'le90'

    def __post_init__(self) -> None:
        _check_chances(prob=self.prob)
        if isinstance(self.angles, (int, float, str)) or not len(self.angles):
            raise ArgumentError(f'angles: a list of degrees is needed, got {self.angles!r}')

    def __call__(self, results: dict) -> dict | None:
        """Turn; sets rotate_angle (degrees, clockwise) if it does."""
        return _turned(results, self, float(np.random.choice(self.angles)))


def _turned(results: dict, step: RandomRotate | RandomChoiceRotate, angle: float) -> dict | None:
    """The image turned by an angle with the probability of ``step``, by a quarter where an object must stay upright."""
    if np.random.random_sample() >= step.prob:
        return results
    if step.rect_obj_labels and np.isin(results['gt_labels'], step.rect_obj_labels).any():
        angle = float(np.random.choice(_QUARTERS))
    results['rotate_angle'] = angle
    rest = dict(img_border_value=step.img_border_value, version=step.version)
    turn: dict | None = PIPELINES.build(dict(type=step.rotate_type, rotate_angle=angle, **rest))(results)
    return turn
