"""The training of another package's model: how its boxes are scored."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import peer_training
from mmrotate.datasets import build_dataset

SAMPLES = Path(__file__).parents[1] / 'data/hit_uav'


def test_true_boxes_score_one_whatever_the_order_of_the_classes(tmp_path):
    (tmp_path / 'val').symlink_to(SAMPLES)
    data = dict(ann_file=str(SAMPLES / 'labelTxt'), img_prefix=str(SAMPLES / 'images'))
    dataset = build_dataset(dict(type='HITUAVDataset', pipeline=[], version='le90', test_mode=True, **data))
    names = sorted(dataset.CLASSES)
    found = {}
    for index, info in enumerate(dataset.data_infos):
        truth = dataset.get_ann_info(index)
        labels = np.array([names.index(dataset.CLASSES[label]) for label in truth['labels']])
        boxes = truth['bboxes']
        found[info['filename']] = np.concatenate([boxes, np.ones((len(boxes), 1)), labels[:, None]], 1)
    scores = peer_training.score(found, names, tmp_path)
    assert [scores[key] for key in peer_training.METRICS] == pytest.approx([1, 1, 1])
    found = {name: boxes[:0] for name, boxes in found.items()}
    assert peer_training.score(found, names, tmp_path)['AP50'] == 0
