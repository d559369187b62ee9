"""Ending a training that gets no better."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mmengine.hooks import Hook

from mmrotate.engine.checkpoint_hook import is_better, rule_of
from mmrotate.engine.config import Evaluation


@dataclass
class _State:
    best: float | None = None
    waited: int = 0  # evaluations since it


@dataclass(eq=False)
class PatienceHook(Hook):
    """Ends the training after ``evaluation.patience`` evaluations in a row that were not the best.

    What counts is the score of ``evaluation.save_best`` or, without it, the first one. Its state travels in the
    checkpoints.
    """

    evaluation: Evaluation
    state: _State = field(default_factory=_State, init=False)

    def after_val_epoch(self, runner: Any, metrics: Mapping[str, Any] | None = None) -> None:
        """Count, and end the training if it is time."""
        if not metrics:
            return
        name, rule = chosen_score(self.evaluation, metrics)
        if is_better(float(metrics[name]), self.state.best, rule):
            self.state = _State(float(metrics[name]))
            return
        self.state.waited += 1
        if self.state.waited >= (self.evaluation.patience or math.inf):
            text = 'no better %s in %d evaluations: the training ends here (patience)'
            runner.logger.info(text, name, self.state.waited)
            runner.train_loop.stop_training = True

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Save the state."""
        checkpoint['meta']['patience'] = asdict(self.state)

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Take it over, if the training goes on."""
        if runner._resume and 'patience' in checkpoint['meta']:
            self.state = _State(**checkpoint['meta']['patience'])


def chosen_score(evaluation: Evaluation, metrics: Mapping[str, Any]) -> tuple[str, str]:
    """Name of the score that chooses the best, and whether more of it is better ('greater') or less ('less')."""
    name = evaluation.save_best
    name = next(iter(metrics)) if name in (None, 'auto') else name
    return name, evaluation.rule or rule_of(name, evaluation.greater_keys, evaluation.less_keys)
