"""Images made worse, as weather, cameras and storage do: how much a detector stands is measured with them.

Kinds and strengths are those of Hendrycks and Dietterich (Benchmarking Neural Network Robustness to Common Corruptions
and Perturbations, ICLR 2019), which Michaelis et al. took over for detection. Where theirs is a loop over pixels or a
foreign library, or photographs (frost), the drawing here is our own: figures compare within this package.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from mmrotate.registry import PIPELINES
from mmrotate.utils import ArgumentError, UserError

Random = np.random.Generator
MAX_SEVERITY = 5
# colours, BGR
_ICE, _WATER, _MUD = np.array([(1, 0.97, 0.92), (0.93, 0.93, 0.69), (0.08, 0.16, 0.25)], np.float32)


def _gaussian_noise(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    return img + random.normal(0, (0.08, 0.12, 0.18, 0.26, 0.38)[level], img.shape)


def _shot_noise(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    photons = (60, 25, 12, 5, 3)[level]
    return random.poisson(img * photons) / photons


def _impulse_noise(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    hit = random.random(img.shape) < (0.03, 0.06, 0.09, 0.17, 0.27)[level]
    return np.where(hit, random.integers(0, 2, img.shape), img)


def _speckle_noise(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    return img + img * random.normal(0, (0.15, 0.2, 0.35, 0.45, 0.6)[level], img.shape)


def _gaussian_blur(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    return _blurred(img, (1, 2, 3, 4, 6)[level])


def _blurred(img: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(img, (0, 0), sigma)


def _glass_blur(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    sigma, reach, times = ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2))[level]
    img = _blurred(img, sigma)
    rows, columns = np.indices(img.shape[:2])
    for _ in range(int(times)):
        down, right = random.integers(-int(reach), int(reach) + 1, (2, *img.shape[:2]))
        img = img[np.clip(rows + down, 0, len(img) - 1), np.clip(columns + right, 0, img.shape[1] - 1)]
    return _blurred(img, sigma)


def _defocus_blur(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    radius, softness = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))[level]
    x, y = np.indices((2 * radius + 3,) * 2) - radius - 1
    disk = _blurred((x**2 + y**2 <= radius**2).astype(np.float32), softness)
    return cv2.filter2D(img, -1, disk / disk.sum())


def _motion_blur(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    radius, sigma = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))[level]
    return _smeared(img, radius, sigma, random.uniform(-45, 45))


def _smeared(img: np.ndarray, radius: int, sigma: float, degrees: float) -> np.ndarray:
    """Every pixel drawn out into a tail of 2 ``radius`` pixels that fades."""
    steps = np.arange(2 * radius + 1)
    angle = np.deg2rad(degrees)
    kernel = np.zeros((4 * radius + 1,) * 2, np.float32)
    x, y = np.rint(steps * np.cos(angle)).astype(int), np.rint(steps * np.sin(angle)).astype(int)
    np.add.at(kernel, (2 * radius + y, 2 * radius + x), np.exp(-(steps**2) / (2 * sigma**2)))
    return cv2.filter2D(img, -1, kernel / kernel.sum())


def _zoom_blur(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    stop, step = ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))[level]
    factors = np.arange(1, stop, step)
    return (img + sum(_zoomed(img, factor) for factor in factors)) / (len(factors) + 1)


def _zoomed(img: np.ndarray, factor: float) -> np.ndarray:
    """The middle of the image, enlarged to its size."""
    height, width = img.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 0, factor)
    return cv2.warpAffine(img, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _snow(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    mean, zoom, floor, radius, sigma, mix = (
        (0.1, 3, 0.5, 10, 4, 0.8),
        (0.2, 2, 0.5, 12, 4, 0.7),
        (0.55, 4, 0.9, 12, 8, 0.7),
        (0.55, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 2.5, 0.85, 12, 12, 0.55),
    )[level]
    flakes = _zoomed(random.normal(mean, 0.3, img.shape[:2]).astype(np.float32), zoom)
    flakes = _smeared(np.where(flakes < floor, 0, np.clip(flakes, 0, 1)), int(radius), sigma, random.uniform(-135, -45))
    grey = img.mean(axis=2, keepdims=True)
    img = mix * img + (1 - mix) * np.maximum(img, grey * 1.5 + 0.5)
    return img + (flakes + flakes[::-1, ::-1])[..., None]


def _frost(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    """Needles of ice in six directions on a film of it, in place of the photographs of the published benchmark."""
    through, thickness = ((1.0, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))[level]
    germs = (random.random(img.shape[:2]) < 0.004).astype(np.float32)
    turn = random.uniform(0, 60)
    needles = np.max([_smeared(germs, 30, 18, turn + 60 * side) for side in range(6)], axis=0)
    film = _clouds(img.shape[:2], 1.3, random)
    ice = 0.7 * np.clip(needles / max(float(needles.max()), 1e-6) * 2, 0, 1) + 0.6 * film
    return through * img + thickness * np.clip(ice, 0, 1)[..., None] * _ICE


def _spatter(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    """Drops of water on the lens, with bright rims; the last two strengths are of mud."""
    mean, spread, size, floor, strength = (
        (0.65, 0.3, 4, 0.69, 0.6),
        (0.65, 0.3, 3, 0.68, 0.6),
        (0.65, 0.3, 2, 0.68, 0.5),
        (0.65, 0.3, 1, 0.65, 1.5),
        (0.67, 0.4, 1, 0.65, 1.5),
    )[level]
    wet = (_blurred(random.normal(mean, spread, img.shape[:2]).astype(np.float32), size) > floor).astype(np.uint8)
    if level >= 3:
        mud = _blurred(wet.astype(np.float32), strength)[..., None]
        mud[mud < 0.8] = 0
        return img * (1 - mud) + mud * _MUD
    rim = np.exp(-cv2.distanceTransform(wet, cv2.DIST_L2, 3) / size) * wet
    return img + strength * (0.4 * wet + 0.6 * rim)[..., None] * _WATER


def _fog(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    density, decay = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))[level]
    brightest = img.max()
    return (img + density * _clouds(img.shape[:2], decay, random)[..., None]) * brightest / (brightest + density)


def _clouds(shape: tuple[int, ...], decay: float, random: Random) -> np.ndarray:
    """Noise of all scales in 0..1; each finer one is weaker by ``decay``."""
    height, width = shape
    total, weight, cells = np.zeros(shape, np.float32), 1.0, 2
    while cells <= max(shape):
        coarse = random.random((cells + 1, cells + 1), np.float32)
        total += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        weight, cells = weight / decay, cells * 2
    total -= total.min()
    return total / max(float(total.max()), 1e-6)


def _brightness(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV)
    hsv[..., 2] = np.clip(hsv[..., 2] + (level + 1) / 10, 0, 1)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def _saturate(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    factor, more = ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))[level]
    hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV)
    hsv[..., 1] = np.clip(hsv[..., 1] * factor + more, 0, 1)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def _contrast(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    mean = img.mean(axis=(0, 1), keepdims=True)
    return (img - mean) * (0.4, 0.3, 0.2, 0.1, 0.05)[level] + mean


def _elastic_transform(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    """Pixels move smoothly, by a few of them at most, so that the boxes stay."""
    strength = (1.0, 2.0, 3.0, 4.0, 6.0)[level]
    shift = np.stack([_blurred(random.uniform(-1, 1, img.shape[:2]).astype(np.float32), 5) for _ in range(2)])
    shift *= strength / max(float(np.abs(shift).max()), 1e-6)
    rows, columns = np.indices(img.shape[:2], np.float32)
    return cv2.remap(img, columns + shift[1], rows + shift[0], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _pixelate(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    factor = (0.6, 0.5, 0.4, 0.3, 0.25)[level]
    height, width = img.shape[:2]
    small = (max(int(width * factor), 1), max(int(height * factor), 1))
    return cv2.resize(
        cv2.resize(img, small, interpolation=cv2.INTER_AREA), (width, height), interpolation=cv2.INTER_NEAREST
    )


def _jpeg_compression(img: np.ndarray, level: int, random: Random) -> np.ndarray:
    quality = (25, 18, 15, 10, 7)[level]
    _, data = cv2.imencode('.jpg', np.rint(img * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.float32) / 255


CORRUPTIONS: dict[str, Callable[[np.ndarray, int, Random], np.ndarray]] = {
    'gaussian_noise': _gaussian_noise,
    'shot_noise': _shot_noise,
    'impulse_noise': _impulse_noise,
    'defocus_blur': _defocus_blur,
    'glass_blur': _glass_blur,
    'motion_blur': _motion_blur,
    'zoom_blur': _zoom_blur,
    'snow': _snow,
    'frost': _frost,
    'fog': _fog,
    'brightness': _brightness,
    'contrast': _contrast,
    'elastic_transform': _elastic_transform,
    'pixelate': _pixelate,
    'jpeg_compression': _jpeg_compression,
    'speckle_noise': _speckle_noise,
    'gaussian_blur': _gaussian_blur,
    'saturate': _saturate,
    'spatter': _spatter,
}


@PIPELINES.register_module()
@dataclass(eq=False)
class Corrupt:
    """Makes ``img`` worse, uint8 (H, W, 3), BGR; it stands behind the loading.

    Args:
        corruption: one of ``CORRUPTIONS``, e.g. 'gaussian_noise', 'fog' or 'jpeg_compression'.
        severity: 1 (weak) to 5 (strong); 0 changes nothing.
        seed: None draws anew each time; with a number an image always becomes the same.
    """

    corruption: str
    severity: int = 1
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.corruption not in CORRUPTIONS:
            raise ArgumentError(f'corruption must be one of {list(CORRUPTIONS)}, got {self.corruption!r}')
        if self.severity not in range(MAX_SEVERITY + 1):
            raise ArgumentError(f'severity must be a whole number from 0 to {MAX_SEVERITY}, got {self.severity!r}')

    def __call__(self, results: dict) -> dict:
        """Change the image; boxes stay where they are."""
        img = results['img']
        if img.dtype != np.uint8 or img.shape[2:] != (3,):
            name, given = results.get('filename') or 'the image', f'{img.dtype} {img.shape}'
            raise UserError(f'Corrupt needs uint8 pixels (H, W, 3), before Normalize, got {given} of {name}')
        if self.severity:
            seed = np.random.randint(2**31) if self.seed is None else [self.seed, zlib.crc32(img.tobytes())]
            changed = CORRUPTIONS[self.corruption](
                img.astype(np.float32) / 255, self.severity - 1, np.random.default_rng(seed)
            )
            results['img'] = np.rint(np.clip(changed, 0, 1) * 255).astype(np.uint8)
        return results
