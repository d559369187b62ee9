"""What a check finds, and how it is told."""

import logging
from collections.abc import Iterable
from typing import NamedTuple

from mmrotate.utils import UserError, get_root_logger


class MismatchError(UserError, ValueError):
    """Parts of a config, a model, data or a checkpoint that do not fit together; each is one line."""


class Finding(NamedTuple):
    """One line that names the key, what was given and what was expected."""

    text: str
    level: int = logging.ERROR


def report(findings: Iterable[Finding]) -> None:
    """Log what is only said, and raise one MismatchError with all errors."""
    errors = []
    for text, level in findings:
        if level >= logging.ERROR:
            errors.append(text)
        else:
            get_root_logger().log(level, text)
    if len(errors) > 1:
        raise MismatchError('\n  '.join([f'{len(errors)} things do not fit:', *errors]))
    if errors:
        raise MismatchError(errors[0])
