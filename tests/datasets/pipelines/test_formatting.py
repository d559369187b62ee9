import numpy as np
import pytest
import torch

from mmrotate.datasets import collate
from mmrotate.datasets.pipelines import (
    BadImageError,
    Collect,
    DefaultFormatBundle,
    ImageToTensor,
    Normalize,
    ToDataContainer,
    ToTensor,
    Transpose,
)

NORM = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
IMG = np.random.RandomState(0).randint(0, 256, (5, 7, 3)).astype(np.uint8)


@pytest.mark.parametrize('to_rgb', [True, False])
@pytest.mark.parametrize('dtype', [np.uint8, np.float32, np.uint16])
def test_normalize(to_rgb, dtype):
    img = IMG.astype(dtype)
    results = Normalize(**NORM, to_rgb=to_rgb)(dict(img=img))
    source = IMG[..., ::-1] if to_rgb else IMG
    expected = (source - np.array(NORM['mean'])) / np.array(NORM['std'])
    assert results['img'].dtype == np.float32
    np.testing.assert_allclose(results['img'], expected, atol=1e-5)
    np.testing.assert_array_equal(img, IMG)  # the input is not changed
    assert results['img_norm_cfg']['to_rgb'] is to_rgb


def test_normalize_refuses_what_cannot_be():
    with pytest.raises(ValueError, match='per channel'):
        Normalize([1, 2, 3], [1, 1])
    with pytest.raises(ValueError, match='positive'):
        Normalize([1, 2, 3], [1, 0, 1])


@pytest.mark.parametrize('count', [0, 1, 3])
def test_bundle_gives_tensors(count):
    results = dict(img=IMG, gt_bboxes=np.ones((count, 5)), gt_labels=np.ones(count), gt_bboxes_ignore=[])
    results = DefaultFormatBundle()(results)
    assert results['img'].dtype == torch.float32 and results['img'].is_contiguous()
    np.testing.assert_array_equal(results['img'].numpy(), IMG.transpose(2, 0, 1))
    assert results['gt_bboxes'].shape == (count, 5)
    assert results['gt_bboxes'].dtype == torch.float32
    assert results['gt_bboxes_ignore'].shape == (0, 5)
    assert results['gt_labels'].dtype == torch.int64 and results['gt_labels'].shape == (count,)
    assert results['pad_shape'] == IMG.shape
    assert results['scale_factor'].tolist() == [1, 1, 1, 1]
    assert DefaultFormatBundle(img_to_float=False)(dict(img=IMG))['img'].dtype == torch.uint8


def test_image_to_tensor():
    assert ImageToTensor(['img'])(dict(img=IMG))['img'].shape == (3, 5, 7)
    assert ImageToTensor(['img'])(dict(img=IMG[..., 0]))['img'].shape == (1, 5, 7)
    tensor = torch.zeros(3, 2, 2)
    assert ImageToTensor(['img'])(dict(img=tensor))['img'] is tensor


def test_collect():
    results = dict(img=1, gt_labels=2, filename='a', flip=False, extra=5)
    assert Collect(['img'])(results) == dict(img=1, img_metas=dict(filename='a', flip=False))
    collected = Collect(['img', 'gt_labels'], meta_keys=['extra'])(results)
    assert collected == dict(img=1, gt_labels=2, img_metas=dict(extra=5))
    with pytest.raises(KeyError, match=r"no \['gt_bboxes'\]"):
        Collect(['gt_bboxes'])(results)
    with pytest.raises(KeyError, match='wanted'):
        Collect(['img'], meta_keys=['wanted'])(results)


@pytest.mark.parametrize('shape', [(4, 5), (4, 5, 4)])
def test_an_image_with_other_channels_than_mean_is_named(shape):
    step = Normalize([1, 2, 3], [1, 1, 1])
    with pytest.raises(BadImageError, match=r"a\.png has \d channels, mean and std 3 values: color_type='color'"):
        step(dict(img=np.zeros(shape, np.uint8), filename='a.png'))


def test_four_channels_are_normalized():
    img = np.arange(80, dtype=np.uint8).reshape(4, 5, 4)
    mean = [10, 20, 30, 40]
    found = Normalize(mean, [2] * 4, to_rgb=False)(dict(img=img))['img']
    np.testing.assert_allclose(found, (img - np.array(mean)) / 2, atol=1e-4)
    found = Normalize(mean, [2] * 4)(dict(img=img))['img']
    np.testing.assert_allclose(found, (img[..., [2, 1, 0, 3]] - np.array(mean)) / 2, atol=1e-4)


def test_a_value_for_the_padding_of_a_batch():
    steps = DefaultFormatBundle(pad_val=dict(img=7, masks=0, seg=255)), Collect(['img'], meta_keys=['filename'])
    samples = [dict(img=img, filename='a') for img in (IMG, IMG[:3])]
    for step in steps:
        samples = [step(sample) for sample in samples]
    batch = collate(samples)['img']
    assert batch.shape == (2, 3, 5, 7) and (batch[1, :, 3:] == 7).all()
    assert (batch[1, :, :3].numpy() == IMG[:3].transpose(2, 0, 1)).all()
    assert 'batch_pad_val' not in steps[1](DefaultFormatBundle()(dict(img=IMG, filename='a')))['img_metas']


def test_tensors_and_axes():
    results = dict(img=IMG, gt_labels=[1, 2], gt_bboxes=np.ones((2, 5)))
    results = Transpose(['img'], order=(2, 0, 1))(results)
    assert results['img'].shape == (3, 5, 7)
    results = ToTensor(['img', 'gt_labels', 'gt_bboxes'])(results)
    assert results['img'].shape == (3, 5, 7) and results['img'].dtype == torch.uint8
    assert results['gt_labels'].tolist() == [1, 2] and results['gt_bboxes'].dtype == torch.float64
    assert ToTensor(['img'])(results)['img'] is results['img']


def test_containers_are_no_more_but_their_keys_are_checked():
    results = dict(img=1, gt_bboxes=2, gt_labels=3)
    assert ToDataContainer()(results) is results
    with pytest.raises(KeyError, match=r"no \['gt_masks'\]"):
        ToDataContainer([dict(key='img', stack=True), dict(key='gt_masks')])(results)


def test_proposals_become_tensors():
    results = DefaultFormatBundle()(dict(proposals=np.ones((2, 5))))
    assert results['proposals'].dtype == torch.float32
