"""The data of every config of the zoo build, and give samples."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmrotate.datasets import build_dataset
from mmrotate.datasets.formats import FORMATS, Entry, PerSet, Record
from mmrotate.registry import DATASETS

from .test_zoo import CONFIGS, NAMES, resolve

DATA = {name: resolve(CONFIGS / f'{name}.py')['data'] for name in NAMES}
# one config stands for all of the same data
DISTINCT = {json.dumps(data, sort_keys=True): name for name, data in reversed(DATA.items())}
OTHER_BASES = ('dotav15', 'dotav2', 'dior', 'fair1m', 'icdar2015', 'coco_rotated', 'yolo_obb')
BOX = (60, 50, 40, 20, 0.3)


def write_sample(cfg, name):
    """An image with one object of a class, where the dataset's config looks for them."""
    images, labels = Path(cfg['img_prefix']), Path(cfg.get('ann_subdir', cfg['ann_file']))
    images.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(images / 'a.png'), np.full((100, 120, 3), 90, np.uint8))
    form, record = FORMATS[DATASETS.get(cfg['type']).FORMAT], Record('a.png', [Entry('', BOX, name)], (120, 100))
    if 'ann_subdir' in cfg:
        Path(cfg['ann_file']).parent.mkdir(parents=True, exist_ok=True)
        Path(cfg['ann_file']).write_text('a\n')
    if isinstance(form, PerSet):
        form.write([record], labels, [name])
    elif labels != images:
        form.write(record, labels, cfg.get('classes', [name]))


def first_class(cfg):
    """A class of the dataset of a config; that of COCO's is the one of its file."""
    known = cfg.get('classes') or DATASETS.get(cfg['type']).CLASSES or ('ship',)
    return 'ship' if 'ship' in known else known[0]


def assert_data_give_samples(data):
    """Whether the datasets of a config build from one image each, and give samples."""
    for split in ('train', 'val', 'test'):
        cfg = data[split]
        name = first_class(cfg)
        each = cfg['ann_file'] if isinstance(cfg['ann_file'], list) else [cfg['ann_file']]
        for ann_file in each:
            write_sample({**cfg, 'ann_file': ann_file}, name)
        dataset = build_dataset({**cfg, 'test_mode': split != 'train'})
        assert len(dataset) == len(each)
        samples = [dataset[0] for _ in range(4)]
        assert all('img' in sample for sample in samples)
        if split == 'train':
            assert all(sample['gt_bboxes'].shape == (1, 5) for sample in samples)
            assert dataset.CLASSES[int(samples[0]['gt_labels'][0])] == name


@pytest.mark.parametrize('name', sorted(DISTINCT.values()))
def test_data_build_and_give_samples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.random.seed(0)
    assert_data_give_samples(DATA[name])


@pytest.mark.parametrize('name', OTHER_BASES)
def test_data_that_no_config_of_the_zoo_has(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = resolve(CONFIGS / f'_base_/datasets/{name}.py')['data']
    assert {data[split]['version'] for split in ('train', 'val', 'test')} == {'le90'}
    assert_data_give_samples(data)


@pytest.mark.parametrize('name', NAMES)
def test_version_is_one(name):
    """Boxes, flips and rotations of a config are of one angle version."""
    text = json.dumps(DATA[name])
    used = {version for version in ('oc', 'le90', 'le135') if f'"version": "{version}"' in text}
    assert used == {resolve(CONFIGS / f'{name}.py')['angle_version']} == {name.rpartition('_')[2]}
