"""Images of rare classes come more often: by a wrapper, or by the sampler of the data loader."""

import collections
import math

import numpy as np
import pytest

from mmrotate.datasets import ClassAwareSampler, ClassBalancedDataset, build_dataloader, build_dataset

from .conftest import SQUARE
from .test_wrappers import found_in

CLASSES = ('plane', 'ship')


@pytest.fixture
def rare(folder):
    """Config of eight images with a plane, of which the last has a ship too, and a ninth without objects."""
    for i in range(8):
        folder.add(f'{i}', f'{SQUARE} plane 0\n' + (f'{SQUARE} ship 0\n' if i == 7 else ''))
    folder.add('empty', '')
    return folder.cfg(classes=CLASSES, filter_empty_gt=False)


def names(dataset):
    return [dataset.image_name(i)[0] for i in range(len(dataset))]


@pytest.mark.parametrize(
    ('options', 'times'),
    [
        (dict(oversample_thr=1e-3), [1] * 9),
        # a share of 1/9 under a threshold of 4/9: twice; of 1/2: the root of 4.5, rounded up
        (dict(oversample_thr=4 / 9), [1] * 7 + [2, 1]),
        (dict(oversample_thr=0.5), [1] * 7 + [3, 1]),
        (dict(oversample_thr=0.5, filter_empty_gt=False), [1] * 7 + [3, 3]),
        (dict(oversample_thr=1.0), [2] * 7 + [3, 1]),
    ],
)
def test_how_often_an_image_comes(rare, options, times):
    dataset = build_dataset(dict(type='ClassBalancedDataset', dataset=rare, **options))
    assert names(dataset) == [name for name, count in zip('01234567e', times, strict=True) for _ in range(count)]
    assert [math.ceil(factor) for factor in dataset.repeat_factors] == times
    assert dataset[len(dataset) - 1]['img_metas']['ori_filename'] == 'empty.png'
    assert dataset.get_cat_ids(sum(times[:7])) == [0, 1]


def test_a_balanced_dataset_may_be_joined_and_scored(rare):
    balanced = dict(type='ClassBalancedDataset', dataset={**rare, 'test_mode': True}, oversample_thr=0.5)
    dataset = build_dataset([balanced, dict(type='RepeatDataset', times=2, dataset=rare)])
    assert len(dataset) == 11 + 18 and len(dataset.leaves) == 2
    scores = dataset.evaluate(found_in(dataset, range(29)), logger='silent')
    assert scores == {'0_mAP': pytest.approx(1), '1_mAP': pytest.approx(1)}
    assert dataset.score_names(metric='mAP') == ['0_mAP', '1_mAP']
    assert balanced_of(dataset).get_cat2imgs() == {0: list(range(10)), 1: [7, 8, 9]}


def balanced_of(dataset):
    assert isinstance(dataset.datasets[0], ClassBalancedDataset)
    return dataset.datasets[0]


def test_a_threshold_that_makes_no_sense_is_refused(rare):
    with pytest.raises(ValueError, match='oversample_thr must be above 0'):
        build_dataset(dict(type='ClassBalancedDataset', dataset=rare, oversample_thr=0))
    with pytest.raises(TypeError, match='misses the argument'):
        build_dataset(dict(type='ClassBalancedDataset', dataset=rare))


def test_classes_take_turns(rare):
    dataset = build_dataset(rare)
    loader = build_dataloader(dataset, 2, 0, seed=1, class_aware_sampler=dict(num_sample_class=1))
    drawn = list(loader.sampler)
    assert len(drawn) == len(loader.sampler) == 9 and len(loader) == 5
    counts = collections.Counter(drawn)
    assert counts[7] >= 4 and counts[8] == 0  # at each turn of its class, and never an image without objects
    assert max(counts[i] for i in range(7)) <= 1
    assert list(loader.sampler) == drawn
    loader.sampler.set_epoch(1)
    assert list(loader.sampler) != drawn
    assert sum(len(batch['img']) for batch in loader) == 9


def test_a_class_may_give_several_images(rare):
    dataset = build_dataset(rare)
    drawn = list(ClassAwareSampler(dataset, num_sample_class=3, seed=0))
    kinds = [{*dataset.get_cat_ids(i)} for i in drawn]
    assert any(drawn[start : start + 3] == [7] * 3 for start in (0, 3)) and all(0 in kind for kind in kinds)


def test_processes_share_the_draws(rare, monkeypatch):
    dataset = build_dataset(rare)
    whole = list(ClassAwareSampler(dataset, seed=3))
    shares = []
    for rank in range(2):
        monkeypatch.setattr('mmrotate.datasets.samplers.get_dist_info', lambda rank=rank: (rank, 2))
        loader = build_dataloader(dataset, 1, 0, dist=True, seed=3, class_aware_sampler={})
        shares.append(list(loader.sampler))
        assert len(shares[-1]) == len(loader) == 5
    assert np.ravel(shares, order='F').tolist()[:9] == whole
    monkeypatch.setattr('mmrotate.datasets.samplers.get_dist_info', lambda: (1, 2))
    assert list(build_dataloader(dataset, 1, 0, seed=3, class_aware_sampler={}).sampler) == whole


def test_wrong_settings_of_the_sampler(rare, folder):
    dataset = build_dataset(rare)
    with pytest.raises(TypeError, match=r"class_aware_sampler.*'num_sample_clas'; did you mean 'num_sample_class'"):
        build_dataloader(dataset, 1, 0, class_aware_sampler=dict(num_sample_clas=1))
    with pytest.raises(ValueError, match='above 0, got 0'):
        build_dataloader(dataset, 1, 0, class_aware_sampler=dict(num_sample_class=0))
    with pytest.raises(ValueError, match='shuffle=False'):
        build_dataloader(dataset, 1, 0, shuffle=False, class_aware_sampler={})
    with pytest.raises(ValueError, match='EpochBasedRunner'):
        build_dataloader(dataset, 1, 0, runner_type='IterBasedRunner', class_aware_sampler={})
    for i in range(8):
        folder.add(f'{i}', '')
    with pytest.raises(ValueError, match='no image of the dataset has an object'):
        build_dataloader(build_dataset(rare), 1, 0, class_aware_sampler={})
