"""The data of every config of the zoo build, and give samples."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmrotate.datasets import build_dataset
from mmrotate.datasets.formats.hrsc import _BOX

from .test_zoo import CONFIGS, NAMES, resolve

DATA = {name: resolve(CONFIGS / f'{name}.py')['data'] for name in NAMES}
# one config stands for all of the same data
DISTINCT = {json.dumps(data, sort_keys=True): name for name, data in reversed(DATA.items())}
BOX = (60, 50, 40, 20, 0.3)


def write_sample(cfg):
    """An image with one object, where the dataset's config looks for them."""
    images = Path(cfg['img_prefix'])
    images.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(images / 'a.png'), np.full((100, 120, 3), 90, np.uint8))
    if cfg['type'] == 'HRSCDataset':
        for folder in (Path(cfg['ann_file']).parent, Path(cfg['ann_subdir'])):
            folder.mkdir(parents=True, exist_ok=True)
        Path(cfg['ann_file']).write_text('a\n')
        fields = ''.join(f'<{key}>{value}</{key}>' for key, value in zip(_BOX, BOX, strict=True))
        body = f'<HRSC_Objects><HRSC_Object>{fields}</HRSC_Object></HRSC_Objects>'
        Path(cfg['ann_subdir'], 'a.xml').write_text(f'<HRSC_Image>{body}</HRSC_Image>')
    elif cfg['ann_file'] != cfg['img_prefix']:
        Path(cfg['ann_file']).mkdir(parents=True, exist_ok=True)
        Path(cfg['ann_file'], 'a.txt').write_text('40 40 80 40 80 60 40 60 ship 0\n')


@pytest.mark.parametrize('name', sorted(DISTINCT.values()))
def test_data_build_and_give_samples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.random.seed(0)
    for split in ('train', 'val', 'test'):
        write_sample(DATA[name][split])
        dataset = build_dataset({**DATA[name][split], 'test_mode': split != 'train'})
        assert len(dataset) == 1
        samples = [dataset[0] for _ in range(4)]
        assert all('img' in sample for sample in samples)
        if split == 'train':
            assert all(sample['gt_bboxes'].shape == (1, 5) for sample in samples)
            assert dataset.CLASSES[int(samples[0]['gt_labels'][0])] == 'ship'


@pytest.mark.parametrize('name', NAMES)
def test_version_is_one(name):
    """Boxes, flips and rotations of a config are of one angle version."""
    text = json.dumps(DATA[name])
    used = {version for version in ('oc', 'le90', 'le135') if f'"version": "{version}"' in text}
    assert used == {resolve(CONFIGS / f'{name}.py')['angle_version']} == {name.rpartition('_')[2]}
