"""The data of a split of a config."""

from typing import Any

from mmengine.config import Config

from mmrotate.datasets import build_dataset
from mmrotate.engine.config import dataset_config
from mmrotate.utils import UserError


def open_dataset(cfg: Config, split: str, **overrides: Any) -> Any:
    """Dataset ``train``, ``val`` or ``test`` of a config, with ``overrides`` put into its arguments.

    Raises:
        UserError: The data or their description in the config are at fault.
    """
    try:
        return build_dataset(dataset_config(cfg, split, **overrides))
    except (ValueError, TypeError, KeyError, OSError) as error:
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise UserError(f'data.{split}: {text}') from error
