"""What every dense head shares: the path from features to losses and to boxes."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.config import ConfigDict
from torch import Tensor

from mmrotate.models.base_module import BaseModule

# per image: boxes (n, 6) as x, y, w, h, theta, score, and labels (n,)
Detections = tuple[Tensor, ...]


class BaseDenseHead(BaseModule):
    """A head on a feature pyramid: subclasses give ``forward``, ``loss`` and ``get_bboxes``.

    Args:
        train_cfg: Assigner, sampler and weights of training.
        test_cfg: Candidates, score threshold and NMS of testing.
        init_cfg: Initialisation.
    """

    def __init__(
        self, train_cfg: dict | None = None, test_cfg: dict | None = None, init_cfg: dict | list | None = None
    ) -> None:
        super().__init__(init_cfg)
        # Any: a head is built without them, too, but does not train or test then
        self.train_cfg: Any = None if train_cfg is None else ConfigDict(train_cfg)
        self.test_cfg: Any = None if test_cfg is None else ConfigDict(test_cfg)

    def loss(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Losses of the outputs of ``forward``, a list over levels each."""
        raise NotImplementedError

    def get_bboxes(self, *args: Any, **kwargs: Any) -> list:
        """Boxes of the outputs of ``forward``, per image."""
        raise NotImplementedError

    def test_settings(self, cfg: dict | None) -> Any:
        """``cfg``, or the head's own settings."""
        return self.test_cfg if cfg is None else ConfigDict(cfg)

    def forward_train(
        self,
        x: Sequence[Tensor],
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor] | None = None,
        gt_bboxes_ignore: list[Tensor] | None = None,
        proposal_cfg: dict | None = None,
    ) -> Any:
        """Losses of a batch, and its proposals where ``proposal_cfg`` asks for them.

        Args:
            x: Pyramid of maps (N, C, H, W).
            img_metas: Facts of each image (``img_shape``, ``pad_shape``, ...).
            gt_bboxes: Per image (n, 5).
            gt_labels: Per image (n,); None for a class-agnostic head.
            gt_bboxes_ignore: Per image (k, 5): boxes that count neither way.
            proposal_cfg: As ``test_cfg``.
        """
        outs = self(x)
        labels = () if gt_labels is None else (gt_labels,)
        losses = self.loss(*outs, gt_bboxes, *labels, img_metas, gt_bboxes_ignore=gt_bboxes_ignore)
        if proposal_cfg is None:
            return losses
        with torch.no_grad():
            return losses, self.get_bboxes(*outs, img_metas=img_metas, cfg=proposal_cfg)

    def simple_test(self, x: Sequence[Tensor], img_metas: list[dict], rescale: bool = False) -> list:
        """Boxes of each image; ``rescale`` gives them in the pixels of the original image."""
        return self.get_bboxes(*self(x), img_metas=img_metas, rescale=rescale)


def map_sizes(maps: Sequence[Tensor]) -> list[tuple[int, int]]:
    """Height and width of the maps (N, C, H, W) of each level."""
    return [(m.size(-2), m.size(-1)) for m in maps]


def flatten_levels(maps: Sequence[Tensor], channels: int) -> list[Tensor]:
    """Maps (N, A * channels, H, W) per level -> (N, H * W * A, channels), in float32."""
    return [m.permute(0, 2, 3, 1).reshape(m.size(0), -1, channels).to(torch.float32) for m in maps]


def best_scores(scores: Tensor, count: int) -> Tensor:
    """Indices (N, count) of the largest scores (N, n), best first; of equal ones the first."""
    chosen = scores.topk(count, dim=1, sorted=False).indices.sort(dim=1).values
    order = scores.gather(1, chosen).sort(dim=1, descending=True, stable=True).indices
    return chosen.gather(1, order)
