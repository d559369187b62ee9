"""Models in archives (.mar) of TorchServe, as ``tools/deployment/mmrotate2torchserve.py`` writes them."""

import json
import zipfile
from pathlib import Path

from mmrotate.utils import UserError

_CONFIG = 'config.py'


def read_store(folder: Path, scratch: Path) -> list[tuple[str, ...]]:
    """Name, config, checkpoint and version of each archive of a folder; the files are unpacked into ``scratch``.

    Raises:
        UserError: There is no archive, or one is none of a detector of this package.
    """
    archives = sorted(folder.glob('*.mar'))
    if not archives:
        raise UserError(f'{folder} holds no archive *.mar: tools/deployment/mmrotate2torchserve.py makes them')
    return [_unpack(archive, scratch / archive.stem) for archive in archives]


def _unpack(archive: Path, target: Path) -> tuple[str, ...]:
    target.mkdir()
    try:
        with zipfile.ZipFile(archive) as files:
            model = json.loads(files.read('MAR-INF/MANIFEST.json'))['model']
            weights = target / Path(model['serializedFile']).name
            weights.write_bytes(files.read(model['serializedFile']))
            (target / _CONFIG).write_bytes(files.read(_CONFIG))
            version = str(model.get('modelVersion', '1.0'))
            return str(model['modelName']), str(target / _CONFIG), str(weights), version
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise UserError(f'{archive} is no archive of a detector and its {_CONFIG}: {error}') from error
