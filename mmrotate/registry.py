"""The registries: name in a config -> class. The ``ROTATED_*`` names of 0.x are aliases."""

import difflib
import functools
import importlib
import inspect
import logging
from typing import Any

import mmengine
from mmengine.registry import Registry as _MMEngineRegistry

from mmrotate.compat import standins
from mmrotate.utils.arguments import ArgumentError, check_known
from mmrotate.utils.errors import UserError
from mmrotate.utils.lazy import everything
from mmrotate.utils.uncalled import check_overrides, is_of_library

_logger = logging.getLogger('mmrotate')
# libraries that 0.x configs name, whose parts are written here
FORERUNNERS = ('mmcls', 'mmcv', 'mmdet')
_MMDET = "pip install 'mmrotate[mmdet]' and pip install --no-deps mmcv-lite==2.1.0"


class ConfigError(UserError, KeyError):
    """A config that names no part, or one that is not known."""

    __str__ = Exception.__str__  # that of KeyError puts quotes around the message


class Registry(_MMEngineRegistry):
    """A registry whose error for an unknown type lists the names that come near."""

    def import_from_location(self) -> None:
        """Import the parts of the places whose names are to be known."""
        if not self._imported:
            for place in self._locations:
                everything(place)
        super().import_from_location()

    def build(self, cfg: dict, default_args: dict | None = None, **kwargs: Any) -> Any:
        """Build an object from ``cfg``, a dict whose ``type`` is a registered name or a class.

        Raises:
            TypeError: ``cfg`` is no dict, or the class cannot be made of its arguments; the parts on the way are named.
                An ArgumentError where the class does not know an argument.
            ConfigError: ``type`` is missing, or no class is registered under it.
        """
        if not isinstance(cfg, dict):
            raise TypeError(f'{self.name}: a config dict with the key "type" is needed, got {cfg!r}')
        name = cfg.get('type')
        if name is None:
            raise ConfigError(f'{self.name}: the config needs the key "type", got the keys {list(cfg)}')
        if isinstance(name, str) and self.get(name) is None:
            raise ConfigError(self._unknown(name))
        title = getattr(name, '__name__', name)
        cls = self.get(name) if isinstance(name, str) else name
        check_overrides(cls)  # given as a class, or mmengine's
        try:
            return super().build(cfg, default_args=default_args, **kwargs)
        except ArgumentError as error:
            place = '' if str(error).startswith(title) else f'{title}: '
            raise ArgumentError(f'{place}{error}') from error
        except TypeError as error:
            if isinstance(error, UserError):
                raise
            if inspect.isclass(cls) and 'unexpected keyword argument' in str(error):
                check_known(cls, {*cfg, *(default_args or {})} - {'type', '_scope_'})
            raise TypeError(f'{title}: {error}') from error

    def _register_module(
        self, module: Any, module_name: str | list[str] | None = None, force: bool = False, **kwargs: Any
    ) -> None:
        """Register a class; one that overrides what nothing calls is refused with an UncalledOverrideError.

        A class of the user's takes the place of one of this package, for in 0.x both were in registries of their own.
        """
        check_overrides(module)
        names = [module_name] if isinstance(module_name, str) else module_name or [getattr(module, '__name__', '')]
        if not force and not is_of_library(module):
            self.import_from_location()  # what it takes the place of is there first, also if it is imported later
            taken = [self.module_dict[name] for name in names if name in self.module_dict]
            force = bool(taken) and all(map(is_of_library, taken))
            for own in taken if force else ():
                place = f'{module.__module__}.{module.__qualname__}'
                _logger.warning('%s takes the place of %s.%s', place, own.__module__, own.__qualname__)
        super()._register_module(module, module_name, force, **kwargs)

    def get(self, key: str) -> Any:
        """The class of a name; ``mmcls.ConvNeXt`` is the ConvNeXt here, where there is one.

        Another ``mmdet.NAME`` is that of mmdet 3.x itself, if it is installed and this is the registry of models.
        """
        library, _, name = key.partition('.')
        own = super().get(name) if library in FORERUNNERS else None
        if own is None and library == 'mmdet' and self is MODELS and standins.is_installed(library):
            return _models_of_mmdet().get(name)
        return super().get(key) if own is None else own

    def _unknown(self, name: str) -> str:
        names: set[str] = set()
        registry: _MMEngineRegistry | None = self
        while registry is not None:
            names |= set(registry.module_dict)
            registry = registry.parent
        known = sorted(names)
        lower = {k.lower(): k for k in known}
        near = difflib.get_close_matches(name.lower(), lower, n=5, cutoff=0.6)
        hint = f'did you mean {", ".join(lower[n] for n in near)}?' if near else f'known: {known}'
        if name.startswith('mmdet.') and not standins.is_installed('mmdet'):
            hint = f'the models of mmdet itself: {_MMDET}; {hint}'
        return (
            f'{name!r} is not a registered {self.name}; {hint} '
            '(modules of your own are loaded by custom_imports in the config)'
        )


@functools.cache
def _models_of_mmdet() -> _MMEngineRegistry:
    """Models of the library itself, whose operations are answered for where they were not built."""
    standins.install()
    try:
        models = importlib.import_module('mmdet.registry').MODELS
        models.import_from_location()
    except Exception as error:  # it asserts the versions of what it needs
        reason = f'{type(error).__name__}: {error}'
        raise ConfigError(f'mmdet cannot be imported ({reason}); {_MMDET}') from error
    return models


# ``locations`` are imported at the first look-up, so that their names are known
_registry = functools.partial(Registry, scope='mmrotate')

MODELS = _registry('model', locations=['mmrotate.models'])  # detectors, backbones, necks, heads, RoI extractors, losses
TASK_UTILS = _registry('task util', locations=['mmrotate.core'])  # anchors, coders, assigners, samplers, IoUs
DATASETS = _registry('dataset', locations=['mmrotate.datasets'])  # and their wrappers
PIPELINES = _registry('pipeline', locations=['mmrotate.datasets', 'mmrotate.compat.steps'])  # steps of a data pipeline
# hooks of the training loop; those of mmengine are found too
HOOKS = _registry('hook', locations=['mmrotate.engine'], parent=mmengine.registry.HOOKS)

# optimizers, PyTorch's among them, and what makes them of a config
OPTIMIZERS, OPTIMIZER_BUILDERS = mmengine.registry.OPTIMIZERS, mmengine.registry.OPTIM_WRAPPER_CONSTRUCTORS

ROTATED_DETECTORS = ROTATED_BACKBONES = ROTATED_NECKS = ROTATED_HEADS = MODELS
ROTATED_ROI_EXTRACTORS = ROTATED_SHARED_HEADS = ROTATED_LOSSES = MODELS
ROTATED_BBOX_CODERS = ROTATED_BBOX_ASSIGNERS = ROTATED_BBOX_SAMPLERS = TASK_UTILS
ROTATED_ANCHOR_GENERATORS = ROTATED_PRIOR_GENERATORS = ROTATED_IOU_CALCULATORS = TASK_UTILS
ROTATED_DATASETS = DATASETS
ROTATED_PIPELINES = PIPELINES
