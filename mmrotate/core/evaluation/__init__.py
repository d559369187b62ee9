"""Scores of detections: mean average precision as of VOC, DOTA and HRSC, as of COCO, and recall of proposals."""

from typing import TYPE_CHECKING

from mmrotate.utils.lazy import lazily

if TYPE_CHECKING:
    from .coco import AREAS, CocoScores, eval_coco
    from .columns import all_objects, finite_results, of_class
    from .curves import average_precision, mean_over_classes, score_flags
    from .matches import Matches, Range, Span, match_classes, match_image, rotated_ious, true_false
    from .mean_ap import eval_rbbox_map, eval_rbbox_map_thresholds, score_class, score_headings, side_span
    from .recall import eval_recalls, recalls_of
    from .tables import print_map_summary, print_recalls, tell

lazily(__name__)
