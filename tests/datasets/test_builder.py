import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, Subset

from mmrotate.datasets import ConcatDataset, RepeatDataset, build_dataloader, build_dataset, collate


@pytest.fixture
def two(folder):
    """Config of a dataset with two images of different sizes."""
    folder.add('a', size=(40, 60))
    folder.add('bb', size=(60, 20))
    return folder.cfg()


class Draws(Dataset):
    """Samples that hold a number drawn from NumPy's global generator."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return dict(img=torch.zeros(3, 4, 4), drawn=np.random.random_sample())


def test_list_of_configs_is_concatenated(two):
    dataset = build_dataset([two, two])
    assert isinstance(dataset, ConcatDataset) and len(dataset) == 4
    assert dataset[3]['img_metas']['ori_filename'] == 'bb.png'
    assert dataset[-4]['img_metas']['ori_filename'] == 'a.png'
    assert dataset.get_cat_ids(2) == [0] and dataset.CLASSES[0] == 'plane'
    with pytest.raises(IndexError):
        dataset[4]


def test_list_of_annotation_folders_is_concatenated(two, folder):
    cfg = {**two, 'ann_file': [folder.labels] * 2, 'img_prefix': [folder.images] * 2}
    assert len(build_dataset(cfg)) == 4
    assert len(build_dataset({**cfg, 'img_prefix': folder.images})) == 4
    with pytest.raises(ValueError, match='2 ann_file entries, but 1 of img_prefix'):
        build_dataset({**cfg, 'img_prefix': [folder.images]})


def test_wrappers_are_built_from_configs(two):
    dataset = build_dataset(dict(type='RepeatDataset', times=3, dataset=two))
    assert isinstance(dataset, RepeatDataset) and len(dataset) == 6
    assert dataset[5]['img_metas']['ori_filename'] == 'bb.png'
    dataset = build_dataset(dict(type='ConcatDataset', datasets=[two, two]), dict(test_mode=True))
    assert all(part.test_mode for part in dataset.datasets)
    with pytest.raises(TypeError, match="'time'; did you mean 'times'"):
        build_dataset(dict(type='RepeatDataset', time=3, dataset=two))
    with pytest.raises(ValueError, match='0 times'):
        build_dataset(dict(type='RepeatDataset', times=0, dataset=two))


def test_concatenated_datasets_need_the_same_classes(two):
    with pytest.raises(ValueError, match='same classes'):
        build_dataset([two, {**two, 'classes': ['plane']}])


def test_evaluation_of_concatenated_datasets(two):
    parts = build_dataset([two, two], dict(test_mode=True))
    nothing = [[np.zeros((0, 6), np.float32)] * 15] * 4
    first_found = list(nothing)
    for i in range(2):
        boxes = parts.get_ann_info(i)['bboxes']
        found = np.concatenate([boxes, np.ones((1, 1))], axis=1).astype(np.float32)
        first_found[i] = [found, *nothing[0][1:]]
    scores = parts.evaluate(first_found, nproc=1)
    assert scores == {'0_mAP': pytest.approx(1), '1_mAP': 0}
    parts.separate_eval = False
    assert 0 < parts.evaluate(first_found, nproc=1)['mAP'] < 1
    with pytest.raises(ValueError, match='3 results for 4 images'):
        parts.evaluate(nothing[:3])


def test_unknown_dataset_and_no_config():
    with pytest.raises(KeyError, match='DOTADataset'):
        build_dataset(dict(type='DotaDataset', ann_file='x', pipeline=[]))
    with pytest.raises(TypeError, match='config dict'):
        build_dataset('DOTADataset')


def test_batches_hold_every_image_once(two):
    loader = build_dataloader(build_dataset(two), 2, 0, seed=3)
    assert len(loader) == 1
    (batch,) = loader
    assert batch['img'].shape == (2, 3, 64, 64)
    assert {meta['ori_filename'] for meta in batch['img_metas']} == {'a.png', 'bb.png'}
    assert all(boxes.shape == (1, 5) for boxes in batch['gt_bboxes'])
    assert not loader.pin_memory or torch.cuda.is_available()


def test_order_follows_from_seed_and_epoch(folder):
    for i in range(8):
        folder.add(f'{i}')
    dataset = build_dataset(folder.cfg())

    def order(seed, epoch):
        loader = build_dataloader(dataset, 2, 0, seed=seed)
        loader.sampler.set_epoch(epoch)
        return list(loader.sampler)

    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(0, 2) and order(0, 1) != order(1, 1)
    assert sorted(order(0, 1)) == list(range(8))
    loader = build_dataloader(dataset, 3, 0, shuffle=False, drop_last=True)
    assert list(loader.sampler) == list(range(8)) and len(loader) == 2


@pytest.mark.parametrize('runner_type', ['EpochBasedRunner', 'IterBasedRunner'])
def test_processes_share_the_images_only_with_dist(folder, monkeypatch, runner_type):
    for i in range(5):
        folder.add(f'{i}')
    dataset = build_dataset(folder.cfg())

    def shares(dist):
        drawn = []
        for rank in range(2):
            monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda rank=rank: (rank, 2))
            options = dict(dist=dist, shuffle=False, seed=0, runner_type=runner_type)
            sampler = iter(build_dataloader(dataset, 1, 0, **options).sampler)
            drawn.append([next(sampler) for _ in range(3)])
        return drawn

    assert shares(True) == [[0, 2, 4], [1, 3, 0]]
    assert shares(False) == [[0, 1, 2]] * 2


def test_an_empty_share_has_no_batches():
    loader = build_dataloader(Subset(Draws(), []), 2, 0, shuffle=False)
    assert list(loader) == []


def test_iter_based_loader_does_not_end(two):
    loader = build_dataloader(build_dataset(two), 1, 0, seed=0, runner_type='IterBasedRunner')
    batches = iter(loader)
    assert len([next(batches) for _ in range(7)]) == 7


def test_draws_of_workers_follow_from_torchs_seed():
    def draws(seed):
        torch.manual_seed(seed)
        loader = build_dataloader(Draws(), 1, 2, shuffle=False)
        return [batch['drawn'][0] for batch in loader]

    first = draws(0)
    assert first == draws(0) and first != draws(1)
    assert len(set(first)) == 4


def test_several_devices_of_one_process_and_bad_arguments(two):
    dataset = build_dataset(two)
    assert build_dataloader(dataset, 1, 0, num_gpus=2).batch_size == 2
    assert build_dataloader(dataset, 1, 0, num_gpus=2, dist=True).batch_size == 1
    assert not build_dataloader(dataset, 1, 0, persistent_workers=True).persistent_workers
    with pytest.raises(TypeError, match="'drop_lst'; did you mean 'drop_last'"):
        build_dataloader(dataset, 1, 0, drop_lst=True)
    with pytest.raises(ValueError, match='runner_type'):
        build_dataloader(dataset, 1, 0, runner_type='Epoch')


def sample(h, w, value=1.0):
    return dict(img=torch.full((3, h, w), value), img_metas=dict(h=h), gt_bboxes=torch.zeros(h, 5))


def test_train_samples_are_padded_at_right_and_bottom():
    batch = collate([sample(4, 6), sample(5, 2, 2.0)])
    assert batch['img'].shape == (2, 3, 5, 6)
    assert batch['img'][0].sum() == 3 * 4 * 6 and batch['img'][1].sum() == 2 * 3 * 5 * 2
    assert (batch['img'][0, :, :4, :6] == 1).all() and (batch['img'][1, :, :5, :2] == 2).all()
    assert [meta['h'] for meta in batch['img_metas']] == [4, 5]
    assert [len(boxes) for boxes in batch['gt_bboxes']] == [4, 5]


def test_size_divisor():
    assert collate([sample(4, 6), sample(33, 2)], size_divisor=32)['img'].shape == (2, 3, 64, 32)


def test_test_samples_are_a_batch_per_augmentation():
    def tta(h):
        return dict(img=[torch.ones(3, h, 4), torch.ones(3, 8, 8)], img_metas=[dict(h=h), dict(h=8)])

    batch = collate([tta(4), tta(5)])
    assert [tuple(img.shape) for img in batch['img']] == [(2, 3, 5, 4), (2, 3, 8, 8)]
    assert batch['img_metas'] == [[dict(h=4), dict(h=5)], [dict(h=8), dict(h=8)]]


def test_samples_that_do_not_fit():
    with pytest.raises(ValueError, match='no samples'):
        collate([])
    with pytest.raises(ValueError, match='other keys'):
        collate([sample(4, 4), dict(img=torch.zeros(3, 4, 4))])
    with pytest.raises(ValueError, match=r'\[1, 2\] augmentations'):
        collate([dict(img=[torch.zeros(3, 4, 4)] * n) for n in (1, 2)])
