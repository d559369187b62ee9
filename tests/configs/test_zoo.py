"""Every config of the zoo resolves to what MMRotate 0.3.4 makes of it."""

import gzip
import json
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs'
with gzip.open(ROOT / 'tests/data/golden/zoo.json.gz', 'rt', encoding='utf-8') as stream:
    ZOO = {name: entry['config'] for name, entry in json.load(stream).items()}
NAMES = list(ZOO)
ABSENT = '<absent>'
METHODS = sorted({name.split('/')[0] for name in NAMES})


def resolve(path):
    # through JSON: tuples become lists, as in the reference values
    return json.loads(json.dumps(Config.fromfile(path, import_custom_modules=False).to_dict()))


# The reference trains its SAR models on images normalised by the statistics of radar images, but
# tests them with those of ImageNet, which its base files had: the test pipelines missed the change.
RADAR = {'mean': [21.55, 21.55, 21.55], 'std': [24.42, 24.42, 24.42]}
TEST_PIPELINES = ('data.test.pipeline', 'data.val.pipeline', 'test_pipeline')
SAR_DIFFERENCES = {
    f'{pipeline}[1].transforms[1].{key}': value for pipeline in TEST_PIPELINES for key, value in RADAR.items()
}
# It names three places for one multi-scale split; ours names the one of its retinanet configs.
MULTI_SCALE = {
    f'{place}{key}': f'data/split_ms_dota1_0/{folder}'
    for place, keys in {
        '': {'data_root': ''},
        'data.train.': {'ann_file': 'trainval/annfiles/', 'img_prefix': 'trainval/images/'},
        'data.val.': {'ann_file': 'trainval/annfiles/', 'img_prefix': 'trainval/images/'},
        'data.test.': {'ann_file': 'test/images/', 'img_prefix': 'test/images/'},
    }.items()
    for key, folder in keys.items()
}
# The body that a leaf takes is a key of its own, so that any config can take it.
SWIN = {'swin_tiny': resolve(CONFIGS / '_base_/models/swin_tiny.py')['swin_tiny']}
FLIPS = ('data.train.pipeline[3].version', 'train_pipeline[3].version')
# It leaves the version of the flip to the default, which is oc.
FLIP_VERSION = dict.fromkeys(FLIPS, 'oc')
# It trains a le90 model on oc boxes by leaving the version out, and names another folder for the
# weights of the body than its DOTA configs.
REDET_HRSC = {
    **dict.fromkeys(FLIPS, 'le90'),
    **{f'data.{split}.version': 'le90' for split in ('train', 'val', 'test')},
    'model.backbone.pretrained': 'work_dirs/pretrain/re_resnet50_c8_batch256-25b16846.pth',
}
# It defines a multi-scale training pipeline, but does not hand it to the dataset.
MULTI_SIZE = {
    'data.train.pipeline[2].img_scale': [[1333, 768], [1333, 1280]],
    'data.train.pipeline[2].multiscale_mode': 'range',
}
DIFFERENCES = {
    # ConvNeXt is a part of this package: nothing to import
    'convnext/rotated_retinanet_obb_kld_stable_convnext_adamw_fpn_1x_dota_le90': {'custom_imports': ABSENT},
    'gwd/rotated_retinanet_hbb_gwd_r50_fpn_1x_dota_oc': FLIP_VERSION,
    'kfiou/r3det_kfiou_ln_swin_tiny_adamw_fpn_1x_dota_ms_rr_oc': {**FLIP_VERSION, **SWIN},
    'kfiou/r3det_kfiou_ln_swin_tiny_adamw_fpn_2x_dota_ms_rr_oc': {**FLIP_VERSION, **SWIN},
    'kfiou/roi_trans_kfiou_ln_swin_tiny_fpn_1x_dota_le90': SWIN,
    'kfiou/roi_trans_kfiou_ln_swin_tiny_fpn_1x_dota_ms_rr_le90': SWIN,
    'oriented_rcnn/oriented_rcnn_r50_fpn_6x_hrsid_le90': SAR_DIFFERENCES,
    'oriented_rcnn/oriented_rcnn_r50_fpn_6x_ssdd_le90': SAR_DIFFERENCES,
    'oriented_rcnn/oriented_rcnn_swin_tiny_fpn_1x_dota_le90': SWIN,
    'oriented_reppoints/oriented_reppoints_r50_fpn_40e_dota_ms_le135': MULTI_SIZE,
    'redet/redet_re50_refpn_1x_dota_ms_rr_le90': MULTI_SCALE,
    'redet/redet_re50_refpn_3x_hrsc_le90': REDET_HRSC,
    'roi_trans/roi_trans_r50_fpn_1x_dota_ms_le90': MULTI_SCALE,
    'roi_trans/roi_trans_r50_fpn_1x_dota_ms_rr_le90': MULTI_SCALE,
    'roi_trans/roi_trans_swin_tiny_fpn_1x_dota_le90': SWIN,
}


def differences(expected, found, place=''):
    """Places (``data.train.pipeline[3].version``) that differ, with the value found there."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = [*expected, *(key for key in found if key not in expected)]
        pairs = [(f'{place}.{key}'.lstrip('.'), key) for key in keys]
        return {
            where: value
            for name, key in pairs
            for where, value in differences(expected.get(key, ABSENT), found.get(key, ABSENT), name).items()
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
    # beside it stands the batch that its learning rate is for: that of one GPU
    scale = {'enable': False, 'base_batch_size': ZOO[name]['data']['samples_per_gpu']}
    found = differences(ZOO[name], resolve(CONFIGS / f'{name}.py'))
    assert found == {'auto_scale_lr': scale, **DIFFERENCES.get(name, {})}


def test_no_leaf_without_a_reference():
    leaves = {f'{method}/{p.stem}' for method in METHODS for p in CONFIGS.glob(f'{method}/*.py')}
    leaves = {name for name in leaves if not name.endswith('_r360')}  # boxes with a front are newer
    assert leaves == set(NAMES)


@pytest.mark.parametrize('path', sorted(CONFIGS.rglob('*.py')), ids=lambda p: p.stem)
def test_config_can_be_read_alone(path):
    assert resolve(path)


@pytest.mark.parametrize('name', NAMES)
def test_leaf_is_short(name):
    lines = (CONFIGS / f'{name}.py').read_text(encoding='utf-8').splitlines()
    assert len(lines) <= 25
