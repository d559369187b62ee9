"""The pages on videos and on the server: every command is run, here or where the table says."""

import shlex

import numpy as np
import pytest
import torch

from mmrotate.apis import init_detector
from mmrotate.cli import main
from mmrotate.core.video import VideoWriter
from tests.helpers.pages import ROOT, commands_of
from tests.helpers.tiny import write_config

VIDEO = [command for command, _ in commands_of(ROOT / 'docs/video.md')]
# where the commands of the server's page are run
SERVING = {
    'pip install': 'nowhere: they need a network',
    'mmrotate serve oriented_rcnn': 'tests/cli/test_serve.py, tests/serve/test_server.py',
    'curl ': 'tests/serve/test_server.py',
    'python tools/deployment/mmrotate2torchserve.py': 'tests/cli/test_torchserve.py',
    'mmrotate serve --model-store': 'tests/cli/test_torchserve.py',
    'torchserve ': 'nowhere: it needs Java and a package that is archived',
    'python tools/deployment/test_torchserver.py': 'tests/cli/test_torchserve.py',
}


def test_the_commands_on_videos(tmp_path, monkeypatch):
    config = str(write_config(tmp_path))
    torch.save({'state_dict': init_detector(config, device='cpu').state_dict()}, tmp_path / 'tiny.pth')
    with VideoWriter(tmp_path / 'clip.mp4', 10, 64, 48) as writer:
        for i in range(3):
            writer.write(np.full((48, 64, 3), 40 * i, np.uint8), i / 10)
    monkeypatch.chdir(tmp_path)
    own = {'CONFIG': config, 'CHECKPOINT': 'tiny.pth'}
    assert len(VIDEO) == 2
    for command in VIDEO:
        assert main([own.get(word, word) for word in shlex.split(command)[1:]]) == 0, command
    made = [word for command in VIDEO for word in shlex.split(command) if word.startswith(('found.', 'tracks.'))]
    assert len(made) == 4 and all((tmp_path / name).is_file() for name in made)


@pytest.mark.parametrize('start', SERVING)
def test_the_commands_of_the_server_are_run_where_the_table_says(start):
    commands = [command for command, _ in commands_of(ROOT / 'docs/serving.md')]
    assert any(command.startswith(start) for command in commands)
    assert not [command for command in commands if not command.startswith(tuple(SERVING))]
