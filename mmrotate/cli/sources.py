"""What the commands share that take data of any format."""

import argparse
import re
from pathlib import Path

from mmrotate.datasets.base import RotatedDataset
from mmrotate.datasets.formats import FORMATS
from mmrotate.datasets.sources import Source, recognise
from mmrotate.engine.distributed import rank_and_size

_KEY_OF_A_CONFIG = re.compile(r'^(_base_|model|data) *:|"(_base_|model)" *:', re.MULTILINE)
_HEAD = 1 << 16  # characters that are looked at
SOURCE_HELP = 'folder of a data set, a label file, or a YAML file as of Ultralytics; what it is is found out'


def add_source_options(parser: argparse._ActionsContainer, name: str) -> None:
    """``--from`` and ``--classes``; ``name`` is what the help calls the data."""
    parser.add_argument(
        '--from', dest='wanted', choices=FORMATS, metavar='FORMAT', help=f'format of {name}, if unclear'
    )
    text = f'names of the classes where {name} has numbers and lists no names: some names, or a file with one a line'
    parser.add_argument('--classes', nargs='+', metavar='NAME', help=text)


def open_source(path: str, args: argparse.Namespace) -> Source:
    """The data at a path, as the options say or as it is recognised; what it is and why is printed."""
    given = args.classes[0] if args.classes and len(args.classes) == 1 else args.classes
    source = recognise(path, args.wanted, RotatedDataset.get_classes(given) if given else ())
    if rank_and_size()[0] == 0:
        print(source.describe())
    return source


def is_data(path: str) -> bool:
    """Whether a path is data, and no config: a folder, a label file, or a YAML file that names folders."""
    place = Path(path)
    if not place.is_file() or place.suffix == '.py':
        return place.is_dir()
    with place.open(encoding='utf-8', errors='replace') as file:
        return _KEY_OF_A_CONFIG.search(file.read(_HEAD)) is None
