"""Names of the zoo: what they stand for, wherever a config or weights are wanted."""

import pytest
import torch

from mmrotate.apis import init_detector
from mmrotate.engine import load_config
from mmrotate.utils import UserError, load_state, zoo
from tests.helpers.server import publishing

SHIPPED = 'oriented_rcnn_r18_half_fpn_hit_uav_le90'
PUBLISHED = 'oriented_rcnn_r50_fpn_1x_dota_le90'


@pytest.fixture
def published(tmp_path, monkeypatch):
    with publishing(PUBLISHED, tmp_path, monkeypatch) as server_and_file:
        yield server_and_file


def test_every_name_has_its_config():
    for row in zoo.read_zoo():
        method, name = row['config'].split('/')
        assert zoo.zoo_row(name) == zoo.zoo_row(f'{method}/{name}') == row
        assert zoo.local_config(name).is_file() and zoo.local_config(name).parts[-2:] == (method, f'{name}.py')


def test_a_config_is_loaded_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # from anywhere
    assert load_config(f'oriented_rcnn/{PUBLISHED}').model.type == 'OrientedRCNN'


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({'state_dict': {'x': torch.zeros(1)}}, SHIPPED)
    assert load_state(SHIPPED)['state_dict']['x'] == 0
    assert zoo.local_checkpoint('a/b.pth').as_posix() == 'a/b.pth'


@pytest.mark.parametrize('name', [SHIPPED, 'rotated_rtmdet_nano_hit_uav_le90'])
def test_the_shipped_models_work_by_their_names_and_without_a_network(tmp_path, monkeypatch, name):
    monkeypatch.setenv('MMROTATE_CACHE', str(tmp_path))
    model = init_detector(name, name, 'cpu')
    assert tuple(model.CLASSES) == ('Person', 'Car', 'Bicycle', 'OtherVehicle')
    assert zoo.checkpoint_at_hand(zoo.zoo_row(name)).stat().st_size < 12e6
    assert list(tmp_path.iterdir()) == []


def test_published_weights_are_fetched_by_name_and_then_at_hand(published):
    server, file = published
    row = zoo.zoo_row(PUBLISHED)
    assert zoo.checkpoint_at_hand(row) is None
    for _ in range(2):
        assert load_state(PUBLISHED)['state_dict']['x'].tolist() == [1, 1, 1]
    assert [path for path, _ in server.asked] == [f'/mmrotate/{file}']
    assert zoo.checkpoint_at_hand(row).name == file


def test_names_that_are_near_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f'does not exist.*the zoo has {PUBLISHED}'):
        load_config(f'configs/oriented_rcnn/{PUBLISHED}.py')
    with pytest.raises(FileNotFoundError, match=f'does not exist; the zoo has .*{PUBLISHED}'):
        load_state(f'{PUBLISHED}.pth')
    with pytest.raises(UserError, match=r'the zoo has no config yolo; `mmrotate list` names all'):
        zoo.zoo_row('yolo')


def test_a_name_without_published_weights_says_so():
    with pytest.raises(UserError, match=r'no weights were published for s2anet\S+: `mmrotate train'):
        load_state('s2anet_r50_fpn_3x_hrsc_le135')


def test_an_installation_without_configs_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(zoo, '_PACKAGE', tmp_path / 'mmrotate')
    with pytest.raises(UserError, match=r'is missing: install the package anew'):
        zoo.local_config(PUBLISHED)
