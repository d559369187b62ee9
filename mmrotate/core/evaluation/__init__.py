"""Scores of detections."""

from .mean_ap import average_precision, eval_rbbox_map, eval_rbbox_map_thresholds
from .summary import print_map_summary
