"""Checkpoints of MMRotate 1.x.

Its names are written out here as it has them: S2A-Net and R3Det hold a head of the first stage and a list of refining
heads, each with its own alignment; one of S2A-Net's is shared by all levels.
"""

import re

import pytest
import torch

from mmrotate.apis import init_detector
from mmrotate.cli import main
from mmrotate.compat.checkpoints_v1 import renamed_weights
from mmrotate.models import build_detector
from mmrotate.utils import load_state
from tests.helpers.configs import fcos, r3det, retinanet, s2anet

META = {'dataset_meta': {'classes': ('a', 'b', 'c'), 'palette': [(1, 2, 3)] * 3}, 'cfg': 'x = 1', 'epoch': 12}
TO_V1 = {
    's2anet': [
        (r'^fam_head\.', 'bbox_head_init.'),
        (r'^odm_head\.odm_', 'bbox_head_refine.0.retina_'),
        (r'^odm_head\.', 'bbox_head_refine.0.'),
        (r'^align_conv\.ac\.0\.', 'bbox_head_refine.0.feat_refine_module.'),
    ],
    'r3det': [
        (r'^bbox_head\.', 'bbox_head_init.'),
        (r'^refine_head\.', 'bbox_head_refine.'),
        (r'^feat_refine_module\.(\d)\.', r'bbox_head_refine.\1.feat_refine_module.'),
    ],
    'retinanet': [],
    'fcos': [],
}
MODELS = {
    's2anet': s2anet('le135'),
    'r3det': r3det('oc', 2),
    'retinanet': retinanet('le90'),
    'fcos': fcos('le90', 'separate'),
}


def as_v1(state, name):
    """The weights of a detector of today as 1.x would have them."""
    weights = {'data_preprocessor.mean': torch.zeros(3, 1, 1)}
    for key, value in state.items():
        if re.match(r'align_conv\.ac\.[1-9]', key):
            continue
        for pattern, there in TO_V1[name]:
            key, count = re.subn(pattern, there, key)
            if count:
                break
        weights[key] = value
    return weights


@pytest.mark.parametrize('name', MODELS)
def test_the_weights_of_1_x_are_taken_by_the_detector_of_today(name, tmp_path, log):
    model = build_detector(MODELS[name])
    if name == 's2anet':  # where 1.x has one convolution
        for conv in model.align_conv.ac[1:]:
            conv.load_state_dict(model.align_conv.ac[0].state_dict())
    torch.save({'state_dict': as_v1(model.state_dict(), name), 'meta': META}, tmp_path / 'v1.pth')
    (tmp_path / 'a.py').write_text(f'model = {MODELS[name]!r}')
    argv = [str(tmp_path / 'v1.pth'), str(tmp_path / 'out.pth'), '--config', str(tmp_path / 'a.py')]
    assert main(['upgrade', *argv]) == 0
    assert not [record for record in log if 'differ' in record.getMessage()]  # no key is missing or left over
    out = load_state(tmp_path / 'out.pth')
    assert out['state_dict'].keys() == model.state_dict().keys()
    assert all(torch.equal(out['state_dict'][key], value) for key, value in model.state_dict().items())
    assert out['meta'] == {'epoch': 12, 'CLASSES': ('a', 'b', 'c'), 'PALETTE': [(1, 2, 3)] * 3, 'config': 'x = 1'}


def test_an_upgraded_checkpoint_makes_a_detector(tmp_path):
    model = build_detector(MODELS['retinanet'])
    torch.save({'state_dict': as_v1(model.state_dict(), 'retinanet'), 'meta': META}, tmp_path / 'v1.pth')
    assert main(['upgrade', str(tmp_path / 'v1.pth'), str(tmp_path / 'out.pth')]) == 0
    (tmp_path / 'a.py').write_text(f'model = {MODELS["retinanet"]!r}\ndata = dict()')
    assert init_detector(tmp_path / 'a.py', tmp_path / 'out.pth', 'cpu').CLASSES == ('a', 'b', 'c')


def test_what_is_none_of_1_x(tmp_path, capsys):
    torch.save({'state_dict': {'a.weight': torch.ones(2)}, 'meta': {'CLASSES': ('a',)}}, tmp_path / 'a.pth')
    assert main(['upgrade', str(tmp_path / 'a.pth'), str(tmp_path / 'out.pth')]) == 1
    assert 'nothing to upgrade' in capsys.readouterr().err
    assert main(['upgrade', str(tmp_path / 'a.pth'), str(tmp_path / 'a.pth')]) == 1
    assert 'would overwrite' in capsys.readouterr().err


def test_weights_of_another_model_are_refused(tmp_path, capsys):
    torch.save({'state_dict': {'a.weight': torch.ones(2)}, 'meta': META}, tmp_path / 'v1.pth')
    (tmp_path / 'a.py').write_text(f'model = {MODELS["retinanet"]!r}')
    argv = [str(tmp_path / 'v1.pth'), str(tmp_path / 'out.pth'), '--config', str(tmp_path / 'a.py')]
    assert main(['upgrade', *argv]) == 1
    assert "another model's" in capsys.readouterr().err
    assert not (tmp_path / 'out.pth').exists()


def test_other_names_stay():
    keys = ['backbone.conv1.weight', 'rpn_head.rpn_cls.bias', 'roi_head.bbox_head.1.fc_reg.weight']
    assert list(renamed_weights(dict.fromkeys(keys, torch.ones(1)))) == keys
