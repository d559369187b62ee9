import pytest
import torch
from torch import nn

from mmrotate.engine.amp import AmpWrapper


def wrapper(dtype, **kwargs):
    model = nn.Linear(2, 1)
    return model, AmpWrapper('cpu', dtype, optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
                             **kwargs)  # fmt: skip


def test_the_forward_pass_runs_in_bfloat16_and_the_weights_stay_float32():
    model, amp = wrapper('bfloat16', clip_grad=dict(max_norm=1.0))
    before = model.weight.clone()
    with amp.optim_context(model):
        output = model(torch.ones(1, 2))
    assert output.dtype == torch.bfloat16
    amp.update_params(output.sum())
    assert model.weight.dtype == torch.float32
    assert not torch.equal(model.weight, before)
    assert not amp.scales


def test_the_state_travels_with_and_without_a_scale():
    _, amp = wrapper('bfloat16')
    state = amp.state_dict()
    assert 'loss_scaler' in state
    amp.load_state_dict(state)
    del state['loss_scaler']
    amp.load_state_dict(state)


@pytest.mark.parametrize('scale', ['dynamic', 512.0, dict(init_scale=8.0, mode='static')])
def test_scales_of_0x_are_understood(scale):
    wrapper('float16', loss_scale=scale)


def test_other_scales_are_not():
    with pytest.raises(ValueError, match='loss_scale'):
        wrapper('float16', loss_scale='static')
