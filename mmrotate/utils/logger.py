"""The package's logger: one line format, a file beside the console, silent on ranks above 0."""

import importlib
import logging
import sys
from pathlib import Path

LOGGER_NAME = 'mmrotate'
_FORMAT = '%(asctime)s - %(name)s - %(levelname)s - %(message)s'


class _Stdout(logging.StreamHandler):
    """A console handler that always writes to the current ``sys.stdout`` (it may be replaced)."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> object:  # type: ignore[override]
        return sys.stdout


def get_root_logger(log_file: str | Path | None = None, log_level: int | str = logging.INFO) -> logging.Logger:
    """The logger named ``mmrotate``, the same object at every call.

    Args:
        log_file: Also write into this file; a later call with another file replaces it. Only the process of rank 0
            writes files.
        log_level: Level of rank 0; other ranks log errors only.
    """
    logger = logging.getLogger(LOGGER_NAME)
    # where the program has set up a console for all loggers, a second one would print all twice
    consoles = [*logger.handlers, *logging.getLogger().handlers]
    if not any(type(handler) in (_Stdout, logging.StreamHandler) for handler in consoles):
        _add(logger, _Stdout())
    # a process without mmengine is the only one, and nothing else logs
    with_mmengine = 'mmengine' in sys.modules
    if with_mmengine and importlib.import_module('mmengine.dist').get_rank() > 0:
        logger.setLevel(logging.ERROR)
        return logger
    logger.setLevel(log_level)
    if with_mmengine:
        _follow(logger)
    if log_file is not None:
        _log_into(logger, Path(log_file).absolute())
    return logger


def _log_into(logger: logging.Logger, path: Path) -> None:
    for handler in list(logger.handlers):
        if isinstance(handler, logging.FileHandler):
            if Path(handler.baseFilename) == path:
                return
            logger.removeHandler(handler)
            handler.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    _add(logger, logging.FileHandler(path, 'a', encoding='utf-8'))


def _follow(logger: logging.Logger) -> None:
    """Let mmengine's ``print_log(..., 'current')`` write where ``logger`` writes."""
    current = importlib.import_module('mmengine.logging').MMLogger.get_instance(LOGGER_NAME)
    current.handlers = logger.handlers  # the same list: later files are seen too
    current.setLevel(logger.level)
    current.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Not the three lines that mmengine has for each parameter with settings of its own."""
    return not record.getMessage().startswith('paramwise_options')


def _add(logger: logging.Logger, handler: logging.Handler) -> None:
    handler.setFormatter(logging.Formatter(_FORMAT))
    logger.addHandler(handler)
