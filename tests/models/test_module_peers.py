"""Backbones, necks and their blocks against MMDetection and MMCV: keys, shapes and what they compute."""

import pytest
import torch

from mmrotate.registry import MODELS
from tests.helpers import peers, reference

CASES = {case['name']: case for case in peers.golden()['modules']}


@pytest.mark.parametrize('name', CASES)
def test_keys_and_outputs(name):
    case = CASES[name]
    module = MODELS.build(case['cfg'])
    assert {key: list(value.shape) for key, value in module.state_dict().items()} == case['keys']
    reference.fill(module)
    with torch.no_grad():
        outs = module(peers.module_inputs(case['inputs']))
    outs = [outs] if isinstance(outs, torch.Tensor) else outs
    for out, expected in zip(outs, case['outs'], strict=True):
        reference.assert_sample(out, expected)
