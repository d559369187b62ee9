"""The bottom layer: logging, checkpoints, seeds, the environment."""

from typing import TYPE_CHECKING

from mmrotate.utils.lazy import lazily

if TYPE_CHECKING:
    from mmrotate.utils.checkpoint import CheckpointError, load_checkpoint, load_state, load_weights, save_atomically
    from mmrotate.utils.collect_env import collect_env
    from mmrotate.utils.compat import compat_cfg, setup_multi_processes
    from mmrotate.utils.errors import ArgumentError, UserError
    from mmrotate.utils.files import find_latest_checkpoint
    from mmrotate.utils.logger import get_root_logger
    from mmrotate.utils.seed import init_random_seed, seed_epoch, seed_iteration, set_random_seed

lazily(__name__)
