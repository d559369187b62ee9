"""A dataset of data that was recognised."""

from collections.abc import Sequence
from typing import Any

from .base import RotatedDataset
from .formats import ClassNames
from .formats.record import gather, naming_file
from .image_folder import MissingFilesError
from .sources import Source


class SourceDataset(RotatedDataset):
    """One part of a :class:`mmrotate.datasets.sources.Source`, in whatever format its labels are.

    Args:
        source: The data.
        part: Name of the part.
        pipeline: The steps.
        version: Angle version of the boxes.
        kwargs: ``test_mode`` and ``filter_empty_gt``, see :class:`mmrotate.datasets.base.RotatedDataset`.

    Raises:
        MissingFilesError: The part has no images.
        LabelError: A label file cannot be read.
    """

    def __init__(
        self, source: Source, part: str, pipeline: Sequence[dict], version: str = 'le90', **kwargs: Any
    ) -> None:
        split = source.splits[part]
        if split.images is None:
            raise MissingFilesError(f'{source.path}, {part}: there are no images to the labels in {split.labels}')
        self._records = list(source.read(part))
        named = sorted({entry.name for record in self._records for entry in record.entries} - set(source.classes))
        classes = [*source.classes, *named] or ['object']
        super().__init__(str(split.labels), pipeline, version, classes, img_prefix=str(split.images), **kwargs)

    def load_annotations(self, ann_file: str) -> list[dict]:
        """``data_infos`` of the records."""
        names, found, places = ClassNames({name: i for i, name in enumerate(self.CLASSES)}), {}, {}
        for record in self._records:
            places[record.image] = record.place or ann_file
            with naming_file(places[record.image]):
                found[record.image] = gather(record.entries, names, self.version)
        return self.pack_annotations(found, places)
