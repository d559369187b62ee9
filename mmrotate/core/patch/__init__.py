"""Large images in patches: where the patches lie, and one result from those of all."""

from .merge_results import MergeRule, merge_boxes, merge_results
from .row_merge import RowMerge, SameObject
from .rules import Held, WindowRules
from .split import get_multiscale_patch, slide_window, tile_windows
