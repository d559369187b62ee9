import importlib
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / 'benchmarks'


@pytest.fixture
def methods(monkeypatch):
    """The script, which takes its neighbours from its own folder."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module('methods')
    for name in ('methods', 'small'):
        sys.modules.pop(name)


def test_what_was_interrupted_goes_on(methods, monkeypatch, tmp_path):
    rows, page = tmp_path / 'rows.json', tmp_path / 'page.md'
    tried = []

    def run(cfg, folder):
        tried.append(cfg.model.type)
        if cfg.model.type == 'R3Det':
            raise ValueError('no loss: see above')
        return dict(mAP50=0.25, seconds=7)

    monkeypatch.setattr(methods, 'run', run)
    options = ['--epochs', '2', '--crop', '320', '256', '--json', str(rows), '--markdown', str(page)]
    for only in ('atss_obb|r3det_tiny_r50', 'atss_obb|r3det_tiny_r50|gliding'):
        monkeypatch.setattr(sys, 'argv', ['methods.py', 'train', '--only', only, *options])
        methods.main()
    # the one that failed is tried again, the one that did not is not
    assert tried == ['RotatedRetinaNet', 'R3Det', 'GlidingVertex', 'R3Det']
    found = {row['method'].split('/')[1]: row.get('mAP50', row.get('error')) for row in json.loads(rows.read_text())}
    assert found == {
        'rotated_atss_obb_r50_fpn_1x_dota_le90': 0.25,
        'r3det_tiny_r50_fpn_1x_dota_oc': 'ValueError: no loss: see above',
        'gliding_vertex_r50_fpn_1x_dota_le90': 0.25,
    }
    lines = page.read_text('utf-8').splitlines()
    assert len(lines) == 5 and sum('| 0.250 | 2 | 7 |' in line for line in lines) == 2
    assert sum('| ValueError |' in line for line in lines) == 1


def test_training_on_parts_of_images(methods, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['methods.py', 'train', '--crop', '320', '256', '--lr', '0.001'])
    args = methods.parse_args()
    cfg = methods.train_config('oriented_rcnn/oriented_rcnn_r50_fpn_1x_dota_le90', Path(), args, 6)
    steps = [step['type'] for step in cfg.data.train.pipeline]
    assert steps.index('RRandomCrop') == steps.index('RResize') + 1 and cfg.runner.max_epochs == 6
    assert cfg.data.train.img_prefix == str(Path('data/hit_uav/train/images'))
    assert cfg.model.test_cfg.rpn.max_per_img == 300
    # anchors of 16 pixels for small objects
    assert cfg.model.rpn_head.anchor_generator.scales == [4] and cfg.model.backbone.init_cfg is None


def test_a_body_to_start_from(methods, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['methods.py', 'train', '--body', 'detector.pth', '--lr', '0.001'])
    args = methods.parse_args()
    start = {
        name: methods.method_config(name, args).model.backbone.init_cfg
        for name in ('rotated_fcos/rotated_fcos_r50_fpn_1x_dota_le90', 'lsknet/lsk_t_fpn_1x_dota_le90')
    }
    of_resnet, of_other = start.values()
    assert of_resnet == dict(type='Pretrained', checkpoint='detector.pth', prefix='backbone.') and of_other is None


@pytest.mark.parametrize(
    'name',
    [
        'o2_rtdetr/o2_rtdetr_r18vd_2xb4_coco_pretrain_72e_dota_ms',
        'rotated_rtmdet/rotated_rtmdet_l-coco_pretrain-3x-dota_ms',
    ],
)
def test_small_models_begin_without_the_weights_of_large_ones(methods, name):
    model = methods.load(name).model.to_dict()
    assert 'Pretrained' in str(model) and 'Pretrained' not in str(methods.small_model(model, 4))
