import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from mmrotate.datasets.pipelines import Compose, MultiScaleFlipAug

ZOO = Path(__file__).parents[2] / 'data' / 'golden' / 'zoo.json.gz'


def test_steps_run_in_order_and_stop_at_none():
    double = lambda results: dict(x=results['x'] * 2)  # noqa: E731
    drop = lambda results: None  # noqa: E731
    fail = lambda results: 1 / 0  # noqa: E731
    assert Compose([double, double])(dict(x=1)) == dict(x=4)
    assert Compose([double, drop, fail])(dict(x=1)) is None


@pytest.mark.parametrize(
    ('step', 'error', 'message'),
    [
        (dict(type='RRezise'), KeyError, 'pipeline step 2: .*did you mean RResize'),
        (dict(type='RResize', img_sclae=3), TypeError, "step 2 .RResize.*'img_sclae'.*'img_scale'"),
        (dict(type='Collect'), TypeError, 'step 2 .Collect. misses .* keys'),
        (dict(img_scale=3), KeyError, 'pipeline step 2: .*"type"'),
        ('RResize', TypeError, "step 2: a config dict or a function, got 'RResize'"),
    ],
)
def test_wrong_steps_are_named_by_position(step, error, message):
    with pytest.raises(error, match=message):
        Compose([dict(type='LoadImageFromFile'), step])


def test_a_step_of_an_inner_pipeline_is_named():
    inner = dict(type='MultiScaleFlipAug', img_scale=(4, 4), transforms=[dict(type='Padd', size=1)])
    with pytest.raises(KeyError, match=r'step 1: .*did you mean Pad'):
        Compose([inner])


def test_a_pipeline_is_a_list():
    with pytest.raises(TypeError, match='list of steps'):
        Compose(dict(type='RResize'))


def test_pipelines_of_the_zoo_can_be_built():
    zoo = json.loads(gzip.decompress(ZOO.read_bytes()))
    built = 0
    for entry in zoo.values():
        for part in ('train', 'val', 'test'):
            steps = entry['config']['data'][part]['pipeline']
            assert len(Compose(steps).transforms) == len(steps)
            built += 1
    assert built == 3 * len(zoo)


def test_repr_shows_the_steps():
    assert 'RResize(img_scale=[(4, 4)]' in repr(Compose([dict(type='RResize', img_scale=(4, 4))]))


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
