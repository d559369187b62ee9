"""``mmrotate publish``."""

import hashlib

import pytest
import torch

from mmrotate.cli.main import main
from mmrotate.utils import load_state


def _checkpoint(path):
    state = {'weight': torch.randn(64, 64), 'count': torch.tensor(3)}
    content = {'meta': {'CLASSES': ('a',), 'hook_msgs': {}}, 'state_dict': state}
    torch.save({**content, 'optimizer': {'momentum': torch.randn(64, 64)}}, path)
    return state


def _publish(folder, *options, name='out.pth'):
    """Publish ``in.pth`` of a folder; gives the file, whose name holds its hash."""
    assert main(['publish', str(folder / 'in.pth'), str(folder / 'sub' / name), *options]) == 0
    (path,) = (folder / 'sub').iterdir()
    return path


def test_keeps_weights_and_facts_only(tmp_path, capsys):
    state = _checkpoint(tmp_path / 'in.pth')
    out = load_state(_publish(tmp_path))
    assert set(out) == {'meta', 'state_dict'}
    assert out['meta'] == {'CLASSES': ('a',)}
    assert all(torch.equal(out['state_dict'][k], v) for k, v in state.items())
    assert 'MB' in capsys.readouterr().out


@pytest.mark.parametrize('name', ['a_20260101.pth', 'a_20260101'])
def test_the_name_holds_the_hash_of_the_file(tmp_path, capsys, name):
    _checkpoint(tmp_path / 'in.pth')
    path = _publish(tmp_path, name=name)
    assert path.name == f'a_20260101-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth'
    assert path.name in capsys.readouterr().out


def test_half_precision_keeps_whole_numbers(tmp_path):
    state = _checkpoint(tmp_path / 'in.pth')
    out = load_state(_publish(tmp_path, '--half'))['state_dict']
    assert out['weight'].dtype == torch.float16
    torch.testing.assert_close(out['weight'].float(), state['weight'], atol=2e-3, rtol=1e-3)
    assert out['count'].dtype == torch.int64


def test_refuses_to_overwrite_its_input(tmp_path, capsys):
    _checkpoint(tmp_path / 'in.pth')
    path = str(tmp_path / 'in.pth')
    assert main(['publish', path, path]) == 1
    assert 'would overwrite' in capsys.readouterr().err
    assert main(['publish', str(tmp_path / 'none.pth'), str(tmp_path / 'out.pth')]) == 1
