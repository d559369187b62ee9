"""The values that a training logs, as hooks of 0.x know them: ``runner.log_buffer``."""

from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any

from mmengine.hooks import Hook

_TIMES = ('data_time', 'time', 'grad_norm')  # mmengine's hooks and optimizer measure them


class LogBuffer:
    """Values of the last iterations, and what the next log line says.

    Args:
        length: Iterations that are kept; None: all.
    """

    def __init__(self, length: int | None = None) -> None:
        self.length = length
        self.val_history: dict[str, deque[float]] = OrderedDict()
        self.n_history: dict[str, deque[int]] = OrderedDict()
        self.output: dict[str, Any] = OrderedDict()  # what the next line says
        self.ready = False  # whether there is something to say

    def update(self, vars: Mapping[str, float], count: int = 1) -> None:
        """Note values; ``count``, the images they are a mean of, weighs them."""
        for name, value in vars.items():
            self.val_history.setdefault(name, deque(maxlen=self.length)).append(float(value))
            self.n_history.setdefault(name, deque(maxlen=self.length)).append(count)

    def average(self, n: int = 0) -> None:
        """Put the means of the last ``n`` values (0: of all) into ``output``."""
        for name, values in self.val_history.items():
            last = list(zip(values, self.n_history[name], strict=True))[-n:]
            self.output[name] = sum(value * count for value, count in last) / sum(count for _, count in last)
        self.ready = True

    def clear(self) -> None:
        """Forget everything."""
        self.val_history.clear()
        self.n_history.clear()
        self.clear_output()

    def clear_output(self) -> None:
        """Forget what the next line says."""
        self.output.clear()
        self.ready = False

    def state_dict(self) -> dict[str, Any]:
        """The values, plainly, for a checkpoint."""
        return {name: [list(values), list(self.n_history[name])] for name, values in self.val_history.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the values of a checkpoint."""
        self.clear()
        for name, (values, counts) in state.items():
            self.val_history[name] = deque(values, maxlen=self.length)
            self.n_history[name] = deque(counts, maxlen=self.length)


class LogBufferHook(Hook):
    """Keeps ``runner.log_buffer``: empties it before an epoch, and saves it with the checkpoints.

    So the first line of a resumed training says what that of an unbroken one says, also in the middle of an epoch.
    """

    priority = 55  # after the hooks that measure (50), before those that log

    def before_train_epoch(self, runner: Any) -> None:
        """Start anew, unless the epoch goes on."""
        if runner.inner_iter == 0:
            runner.log_buffer.clear()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Take over what mmengine measured; and give to mmengine, whose log has them too, what hooks noted."""
        buffer, scalars = runner.log_buffer, runner.message_hub.log_scalars
        measured = {name: scalars[f'train/{name}'].current() for name in _TIMES if f'train/{name}' in scalars}
        buffer.update(measured, runner.outputs['num_samples'])
        for name, values in buffer.val_history.items():
            if name not in measured and name not in outputs:
                runner.message_hub.update_scalar(f'train/{name}', values[-1])

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Save the values."""
        checkpoint['meta']['log_buffer'] = runner.log_buffer.state_dict()

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Take them over, if the training goes on."""
        if runner._resume:
            runner.log_buffer.load_state_dict(checkpoint['meta'].get('log_buffer') or {})
