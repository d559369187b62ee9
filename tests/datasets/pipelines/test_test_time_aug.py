import numpy as np
import pytest

from mmrotate.datasets.pipelines import MultiScaleFlipAug

STEPS = [
    dict(type='RResize'),
    dict(type='RRandomFlip', version='le90'),
    dict(type='Pad', size_divisor=8),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img']),
]


def results():
    img = np.random.RandomState(0).randint(0, 255, (8, 16, 3)).astype(np.uint8)
    fields = dict(img_fields=['img'], img_shape=img.shape, ori_shape=img.shape, filename='a.png')
    return dict(img=img, **fields)


def test_one_sample_per_scale_and_flip():
    step = MultiScaleFlipAug(STEPS, img_scale=[(16, 8), (32, 16)], flip=True, flip_direction=['horizontal', 'vertical'])
    source = results()
    sample = step(source)
    assert [tuple(img.shape[1:]) for img in sample['img']] == [(8, 16)] * 3 + [(16, 32)] * 3
    directions = [None, 'horizontal', 'vertical']
    assert [meta['flip_direction'] for meta in sample['img_metas']] == directions * 2
    assert [meta['flip'] for meta in sample['img_metas']] == [False, True, True] * 2
    first, mirrored, upside_down = (img.numpy() for img in sample['img'][:3])
    np.testing.assert_array_equal(mirrored, first[:, :, ::-1])
    np.testing.assert_array_equal(upside_down, first[:, ::-1])
    np.testing.assert_array_equal(source['img'], results()['img'])
    assert sample['img_metas'][3]['scale_factor'].tolist() == [2, 2, 2, 2]


def test_scale_factors():
    sample = MultiScaleFlipAug(STEPS, scale_factor=[1.0, 0.5])(results())
    assert [tuple(meta['img_shape'][:2]) for meta in sample['img_metas']] == [(8, 16), (4, 8)]
    assert len(MultiScaleFlipAug(STEPS, scale_factor=2.0)(results())['img']) == 1


def test_either_scale_or_factor():
    for wrong in (dict(), dict(img_scale=(4, 4), scale_factor=1.0)):
        with pytest.raises(ValueError, match='either img_scale or scale_factor'):
            MultiScaleFlipAug(STEPS, **wrong)


def test_a_step_that_drops_the_image():
    with pytest.raises(ValueError, match=r'dropped a\.png'):
        MultiScaleFlipAug([lambda results: None], img_scale=(4, 4))(results())
