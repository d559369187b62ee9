"""What heads without anchors share: towers, points, and how boxes and their angles are predicted and learned."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mmrotate.core.anchor import MlvlPointGenerator
from mmrotate.core.bbox import build_bbox_coder, code_size
from mmrotate.core.post_processing import above, nms_of_labels
from mmrotate.models.builder import build_loss
from mmrotate.models.layers import conv_tower
from mmrotate.models.losses import loss_of_rows
from mmrotate.models.settings import RESULT_KEYS, with_keys
from mmrotate.ops.backend import operation
from mmrotate.ops.nms_rotated import unknown_count
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.graph import current_graph

from .base import BaseDenseHead, Detections, in_original, keep_best

# the farthest side of a box, in pixels
FAR = 1e8


@MODELS.register_module()
class RotatedAnchorFreeHead(BaseDenseHead):
    """Towers for classes and boxes on every position, and the points they stand on.

    Args:
        stacked_convs: Convolutions of each tower.
        strides: Pixels between positions of each level.
        dcn_on_last_conv: The last convolution of each tower is a deformable one.
        conv_bias: Whether those of the towers have one; ``'auto'``: only without a normalisation.
        loss_bbox: One on decoded boxes.
        bbox_coder: Between points and boxes.
        angle_coder: Between angles and what is predicted of them: waves (PSC, ACM) or classes (CSL).
        loss_angle: Loss of what ``angle_coder`` predicts; None learns angles by those of the boxes alone.
        h_bbox_coder: Learn distances as those of an upright box, of this coder, and the angle by itself.
        gaussian_coder: One by which normal distributions are predicted in place of distances and angles (GauCho).
        act_cfg: Activation of the towers.
        conv_cfg: Kind of the towers' convolutions.
        norm_cfg: Of the towers.
        train_cfg: Not needed. The other arguments: see :class:`BaseDenseHead`.
    """

    cls_layers: tuple[str, ...] = ('conv_cls',)
    needs_sigmoid = True
    cls_convs: Any
    reg_convs: Any
    h_bbox_coder: Any
    gaussian_coder: Any
    # whether the boxes to learn are the upright ones around rotated ones
    weak_supervised = False
    # what boxes are predicted by: distances to their sides, or their 'center' and size
    of = 'sides'

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        feat_channels: int = 256,
        stacked_convs: int = 4,
        strides: Sequence[int] = (4, 8, 16, 32, 64),
        dcn_on_last_conv: bool = False,
        conv_bias: bool | Literal['auto'] = 'auto',
        loss_cls: dict | None = None,
        loss_bbox: dict | None = None,
        bbox_coder: dict | None = None,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
        *,
        angle_coder: dict | None = None,
        loss_angle: dict | None = None,
        h_bbox_coder: dict | None = None,
        gaussian_coder: dict | None = None,
        act_cfg: dict | None = dict(type='ReLU'),  # noqa: B006  (never written to)
    ) -> None:
        settings: dict[str, Any] = dict(loss_cls=loss_cls, train_cfg=train_cfg, test_cfg=test_cfg, init_cfg=init_cfg)
        super().__init__(num_classes, in_channels, feat_channels, **settings)
        self.stacked_convs, self.strides, self.norm_cfg = stacked_convs, tuple(strides), norm_cfg
        self.conv_cfg, self.conv_bias, self.dcn_on_last_conv = conv_cfg, conv_bias, dcn_on_last_conv
        self.act_cfg = act_cfg
        self.prior_generator = MlvlPointGenerator(self.strides)
        self.bbox_coder = build_bbox_coder(bbox_coder or dict(type='DistanceAnglePointCoder'))
        self.angle_coder = build_bbox_coder(angle_coder or dict(type='PseudoAngleCoder'))
        self.angle_dim = code_size(self.angle_coder)
        self.h_bbox_coder = None if h_bbox_coder is None else build_bbox_coder(h_bbox_coder)
        self.gaussian_coder = None if gaussian_coder is None else build_bbox_coder(gaussian_coder)
        self.loss_bbox = build_loss(loss_bbox or dict(type='RotatedIoULoss'))
        self.loss_angle = None if loss_angle is None else build_loss(loss_angle)
        self._check_boxes()
        self._init_layers()

    def _tower(self) -> nn.Sequential:
        last = dict(type='DCNv2') if self.dcn_on_last_conv else None
        args = (self.in_channels, self.feat_channels, self.stacked_convs, self.norm_cfg, self.conv_cfg, self.conv_bias)
        return conv_tower(*args, last, self.act_cfg)

    def _init_layers(self) -> None:
        self.cls_convs, self.reg_convs = self._tower(), self._tower()
        self.conv_cls = nn.Conv2d(self.feat_channels, self.cls_out_channels, 3, padding=1)
        self.conv_reg = nn.Conv2d(self.feat_channels, 4, 3, padding=1)

    # ------------------------------------------------------------------------ boxes and angles
    def _check_boxes(self) -> None:
        """Raise an ArgumentError for coders and losses that do not fit together."""
        if getattr(self.bbox_coder, 'of', self.of) != self.of:
            names = type(self).__name__, type(self.bbox_coder).__name__
            raise ArgumentError('{} predicts boxes otherwise than the bbox_coder {} reads them'.format(*names))
        loss, separate = self.loss_bbox, self.h_bbox_coder is not None
        upright = separate or self.weak_supervised
        fits = getattr(loss, 'box_dim', None) in (None, 4 if upright else 5)
        if not fits or getattr(loss, 'needs_decoded', False) == 'both':
            wanted = 'upright boxes' if upright else 'rotated boxes'
            how = f'separate_angle (use_hbbox_loss) = {separate} needs a loss_bbox of {wanted} (and of no deltas)'
            raise ArgumentError(f'{how}, got {type(loss).__name__}')
        of_classes = getattr(self.angle_coder, 'of_classes', False)
        if self.loss_angle is None and (separate or of_classes):
            raise ArgumentError(
                'separate_angle=True (use_hbbox_loss=True), and an angle_coder of classes, need a loss_angle'
            )
        gaussian = getattr(loss, 'gaussian_prediction', False)
        if gaussian and self.gaussian_coder is None:
            raise ArgumentError('a loss_bbox with gaussian_prediction=True needs a gaussian_coder')
        if self.gaussian_coder is not None and (upright or self.loss_angle is not None or self.angle_dim != 1):
            raise ArgumentError('a gaussian_coder predicts no angle: leave out its coder, its loss and h_bbox_coder')

    def _boxes(self, points: Tensor, distances: Tensor, codes: Tensor, **kwargs: Any) -> Tensor:
        """Boxes (n, 5) of points (n, 2), distances (n, 4) and what is predicted of angles (n, angle_dim)."""
        angles = self.angle_coder.decode(codes).reshape(-1, 1)
        return (self.gaussian_coder or self.bbox_coder).decode(points, torch.cat([distances, angles], 1), **kwargs)

    def _of_classes(self, boxes: Tensor, labels: Tensor) -> Tensor:
        """Candidates (k, 5) in the form that is wanted of the classes with these labels (k,)."""
        return boxes

    def _compared(self, points: Tensor, distances: Tensor, codes: Tensor) -> Tensor:
        """What ``loss_bbox`` compares with the objects: boxes (n, 5), upright boxes (n, 4) or distributions (n, 5)."""
        if self.h_bbox_coder is not None:
            return self.h_bbox_coder.decode(points, distances)
        if getattr(self.loss_bbox, 'gaussian_prediction', False):
            return self.gaussian_coder.factors(points, torch.cat([distances, codes], 1))
        return self._boxes(points, distances, codes)

    def _angle_losses(self, codes: Tensor, angles: Tensor, **how: Any) -> dict[str, Tensor]:
        """The loss of the codes (n, angle_dim) of angles (n, 1), if there is one; ``how`` it is weighed."""
        if self.loss_angle is None:
            return {}
        return dict(loss_angle=loss_of_rows(self.loss_angle, codes, self.angle_coder.encode(angles), **how))

    def _best_detections(
        self, levels: Iterable[Sequence[Tensor]], scale_factor: Any, cfg: Any, rescale: bool | None
    ) -> Detections:
        """Result of one image from its best pairs of position and class, as 1.x chooses them.

        Of each level there are scores (n, C), their factors (n,), points (n, 2), distances (n, 4) and codes
        (n, angle_dim) of angles. Scores are held against the threshold, and counted for ``nms_pre``, without factors.
        """
        with_keys(cfg, 'test_cfg', RESULT_KEYS, self)
        kept = []
        for scores, factors, *fields in levels:
            rows, labels, values = best_pairs(scores, cfg.score_thr, cfg.get('nms_pre', -1))
            kept.append((labels, values * factors[rows], *(field[rows] for field in fields)))
        labels, values, *fields = map(torch.cat, zip(*kept, strict=True))
        boxes = self._of_classes(self._boxes(*fields), labels)
        if rescale:
            boxes = in_original(boxes, scale_factor)
        # distances may be negative: such a box is none
        large = (boxes[:, 2:4] > max(cfg.get('min_bbox_size', 0), 0)).all(1)
        if current_graph() is None:
            boxes, values, labels = boxes[large], values[large], labels[large]
        else:
            values = values.where(large, 0)
        dets, keep = nms_of_labels(boxes, values, labels, cfg.nms, cfg.max_per_img)
        return dets, labels[keep]


@operation('best_of', unknown_count)
def _best(values: Tensor, count: int) -> Tensor:
    """What :func:`keep_best` keeps of values (n,), their number unknown to compilers."""
    return keep_best(count, values, torch.arange(len(values), device=values.device))[0]


def best_pairs(scores: Tensor, threshold: float, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Rows, columns and values (k,) of the scores (n, C) above the threshold, the ``count`` largest, best first.

    All of them, in their order, if ``count`` is not above 0 or they are not more.
    """
    index, values = above(scores, threshold, scores)
    if torch.compiler.is_compiling() and current_graph() is None:
        rows = _best(values, count)
        index, values = index[rows], values[rows]
    else:
        index, values = keep_best(count, values, index, values)
    return index // scores.size(1), index % scores.size(1), values
