"""The builder of anchor generators and its registries, under the names of 0.x."""

from mmrotate.registry import TASK_UTILS

ROTATED_ANCHOR_GENERATORS = ROTATED_PRIOR_GENERATORS = TASK_UTILS
build_prior_generator = TASK_UTILS.build
