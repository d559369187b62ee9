import os
import pickle
import random
import zipfile
from collections import OrderedDict

import pytest
import torch
from torch import nn

from mmrotate.utils import CheckpointError, load_checkpoint, load_state, save_atomically
from tests.helpers.server import serving


class Foreign:
    """A class that no checkpoint needs."""


@pytest.fixture
def model():
    return nn.Sequential(OrderedDict(first=nn.Linear(2, 3), second=nn.Linear(3, 1)))


def save(path, content):
    torch.save(content, path)
    return path


def test_the_layouts_that_checkpoints_have(tmp_path, model):
    state = model.state_dict()
    prefixed = {f'module.{key}': value for key, value in state.items()}
    for content in (state, {'state_dict': state}, {'state_dict': prefixed}, {'model': state}):
        found = load_state(save(tmp_path / 'a.pth', content))
        assert list(found['state_dict']) == list(state)
        assert found['meta'] == {}
    assert 3 in load_state(save(tmp_path / 'a.pth', {**prefixed, 3: torch.ones(1)}))['state_dict']


def test_meta_and_optimizer_are_kept(tmp_path, model):
    content = {'state_dict': model.state_dict(), 'meta': {'CLASSES': ['a']}, 'optimizer': {'x': 1}}
    found = load_checkpoint(model, save(tmp_path / 'a.pth', content))
    assert found['meta'] == {'CLASSES': ['a']}
    assert found['optimizer'] == {'x': 1}


def test_weights_arrive(tmp_path, model):
    state = {key: torch.full_like(value, 7.0) for key, value in model.state_dict().items()}
    load_checkpoint(model, save(tmp_path / 'a.pth', state), strict=True)
    assert all((value == 7).all() for value in model.state_dict().values())


def test_what_does_not_fit_is_listed(tmp_path, model, caplog):
    state = model.state_dict()
    state['third.weight'] = state.pop('second.bias')
    state['first.weight'] = torch.zeros(5, 2)
    path = save(tmp_path / 'a.pth', state)
    load_checkpoint(model, path)
    assert 'missing in it (1): second.bias' in caplog.text
    assert 'unexpected (1): third.weight' in caplog.text
    assert '(5, 2) in the checkpoint, (3, 2) in the model' in caplog.text
    with pytest.raises(CheckpointError, match='unexpected'):
        load_checkpoint(model, path, strict=True)


def test_a_checkpoint_of_another_model(tmp_path, model):
    path = save(tmp_path / 'a.pth', nn.Linear(2, 3).state_dict())
    with pytest.raises(CheckpointError, match="another model's") as error:
        load_checkpoint(model, path)
    assert 'first.weight' in str(error.value)  # missing
    assert 'unexpected (2): weight, bias' in str(error.value)


def test_a_long_list_of_keys_is_shortened(tmp_path):
    model = nn.Sequential(*[nn.Linear(1, 1) for _ in range(30)])
    with pytest.raises(CheckpointError, match='and 40 more'):
        load_checkpoint(model, save(tmp_path / 'a.pth', nn.Linear(1, 1).state_dict()))


def test_a_pickle_is_refused_with_the_way_to_allow_it(tmp_path, model, monkeypatch):
    path = save(tmp_path / 'a.pth', {'state_dict': model.state_dict(), 'meta': {'x': Foreign()}})
    with pytest.raises(CheckpointError, match='MMROTATE_ALLOW_PICKLE=1') as error:
        load_state(path)
    assert 'Foreign' in str(error.value)
    assert isinstance(load_state(path, allow_pickle=True)['meta']['x'], Foreign)
    monkeypatch.setenv('MMROTATE_ALLOW_PICKLE', '1')
    assert isinstance(load_state(path)['meta']['x'], Foreign)


def test_refusing_runs_no_code_of_the_file(tmp_path):
    path, trace = tmp_path / 'evil.pth', tmp_path / 'trace'

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(trace),)

    path.write_bytes(pickle.dumps({'state_dict': Evil()}, protocol=2))
    with pytest.raises(CheckpointError):
        load_state(path)
    assert not trace.exists()


@pytest.mark.parametrize('content', [b'', b'x', b'hello', b'PK\x03\x04 cut short'])
def test_a_file_that_is_no_checkpoint(tmp_path, content):
    path = tmp_path / 'a.pth'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r'no checkpoint, or is damaged: [^\n]+$'):  # without torch's advice
        load_state(path)


def test_a_truncated_checkpoint(tmp_path, model):
    path = save(tmp_path / 'a.pth', model.state_dict())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match='damaged'):
        load_state(path)


def test_a_missing_file_and_a_file_without_weights(tmp_path):
    with pytest.raises(FileNotFoundError, match='does not exist'):
        load_state(tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='holds no weights'):
        load_state(save(tmp_path / 'b.pth', {'epoch': 3}))
    with pytest.raises(CheckpointError, match='list'):
        load_state(save(tmp_path / 'c.pth', [1]))


def test_an_address_is_downloaded_once(tmp_path, model, monkeypatch):
    monkeypatch.setenv('MMROTATE_CACHE', str(tmp_path / 'cache'))
    torch.save(model.state_dict(), tmp_path / 'b.pth')
    with serving(tmp_path) as server:
        for _ in range(2):
            assert load_state(f'{server.address}/a/b.pth?x=1')['state_dict']
    assert [path for path, _ in server.asked] == ['/a/b.pth?x=1']


def test_without_a_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv('MMROTATE_CACHE', str(tmp_path))
    monkeypatch.setenv('MMROTATE_MIRROR', 'http://127.0.0.1:9')
    with pytest.raises(CheckpointError, match=r'127.0.0.1:9/models/resnet18.*put the file at'):
        load_state('torchvision://resnet18')
    with pytest.raises(CheckpointError, match='no model'):
        load_state('torchvision://resnet19')


def test_saving_leaves_the_old_file_if_it_fails(tmp_path):
    path = tmp_path / 'a.pth'
    save_atomically({'state_dict': {'x': torch.ones(1)}}, path)
    with pytest.raises(Exception, match=r'pickle|local'):
        save_atomically({'state_dict': lambda: None}, path)
    assert load_state(path)['state_dict']['x'] == 1
    assert list(tmp_path.iterdir()) == [path]


def test_any_damage_is_an_error_with_the_file(tmp_path, model):
    path = save(tmp_path / 'whole.pth', {'state_dict': model.state_dict(), 'meta': {'CLASSES': ['a']}})
    legacy = tmp_path / 'legacy.pth'
    torch.save(model.state_dict(), legacy, _use_new_zipfile_serialization=False)
    rng = random.Random(0)
    refused = 0
    for i in range(200):
        content = bytearray((path, legacy)[i % 2].read_bytes())
        for _ in range(rng.randint(1, 30)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        damaged = tmp_path / f'damaged_{i}.pth'
        damaged.write_bytes(content)
        try:
            load_checkpoint(model, damaged)
        except CheckpointError as error:
            assert damaged.name in str(error)
            refused += 1
    assert refused > 20


# a memo index beyond the data, a mark that is not there, a storage that does not follow
@pytest.mark.parametrize('content', [b'\x80\x02r', b'\x80\x02t.', b'\x80\x02}q'])
def test_errors_of_the_unpickler_are_errors_of_the_checkpoint(tmp_path, content):
    path = tmp_path / 'a.pth'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r'a\.pth is no checkpoint, or is damaged'):
        load_state(path)


def test_counters_that_fit_make_no_detector(tmp_path):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    other = nn.Sequential(nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5))
    path = save(tmp_path / 'a.pth', other.state_dict())
    with pytest.raises(CheckpointError, match=r'no weight of .* fits'):
        load_checkpoint(model, path)


def test_weights_that_are_not_finite_are_named(tmp_path, model, caplog):
    state = model.state_dict()
    state['second.bias'] = torch.tensor([float('nan')])
    load_checkpoint(model, save(tmp_path / 'a.pth', state))
    assert '1 weights of' in caplog.text
    assert 'not finite: second.bias' in caplog.text


@pytest.mark.parametrize('classes', [7, {'a': 1}, ['a', 3]])
def test_classes_that_are_no_names_are_said(tmp_path, model, caplog, classes):
    path = save(tmp_path / 'a.pth', {'state_dict': model.state_dict(), 'meta': {'CLASSES': classes}})
    assert load_state(path)['meta']['CLASSES'] is None
    assert 'CLASSES of' in caplog.text


def test_one_class_as_text_is_one_class(tmp_path, model):
    path = save(tmp_path / 'a.pth', {'state_dict': model.state_dict(), 'meta': {'CLASSES': 'ship'}})
    assert load_state(path)['meta']['CLASSES'] == ('ship',)


def test_an_archive_that_grows_is_refused(tmp_path):
    path = tmp_path / 'a.pth'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('archive/data.pkl', bytes(10**6))
    with pytest.raises(CheckpointError, match='would unpack to 1000000'):
        load_state(path)


def test_names_of_weights_that_are_no_text(tmp_path, model):
    path = save(tmp_path / 'a.pth', {**model.state_dict(), 3: torch.ones(1)})
    with pytest.raises(CheckpointError, match=r'a\.pth cannot be loaded'):
        load_checkpoint(model, path)
