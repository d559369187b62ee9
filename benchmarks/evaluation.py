"""Time and memory of scoring detections, and how long a program takes that goes image by image.

The yardstick of 'coco' is pycocotools, where it is installed, fed our overlaps, so that it differs in its arithmetic
only; else, and for 'mAP', a loop over images, classes and thresholds as MMRotate 0.3 has it. It gets a part of the
images; its time is scaled up, and the scores of both on that part are held against each other.

    python benchmarks/evaluation.py --images 200 --detections 150
    python benchmarks/evaluation.py --images 10000 --detections 500 --objects 100
"""

import argparse
import contextlib
import io
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from mmrotate.core.evaluation import average_precision, eval_coco, eval_rbbox_map_thresholds, recalls_of, rotated_ious
from mmrotate.core.evaluation.columns import all_objects
from mmrotate.core.evaluation.matches import match_image, true_false

try:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
except ImportError:
    COCO = COCOeval = None

THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
NUMBERS = (100, 300, 1000)
Images = tuple[list[list[np.ndarray]], list[dict[str, np.ndarray]]]


def draw_images(images: int, detections: int, objects: int, classes: int) -> Images:
    """Results and annotations of images of 1024 pixels; half of the detections lie near an object of their class."""
    draw = np.random.default_rng(0)

    def boxes(count: int) -> np.ndarray:
        return np.c_[draw.random((count, 2)) * 1024, draw.random((count, 2)) * 60 + 8, draw.random(count) * 3]

    results, annotations = [], []
    for _ in range(images):
        gts, labels = boxes(objects), draw.integers(0, classes, objects)
        near = draw.integers(0, objects, detections)
        found = gts[near] * (1 + draw.normal(0, 0.05, (detections, 5)))
        far = draw.random(detections) < 0.5
        found[far] = boxes(int(far.sum()))
        dets = np.c_[found, draw.random(detections)].astype(np.float32)
        results.append([dets[labels[near] == label] for label in range(classes)])
        annotations.append(dict(bboxes=gts.astype(np.float32), labels=labels))
    return results, annotations


def plain_map(results: Any, annotations: Any) -> float:
    """MAP over ten thresholds, with the overlaps of an image and class anew for each."""
    means = []
    for threshold in THRESHOLDS:
        aps = []
        for label in range(len(results[0])):
            flags, scores, count = [], [], 0
            for result, annotation in zip(results, annotations, strict=True):
                gts, labels, ignored = all_objects(annotation)
                own = labels == label
                found = match_image(result[label], gts[own], ignored[own])
                flags.append(true_false(found, threshold))
                scores.append(found.scores)
                count += int((~ignored[own]).sum())
            order = np.argsort(-np.concatenate(scores), kind='stable')
            true, false = (np.concatenate(each)[order].cumsum() for each in zip(*flags, strict=True))
            if count:
                aps.append(average_precision(true / count, true / np.maximum(true + false, 1), 'area'))
        means.append(np.mean(aps))
    return float(np.mean(means))


def pycocotools_map(results: Any, annotations: Any) -> float:
    """COCO's mAP by pycocotools, whose overlaps are ours."""
    entries: dict[str, list[dict[str, Any]]] = {'truth': [], 'found': []}
    for i, (result, annotation) in enumerate(zip(results, annotations, strict=True)):
        gts, labels, ignored = all_objects(annotation)
        for box, label, crowd in zip(gts, labels, ignored, strict=True):
            entry = dict(image_id=i, category_id=int(label), iscrowd=int(crowd), rbox=box)
            entries['truth'].append({**entry, 'area': float(box[2] * box[3]), 'bbox': [0, 0, 1, 1]})
        for label, dets in enumerate(result):
            entries['found'] += [dict(image_id=i, category_id=label, score=float(d[5]), rbox=d[:5]) for d in dets]
    for part in entries.values():
        for number, entry in enumerate(part, 1):
            entry.update(id=number, area=float(entry['rbox'][2] * entry['rbox'][3]), iscrowd=entry.get('iscrowd', 0))

    class Rotated(COCOeval):  # type: ignore[misc]
        def computeIoU(self, image: int, label: int) -> Any:  # pycocotools' name
            gts, dets = self._gts[image, label], self._dts[image, label]
            if not gts or not dets:
                return []
            dets = [dets[k] for k in np.argsort([-d['score'] for d in dets], kind='mergesort')[: NUMBERS[-1]]]
            return rotated_ious(*(np.stack([each['rbox'] for each in part]) for part in (dets, gts)))

    with contextlib.redirect_stdout(io.StringIO()):
        frame = dict(images=[dict(id=i) for i in range(len(results))], categories=[dict(id=k) for k in range(99)])
        both = []
        for part in entries.values():
            coco = COCO()
            coco.dataset = {**frame, 'annotations': part}
            coco.createIndex()
            both.append(coco)
        program = Rotated(*both, 'bbox')
        program.params.maxDets = list(NUMBERS)
        program.evaluate()
        program.accumulate()
    precision = program.eval['precision'][..., 0, 0]
    return float(precision[precision > -1].mean())


def our_map(results: Any, annotations: Any) -> float:
    """MAP over ten thresholds."""
    return float(np.mean([m for m, _ in eval_rbbox_map_thresholds(results, annotations, THRESHOLDS, False)]))


def our_coco(results: Any, annotations: Any) -> float:
    """COCO's mAP; all its other scores are computed too."""
    return eval_coco(results, annotations, THRESHOLDS, NUMBERS).mean('precision', number=0)


def our_recall(results: Any, annotations: Any) -> float:
    """Mean recall of the 1000 best."""
    return float(recalls_of(results, annotations, NUMBERS, THRESHOLDS)[-1].mean())


def peak() -> float:
    """MiB that this process had in memory at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(function: Callable[..., float], *args: Any) -> tuple[float, float]:
    """Seconds, and what it gives."""
    start = time.perf_counter()
    value = function(*args)
    return time.perf_counter() - start, value


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (('images', 200), ('detections', 150), ('objects', 50), ('classes', 15)):
        parser.add_argument(f'--{name}', type=int, default=default)
    parser.add_argument('--part', type=int, default=100, help='images of the yardstick (default: 100)')
    args = parser.parse_args()
    images = draw_images(args.images, args.detections, args.objects, args.classes)
    part = tuple(each[: args.part] for each in images)
    share = len(images[0]) / len(part[0])
    print(f'{args.images} images, {args.detections} detections and {args.objects} objects each, {args.classes} classes')
    print(f'with the data {peak():.0f} MiB; times in seconds, memory at most so far')
    print(f'{"metric":10} {"seconds":>8} {"MiB":>6} {"score":>7}  yardstick')
    cases = (('mAP', our_map, plain_map, 'loop'), ('coco', our_coco, pycocotools_map if COCO else None, 'pycocotools'))
    for name, ours, theirs, title in (*cases, ('recall', our_recall, None, '')):
        seconds, score = timed(ours, *images)
        text = f'{name:10} {seconds:8.2f} {peak():6.0f} {score:7.4f}  '
        if theirs is not None:
            (mine, same), (other, value) = timed(ours, *part), timed(theirs, *part)
            text += f'{title} {other * share:.1f} s, ratio {mine / other:.3f}, scores apart by {abs(same - value):.1e}'
        print(text, flush=True)


if __name__ == '__main__':
    main()
