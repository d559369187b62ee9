"""Large images in patches: where the patches lie, and one result from those of all."""

from .merge_results import merge_results
from .rules import Held, WindowRules
from .split import get_multiscale_patch, slide_window
