import gzip
import json
from pathlib import Path

import pytest

from mmrotate.datasets.pipelines import Compose

ZOO = Path(__file__).parents[2] / 'data' / 'golden' / 'zoo.json.gz'
LATER = ('PolyRandomRotate',)  # steps that do not exist yet


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
            if not any(step['type'] in LATER for step in steps):
                assert len(Compose(steps).transforms) == len(steps)
                built += 1
    assert built > 200


def test_repr_shows_the_steps():
    assert 'RResize(img_scale=[(4, 4)]' in repr(Compose([dict(type='RResize', img_scale=(4, 4))]))
