"""Learning rates that fall from layer to layer, and optimizers of parts of a model."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmrotate.engine.optimizers import layer_of, stage_of, wrapped_optimizer
from mmrotate.utils import UserError
from tests.helpers.tiny import assert_same_weights, train, write_config


class Body(nn.Module):
    """With the names of a ConvNeXt."""

    def __init__(self):
        super().__init__()
        self.downsample_layers = nn.ModuleList(nn.Conv2d(1, 1, 1) for _ in range(4))
        self.stages = nn.ModuleList(nn.Sequential(nn.Conv2d(1, 1, 1)) for _ in range(4))


@pytest.fixture
def model():
    model = nn.Module()
    model.backbone, model.head = Body(), nn.Linear(1, 1)
    model.backbone.stages[3][0].bias.requires_grad = False
    return model


def build(model, **paramwise):
    name = 'LearningRateDecayOptimizerConstructor'
    optimizer = dict(type='AdamW', lr=1.0, weight_decay=0.05)
    config = dict(type='OptimWrapper', optimizer=optimizer, constructor=name, paramwise_cfg=paramwise)
    return build_optim_wrapper(model, config).optimizer.param_groups


@pytest.mark.parametrize(
    ('kind', 'expected'),
    [
        ('layer_wise', {'stages.0': 2**-6, 'stages.1': 2**-5, 'stages.2': 2**-4, 'stages.3': 2**-1}),
        ('stage_wise', {'stages.0': 2**-6, 'stages.1': 2**-5, 'stages.2': 2**-4, 'stages.3': 2**-3}),
    ],
)
def test_layers_near_the_image_learn_slower(model, kind, expected):
    groups = build(model, decay_rate=0.5, decay_type=kind, num_layers=6)
    found = {name: group for group in groups for name in group['param_names']}
    assert {stage: found[f'backbone.{stage}.0.weight']['lr'] for stage in expected} == expected
    assert found['backbone.downsample_layers.0.weight']['lr'] == 2**-7
    assert (found['head.weight']['lr'], found['head.weight']['weight_decay']) == (1, 0.05)
    assert (found['head.bias']['lr'], found['head.bias']['weight_decay']) == (1, 0)
    assert set(found) == {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert all(isinstance(weight, torch.Tensor) for group in groups for weight in group['params'])


def test_another_decay_is_refused(model):
    with pytest.raises(UserError, match="'layer_wise' or 'stage_wise', got 'other'"):
        build(model, decay_rate=0.5, decay_type='other', num_layers=6)


@pytest.mark.parametrize(
    ('name', 'layer', 'stage'),
    [
        ('backbone.pos_embed', 0, 0),
        ('backbone.downsample_layers.2.1.weight', 3, 0),
        ('backbone.stages.2.8.gamma', 5, 3),
        ('backbone.stages.2.blocks.26.gamma', 11, 3),
        ('backbone.stages.3.0.gamma', 12, 4),
        ('backbone.norm3.weight', 13, 13),
        ('neck.conv.weight', 13, 13),
    ],
)
def test_place_of_a_parameter(name, layer, stage):
    assert (layer_of(name, 12), stage_of(name, 13)) == (layer, stage)


PARTS = """
optimizer = dict(
    conv=dict(type='SGD', lr=0.02, momentum=0.9),
    bbox_head=dict(type='AdamW', lr=0.003, paramwise_cfg=dict(bias_lr_mult=2.0)),
)
"""


def test_each_part_has_an_optimizer_of_its_own(tmp_path):
    config = write_config(tmp_path, PARTS)
    train(config, tmp_path / 'whole')
    state = torch.load(tmp_path / 'whole/epoch_2.pth', weights_only=True)['optimizer']
    assert list(state)[:2] == ['conv', 'bbox_head']
    assert len(state['conv']['param_groups']) == 1 and 'momentum_buffer' in state['conv']['state'][0]
    rates = [group['lr'] for group in state['bbox_head']['param_groups']]
    assert len(rates) == 2 and max(rates) == pytest.approx(2 * min(rates))
    log = next((tmp_path / 'whole').glob('*.log')).read_text()
    assert "the parts ['bn'] have none, and stay as they are" in log
    train(config, tmp_path / 'again', '--resume-from', str(tmp_path / 'whole/epoch_1.pth'))
    assert_same_weights(tmp_path / 'whole/epoch_2.pth', tmp_path / 'again/epoch_2.pth')


def test_parts_that_are_not_there_or_not_the_same(model):
    sgd = dict(type='SGD', lr=1.0)
    with pytest.raises(UserError, match=r"no part 'neck', but \['backbone', 'head'\]"):
        wrapped_optimizer(model, dict(parts=dict(neck=dict(optimizer=sgd))))
    joint = wrapped_optimizer(model, dict(parts=dict(head=dict(optimizer=sgd)))).optimizer
    assert joint['head'].param_groups[0] is joint.param_groups[0]
    with pytest.raises(UserError, match=r"of \['head'\], those saved of \['backbone'\]"):
        joint.load_state_dict(dict(backbone={}))
