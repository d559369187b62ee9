"""Small datasets in the DOTA format, made on the spot."""

import cv2
import numpy as np
import pytest

SQUARE = '10 10 30 10 30 20 10 20'
TRAIN = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='RResize', img_scale=(64, 64)),
    dict(type='Normalize', mean=[0, 0, 0], std=[1, 1, 1], to_rgb=True),
    dict(type='Pad', size_divisor=32),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_bboxes', 'gt_labels']),
]
TEST = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=(64, 64),
        flip=False,
        transforms=[
            dict(type='RResize'),
            dict(type='Pad', size_divisor=32),
            dict(type='DefaultFormatBundle'),
            dict(type='Collect', keys=['img']),
        ],
    ),
]


class Folder:
    """A folder with images/ and labels/, to be filled."""

    def __init__(self, root):
        self.root = root
        self.images, self.labels = str(root / 'images'), str(root / 'labels')
        (root / 'images').mkdir()
        (root / 'labels').mkdir()

    def add(self, stem, text=f'{SQUARE} plane 0\n', suffix='.png', size=(40, 60)):
        """An image of (h, w) and, unless ``text`` is None, its label file; gives their paths."""
        image = self.root / 'images' / f'{stem}{suffix}'
        pixels = np.random.RandomState(len(stem)).randint(0, 255, (*size, 3)).astype(np.uint8)
        image.write_bytes(cv2.imencode(suffix.lower(), pixels)[1].tobytes())
        label = self.root / 'labels' / f'{stem}.txt'
        if text is not None:
            label.write_text(text)
        return image, label

    def cfg(self, **kwargs):
        """Config of a dataset on this folder."""
        base = dict(type='DOTADataset', ann_file=self.labels, img_prefix=self.images)
        pipeline = TEST if kwargs.get('test_mode') else TRAIN
        return {**base, 'pipeline': pipeline, 'version': 'le90', **kwargs}


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / 'data'
    root.mkdir()
    return Folder(root)
