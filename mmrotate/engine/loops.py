"""The training loop and the evaluation loop that mmengine's Runner drives."""

import math
from collections.abc import Iterator
from typing import Any

from mmengine.runner import BaseLoop
from torch import nn
from torch.utils.data import DataLoader

from mmrotate.engine.batches import files_of, restored_modes, to_device
from mmrotate.engine.config import Evaluation
from mmrotate.engine.distributed import rank_and_size, share_batch_norm, share_from_first
from mmrotate.engine.gradients import name_unused_parameters
from mmrotate.engine.sharding import gathered
from mmrotate.engine.shortage import loaded, naming_shortages, shortage
from mmrotate.engine.testing import predict_everywhere
from mmrotate.engine.workflow import ValidationLosses
from mmrotate.utils import UserError, seed_epoch, seed_iteration

_OVERFLOWS_IN_A_ROW = 20


class TrainingError(RuntimeError):
    """An iteration failed; the message names it and the image files of its batch."""


class NonFiniteLossError(UserError, TrainingError):
    """The loss became infinite or NaN."""


class TrainLoop(BaseLoop):
    """Epochs over the training data, by a number of epochs or of iterations.

    All random numbers are seeded anew for each epoch and each iteration, from the run's seed, so a resumed run draws
    what the unbroken one drew.

    Args:
        dataloader: Yields training batches.
        counts_epochs: Whether ``length`` counts epochs; then the hooks of epochs run at each.
        length: Epochs or iterations of the training.
        evaluation: When to evaluate; None: never.
        detect_nonfinite: Stop at a loss that is infinite or NaN.
        names_unused: Name in every iteration the parameters that get no gradient from the loss.
        updates: Update the weights in every iteration; False: a hook does, from ``runner.outputs['loss']``.
        validation: Losses on the validation data between the epochs, or the iterations if those are counted.
    """

    def __init__(
        self,
        runner: Any,
        dataloader: DataLoader,
        counts_epochs: bool,
        length: int,
        evaluation: Evaluation | None = None,
        detect_nonfinite: bool = True,
        names_unused: bool = False,
        updates: bool = True,
        validation: ValidationLosses | None = None,
    ) -> None:
        super().__init__(runner, dataloader)
        if len(dataloader) == 0:
            raise ValueError('the training data make no batch: no images, or fewer than one batch')
        self.by_epoch = counts_epochs
        self.epoch_length = len(dataloader)
        self.max_iters = length * self.epoch_length if counts_epochs else length
        self.max_epochs = math.ceil(self.max_iters / self.epoch_length)
        self.evaluation = evaluation
        self.detect_nonfinite = detect_nonfinite
        self.names_unused, self.updates = names_unused, updates
        self.validation = validation
        self.stop_training = False  # set by EarlyStoppingHook
        self.epoch = 0  # finished epochs
        self.iter = 0  # finished iterations
        self.evaluated: int | None = -1  # finished iterations at the last evaluation; None: that is not known
        self._overflows = 0

    def restore(self, epoch: int, iteration: int, epoch_length: int | None, evaluated: int | None = None) -> None:
        """Go on after ``epoch`` epochs and ``iteration`` iterations, the last evaluation after ``evaluated`` of them.

        Where the number of batches per epoch is not that of the broken run, an interrupted epoch starts from its
        beginning.
        """
        self.epoch, self.iter, self.evaluated = epoch, iteration, evaluated
        if epoch_length not in (None, self.epoch_length):
            if self.by_epoch:
                self.iter = epoch * self.epoch_length
            else:
                self.epoch = iteration // self.epoch_length

    @naming_shortages()
    def run(self) -> nn.Module:
        """Train to the end."""
        self.runner.data_loader = self.dataloader
        self.runner.call_hook('before_train')
        self._evaluate_before()
        if not self.by_epoch:
            self._start_training_mode()
        while self.iter < self.max_iters and not self.stop_training:
            self._run_epoch()
        if not self.by_epoch:
            self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model

    def _run_epoch(self) -> None:
        if self.by_epoch:
            if self.validation and self.runner.inner_iter == 0:
                self.validation.before(self.runner, self.epoch)
            self._start_training_mode()
        for index, batch in self._batches():
            self._run_iteration(index if self.by_epoch else self.iter, batch)
            if self.iter >= self.max_iters or self.stop_training:
                break
        if self.by_epoch:
            self.runner.call_hook('after_train_epoch')
        self.epoch += 1
        if self.by_epoch:
            self._evaluate_if_due(by_epoch=True)
            if self.validation:
                self.validation.after(self.runner, self.epoch)

    def _start_training_mode(self) -> None:
        """Before the hooks, which may freeze parts of the model or put them into eval mode."""
        self.runner.model.train()
        self.runner.call_hook('before_train_epoch')

    def _batches(self) -> Iterator[tuple[int, Any]]:
        """Batches of the epoch that are still to do, with their place in it."""
        seed, rank = self.runner.seed, rank_and_size()[0]
        seed_epoch(seed, rank, self.epoch)
        _set_epoch(self.dataloader, self.epoch)
        done = self.iter - self.epoch * self.epoch_length
        iterator = loaded(iter(self.dataloader))
        if done:
            self.runner.logger.info('reading over the %d batches of this epoch that are done', done)
        for index in range(self.epoch_length):
            # before the batch is fetched: without workers its augmentation draws from this too
            seed_iteration(seed, rank, self.epoch * self.epoch_length + index)
            batch = next(iterator)
            if index >= done:
                yield index, batch

    def _run_iteration(self, index: int, batch: Any) -> None:
        if self.validation and not self.by_epoch:
            self.validation.before(self.runner, self.iter)
        self.runner.data_batch = batch
        self.runner.call_hook('before_train_iter', batch_idx=index, data_batch=batch)
        try:
            outputs = self._step(batch)
        except Exception as error:
            if isinstance(error, NonFiniteLossError) or shortage(error):  # which are not the images' fault
                raise
            failure = f'{type(error).__name__}: {error}'
            raise TrainingError(f'{self._place()} failed on {files_of(batch)}: {failure}') from error
        self.runner.call_hook('after_train_iter', batch_idx=index, data_batch=batch, outputs=outputs)
        self.iter += 1
        self._evaluate_if_due(by_epoch=False)
        if self.validation and not self.by_epoch:
            self.validation.after(self.runner, self.iter)

    def _step(self, batch: Any) -> dict[str, float]:
        """One update of the weights; gives the values to log."""
        model, wrapper = self.runner.model, self.runner.optim_wrapper
        with wrapper.optim_context(model):
            losses = model(**to_device(batch, self.runner.device))
            loss, log_vars = self.runner.detector._parse_losses(losses)
        if self.detect_nonfinite:
            self._check_finite(log_vars, batch)
        images = len(batch.get('img_metas') or [1])
        self.runner.outputs = dict(loss=loss, log_vars=log_vars, num_samples=images)
        self.runner.log_buffer.update(log_vars, images)
        if self.updates:
            if self.names_unused:
                name_unused_parameters(self.runner.detector, loss, self.runner.logger)
            wrapper.update_params(loss)
            self.runner.outputs['loss'] = loss.detach()  # which lets go of what the step needed
        return log_vars

    def _check_finite(self, log_vars: dict[str, float], batch: Any) -> None:
        if math.isfinite(log_vars['loss']):  # a plain number already: costs nothing
            self._overflows = 0
            return
        self._overflows += 1
        # under float16 an overflow now and then is normal: the step is skipped, the scale lowered
        if getattr(self.runner.optim_wrapper, 'scales', False) and self._overflows < _OVERFLOWS_IN_A_ROW:
            return
        shown = ', '.join(f'{name}={value:.4g}' for name, value in log_vars.items())
        raise NonFiniteLossError(
            f'the loss is not finite at {self._place()}: {shown}; images of this batch: {files_of(batch)}. '
            'The weights were not updated with it. Usual causes: a learning rate too high for the batch size, '
            'degenerate boxes, fp16'
        )

    def _place(self) -> str:
        return f'iteration {self.iter + 1} (epoch {self.epoch + 1})'

    def _evaluate_if_due(self, by_epoch: bool) -> None:
        rule = self.evaluation
        done, last = (self.epoch, self.max_epochs) if by_epoch else (self.iter, self.max_iters)
        if rule is not None and rule.by_epoch == by_epoch and rule.is_due(done, last):
            self._evaluate()

    def _evaluate_before(self) -> None:
        """The evaluation that ``evaluation.start`` asks for before the first step; none in the middle of an epoch.

        And that of a checkpoint, which is written before its evaluation, if the best score or patience depends on it.
        """
        rule = self.evaluation
        if rule is None or (rule.by_epoch and self.iter != self.epoch * self.epoch_length):
            return
        done, last = (self.epoch, self.max_epochs) if rule.by_epoch else (self.iter, self.max_iters)
        missed = self.iter > 0 and self.evaluated not in (None, self.iter)
        asked_for = self.iter < self.max_iters and rule.is_due_before(done)
        if asked_for or (missed and rule.is_remembered and rule.is_due(done, last)):
            self._evaluate()

    def _evaluate(self) -> None:
        self.evaluated = self.iter
        with restored_modes(self.runner.model):
            self.runner.val_loop.run()


class EvaluationLoop(BaseLoop):
    """Predicts ``dataset`` in all processes and scores the results by its ``evaluate(results, **evaluator)``.

    ``dataloader`` yields this process's share, see :func:`build_test_loader`.
    """

    def __init__(self, runner: Any, dataloader: DataLoader, evaluator: dict[str, Any], dataset: Any) -> None:
        super().__init__(runner, dataloader)
        self.options = evaluator
        self.dataset = dataset

    def run(self) -> dict[str, Any]:
        """Evaluate; the metrics are the same on every rank."""
        self.runner.call_hook('before_val')
        self.runner.call_hook('before_val_epoch')
        detector = self.runner.detector
        share_batch_norm(detector)
        with gathered(detector):
            results = predict_everywhere(detector, self.dataloader, len(self.dataset))
        scores = {} if results is None else self.dataset.evaluate(results, logger=self.runner.logger, **self.options)
        metrics = share_from_first(dict(scores))
        self.runner.call_hook('after_val_epoch', metrics=metrics, results=results)
        self.runner.call_hook('after_val')
        return metrics


def _set_epoch(loader: DataLoader, epoch: int) -> None:
    """Tell the samplers the epoch, which their order follows from."""
    samplers: list[Any] = [loader.sampler, loader.batch_sampler, getattr(loader.batch_sampler, 'sampler', None)]
    for sampler in samplers:
        if hasattr(sampler, 'set_epoch'):
            sampler.set_epoch(epoch)
