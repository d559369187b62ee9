"""Opening a dataset of a config, with errors for the user."""

from typing import Any

from mmengine.config import Config

from mmrotate.datasets import build_dataset
from mmrotate.engine import dataset_config
from mmrotate.utils import UserError


def open_dataset(cfg: Config, split: str, **overrides: Any) -> Any:
    """Dataset ``train``, ``val`` or ``test`` of a config.

    Args:
        cfg: The config.
        split: Key under ``data``.
        overrides: Arguments put into the dataset's config.

    Raises:
        UserError: The data or their description in the config are at fault.
    """
    try:
        return build_dataset(dataset_config(cfg, split, **overrides))
    except (ValueError, TypeError, KeyError, OSError) as error:
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise UserError(f'data.{split}: {text}') from error
