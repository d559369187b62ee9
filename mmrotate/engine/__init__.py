"""The engine: a 0.x config becomes a training on mmengine's Runner."""

from mmrotate.engine.build import build_runner
from mmrotate.engine.checkpoint_hook import CheckpointHook
from mmrotate.engine.checks import check_num_classes
from mmrotate.engine.config import (
    FinalConfig,
    dataset_config,
    load_config,
    loader_options,
    model_config,
    put_options,
    read_evaluation,
    read_plan,
    warn_of_unknown_keys,
)
from mmrotate.engine.distributed import init_dist, pick_device, rank_and_size, share_from_first
from mmrotate.engine.ema import EMAHook, ExpMomentumEMAHook, LinearMomentumEMAHook
from mmrotate.engine.extra_hooks import MemoryProfilerHook, SyncNormHook, SyncRandomSizeHook, YOLOXModeSwitchHook
from mmrotate.engine.hooks import CheckInvalidLossHook, NumClassCheckHook, SetEpochInfoHook
from mmrotate.engine.inputs import files_of_config
from mmrotate.engine.interruption import own_folders, told_how_to_resume
from mmrotate.engine.log_services import (
    ClearMLLoggerHook,
    DvcliveLoggerHook,
    MlflowLoggerHook,
    MMDetWandbHook,
    NeptuneLoggerHook,
    TensorboardLoggerHook,
    WandbLoggerHook,
)
from mmrotate.engine.loops import NonFiniteLossError, TrainingError
from mmrotate.engine.schedules import Progress, Schedule
from mmrotate.engine.shortage import ShortageError
from mmrotate.engine.splits import open_dataset
from mmrotate.engine.stream import stream_predictions
from mmrotate.engine.testing import PredictionError, build_test_loader, predict, predict_everywhere
