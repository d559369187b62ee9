"""Pictures of rotated boxes, and colours of classes."""

from .image import (
    can_write_image,
    draw_rbox,
    has_screen,
    imshow_det_rbboxes,
    rbox_corners,
    refuse_overwrite,
    write_image,
)
from .palette import (
    DIOR_PALETTE,
    DOTA_PALETTE,
    HIT_UAV_PALETTE,
    HRSC_CLASSWISE_PALETTE,
    HRSC_PALETTE,
    SAR_PALETTE,
    get_palette,
    to_color,
)
