"""Detections of georeferenced images as GeoJSON."""

from collections.abc import Iterator, Sequence

import numpy as np

from mmrotate.core.earth import Place, geometry, rings_on_earth
from mmrotate.core.visualization import rbox_corners


def features(
    image: str, place: Place, result: Sequence[np.ndarray], classes: Sequence[str], system: str
) -> Iterator[dict]:
    """A feature of GeoJSON for each detection of a result, a list over classes of (n, 6)."""
    for name, dets in zip(classes, result, strict=True):
        for ring, det in zip(
            rings_on_earth(place, rbox_corners(np.asarray(dets[:, :5], np.float64)), system), dets, strict=True
        ):
            yield {
                'type': 'Feature',
                'geometry': geometry(ring, system),
                'properties': {
                    'image': image, 'class': name, 'score': round(float(det[5]), 6),
                    'rbox': [round(float(value), 5) for value in det[:5]],
                },
            }  # fmt: skip
