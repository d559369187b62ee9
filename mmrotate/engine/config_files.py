"""Reading config files: YAML and JSON are data, and what is wrong in a file is said with its name and line."""

import json
import os
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml  # type: ignore[import-untyped]
from mmengine.config import Config
from mmengine.fileio import register_handler
from mmengine.fileio.handlers import YamlHandler

from mmrotate.utils import UserError
from mmrotate.utils.files import near_files
from mmrotate.utils.zoo import local_config, near_zoo_names

_DEPTH = 50
_DATA = ('.json', '.yaml', '.yml')


class _PlainLoader(yaml.SafeLoader):
    """Makes plain values only; tuples too, which a config that is dumped as YAML holds."""


_PlainLoader.add_constructor(
    'tag:yaml.org,2002:python/tuple', lambda loader, node: tuple(loader.construct_sequence(node, deep=True))
)


# mmengine reads YAML with a loader that calls any Python function the file names, also for a base of a Python config
@register_handler(['yaml', 'yml'])
class PlainYamlHandler(YamlHandler):
    """YAML for mmengine, as data: its tags make no Python objects."""

    def load_from_fileobj(self, file: Any, **kwargs: Any) -> Any:
        """The values of an open file."""
        return yaml.load(file, Loader=_PlainLoader)


def read_config(path: str | Path) -> Config:
    """Read a ``.py``, ``.json`` or ``.yaml`` file of the 0.x dialect with its bases, or what a name of the zoo means.

    Raises:
        UserError: There is no such file (near names are listed), or it, or one of its bases, cannot be read; the file
            at fault and the line in it are named.
    """
    path = local_config(path)
    if not path.is_file():
        raise UserError(f'config {path} does not exist{near_files(path)}{near_zoo_names(path)}')
    if path.suffix not in ('.py', *_DATA):
        raise UserError(f'config {path}: a file .py, {", ".join(_DATA)} is needed')
    try:
        # 0.x configs may import what they like: never taken for mmengine's pure Python dialect
        config = Config.fromfile(path, lazy_import=False, import_custom_modules=False)
    except (Exception, SystemExit) as error:
        raise UserError(f'config {path} cannot be read: {_fault(error, path)}') from error
    if not len(config):
        raise UserError(f'config {path} is empty')
    if deep := [key for key, value in config.items() if _is_deeper(value, _DEPTH)]:
        raise UserError(f'config {path}: {deep[0]} holds more than {_DEPTH} dicts and lists in each other')
    return config


def _is_deeper(value: Any, depth: int) -> bool:
    """Whether more than ``depth`` dicts and lists stand in each other; Python cannot parse what is very deep."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return depth < 0 or any(_is_deeper(part, depth - 1) for part in inner)


def _fault(error: BaseException, path: Path) -> str:
    """What is wrong, with the file of the chain of bases where it is not ``path`` itself, and the line."""
    chain = _files_being_read(error.__traceback__)
    file = chain[-1] if chain else str(path.absolute())
    if twice := [name for name in chain if chain.count(name) > 1]:
        start = chain.index(twice[0])
        circle = chain[start : chain.index(twice[0], start + 1) + 1]
        return f'its bases lead in a circle: {" -> ".join(os.path.relpath(name) for name in circle)}'
    line, reason = _reason(error, file)
    place = [] if file == os.path.abspath(path) else [os.path.relpath(file)]
    place += [f'line {line}'] if line else []
    return ': '.join([', '.join(place), reason]) if place else reason


def _files_being_read(trace: TracebackType | None) -> list[str]:
    """The config, its base, the base of that, ... up to the one that was read when the error came."""
    # a frame that raises an error anew stands in the trace twice: a dict keeps it once, in its place
    frames = {id(frame): frame for frame, _ in traceback.walk_tb(trace) if frame.f_code.co_name == '_file2dict'}
    return [os.path.abspath(frame.f_locals['filename']) for frame in frames.values()]


def _reason(error: BaseException, file: str) -> tuple[int | None, str]:
    """The line of ``file`` at fault, where that is known, and what is wrong with it."""
    if not os.path.isfile(file):
        return None, f'it does not exist{near_files(Path(file))}'
    if isinstance(error, UnicodeDecodeError):
        return None, f'it is no UTF-8 text (byte {error.object[error.start]:#04x} at {error.start})'
    if isinstance(error, yaml.constructor.ConstructorError) and 'tag' in error.problem:
        tag = error.problem.split("'")[1].replace('tag:yaml.org,2002:', '!!')
        advice = 'a YAML config is data and makes no Python objects: write the value plainly, or the config in Python'
        return error.problem_mark.line + 1, f'the tag {tag} is refused, {advice}'
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return error.problem_mark.line + 1, f'no YAML: {error.problem}'
    if isinstance(error, yaml.YAMLError):
        return None, f'no YAML: {_first_line(error)}'
    if isinstance(error, json.JSONDecodeError):
        return error.lineno, f'no JSON: {error.msg}'
    if isinstance(error, SyntaxError):
        return _syntax_fault(file) or (error.lineno, str(error.msg))
    if isinstance(error, SystemExit):
        return _line(error, file), f'it ends the program (exit code {error.code})'
    if file.endswith(_DATA) and (shape := _wrong_shape(file)):
        return None, shape
    return _line(error, file), f'{type(error).__name__}: {_first_line(error)}'


def _first_line(error: BaseException) -> str:
    return f'{error.args[0] if len(error.args) == 1 else error}'.partition('\n')[0]


def _line(error: BaseException, file: str) -> int | None:
    """The line of ``file`` that was running when ``error`` came."""
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == file]
    return lines[-1] if lines else None


def _syntax_fault(file: str) -> tuple[int | None, str] | None:
    """The fault in the file itself: mmengine reads a copy of it and names that."""
    try:
        compile(Path(file).read_text(encoding='utf-8'), file, 'exec')
    except SyntaxError as error:
        return error.lineno, str(error.msg)
    return None


def _wrong_shape(file: str) -> str | None:
    """What else than named values a data file holds."""
    text = Path(file).read_text(encoding='utf-8')
    content = json.loads(text) if file.endswith('.json') else yaml.load(text, Loader=_PlainLoader)
    if content is None:
        return 'it is empty'
    if not isinstance(content, dict):
        return f'it holds a {type(content).__name__} where keys with values are needed'
    if odd := [key for key in content if not isinstance(key, str)]:
        return f'the key {odd[0]!r} is no text'
    return None
