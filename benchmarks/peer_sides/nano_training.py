"""Trains an oriented model of Ultralytics by the clock, in an environment of its own: it is run, and nothing more.

Reads its settings, as JSON, from the first argument; writes what it finds in the images that are to be scored.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ultralytics import YOLO


def main() -> None:
    """Train, and write of each image boxes, scores and classes: an array (n, 7) under the name of its file."""
    given = json.loads(sys.argv[1])
    how = dict(imgsz=given['size'], batch=given['batch'], workers=given['workers'], device=given['device'])
    if given['epochs']:
        how['epochs'] = given['epochs']
    else:
        how['time'] = given['minutes'] / 60
    model = YOLO(f'{given["model"]}.yaml')
    # turned over, as infrared images from above may be; all else as its authors set it
    model.train(
        data=given['data'],
        flipud=0.5,
        pretrained=False,
        val=False,
        plots=False,
        cache='ram',
        project=given['out'],
        **how,
    )
    best = YOLO(Path(given['out'], 'train', 'weights', 'last.pt'))
    found = {}
    for path in map(Path, given['images']):
        boxes = best.predict(
            path, imgsz=given['size'], conf=0.001, iou=given['nms'], max_det=300, device=given['device'], verbose=False
        )[0].obb.cpu()
        found[path.name] = np.concatenate([boxes.xywhr, boxes.conf[:, None], boxes.cls[:, None]], 1)
    np.savez(Path(given['out'], 'found.npz'), **found)


if __name__ == '__main__':
    main()
