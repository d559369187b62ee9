"""Every config of the zoo resolves to what MMRotate 0.3.4 makes of it."""

import gzip
import json
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs'
METHODS = ('oriented_rcnn', 'rotated_retinanet')
with gzip.open(ROOT / 'tests/data/golden/zoo.json.gz', 'rt', encoding='utf-8') as stream:
    ZOO = {name: entry['config'] for name, entry in json.load(stream).items()}
NAMES = [name for name in ZOO if name.split('/')[0] in METHODS]

# The reference trains its SAR models on images normalised by the statistics of radar images, but
# tests them with those of ImageNet, which its base files had: the test pipelines missed the change.
RADAR = {'mean': [21.55, 21.55, 21.55], 'std': [24.42, 24.42, 24.42]}
TEST_PIPELINES = ('data.test.pipeline', 'data.val.pipeline', 'test_pipeline')
SAR_DIFFERENCES = {
    f'{pipeline}[1].transforms[1].{key}': value
    for pipeline in TEST_PIPELINES
    for key, value in RADAR.items()
}
DIFFERENCES = {
    'oriented_rcnn/oriented_rcnn_r50_fpn_6x_hrsid_le90': SAR_DIFFERENCES,
    'oriented_rcnn/oriented_rcnn_r50_fpn_6x_ssdd_le90': SAR_DIFFERENCES,
}
ABSENT = '<absent>'


def resolve(path):
    # through JSON: tuples become lists, as in the reference values
    return json.loads(json.dumps(Config.fromfile(path, import_custom_modules=False).to_dict()))


def differences(expected, found, place=''):
    """Places (``data.train.pipeline[3].version``) that differ, with the value found there."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = [*expected, *(key for key in found if key not in expected)]
        pairs = [(f'{place}.{key}'.lstrip('.'), key) for key in keys]
        return {
            where: value
            for name, key in pairs
            for where, value in differences(
                expected.get(key, ABSENT), found.get(key, ABSENT), name
            ).items()
        }
    steps = isinstance(expected, list) and expected and isinstance(expected[0], dict)
    if steps and isinstance(found, list) and len(expected) == len(found):
        return {
            where: value
            for i, (left, right) in enumerate(zip(expected, found, strict=True))
            for where, value in differences(left, right, f'{place}[{i}]').items()
        }
    return {} if expected == found else {place: found}


def test_differences_are_found():
    expected = {'a': [{'b': 1}, {'c': 2}], 'd': 3, 'e': [1]}
    found = {'a': [{'b': 1}, {'c': 4}], 'e': [1, 2], 'f': 5}
    assert differences(expected, found) == {'a[1].c': 4, 'd': ABSENT, 'e': [1, 2], 'f': 5}
    assert differences(expected, expected) == {}


@pytest.mark.parametrize('name', NAMES)
def test_config_is_the_zoos(name):
    assert differences(ZOO[name], resolve(CONFIGS / f'{name}.py')) == DIFFERENCES.get(name, {})


def test_no_leaf_without_a_reference():
    leaves = {f'{method}/{p.stem}' for method in METHODS for p in CONFIGS.glob(f'{method}/*.py')}
    assert leaves == set(NAMES)


@pytest.mark.parametrize('path', sorted(CONFIGS.rglob('*.py')), ids=lambda p: p.stem)
def test_config_can_be_read_alone(path):
    assert resolve(path)


@pytest.mark.parametrize('name', NAMES)
def test_leaf_is_short(name):
    lines = (CONFIGS / f'{name}.py').read_text(encoding='utf-8').splitlines()
    assert len(lines) <= 25
