"""Results beside labels of any format, without a config."""

from pathlib import Path

from mmrotate.core.evaluation import finite_results
from mmrotate.datasets.formats import ClassNames, gather
from mmrotate.datasets.formats.record import naming_file
from mmrotate.datasets.sources import Source

from .results import Judged, ResultsError, read_json_results

_VERSION = 'le90'


def judged_labels(results: str | Path, source: Source, difficulty: int = 100) -> Judged:
    """Detections of a JSON file of ``tools/test.py --out`` or ``mmrotate infer`` beside labels, found by their stems.

    Args:
        results: The file.
        source: The labels; their images need not be there.
        difficulty: Objects above it are ignored.

    Raises:
        ResultsError: It is no such file, or labels or results of an image are missing.
        LabelError: A label cannot be read, or is of a class that the results do not know.
    """
    if Path(results).suffix != '.json':
        raise ResultsError(f'{results} names no images: beside labels a .json is needed, or give the config as --ann')
    found = read_json_results(results)
    names = ClassNames({name: label for label, name in enumerate(found.classes)})
    truth = {}
    for part in source.splits:
        for record in source.read(part):
            with naming_file(record.place or record.image):
                truth[Path(record.image).stem] = gather(record.entries, names, _VERSION).annotation(difficulty)
    of_stem = {Path(image).stem: image for image in found.images}
    for what, missing in (('labels', of_stem.keys() - truth.keys()), ('results', truth.keys() - of_stem.keys())):
        if missing:
            raise ResultsError(f'there are no {what} of {len(missing)} of the images, the first: {min(missing)}')
    images = [of_stem[stem] for stem in truth]
    return Judged(images, found.classes, finite_results([found.images[name] for name in images]), list(truth.values()))
