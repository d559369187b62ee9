import logging

import numpy as np
import torch

from mmrotate.apis import train_detector, training_seed
from mmrotate.apis.train import plain
from mmrotate.engine import load_config, open_dataset
from mmrotate.models import build_detector
from mmrotate.utils import load_state
from tests.helpers.tiny import write_config


def test_train_detector_as_a_program_calls_it(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    cfg = load_config(write_config(tmp_path), {'runner.max_epochs': 1})
    cfg.work_dir = str(tmp_path / 'work')
    model = build_detector(cfg.model)
    before = model.conv.weight.clone()
    meta = dict(note=np.float32(1.5))
    trained = train_detector(model, [open_dataset(cfg, 'train')], cfg, validate=True, timestamp='now', meta=meta)
    assert trained is model
    assert not torch.equal(model.conv.weight, before)
    saved = load_state(tmp_path / 'work' / 'epoch_1.pth')
    assert saved['meta']['note'] == 1.5
    assert saved['meta']['exp_name'] == 'tiny.py'
    assert 'mAP' in caplog.text
    assert [path.name for path in (tmp_path / 'work').glob('*.log')] == ['now.log']


def test_the_seed_of_a_training(tmp_path):
    torch.save({'state_dict': {'a': torch.ones(1)}, 'meta': {'seed': 11}}, tmp_path / 'a.pth')
    cfg = load_config(write_config(tmp_path))
    cfg.resume_from = str(tmp_path / 'a.pth')
    assert training_seed(cfg) == 7
    cfg.seed = None
    assert training_seed(cfg) == 11
    cfg.resume_from = None
    assert training_seed(cfg) != training_seed(cfg)


def test_plain_values_only():
    value = {'a': np.arange(2), 'b': (np.float32(1), torch.ones(1)), 'c': None, 3: open_dataset}
    found = plain(value)
    assert found['a'] == [0, 1]
    assert found['b'] == [1.0, [1.0]]
    assert found['c'] is None
    assert isinstance(found['3'], str)
