"""Small changes of configs, as mmdet 2.x has them."""

import functools
import logging
import operator
import os
import re
from collections.abc import Callable
from typing import Any

from mmengine.config import Config

from mmrotate.utils import get_root_logger

_KEY = re.compile(r'\$\{([^{}]+)\}')


def replace_cfg_vals(ori_cfg: Config) -> Config:
    """A copy of a config in whose texts ``${a.b}`` is the value of the key ``a.b``; if that is all, itself."""

    def value(match: re.Match[str]) -> Any:
        return functools.reduce(operator.getitem, match[1].split('.'), ori_cfg)

    def change(text: str) -> Any:
        whole = _KEY.fullmatch(text)
        return value(whole) if whole else _KEY.sub(lambda match: str(value(match)), text)

    return Config(_each_text(ori_cfg._cfg_dict.to_dict(), change), filename=ori_cfg.filename)


def update_data_root(cfg: Config, logger: logging.Logger | None = None) -> None:
    """Put the folder that the variable MMDET_DATASETS names, if any, in place of ``data_root``, in ``data`` too."""
    root = os.environ.get('MMDET_DATASETS')
    if root is None:
        return
    (logger or get_root_logger()).info('data_root is %s, of MMDET_DATASETS', root)
    cfg.data = _each_text(cfg.data, lambda text: text.replace(cfg.data_root, root))
    cfg.data_root = root


def _each_text(value: Any, change: Callable[[str], Any]) -> Any:
    """Nested dicts and sequences with every text changed."""
    if isinstance(value, dict):
        return {key: _each_text(each, change) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_each_text(each, change) for each in value)
    return change(value) if isinstance(value, str) else value
