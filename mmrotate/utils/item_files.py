"""Long work item by item in several processes: what is done is a file each, which outlives a kill."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmrotate.utils.files import naming_errors, write_atomically, write_json
from mmrotate.utils.journal import Stamp, check_settings

_SETTINGS = 'made_with.json'


class ItemFiles:
    """The items that runs have done, as :class:`Journal`, in a folder that several processes may write into.

    Args:
        folder: It is made.
        settings: Plain values that the results depend on, by name.
        resume: Go on with what is there; without it the folder starts anew.

    Raises:
        UserError: ``resume``, and the folder was made with other settings.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], resume: bool = False) -> None:
        self.path = folder
        noted = folder / _SETTINGS
        if resume and noted.is_file():
            check_settings(noted, json.loads(noted.read_text('utf-8')), settings)
            return
        with naming_errors(folder):
            shutil.rmtree(folder, ignore_errors=True)
        write_json(noted, dict(settings))

    def holds(self, item: str, stamp: Stamp = None) -> bool:
        """Whether ``item`` is done, from a file of the same ``stamp``."""
        return self._place(item).is_file() and self._read(item)['stamp'] == stamp

    def add(self, item: str, stamp: Stamp, value: Any) -> None:
        """Note that ``item`` is done, with ``value``, plain values."""
        content = json.dumps({'item': item, 'stamp': stamp, 'value': value}, allow_nan=False)
        write_atomically(self._place(item), content)

    def __getitem__(self, item: str) -> Any:
        """The value of an item."""
        return self._read(item)['value']

    def close(self) -> None:
        """Leave the files as they are."""

    def remove(self) -> None:
        """All is done: nothing is left to go on with."""
        with naming_errors(self.path):
            shutil.rmtree(self.path)

    def _read(self, item: str) -> Any:
        return json.loads(self._place(item).read_text('utf-8'))

    def _place(self, item: str) -> Path:
        return self.path / f'{Path(item).stem[:100]}-{hashlib.sha256(item.encode()).hexdigest()[:12]}.json'
