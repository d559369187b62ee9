"""The description of data that was recognised."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmrotate.utils import UserError

from ..formats import Format, Record, Split

ALL = 'all'  # the part of data that has no parts


class SourceError(UserError, ValueError):
    """Data that is not recognised, or that may be several things; the message lists them."""


@dataclass(frozen=True)
class Source:
    """Data that was recognised.

    Args:
        path: what was given.
        format: the format of its labels.
        splits: its parts by name: 'train', 'val', 'test' and the like, or :data:`ALL` where it has none.
        classes: names of the classes in their order, where the data lists them; else empty.
        reason: why it is taken for that, in words.
        left_out: folders that seem to hold labels too, but most of whose files are damaged, and what they hold.
    """

    path: Path
    format: Format
    splits: Mapping[str, Split]
    classes: tuple[str, ...]
    reason: str
    left_out: Mapping[Path, str] = field(default_factory=dict)

    def read(self, part: str) -> Iterator[Record]:
        """The records of a part, see :meth:`mmrotate.datasets.formats.Format.read`."""
        return self.format.read(self.splits[part], self.classes)

    def class_list(self) -> list[str]:
        """The names that the data lists, and after them, unless labels have their numbers, others in them, sorted."""
        if self.format.numbered and self.classes:
            return list(self.classes)
        named = {entry.name for part in self.splits for record in self.read(part) for entry in record.entries}
        return [*self.classes, *sorted(named - set(self.classes))]

    def describe(self) -> str:
        """What was recognised and why, and where its parts are: some lines."""
        lines = [f'{self.path} is {self.format.name}: {self.reason}']
        for name, split in self.splits.items():
            images = f'images in {split.images}' if split.images else 'without images'
            listed = f', those that {split.listed} lists' if split.listed else ''
            lines.append(f'  {name}: labels in {split.labels}, {images}{listed}')
        lines += [f'  left out: {folder}, {why}' for folder, why in self.left_out.items()]
        return '\n'.join(lines)
