"""What detectors and data share: boxes, anchors, evaluation, post-processing, pictures."""

from . import anchor, bbox, evaluation, post_processing, visualization
from .anchor import *
from .bbox import *
from .evaluation import *
from .post_processing import *
from .visualization import *

__all__ = ['anchor', 'bbox', 'evaluation', 'post_processing', 'visualization']
__all__ += anchor.__all__
__all__ += bbox.__all__
__all__ += evaluation.__all__
__all__ += post_processing.__all__
__all__ += visualization.__all__
