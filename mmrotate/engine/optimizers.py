"""Making an optimizer, also one for each part of a model, or by constructors of 0.x, which give it back bare."""

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper, build_optim_wrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn
from torch.optim import Optimizer

from mmrotate.utils import UserError, get_root_logger

_EMBEDDINGS = ('pos_embed', 'cls_token', 'mask_token')


def wrapped_optimizer(model: nn.Module, config: Mapping[str, Any]) -> OptimWrapper | None:
    """The optimizer of several parts, or of a constructor with 0.x's arguments; None where the config names none such.

    Args:
        model: What is trained.
        config: ``optimizer``, maybe ``constructor`` and ``paramwise_cfg``, or such a dict of each of the ``parts``; and
            arguments of ``OptimWrapper``.
    """
    given = dict(config)
    if parts := given.pop('parts', None):
        return OptimWrapper(optimizer=_joint_optimizer(model, parts), **given)
    name = given.pop('constructor', None)
    constructor = OPTIM_WRAPPER_CONSTRUCTORS.get(name) if isinstance(name, str) else name
    if constructor is None or 'optimizer_cfg' not in inspect.signature(constructor).parameters:
        return None
    paramwise = given.pop('paramwise_cfg', None)
    made = constructor(optimizer_cfg=dict(given.pop('optimizer')), paramwise_cfg=paramwise)(model)
    return made if isinstance(made, OptimWrapper) else OptimWrapper(optimizer=made, **given)


def each_optimizer(optimizer: Optimizer) -> list[Optimizer]:
    """The optimizers of the parts of a model; one of the whole is alone."""
    return list(optimizer.optimizers.values()) if isinstance(optimizer, JointOptimizer) else [optimizer]


class JointOptimizer(Optimizer):
    """Optimizers of parts of a model, which step together; ``joint['backbone']`` is that of one part.

    Its state is that of each by the name of its part.
    """

    def __init__(self, optimizers: Mapping[str, Optimizer]) -> None:
        self.optimizers = dict(optimizers)
        super().__init__(self._groups(), {})
        # what mmengine logs beside the groups
        self.defaults = next(iter(self.optimizers.values())).defaults

    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self.optimizers.values() for group in optimizer.param_groups]

    def __getitem__(self, part: str) -> Optimizer:
        return self.optimizers[part]

    def step(self, closure: Any = None) -> Any:
        """Let every optimizer step, after the loss of ``closure``, if any, which is given back."""
        loss = None if closure is None else closure()
        for optimizer in self.optimizers.values():
            optimizer.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The state of each."""
        return {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore each; a UserError says which parts do not fit."""
        if state_dict.keys() != self.optimizers.keys():
            raise UserError(f'the optimizers are of {list(self.optimizers)}, those saved of {list(state_dict)}')
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state_dict[name])
        self.param_groups = self._groups()


def _joint_optimizer(model: nn.Module, parts: Mapping[str, Mapping[str, Any]]) -> JointOptimizer:
    children = dict(model.named_children())
    if unknown := [name for name in parts if name not in children]:
        raise UserError(f'optimizer: {type(model).__name__} has no part {unknown[0]!r}, but {list(children)}')
    optimizers = {}
    for name, config in parts.items():
        made = wrapped_optimizer(children[name], config) or build_optim_wrapper(children[name], dict(config))
        optimizers[name] = made.optimizer
    left_out = [name for name, child in children.items() if name not in parts and any(_trained(child))]
    if left_out:
        get_root_logger().warning(f'optimizer: the parts {left_out} have none, and stay as they are')
    return JointOptimizer(optimizers)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LearningRateDecayOptimizerConstructor(DefaultOptimWrapperConstructor):
    """Lower learning rates for the layers that are nearer to the image, for ConvNeXt and Swin.

    ``paramwise_cfg`` has

    - ``decay_rate``: factor from a layer (or stage) to the one before it;
    - ``num_layers``: layers of the backbone;
    - ``decay_type``: ``layer_wise`` (default) or ``stage_wise``.

    Norms, biases and embeddings have no weight decay.
    """

    def add_params(self, params: list[dict], module: nn.Module, **kwargs: Any) -> None:
        """Append the groups of parameters of ``module``, one for each layer with and without weight decay."""
        kind = self.paramwise_cfg.get('decay_type', 'layer_wise')
        if kind not in ('layer_wise', 'stage_wise'):
            raise UserError(f"paramwise_cfg.decay_type must be 'layer_wise' or 'stage_wise', got {kind!r}")
        layers, rate = self.paramwise_cfg['num_layers'], self.paramwise_cfg['decay_rate']
        groups: dict[str, dict[str, Any]] = {}
        for name, parameter in _trained(module):
            place = layer_of(name, layers) if kind == 'layer_wise' else stage_of(name, layers + 1)
            bare = parameter.dim() == 1 or name.endswith(('.bias', *_EMBEDDINGS))
            title = f'layer_{place}_{"no_decay" if bare else "decay"}'
            if title not in groups:
                scale = rate ** (layers + 1 - place)
                decay = dict(weight_decay=0.0) if bare else {}
                groups[title] = dict(params=[], param_names=[], lr_scale=scale, lr=scale * self.base_lr, **decay)
                groups[title]['group_name'] = title
            groups[title]['params'].append(parameter)
            groups[title]['param_names'].append(name)
        params.extend(groups.values())


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimizerConstructor(LearningRateDecayOptimizerConstructor):
    """The same, under its older name."""


def _trained(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad)


def layer_of(name: str, layers: int) -> int:
    """Layer of a parameter, 0 (next to the image) to ``layers``; ``layers + 1`` outside of the backbone.

    Of the third stage three blocks make a layer, each other stage is one, as the authors of ConvNeXt count.
    """
    if _is_embedding(name):
        return 0
    if (stage := _number(r'backbone\.downsample_layers\.(\d+)', name)) is not None:
        return (0, 2, 3, layers)[stage]
    stage, block = _number(r'backbone\.stages\.(\d+)', name), _number(r'backbone\.stages\.\d+\.\D*(\d+)', name)
    if stage is None:
        return layers + 1
    return (1, 2, 3 + (block or 0) // 3, layers)[stage]


def stage_of(name: str, last: int) -> int:
    """Stage of a parameter: 0 for what is next to the image, 1 to 4 for the stages, ``last`` outside of them."""
    if _is_embedding(name) or name.startswith('backbone.downsample_layers.'):
        return 0
    stage = _number(r'backbone\.stages\.(\d+)', name)
    return last if stage is None else stage + 1


def _is_embedding(name: str) -> bool:
    return name.startswith('backbone.') and (name.endswith(_EMBEDDINGS) or name.startswith('backbone.patch_embed.'))


def _number(pattern: str, name: str) -> int | None:
    match = re.match(pattern, name)
    return int(match[1]) if match else None
