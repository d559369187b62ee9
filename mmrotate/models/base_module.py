"""The base of every module: weight initialisation from ``init_cfg``."""

from mmengine.model import BaseModule as _MMEngineBaseModule

from mmrotate.utils.checkpoint import load_checkpoint


class BaseModule(_MMEngineBaseModule):
    """A module with ``init_cfg`` and ``init_weights()``.

    ``init_cfg=dict(type='Pretrained', checkpoint=...)`` takes a local file, an address or
    ``torchvision://NAME``; all else goes to the initialisers of the engine library.
    """

    def init_weights(self) -> None:
        """Initialise this module and its children, once."""
        cfg = self.init_cfg
        if isinstance(cfg, dict) and cfg.get('type') == 'Pretrained':
            if not self.is_init:
                load_checkpoint(self, cfg['checkpoint'], strict=False)
                self._is_init = True
            return
        super().init_weights()

    def _dump_init_info(self) -> None:
        """Nothing: a line for each of hundreds of parameters hides the log that people read."""
