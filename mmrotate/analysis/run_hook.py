"""Has a training note what its report is made of, and make it."""

import importlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook

from mmrotate.core.visualization import get_palette, write_image
from mmrotate.engine.checkpoint_hook import is_better
from mmrotate.engine.config import Evaluation
from mmrotate.engine.distributed import rank_and_size
from mmrotate.engine.patience import chosen_score

from .labels import gather_labels, save_labels
from .results import beside_truth, judging
from .run_folder import RunFolder, Snapshot, load_snapshot, save_snapshot
from .samples import sample_mosaic

_SHARE = 0.02  # of the time of the training that drawing may take before its end


class RunReportHook(Hook):
    """Keeps labels, samples and the best evaluation in ``work_dir``, and draws the report; on rank 0 only.

    It is drawn before the first step, at a best evaluation as long as drawing has not taken more than a fiftieth of the
    time, and at the end. What goes wrong is one warning: a training never stops for it.

    Args:
        evaluation: Which score is the best; None: nothing is evaluated.
    """

    priority = 'LOWEST'  # after the log and the checkpoints

    def __init__(self, evaluation: Evaluation | None) -> None:
        self.evaluation = evaluation
        self._best: float | None = None
        self._seconds = 0.0  # that the report took
        self._start = 0.0
        self._told: set[str] = set()

    def before_train(self, runner: Any) -> None:
        """Note what is trained on."""
        self._start = time.monotonic()
        if rank_and_size()[0] > 0:
            return
        with self._aside(runner):
            run = RunFolder(runner.work_dir)
            if runner.iter == 0:
                run.forget()
            elif run.evaluation.is_file():
                self._best = load_snapshot(run.evaluation).score
            run.note(**_facts(runner), logs=[*run.facts.get('logs', []), f'{runner.timestamp}.log.json'])
            dataset = runner.train_dataloader.dataset
            save_labels(run.labels, gather_labels(dataset))
            write_image(run.samples, sample_mosaic(dataset))
            self._draw(runner)

    def after_val_epoch(self, runner: Any, metrics: Mapping[str, Any] | None = None, results: Any = None) -> None:
        """Keep the evaluation if it is the best so far."""
        if rank_and_size()[0] > 0 or not metrics or results is None or self.evaluation is None:
            return
        with self._aside(runner):
            name, rule = chosen_score(self.evaluation, metrics)
            if not is_better(float(metrics[name]), self._best, rule):
                return
            self._best = float(metrics[name])
            save_snapshot(RunFolder(runner.work_dir).evaluation, self._snapshot(runner, name, metrics, results))
            if self._seconds <= _SHARE * (time.monotonic() - self._start):
                self._draw(runner)

    def after_train(self, runner: Any) -> None:
        """Draw the report with the whole log."""
        if rank_and_size()[0] > 0:
            return
        with self._aside(runner):
            self._draw(runner)
        whole = time.monotonic() - self._start
        page = Path(runner.work_dir, 'report.html')
        runner.logger.info('the report took %.1f of %.0f seconds: %s', self._seconds, whole, page)

    def _snapshot(self, runner: Any, name: str, metrics: Mapping[str, Any], results: Any) -> Snapshot:
        dataset = runner.val_loop.dataset
        iou_thr, use_07_metric = judging(dataset, self.evaluation.options if self.evaluation else {})
        return Snapshot(
            beside_truth(dataset, results),
            [str(Path(dataset.image_path(i)).absolute()) for i in range(len(dataset))],
            get_palette(getattr(dataset, 'PALETTE', None), len(dataset.CLASSES)),
            runner.epoch,
            runner.iter,
            name,
            {key: float(value) for key, value in metrics.items()},
            iou_thr,
            use_07_metric,
        )

    def _draw(self, runner: Any) -> None:
        # here, not above: it loads matplotlib
        importlib.import_module('mmrotate.analysis.run_report').write_report(runner.work_dir)

    @contextmanager
    def _aside(self, runner: Any) -> Iterator[None]:
        """Measure the time, and turn errors into warnings, each once."""
        start = time.monotonic()
        try:
            yield
        except Exception as error:
            reason = f'{type(error).__name__}: {error}'.partition('\n')[0]
            if reason not in self._told:
                runner.logger.warning('the report of this training lacks something (%s); the training goes on', reason)
            self._told.add(reason)
        self._seconds += time.monotonic() - start


def _facts(runner: Any) -> dict[str, Any]:
    """What the page says at its top."""
    loop, cfg = runner.train_loop, runner.cfg
    size = f'{loop.max_epochs} epochs' if loop.by_epoch else f'{loop.max_iters:,} iterations'
    images = f'{len(runner.train_dataloader.dataset):,} to train on'
    if runner.val_loop is not None:
        images += f', {len(runner.val_loop.dataset):,} to validate on'
    batch = (runner.train_dataloader.batch_size or 1) * rank_and_size()[1]
    return {
        'config': Path(cfg.filename).name if cfg.filename else None,
        'detector': type(runner.detector).__name__,
        'classes': ', '.join(getattr(runner.train_dataloader.dataset, 'CLASSES', ())),
        'images': images,
        'length': f'{size}, {loop.max_iters:,} steps of {batch} images',
        'optimizer': f'{type(runner.optimizer).__name__}, learning rate {runner.optimizer.param_groups[0]["lr"]:g}',
        'device': str(runner.device),
        'seed': runner.seed,
        'started': time.strftime('%Y-%m-%d %H:%M:%S'),
    }
