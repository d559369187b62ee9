"""Recognising data by what its files hold.

Label files are told by their content, their images are found by their stems; of names only those of parts (train, val,
test) in paths say something.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmrotate.utils.files import near_files

from ..formats import FORMATS, Format, PerImage, PerSet, Split
from ..image_folder import describe_place
from .data_yaml import find_yaml, read_yaml
from .lists import listed_classes, split_by_lists
from .source import ALL, Source, SourceError
from .tree import Tree, around, count_endings, part_of, spread

_HEAD = 1 << 16  # bytes of a label file that are looked at
_SAMPLES = 8  # label files of a folder that are looked at


@dataclass(frozen=True)
class _Found:
    """Label files that are of some format: a folder of them, or one file."""

    place: Path
    stems: Sequence[str]  # of their images
    fits: Mapping[str, str]  # why, by the name of a format
    images: Path | None

    def named(self, root: Path) -> str:
        """Where they are, for messages."""
        return os.path.relpath(self.place, root) if self.place != root else str(root)


def recognise(path: str | Path, wanted: str | None = None, classes: Sequence[str] = ()) -> Source:
    """What the data at a path is.

    Args:
        path: a folder, a label file, or a YAML file in the form of Ultralytics (path, train, val, test, names).
        wanted: the name of the format of the labels, where it is known; see
            :data:`mmrotate.datasets.formats.FORMATS`.
        classes: names of the classes, which come before those that the data lists.

    Raises:
        SourceError: there is nothing, no format fits, or several do.
    """
    path = Path(path)
    if not path.exists():
        raise SourceError(f'no such file or folder: {path}{near_files(path)}')
    formats = _formats(wanted)
    if (yaml := find_yaml(path)) is not None:
        return _from_yaml(path, yaml, formats, classes)
    root = path if path.is_dir() else path.parent
    tree = Tree(root)
    found = list(_label_folders(tree, formats) if path.is_dir() else _label_file(path, tree, formats))
    if not found:
        raise SourceError(_nothing(path, tree, wanted))
    chosen, kept = _choose(found, root)
    splits = _splits(kept, tree, chosen)
    reason = f'{kept[0].named(root)}: {kept[0].fits[chosen.name]}'
    left_out = _left_out(tree, chosen, splits) if path.is_dir() and isinstance(chosen, PerImage) else {}
    return Source(path, chosen, splits, tuple(classes) or listed_classes(root, splits), reason, left_out)


def _left_out(tree: Tree, row: PerImage, splits: Mapping[str, Split]) -> dict[Path, str]:
    """Folders with label files of images that were not recognised: most of their files are damaged."""
    found, used = {}, [split.labels.resolve() for split in splits.values()]
    for folder, names in tree.files.items():
        stems = [stem for stem, end in map(os.path.splitext, names) if end.lower() == row.suffix]
        if not stems or any(folder.resolve().is_relative_to(place) for place in used):
            continue
        if tree.images_for(folder, [stem.removeprefix(row.prefix) for stem in stems]):
            found[folder] = f'{len(stems)} files *{row.suffix} beside images, most of them no {row.name} labels'
    return found


def _formats(wanted: str | None) -> Mapping[str, Format]:
    if wanted is None:
        return FORMATS
    if wanted not in FORMATS:
        raise SourceError(f'unknown format {wanted!r}; the formats: {", ".join(FORMATS)}')
    return {wanted: FORMATS[wanted]}


def _from_yaml(path: Path, yaml: Path, formats: Mapping[str, Format], classes: Sequence[str]) -> Source:
    """The data that a YAML file describes: it says where images are and the classes, the labels say their format."""
    described = read_yaml(yaml)
    found, lists, files = [], {}, {}
    for part, (images, labels, listed) in described.parts.items():
        each = list(_label_folders(Tree(labels), formats, images))
        if not each:
            raise SourceError(f'{yaml}, {part}: no label files of a known format in {labels}{describe_place(labels)}')
        found += each
        lists[part] = Split(labels, images, listed)
        files[part] = each[0].place
    chosen, kept = _choose(found, yaml.parent)
    if isinstance(chosen, PerSet):
        lists = {part: split._replace(labels=files[part]) for part, split in lists.items()}
    reason = f'{yaml} names its folders, and in {kept[0].named(yaml.parent)}: {kept[0].fits[chosen.name]}'
    return Source(path, chosen, lists, tuple(classes) or described.classes, reason)


def _label_folders(tree: Tree, formats: Mapping[str, Format], images: Path | None = None) -> Iterator[_Found]:
    """What in a tree may be labels; ``images`` is the folder of their images where it is known."""
    pictures = Tree(images) if images else tree if tree.images else around(tree.root)
    for folder, names in tree.files.items():
        for suffix in sorted({os.path.splitext(name)[1].lower() for name in names}):
            stems = [stem for stem, end in map(os.path.splitext, names) if end.lower() == suffix]
            for prefix, rows in _per_image_rows(suffix, formats).items():
                yield from _per_image(
                    folder, suffix, {stem.removeprefix(prefix): stem for stem in stems}, pictures, rows
                )
            for stem in stems:
                yield from _label_file(folder / f'{stem}{suffix}', pictures, formats)


def _per_image_rows(suffix: str, formats: Mapping[str, Format]) -> dict[str, list[PerImage]]:
    """The formats with a label file of this ending for each image, by what stands before the stem of the image."""
    rows = [row for row in formats.values() if isinstance(row, PerImage) and row.suffix == suffix]
    return {prefix: [row for row in rows if row.prefix == prefix] for prefix in sorted({row.prefix for row in rows})}


def _per_image(
    folder: Path, suffix: str, stems: Mapping[str, str], pictures: Tree, rows: Sequence[PerImage]
) -> Iterator[_Found]:
    """A folder of label files of one ending, if they are of some format; ``stems`` has theirs by that of the image."""
    images = pictures.images_for(folder, stems)
    if pictures.images and images is None:
        return
    pictured = set().union(*pictures.images.values())
    labels = [stem for stem in stems if images is None or stem in pictured]
    files = (folder / f'{stems[stem]}{suffix}' for stem in labels)
    samples = spread([file for file in files if file.is_file() and file.stat().st_size], _SAMPLES)
    fits = _fits(rows, [_head(file) for file in samples])
    if fits:
        reasons = {name: f'{len(labels)} files *{suffix}, {why}' for name, why in fits.items()}
        yield _Found(folder, labels, reasons, images)


def _label_file(path: Path, pictures: Tree, formats: Mapping[str, Format]) -> Iterator[_Found]:
    """A file with all labels, if it is of some format."""
    rows = [row for row in formats.values() if isinstance(row, PerSet) and row.suffix == path.suffix.lower()]
    head = _head(path) if rows else b''
    if fits := _fits(rows, [head]):
        stems = [stem for row in rows if row.name in fits for stem in row.stems(head)]
        tree = pictures if pictures.images else around(path.absolute())
        yield _Found(path, stems, fits, tree.images_for(path, stems))


def _head(path: Path) -> bytes:
    with path.open('rb') as file:
        return file.read(_HEAD)


def _fits(rows: Iterable[Format], heads: Sequence[bytes]) -> dict[str, str]:
    """The formats that most of the files are of, and why; a damaged file among them is told when it is read."""
    fits = {}
    for row in rows:
        reasons = [reason for head in heads if (reason := row.suits(head))]
        if 2 * len(reasons) > len(heads):
            fits[row.name] = reasons[0]
    return fits


def _choose(found: Sequence[_Found], root: Path) -> tuple[Format, list[_Found]]:
    """The one format that the label files are of, and those of them that are."""
    names = sorted({name for labels in found for name in labels.fits})
    if len(names) > 1:
        listed = '; '.join(f'{f.named(root)} {name} ({why})' for f in found for name, why in f.fits.items())
        raise SourceError(f'{root} may be read as {" or ".join(names)}: {listed}. Say which by --from FORMAT')
    return FORMATS[names[0]], [labels for labels in found if labels.fits]


def _splits(found: Sequence[_Found], tree: Tree, row: Format) -> dict[str, Split]:
    """The parts by their names."""
    parts: dict[str, list[Split]] = {}
    for labels in found:
        whole = Split(labels.place, labels.images)
        part = _part(labels, tree.root)
        lists = split_by_lists(whole, labels.stems, tree) if part is None and isinstance(row, PerImage) else {}
        for name, split in (lists or {part or ALL: whole}).items():
            parts.setdefault(name, []).append(split)
    return {name: _joined(name, parts[name]) for name in sorted(parts, key=_order)}


def _part(labels: _Found, root: Path) -> str | None:
    """The part that the path of labels or of their images names, within the root."""
    places = [labels.place, *([labels.images] if labels.images else [])]
    inside = [Path(os.path.relpath(place, root)) for place in places]
    # of the root only the whole name counts: data/train, but not data/test_of_mine
    name = root.absolute().name
    return next(filter(None, map(part_of, [*inside, *([Path(name)] if name.isalpha() else [])])), None)


def _order(name: str) -> tuple[int, str]:
    order = ('train', 'trainval', 'val', 'test')
    return order.index(name) if name in order else len(order), name


def _joined(name: str, splits: Sequence[Split]) -> Split:
    """One part of several folders that lie in the same way below those of labels and images."""
    if len(splits) == 1:
        return splits[0]
    places = ', '.join(str(split.labels) for split in splits)
    hint = f'several places hold labels of the part {name!r}: {places}; give the one that is meant'
    if any(split.listed or split.images is None or split.labels.is_file() for split in splits):
        raise SourceError(hint)
    labels = Path(os.path.commonpath([split.labels for split in splits]))
    images = Path(os.path.commonpath([split.images for split in splits if split.images]))
    if any(os.path.relpath(s.labels, labels) != os.path.relpath(s.images or '', images) for s in splits):
        raise SourceError(hint)
    return Split(labels, images)


def _nothing(path: Path, tree: Tree, wanted: str | None) -> str:
    """What there is instead of labels."""
    kind = f'the format {wanted}' if wanted else f'a known format ({", ".join(FORMATS)})'
    return f'{path}: no labels of {kind} are there; found: {count_endings(tree)}'
