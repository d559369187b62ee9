import pytest
import torch

from mmrotate.datasets import collate


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
