"""A config of the zoo for one's own data."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from mmrotate.apis.convert import convert
from mmrotate.apis.inference import innermost_dataset
from mmrotate.apis.own_data import Wishes, own_config, own_test_data
from mmrotate.datasets import AnyFolderDataset, build_dataset
from mmrotate.datasets.formats import FORMATS
from mmrotate.datasets.sources import recognise
from mmrotate.engine import load_config
from mmrotate.models import build_detector
from mmrotate.utils import UserError
from tests.helpers.scenes import write_scene

SAMPLES = Path(__file__).parents[1] / 'data' / 'hit_uav'
HIT_UAV = ['Bicycle', 'Car', 'OtherVehicle', 'Person']


@pytest.fixture(scope='module')
def dota(tmp_path_factory):
    """The sample images and their labels, in the folders that DOTA has, without parts."""
    root = tmp_path_factory.mktemp('own') / 'drones'
    shutil.copytree(SAMPLES / 'images', root / 'images')
    shutil.copytree(SAMPLES / 'labelTxt', root / 'labelTxt')
    return root


def made(name, source, tmp_path, **wishes):
    cfg = load_config(name)
    lines = own_config(name, cfg, source, Wishes(**wishes), tmp_path)
    return cfg, '\n'.join(lines)


def heads(value):
    """Every number of classes in the config of a model."""
    if isinstance(value, dict):
        here = [value['num_classes']] if 'num_classes' in value else []
        return here + [count for each in value.values() for count in heads(each)]
    return [count for each in value for count in heads(each)] if isinstance(value, list) else []


@pytest.mark.parametrize(
    'name',
    [
        'rotated_retinanet_obb_r50_fpn_1x_dota_le90',
        's2anet_r50_fpn_1x_dota_le135',
        'roi_trans_r50_fpn_1x_dota_le90',
        'gliding_vertex_r50_fpn_1x_dota_le90',
        'oriented_rcnn_r18_half_fpn_hit_uav_le90',
    ],
)
def test_everything_follows_from_the_data(name, dota, tmp_path):
    base = load_config(name)
    cfg, text = made(name, recognise(dota), tmp_path, pretrained='none')
    assert set(heads(cfg.model.to_dict())) == {4}
    for use in ('train', 'val', 'test'):
        data = innermost_dataset(cfg.data[use])
        assert data.classes == HIT_UAV and data.version == innermost_dataset(base.data[use]).version
        assert data.type == 'AnyFolderDataset' and Path(data.ann_file) == (dota / 'labelTxt').resolve()
    train, val = (build_dataset(cfg.data[use]) for use in ('train', 'val'))
    assert len(train) == 7 and len(val) == 1, 'one of eight is held out'
    assert not {info['filename'] for info in train.data_infos} & {info['filename'] for info in val.data_infos}
    assert 'images: 8 in all; 640 x 512 pixels' in text and '4 classes: Bicycle (' in text
    assert cfg.data.test.pipeline[1].img_scale == (640, 512)
    build_detector(cfg.model, train_cfg=cfg.get('train_cfg'), test_cfg=cfg.get('test_cfg'))
    assert cfg.runner.max_epochs == 200 and cfg.auto_scale_lr.enable
    assert cfg.lr_config.get('step', [133, 183]) == [133, 183]


def test_the_written_config_is_the_same(dota, tmp_path):
    cfg, _ = made('rotated_fcos_r50_fpn_1x_dota_le90', recognise(dota), tmp_path, epochs=3, pretrained='zoo')
    cfg.dump(tmp_path / 'own.py')
    again = load_config(tmp_path / 'own.py')
    for key in ('model', 'data', 'runner', 'lr_config', 'optimizer', 'load_from'):
        assert again[key] == cfg[key], key
    assert again.load_from == 'rotated_fcos_r50_fpn_1x_dota_le90' and again.runner.max_epochs == 3
    assert again.evaluation.interval == 1


@pytest.mark.parametrize('form', ['yolo-obb', 'coco', 'voc'])
def test_data_of_any_format_gives_the_same_samples(form, dota, tmp_path):
    convert(recognise(dota), tmp_path / 'data', FORMATS[form], images='copy')
    cfg, _ = made('rotated_retinanet_obb_r50_fpn_1x_dota_le90', recognise(tmp_path / 'data'), tmp_path)
    expected, _ = made('rotated_retinanet_obb_r50_fpn_1x_dota_le90', recognise(dota), tmp_path)
    assert cfg.data.train.format == form
    for use in ('train', 'val'):
        found, known = (build_dataset(each.data[use], dict(test_mode=True)) for each in (cfg, expected))
        known_by_name = {Path(info['filename']).stem: info['ann'] for info in known.data_infos}
        # names of classes stand in the order of the source
        for info in found.data_infos:
            ann = known_by_name.get(Path(info['filename']).stem)
            if ann is None:
                continue
            names = [found.CLASSES[i] for i in info['ann']['labels']]
            assert names == [known.CLASSES[i] for i in ann['labels']]
            np.testing.assert_allclose(info['ann']['bboxes'][:, :4], ann['bboxes'][:, :4], atol=0.06)


def test_parts_of_the_data_are_used(dota, tmp_path):
    for part in ('train', 'valid'):
        shutil.copytree(dota, tmp_path / 'data' / part)
    cfg, text = made('rotated_retinanet_obb_r50_fpn_1x_dota_le90', recognise(tmp_path / 'data'), tmp_path)
    assert 'train: 8 images of train' in text and 'val: 8 images of val' in text
    assert not list(tmp_path.glob('*.txt'))
    assert len(build_dataset(cfg.data.train)) == 8


def test_tests_take_the_classes_of_the_detector(dota, tmp_path):
    cfg = load_config('oriented_rcnn_r18_half_fpn_hit_uav_le90')
    cfg.data.test.classes = ['Person', 'Car', 'Bicycle', 'OtherVehicle']
    said = own_test_data(cfg, recognise(dota))
    dataset = build_dataset(cfg.data.test, dict(test_mode=True))
    assert isinstance(dataset, AnyFolderDataset) and len(dataset) == 8 and dataset.CLASSES[0] == 'Person'
    assert said == 'tested on: all'


def test_sizes_and_wishes(dota, tmp_path):
    name = 'rotated_retinanet_obb_r50_fpn_1x_dota_le90'
    cfg, _ = made(name, recognise(dota), tmp_path, img_scale=(320, 256), epochs=40)
    assert cfg.data.test.pipeline[1].img_scale == (320, 256)
    assert next(s for s in cfg.data.train.pipeline if s.type == 'RResize').img_scale == (320, 256)
    assert cfg.runner.max_epochs == 40 and cfg.lr_config.step == [27, 37]
    cfg, text = made(name, recognise(dota), tmp_path, pretrained='weights.pth')
    assert cfg.load_from == 'weights.pth' and 'start: from the weights weights.pth' in text


def test_of_large_images_windows_are_taken(tmp_path):
    write_scene(tmp_path / 'scenes', 'P0', (2700, 2300))
    write_scene(tmp_path / 'scenes', 'P1', (2700, 2300))
    name = 'rotated_retinanet_obb_r50_fpn_1x_dota_le90'
    cfg, text = made(name, recognise(tmp_path / 'scenes'), tmp_path)
    assert cfg.data.test.pipeline[1].img_scale == (1024, 1024) and 'about 12 an image' in text
    train, val = build_dataset(cfg.data.train), build_dataset(cfg.data.val, dict(test_mode=True))
    assert train[0]['img'].shape[1:] == (1024, 1024) and len(val) == 12
    assert (tmp_path / 'train_windows.npz').is_file()
    cfg, text = made(name, recognise(tmp_path / 'scenes'), tmp_path, img_scale=(1440, 1440))
    assert cfg.data.train.type == 'AnyFolderDataset' and 'a sample is a window' not in text


def test_data_without_objects_or_with_one_image_is_refused(dota, tmp_path):
    one = tmp_path / 'one'
    for folder in ('images', 'labelTxt'):
        (one / folder).mkdir(parents=True)
        first = sorted((dota / folder).iterdir())[0]
        shutil.copy(first, one / folder / first.name)
    with pytest.raises(UserError, match='a single image'):
        made('rotated_retinanet_obb_r50_fpn_1x_dota_le90', recognise(one), tmp_path)
