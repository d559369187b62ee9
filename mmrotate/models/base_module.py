"""The base of every module: weight initialisation from ``init_cfg``."""

from collections.abc import Mapping
from typing import Any

from mmengine.model import BaseModule as _MMEngineBaseModule

from mmrotate.utils.checkpoint import load_state, load_weights


class BaseModule(_MMEngineBaseModule):
    """A module with ``init_cfg`` and ``init_weights()``.

    ``init_cfg=dict(type='Pretrained', checkpoint=...)`` takes a file or an address, see :func:`load_state`, and of
    it the keys that start with ``prefix``; all else goes to the initialisers of the engine library.
    """

    def init_weights(self) -> None:
        """Initialise this module and its children, once."""
        cfg = self.init_cfg
        if isinstance(cfg, dict) and cfg.get('type') == 'Pretrained':
            if not self.is_init:
                state = load_state(cfg['checkpoint'])['state_dict']
                prefix = cfg.get('prefix') or ''
                state = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
                load_weights(self, self._convert(state), source=str(cfg['checkpoint']))
                self._is_init = True
            return
        super().init_weights()

    def _convert(self, state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
        """Pretrained weights under the keys of this module."""
        return state_dict

    def _dump_init_info(self) -> None:
        """Nothing: a line for each of hundreds of parameters hides the log that people read."""
