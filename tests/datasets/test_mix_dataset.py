"""Samples of several images."""

import copy

import numpy as np
import pytest

from mmrotate.datasets import build_dataloader, build_dataset

from .conftest import SQUARE, TRAIN

LOAD = TRAIN[:2]
MIX = [dict(type='RMosaic', img_scale=(32, 48)), dict(type='RRandomFlip', flip_ratio=1.0), *TRAIN[3:]]


@pytest.fixture
def cfg(folder):
    """Config of a mixed dataset of six images."""
    for i in range(6):
        folder.add(f'{i}', f'{SQUARE} plane 0\n', size=(40, 60))
    return dict(type='MultiImageMixDataset', dataset=folder.cfg(pipeline=LOAD), pipeline=MIX)


class Step:
    """Counts its calls and gives the first ``drops`` samples up."""

    def __init__(self, drops=0, more=None):
        self.drops, self.more, self.given = drops, more, []
        if more is not None:
            self.get_indexes = lambda dataset: more

    def __call__(self, results):
        self.given.append(copy.copy(results))
        results['seen'] = results.get('seen', 0) + 1
        return None if len(self.given) <= self.drops else results


def with_step(cfg, step, **kwargs):
    dataset = build_dataset({**cfg, 'pipeline': [MIX[0]], **kwargs})
    dataset.pipeline = [step]
    return dataset


def test_a_mosaic_of_four_images(cfg):
    dataset = build_dataset(cfg)
    assert len(dataset) == 6 and dataset.CLASSES[0] == 'plane' and dataset.version == 'le90'
    sample = dataset[2]
    assert sample['img'].shape == (3, 64, 96)
    assert 1 <= len(sample['gt_bboxes']) == len(sample['gt_labels']) <= 4
    assert sample['img_metas']['flip'] is True
    assert dataset.image_name(2) == '2.png' and dataset.get_cat_ids(2) == [0]
    batch = next(iter(build_dataloader(dataset, 2, 0, seed=0)))
    assert batch['img'].shape == (2, 3, 64, 96)


def test_samples_follow_from_numpys_seed(cfg):
    dataset = build_dataset(cfg)
    samples = []
    for seed in (0, 0, 1):
        np.random.seed(seed)
        samples.append(dataset[0]['img'])
    assert (samples[0] == samples[1]).all() and (samples[0] != samples[2]).any()


def test_further_samples_are_there_for_a_step_that_asks(cfg):
    step = Step(more=[4, 1])
    assert 'mix_results' not in with_step(cfg, step)[0]
    assert [each['ori_filename'] for each in step.given[0]['mix_results']] == ['4.png', '1.png']
    step = Step(more=3)
    with_step(cfg, step)[0]
    assert [each['ori_filename'] for each in step.given[0]['mix_results']] == ['3.png']


def test_a_step_that_drops_a_sample_is_run_again(cfg):
    step = Step(drops=2)
    sample = with_step(cfg, step, max_refetch=3)[0]
    assert len(step.given) == 3 and sample['seen'] == 1  # on the same sample, not on what it made of it
    with pytest.raises(RuntimeError, match=r'step 1 \(Step\) .*gave no sample in max_refetch=2 attempts on .*0\.png'):
        with_step(cfg, Step(drops=2), max_refetch=2)[0]


def test_steps_may_be_left_out(cfg, log):
    dataset = build_dataset({**cfg, 'skip_type_keys': ['RMosaic']})
    assert dataset[0]['img'].shape == (3, 64, 64)
    dataset.update_skip_type_keys(('RRandomFlip',))
    sample = dataset[0]
    assert sample['img'].shape == (3, 64, 96) and 'flip' not in sample['img_metas']
    dataset.update_skip_type_keys(None)
    assert dataset[0]['img_metas']['flip'] is True
    assert log == []
    dataset.update_skip_type_keys(['MixUp'])
    assert "no step ['MixUp'] in the pipeline" in log[-1].getMessage()


def test_wrong_arguments(cfg):
    for wrong, message in [
        (dict(dynamic_scale=(64, 64)), 'RResize'),
        (dict(max_refetch=0), 'max_refetch'),
        (dict(dataset={**cfg['dataset'], 'test_mode': True}), 'for training'),
        (dict(pipeline=[lambda results: results]), 'list of config dicts'),
        (dict(pipeline=dict(type='RMosaic')), 'list of config dicts'),
        (dict(pipeline=[dict(type='RRandomFlip', version='oc')]), "version='oc'"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            build_dataset({**cfg, **wrong})
    with pytest.raises(KeyError, match='pipeline step 1'):
        build_dataset({**cfg, 'pipeline': [dict(type='RMosaics')]})
    with pytest.raises(KeyError, match='RMosaic mixes 4 images: it stands in the pipeline of a MultiImageMixDataset'):
        build_dataset({**cfg['dataset'], 'pipeline': [*LOAD, MIX[0]]})[0]


def test_documented_steps_after_a_mosaic(cfg):
    steps = [
        dict(type='RMosaic', img_scale=(64, 64), pad_val=114.0),
        dict(type='RandomAffine', scaling_ratio_range=(0.5, 2), border=(-32, -32)),
        dict(type='MixUp', img_scale=(64, 64), ratio_range=(0.8, 1.6)),
        dict(type='YOLOXHSVRandomAug'),
        *MIX[1:],
    ]
    dataset = build_dataset({**cfg, 'pipeline': steps})
    assert dataset.pipeline[1].version == 'le90'
    for i in range(6):
        sample = dataset[i]
        assert sample['img'].shape == (3, 64, 64) and len(sample['gt_bboxes']) == len(sample['gt_labels'])
