import os
import signal
import socket

import pytest
from mmengine.config import Config
from mmengine.hooks import Hook

from mmrotate.cli.train import main
from mmrotate.engine import interruption
from mmrotate.engine.interruption import own_folders, told_how_to_resume
from mmrotate.registry import HOOKS
from mmrotate.utils import lock
from tests.helpers.tiny import write_config


@HOOKS.register_module(force=True)
class SignalHook(Hook):
    """Sends this process a signal after an iteration."""

    def __init__(self, number, at):
        self.number, self.at = number, at

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter + 1 == self.at:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize(
    ('number', 'code', 'at', 'text'),
    [
        (signal.SIGINT, 130, 5, 'interrupted: go on by --resume-from {}/latest.pth'),
        (signal.SIGTERM, 143, 5, 'terminated: go on by --resume-from {}/latest.pth'),
        (signal.SIGINT, 130, 1, 'interrupted: there is no checkpoint yet to go on from'),
    ],
)
def test_who_stops_a_training_is_told_in_one_line_how_to_go_on(tmp_path, capfd, number, code, at, text):
    extra = f"custom_hooks = [dict(type='SignalHook', number={int(number)}, at={at})]"
    argv = [str(write_config(tmp_path, extra)), '--work-dir', str(tmp_path / 'run'), '--no-validate']
    before = signal.getsignal(signal.SIGTERM)
    try:
        found = main(argv)
    except SystemExit as end:
        found = end.code
    assert found == code
    assert capfd.readouterr().err.strip().splitlines()[-1] == text.format(tmp_path / 'run')
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_training_in_a_folder_in_use_is_refused_in_one_line_and_touches_nothing(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(lock, 'try_lock', lambda file: True)
    work_dir = tmp_path / 'run'
    work_dir.mkdir()
    (work_dir / lock.LOCK_NAME).write_text(f'{{"pid": 7, "host": "{socket.gethostname()}", "start": null}}')
    assert main([str(write_config(tmp_path)), '--work-dir', str(work_dir)]) == 1
    error = capfd.readouterr().err.strip().splitlines()
    assert error[-1].startswith(f'error: {work_dir} is in use: process 7 on {socket.gethostname()} trains there; wait')
    assert [path.name for path in work_dir.iterdir()] == [lock.LOCK_NAME]


def test_the_folder_of_checkpoints_is_held_too(tmp_path):
    cfg = Config(dict(work_dir=str(tmp_path / 'a' / 'run'), checkpoint_config=dict(out_dir=str(tmp_path / 'kept'))))
    with own_folders(cfg):
        assert {tmp_path / 'a' / 'run', tmp_path / 'kept' / 'run'} <= lock._held
    (tmp_path / 'kept' / 'run' / 'epoch_3.pth').touch()
    with pytest.raises(KeyboardInterrupt, match=r'kept/run/epoch_3\.pth'), told_how_to_resume(cfg):
        raise KeyboardInterrupt
    assert interruption.TERMINATED == 143
