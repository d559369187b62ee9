"""The key ``custom_imports``: modules that are imported so that their parts register."""

import importlib
import traceback
from collections.abc import Iterable

from mmengine.config import Config

from mmrotate.compat import standins
from mmrotate.registry import FORERUNNERS
from mmrotate.utils import UserError, get_root_logger

# subpackages that configs name so that the parts of a library register, all of which are looked for here
_LIBRARY_PARTS = {'', 'apis', 'cnn', 'core', 'datasets', 'engine', 'models', 'ops', 'runner', 'utils'}


class CustomImportError(UserError, ImportError):
    """A module of ``custom_imports`` is missing, or fails when it is imported."""


def import_custom_modules(config: Config) -> None:
    """Import what ``custom_imports`` of a config names.

    Nothing of a library is imported whose parts are here and which is not installed; a file inside of it, which may be
    the user's own, is named in a warning. The user's modules may import from such a library: stand-ins answer.

    Raises:
        CustomImportError: A module cannot be imported, and ``allow_failed_imports`` is not set.
    """
    given = config.get('custom_imports') or {}
    imports = given.get('imports') or []
    names = _importable([imports] if isinstance(imports, str) else imports)
    if names:
        standins.install()
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = '' if last.filename.startswith('<') else f' ({last.filename}, line {last.lineno})'
            text = f'custom_imports: {name} cannot be imported: {type(error).__name__}: {error}{place}'
            if not (given.get('allow_failed_imports') and isinstance(error, ImportError)):
                raise CustomImportError(text) from error
            get_root_logger().warning('%s', text)


def _importable(names: Iterable[str]) -> list[str]:
    absent = {root for root in FORERUNNERS if not standins.is_installed(root)}
    kept = []
    for name in names:
        root, _, part = name.partition('.')
        if root not in absent:
            kept.append(name)
        elif part not in _LIBRARY_PARTS:
            get_root_logger().warning(
                'custom_imports: %s is not imported, because %s is not installed; of its parts those that are here '
                'are used. A file of your own goes into a package of another name',
                name, root,
            )  # fmt: skip
    return kept
