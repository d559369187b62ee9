"""RepPoints as normal distributions."""

from torch import Tensor

from mmrotate.core import poly2obb
from mmrotate.core.bbox import GaussianMixture, gaussian2bbox
from mmrotate.registry import MODELS

from .reppoints_head import RotatedRepPointsHead


@MODELS.register_module()
class KLDRepPointsHead(RotatedRepPointsHead):
    """Learns with losses between normal distributions, and reads boxes off those of its points.

    Hou et al., G-Rep: Gaussian Representation for Arbitrary-Oriented Object Detection, 2022. The
    arguments are those of the base.
    """

    def _to_boxes(self, points: Tensor) -> Tensor:
        gaussians = GaussianMixture(n_components=1)
        gaussians.fit(points.unflatten(-1, (9, 2)))
        return poly2obb(gaussian2bbox(gaussians), self.version)
