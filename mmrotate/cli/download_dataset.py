"""``mmrotate download-dataset``: the archives of a dataset, fetched and unpacked."""

import argparse
import functools
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmrotate.cli.basics import run_command, whole_number
from mmrotate.datasets.addresses import ADDRESSES, PAGES
from mmrotate.utils import UserError
from mmrotate.utils.download import download_to
from mmrotate.utils.places import check_outputs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, named as in MMDetection 2."""
    parser.add_argument('--dataset-name', choices=(*ADDRESSES, *PAGES), required=True, help='which one')
    parser.add_argument('--save-dir', help='folder for it (default: data/NAME)')
    parser.add_argument('--unzip', action='store_true', help='unpack the archives, too')
    parser.add_argument('--delete', action='store_true', help='remove each archive once it is unpacked')
    parser.add_argument('--threads', type=whole_number(1), default=4, help='archives at once (default: 4)')


def run(args: argparse.Namespace) -> None:
    """Fetch, and unpack; what is there already is left as it is."""
    if args.dataset_name in PAGES:
        page = PAGES[args.dataset_name]
        raise UserError(f'{args.dataset_name} has no address that a program may fetch from: get it from {page}')
    if args.delete and not args.unzip:
        raise UserError('--delete removes what --unzip has unpacked: give both')
    folder = Path(args.save_dir or Path('data', args.dataset_name))
    check_outputs([], [], [('--save-dir', folder)])

    def get(url: str) -> None:
        archive = folder / url.rpartition('/')[2]
        done = archive.with_name(f'.{archive.name}.unpacked')
        if done.exists():
            print(f'unpacked before: {archive}')
            return
        print(f'{"fetched" if download_to(url, archive) else "there already"}: {archive}')
        if args.unzip:
            _unpack(archive, folder)
            done.touch()
            print(f'unpacked: {archive}')
        if args.delete:
            archive.unlink()

    with ThreadPoolExecutor(args.threads) as threads:
        for _ in threads.map(get, ADDRESSES[args.dataset_name]):
            pass


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack a .zip or .tar file; nothing gets out of ``folder``."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:  # drops '..' and roots from the names
                packed.extractall(folder)
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter='data')
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(f'{archive} cannot be unpacked ({error}): remove it and fetch it anew') from error


main = functools.partial(run_command, add_arguments, run, 'mmrotate download-dataset', __doc__)
