"""The sections of the report on a training: each draws its pictures, and says what is to be seen."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mmrotate.core.images import read_image
from mmrotate.core.visualization import write_image

from .breakdown import Table
from .confusion import BACKGROUND, confusion_matrix, draw_confusion, shares
from .error_report import write_errors
from .errors import find_errors
from .figures import save_figure
from .label_figures import draw_labels
from .labels import describe_labels, label_ranges, labels_by_class, load_labels
from .logs import TrainingLog
from .page import Picture, Rows, Section
from .ranking import Ranked, rank_images, side_by_side
from .results import at_least
from .run_curves import draw_run_curves, log_tables, scores_of
from .run_folder import RunFolder, Snapshot, load_snapshot
from .tables import write_table
from .working_figures import draw_score_curves
from .working_point import class_table, curve_tables, score_curves

_FROM = 0.05  # lowest score of a detection whose errors are told: below it there are many, and nobody sees them
_SHOWN = 3  # best and worst images
_SIDE = 560  # pixels of their long side


def data_section(run: RunFolder) -> Section | None:
    """What the training data are like, and samples as the model gets them."""
    if not run.labels.is_file():
        return None
    table = load_labels(run.labels)
    by_class = labels_by_class(table)
    write_table(run.report / 'labels_by_class.csv', *by_class)
    write_table(run.report / 'labels_by_range.csv', *label_ranges(table))
    picture = save_figure(draw_labels(table), run.report / 'labels.png')
    where = 'The map shows where in the images the centres of objects lie, the stronger the more.'
    blocks: list[Picture | Rows] = [
        Picture(picture, f'How many, how large, how long, how turned, and where. {where}'),
        Rows(by_class, 'Sides in pixels: that of a square as large as the object.'),
    ]
    if run.samples.is_file():
        text = 'Samples with their labels as the model gets them, after all steps of the training pipeline. Boxes that '
        text += 'do not lie on their objects here are not learnt there.'
        blocks.append(Picture(run.samples, text, chart=False))
    return Section('Training data', describe_labels(table), blocks)


def training_section(run: RunFolder) -> Section:
    """Losses, learning rate and scores; a UserError if there is no log."""
    log = TrainingLog(*run.logs())
    for name, table in log_tables(log).items():
        write_table(run.report / f'{name}.csv', *table)
    picture = save_figure(draw_run_curves(log), run.report / 'curves.png')
    sentences = []
    if 'loss' in log.keys_of('train'):
        values = log.series('loss').values
        sentences.append(f'The loss went from {values[0]:.3g} to {values[-1]:.3g}, its lowest was {min(values):.3g}.')
    for key in scores_of(log)[:1]:
        series = log.series(key)
        best = int(np.argmax(series.values))
        sentences.append(f'The best {key} was {series.values[best]:.3f}, after epoch {series.epochs[best]}.')
    caption = 'Left to right: the losses, the learning rate, and the scores on the validation data.'
    return Section('Training', ' '.join(sentences), [Picture(picture, caption)])


def evaluation_sections(run: RunFolder) -> list[Section]:
    """Scores, errors and images of the best evaluation."""
    if not run.evaluation.is_file():
        return []
    snapshot = load_snapshot(run.evaluation)
    curves = score_curves(snapshot.judged, snapshot.iou_thr, snapshot.use_07_metric)
    table = class_table(curves)
    write_table(run.report / 'classes.csv', *table)
    for name, rows in curve_tables(curves).items():
        write_table(run.report / f'{name}.csv', *rows)
    picture = save_figure(draw_score_curves(curves, snapshot.palette), run.report / 'score_curves.png')
    _, _, precision, recall, f1, *_ = table.rows[-1]
    text = (
        f'After epoch {snapshot.epoch}, iteration {snapshot.iteration:,}, {snapshot.metric} was {snapshot.score:.3f}.'
    )
    if precision is not None:
        text += f' If detections count from a score of {curves.best_score:g} on, F1 is highest, {f1:.2f}: '
        text += f'{precision:.0%} of what is found is right, and {recall:.0%} of the objects are found.'
    caption = f'P, R and F1 at a lowest score of {curves.best_score:g} and an IoU of {curves.iou_thr:g}.'
    blocks: list[Picture | Rows] = [
        Rows(table, caption, has_total=True),
        Picture(picture, 'The dotted line is the score at which F1, mean over the classes, is highest.'),
    ]
    blocks += _confusion(run, snapshot, curves.best_score)
    scores = Section('Best evaluation', text, blocks)
    return [scores, _errors(run, snapshot), _images(run, snapshot, curves.best_score)]


def _confusion(run: RunFolder, snapshot: Snapshot, score: float) -> list[Picture | Rows]:
    both = snapshot.judged
    matrix = confusion_matrix(both, score, snapshot.iou_thr)
    names = [*both.classes, BACKGROUND]
    blocks: list[Picture | Rows] = []
    for stem, values, normalized in (
        ('confusion_matrix', matrix, False),
        ('confusion_matrix_normalized', shares(matrix), True),
    ):
        rows = ([name, *row] for name, row in zip(names, values.tolist(), strict=True))
        write_table(run.report / f'{stem}.csv', ['truth', *names], rows)
        title = f'Confusion matrix, {"% of each row" if normalized else "numbers"}, scores from {score:g} on'
        figure = draw_confusion(matrix, both.classes, 'Blues', title, normalized)
        path = save_figure(figure, run.report / f'{stem}.png')
        text = 'The same in percent of each row.' if normalized else _tell_confusion(matrix, names)
        blocks.append(Picture(path, text, width=49))
    return blocks


def _tell_confusion(matrix: np.ndarray, names: Sequence[str]) -> str:
    text = (
        f'Rows are the truth, columns what was found. {matrix[:-1, -1].sum():,} of {matrix[:-1].sum():,} objects are '
    )
    text += f'missed (last column), {matrix[-1].sum():,} detections lie at no object (last row).'
    wrong = matrix[:-1, :-1] * (1 - np.eye(len(matrix) - 1, dtype=int))
    if wrong.any():
        row, column = np.unravel_index(wrong.argmax(), wrong.shape)
        text += f' Most often {names[row]} is taken for {names[column]} ({wrong.max():,} times).'
    return text


def _errors(run: RunFolder, snapshot: Snapshot) -> Section:
    errors = find_errors(at_least(snapshot.judged, _FROM), snapshot.iou_thr, snapshot.use_07_metric)
    folder = run.report / 'errors'
    tables = write_errors(errors, folder)
    kinds = tables['by_kind']
    gains = kinds.column('gain')
    worst = int(np.argmax(gains))
    text = f'Of detections from a score of {_FROM:g} on. Most would be gained by mending the kind '
    text += f'“{kinds.column("kind")[worst]}”: {100 * gains[worst]:.1f} points of mAP.'
    blocks: list[Picture | Rows] = [
        Picture(folder / 'errors.png', 'What each kind of error costs, and how many there are.'),
        Picture(folder / 'errors_by_size_and_shape.png', _tell_recall(tables['by_size'], 'side', 'pixels')),
        Picture(folder / 'errors_by_angle.png', _tell_recall(tables['by_angle'], 'direction', 'degrees'), width=65),
        Picture(folder / 'angles.png', 'By how much detections are turned against their objects.'),
    ]
    return Section('Errors', text, blocks)


def _tell_recall(table: Table, name: str, unit: str) -> str:
    """In which range the smallest part of the objects is found, and in which the largest."""
    known = [(row[2], row[0]) for row in table.rows if row[2] is not None]
    if not known:
        return 'There are no objects.'
    (low, where), (high, there) = min(known), max(known)
    return f'Of objects with a {name} of {where} {unit} {low:.0%} are found, of those of {there} {unit} {high:.0%}.'


def _images(run: RunFolder, snapshot: Snapshot, score: float) -> Section:
    ranked = rank_images(snapshot.judged, score)
    count = min(_SHOWN, (len(ranked) + 1) // 2)
    chosen = [('best', image) for image in ranked[:count]] + [('worst', image) for image in ranked[::-1][:count]]
    write_table(
        run.report / 'images.csv',
        ['image', 'mAP', 'objects', 'detections'],
        ([snapshot.judged.images[i], *rest] for i, *rest in ranked),
    )
    _forget_others(run, [image.image for _, image in chosen])
    blocks: list[Picture | Rows] = []
    for number, (kind, image) in enumerate(chosen):
        path = run.report / f'image_{kind}_{number % count + 1}.jpg'
        if _draw_pair(run, snapshot, image, score, path):
            name = snapshot.judged.images[image.image]
            caption = f'{kind}: {name}, mAP {image.score:.2f}, {image.objects} objects, {image.detections} detections.'
            blocks.append(Picture(path, caption, chart=False))
    text = f'Truth at the left, detections from a score of {score:g} on at the right. The mAP is that of the image by '
    text += 'itself, mean over the IoUs 0.5 to 0.95.'
    return Section('Best and worst images', text, blocks)


def _draw_pair(run: RunFolder, snapshot: Snapshot, ranked: Ranked, score: float, path: Path) -> bool:
    """Draw one image, truth beside prediction, if its file or the copy of it in the report is still there."""
    copy = next(iter(run.images.glob(f'{ranked.image}_*.jpg')), None)
    if copy is None:
        try:
            image = read_image(snapshot.paths[ranked.image])
        except (OSError, ValueError):
            return False
        copy = run.images / f'{ranked.image}_{image.shape[1]}.jpg'  # its width tells what the copy is reduced by
        scale = min(1.0, _SIDE / max(image.shape[:2]))
        write_image(copy, cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    small = read_image(copy)
    scale = small.shape[1] / int(copy.stem.partition('_')[2])
    result = [_scaled(dets, scale) for dets in snapshot.judged.results[ranked.image]]
    truth = snapshot.judged.annotations[ranked.image]
    truth = {key: _scaled(value, scale) if key.startswith('bboxes') else value for key, value in truth.items()}
    picture = side_by_side(small, result, truth, snapshot.judged.classes, snapshot.palette, score)
    write_image(path, picture)
    return True


def _scaled(boxes: np.ndarray, scale: float) -> np.ndarray:
    return np.concatenate([boxes[:, :4] * scale, boxes[:, 4:]], 1)


def _forget_others(run: RunFolder, kept: Sequence[int]) -> None:
    """Remove copies of images that are not shown any more."""
    for path in run.images.glob('*.jpg'):
        if int(path.stem.partition('_')[0]) not in kept:
            path.unlink()
