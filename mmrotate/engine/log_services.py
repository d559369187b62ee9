"""Logger hooks that tell other programs: TensorBoard, Weights & Biases, MLflow, Neptune, ClearML, DVCLive.

Each needs a package of its own, and says so when it is made. All take the arguments of LoggerHook, too.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmrotate.core import imshow_det_rbboxes
from mmrotate.core.images import read_image
from mmrotate.engine.distributed import rank_and_size
from mmrotate.engine.loggers import LOG_SUFFIXES, LoggerHook, logs_of
from mmrotate.registry import HOOKS
from mmrotate.utils.imports import import_package


class ServiceLoggerHook(LoggerHook):
    """Base: ``start`` before the training, ``send`` for each log, ``stop`` at the end, all on rank 0 alone."""

    package: str  # what it needs

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.service: Any = import_package(self.package, type(self).__name__)

    def start(self, runner: Any) -> None:
        """Open a run."""

    def send(self, tags: dict[str, float], step: int) -> None:
        """Tell the values of a log."""
        raise NotImplementedError

    def stop(self, runner: Any) -> None:
        """Close the run."""

    def before_train(self, runner: Any) -> None:
        """Open a run."""
        if rank_and_size()[0] == 0:
            self.start(runner)

    def log(self, runner: Any) -> None:
        """Tell the values of ``runner.log_buffer.output``, learning rate and momentum."""
        self.send(self.get_loggable_tags(runner), self.get_iter(runner))

    def after_run(self, runner: Any) -> None:
        """Close the run."""
        if rank_and_size()[0] == 0:
            self.stop(runner)


@HOOKS.register_module()
class TensorboardLoggerHook(ServiceLoggerHook):
    """Writes event files into ``log_dir`` (default: ``tf_logs`` in the work directory)."""

    package = 'tensorboard'

    def __init__(self, log_dir: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.log_dir = log_dir
        self.service = import_package('torch.utils.tensorboard', type(self).__name__)

    def start(self, runner: Any) -> None:
        """Open the file."""
        self.writer = self.service.SummaryWriter(self.log_dir or str(Path(runner.work_dir, 'tf_logs')))

    def send(self, tags: dict[str, float], step: int) -> None:
        """Write scalars."""
        for name, value in tags.items():
            self.writer.add_scalar(name, value, step)

    def stop(self, runner: Any) -> None:
        """Close the file."""
        self.writer.close()


@HOOKS.register_module()
class WandbLoggerHook(ServiceLoggerHook):
    """Logs to Weights & Biases.

    Args:
        init_kwargs: Arguments of ``wandb.init``.
        commit: Whether a log ends a step.
        with_step: Send the iteration as the step; False: as the value ``global_step``.
        log_artifact: Send the files of the work directory that end with ``out_suffix`` at the end.
        out_suffix: See there.
        define_metric_cfg: Metric -> the summary that W&B makes of it (``min``, ``max``, ...).
        kwargs: Arguments of LoggerHook.
    """

    package = 'wandb'

    def __init__(
        self,
        init_kwargs: Mapping[str, Any] | None = None,
        commit: bool = True,
        with_step: bool = True,
        log_artifact: bool = True,
        out_suffix: str | Sequence[str] = LOG_SUFFIXES,
        define_metric_cfg: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.init_kwargs, self.commit, self.with_step = dict(init_kwargs or {}), commit, with_step
        self.log_artifact = log_artifact
        self.out_suffix = (out_suffix,) if isinstance(out_suffix, str) else tuple(out_suffix)
        self.define_metric_cfg = dict(define_metric_cfg or {})

    def start(self, runner: Any) -> None:
        """Open a run."""
        self.service.init(**self.init_kwargs)
        for metric, summary in self.define_metric_cfg.items():
            self.service.define_metric(metric, summary=summary)

    def send(self, tags: Mapping[str, Any], step: int) -> None:
        """Tell the values."""
        if self.with_step:
            self.service.log(tags, step=step, commit=self.commit)
        else:
            self.service.log({**tags, 'global_step': step}, commit=self.commit)

    def stop(self, runner: Any) -> None:
        """Send the logs as files, and close the run."""
        if self.log_artifact:
            self.send_files('artifacts', logs_of(runner.work_dir, self.out_suffix))
        self.service.finish()

    def send_files(self, name: str, files: Sequence[Path], **kwargs: Any) -> None:
        """Send files as one artifact; ``kwargs`` are those of ``wandb.Artifact``."""
        artifact = self.service.Artifact(name=name, type='model', **kwargs)
        for file in files:
            artifact.add_file(str(file))
        self.service.log_artifact(artifact)


@HOOKS.register_module()
class MMDetWandbHook(WandbLoggerHook):
    """Logs to Weights & Biases, and sends checkpoints there, and pictures of the validation data with their boxes.

    Args:
        init_kwargs: Arguments of ``wandb.init``.
        interval: Iterations between two logs.
        log_checkpoint: Send each regular checkpoint, at the end of its epoch.
        log_checkpoint_metadata: Send epoch and scores with it.
        num_eval_images: Images that are sent at each evaluation, the truth beside the detections.
        bbox_score_thr: Lowest score of a detection that is drawn.
        kwargs: Arguments of WandbLoggerHook.
    """

    def __init__(
        self,
        init_kwargs: Mapping[str, Any] | None = None,
        interval: int = 50,
        log_checkpoint: bool = False,
        log_checkpoint_metadata: bool = False,
        num_eval_images: int = 100,
        bbox_score_thr: float = 0.3,
        **kwargs: Any,
    ) -> None:
        super().__init__(init_kwargs, interval=interval, **kwargs)
        self.log_checkpoint, self.log_checkpoint_metadata = log_checkpoint, log_checkpoint_metadata
        self.num_eval_images, self.bbox_score_thr = num_eval_images, bbox_score_thr
        self._scores: dict[str, Any] = {}
        self._sent: str | None = None

    def before_train_epoch(self, runner: Any) -> None:
        """Send the checkpoint of the epoch before, which is evaluated by now."""
        self._send_checkpoint(runner)

    def after_val_epoch(
        self, runner: Any, metrics: Mapping[str, Any] | None = None, results: Sequence[Any] | None = None
    ) -> None:
        """Log scores and pictures, and keep the scores for the checkpoint; only rank 0 has ``results``."""
        if pictures := self._pictures(runner.val_loop.dataset, (results or [])[: self.num_eval_images]):
            self.send({'val/images': pictures}, self.get_iter(runner))
        super().after_val_epoch(runner, metrics)
        self._scores = dict(metrics or {})

    def _pictures(self, dataset: Any, results: Sequence[Any]) -> list[Any]:
        pictures = []
        for index, per_class in enumerate(results):
            image, truth = read_image(dataset.image_path(index)), dataset.get_ann_info(index)
            labels = np.repeat(np.arange(len(per_class)), [len(dets) for dets in per_class])
            named: dict[str, Any] = dict(class_names=dataset.CLASSES, bbox_color=dataset.PALETTE, show=False)
            both = [
                imshow_det_rbboxes(image, truth['bboxes'], truth['labels'], **named),
                imshow_det_rbboxes(image, np.concatenate(per_class), labels, score_thr=self.bbox_score_thr, **named),
            ]
            caption = f'{dataset.image_name(index)}: truth, detections'
            pictures.append(self.service.Image(np.hstack(both)[..., ::-1], caption=caption))
        return pictures

    def stop(self, runner: Any) -> None:
        """Send the last checkpoint and the logs, and close the run."""
        self._send_checkpoint(runner)
        super().stop(runner)

    def _send_checkpoint(self, runner: Any) -> None:
        last = runner.last_checkpoint
        if self.log_checkpoint and rank_and_size()[0] == 0 and last not in (None, self._sent):
            details = dict(metadata={'epoch': runner.epoch, **self._scores}) if self.log_checkpoint_metadata else {}
            self.send_files(f'run_{self.service.run.id}_model', [Path(last)], **details)
            self._sent = last


@HOOKS.register_module()
class MlflowLoggerHook(ServiceLoggerHook):
    """Logs to MLflow.

    Args:
        exp_name: The experiment.
        tags: Tags of the run.
        params: Parameters of the run.
        log_model: Send the model at the end.
        kwargs: Arguments of LoggerHook.
    """

    package = 'mlflow'

    def __init__(
        self,
        exp_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        log_model: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.exp_name, self.tags, self.params, self.log_model = exp_name, tags, params, log_model

    def start(self, runner: Any) -> None:
        """Name the run."""
        if self.exp_name is not None:
            self.service.set_experiment(self.exp_name)
        if self.tags is not None:
            self.service.set_tags(self.tags)
        if self.params is not None:
            self.service.log_params(self.params)

    def send(self, tags: dict[str, float], step: int) -> None:
        """Tell the values."""
        self.service.log_metrics(tags, step=step)

    def stop(self, runner: Any) -> None:
        """Send the model."""
        if self.log_model:
            flavour = import_package('mlflow.pytorch', type(self).__name__)
            flavour.log_model(runner.detector, 'models', pip_requirements=[f'torch=={torch.__version__}'])


@HOOKS.register_module()
class NeptuneLoggerHook(ServiceLoggerHook):
    """Logs to Neptune; ``init_kwargs`` go to ``neptune.init_run``; ``with_step`` as for WandbLoggerHook."""

    package = 'neptune'

    def __init__(self, init_kwargs: Mapping[str, Any] | None = None, with_step: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.init_kwargs, self.with_step = dict(init_kwargs or {}), with_step

    def start(self, runner: Any) -> None:
        """Open a run."""
        self.run = self.service.init_run(**self.init_kwargs)

    def send(self, tags: dict[str, float], step: int) -> None:
        """Tell the values."""
        values, place = (tags, dict(step=step)) if self.with_step else ({**tags, 'global_step': step}, {})
        for name, value in values.items():
            self.run[name].append(value, **place)

    def stop(self, runner: Any) -> None:
        """Close the run."""
        self.run.stop()


@HOOKS.register_module()
class ClearMLLoggerHook(ServiceLoggerHook):
    """Logs to ClearML; ``init_kwargs`` go to ``clearml.Task.init``."""

    package = 'clearml'

    def __init__(self, init_kwargs: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.init_kwargs = dict(init_kwargs or {})

    def start(self, runner: Any) -> None:
        """Open a task."""
        self.task_logger = self.service.Task.init(**self.init_kwargs).get_logger()

    def send(self, tags: dict[str, float], step: int) -> None:
        """Tell the values."""
        for name, value in tags.items():
            self.task_logger.report_scalar(name, name, value, step)


@HOOKS.register_module()
class DvcliveLoggerHook(ServiceLoggerHook):
    """Logs to DVCLive.

    Args:
        model_file: A file that the checkpoint is written to after each epoch.
        dvclive: An object of DVCLive; default: ``dvclive.Live(**kwargs)``.
        kwargs: Arguments of LoggerHook, and of ``dvclive.Live``.
    """

    package = 'dvclive'

    def __init__(
        self,
        model_file: str | None = None,
        interval: int = 10,
        ignore_last: bool = True,
        reset_flag: bool = False,
        by_epoch: bool = True,
        dvclive: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(interval=interval, ignore_last=ignore_last, reset_flag=reset_flag, by_epoch=by_epoch)
        self.model_file, self.live, self.options = model_file, dvclive, kwargs

    def start(self, runner: Any) -> None:
        """Open the log."""
        self.live = self.live or self.service.Live(**self.options)

    def send(self, tags: dict[str, float], step: int) -> None:
        """Tell the values."""
        self.live.step = step
        for name, value in tags.items():
            self.live.log_metric(name, value)

    def after_train_epoch(self, runner: Any) -> None:
        """Write the checkpoint."""
        super().after_train_epoch(runner)
        if self.model_file is not None:
            runner.save_checkpoint_file(Path(self.model_file), runner.epoch + 1, runner.iter)

    def stop(self, runner: Any) -> None:
        """Close the log."""
        self.live.end()
