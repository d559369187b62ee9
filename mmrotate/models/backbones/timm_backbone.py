"""Any model of timm as a backbone."""

from typing import Any

from torch import Tensor, nn

from mmrotate.models.base_module import BaseModule
from mmrotate.registry import MODELS
from mmrotate.utils.checkpoint import load_weights
from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.imports import import_package


@MODELS.register_module()
class TIMMBackbone(BaseModule):
    """A model of timm (https://github.com/huggingface/pytorch-image-models) by its name.

    Args:
        model_name: As in ``timm.list_models()``.
        features_only: Return the maps of ``out_indices``; False gives the last one alone.
        **kwargs: Arguments of ``timm.create_model``, such as ``out_indices``, ``pretrained``, which loads the weights
            that timm publishes and needs a network.
        checkpoint_path: A local checkpoint of timm, also of the whole classifier: what fits is loaded, and what is
            left over on either side, such as the head, is named in a warning.
        with_cp: Recompute activations in the backward pass, which saves memory.

    Raises:
        ArgumentError: The model cannot recompute activations.
        CheckpointError: Nothing of ``checkpoint_path`` fits.
    """

    def __init__(
        self,
        model_name: str,
        features_only: bool = False,
        *,
        in_channels: int = 3,
        checkpoint_path: str | None = None,
        with_cp: bool = False,
        init_cfg: dict | list | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(init_cfg)
        timm = import_package('timm', f'the backbone {model_name}')
        settings = dict(features_only=features_only, in_chans=in_channels, **kwargs)
        self.timm_model: nn.Module = timm.create_model(model_name, **settings)
        if not features_only:  # layers that no map passes
            for name in ('global_pool', 'fc', 'classifier', 'head'):
                if hasattr(self.timm_model, name):
                    delattr(self.timm_model, name)
        if with_cp:
            self._recompute()
        if checkpoint_path:
            self._load(timm.models.load_state_dict(checkpoint_path), checkpoint_path)
        self.channels_innermost = str(getattr(self.timm_model, 'output_fmt', '')).endswith('NHWC')

    def _recompute(self) -> None:
        try:
            self.timm_model.set_grad_checkpointing(True)  # type: ignore[operator]
        except (AttributeError, AssertionError) as error:
            name = type(self.timm_model).__name__
            raise ArgumentError(f'with_cp=True: {name} of timm cannot recompute its activations') from error

    def _load(self, state: dict[str, Tensor], source: str) -> None:
        """Load weights by timm's names; a model of maps alone writes ``stages_0`` for ``stages.0``."""
        own = {key.replace('_', '.'): key for key in self.timm_model.state_dict()}
        renamed = {own.get(key.replace('_', '.'), key): value for key, value in state.items()}
        load_weights(self.timm_model, renamed, source=source)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, in_channels, H, W) -> maps (N, C, H', W'), finest first."""
        maps = getattr(self.timm_model, 'forward_features', self.timm_model)(x)
        maps = [maps] if isinstance(maps, Tensor) else maps
        if self.channels_innermost:
            maps = [m.permute(0, 3, 1, 2).contiguous() for m in maps]
        return tuple(maps)
