"""The detectors of the zoo's configs have the keys and shapes of the published checkpoints."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmrotate.engine.checks.angles import model_versions
from mmrotate.engine.checks.levels import levels_against_maps
from mmrotate.engine.checks.settings import unread_settings
from mmrotate.models import build_detector
from tests.helpers import reference

CONFIGS = Path(__file__).parents[2] / 'configs'
KEYS = reference.load_json('state_dict_keys.json.gz')
PATHS = {path.stem: path for path in CONFIGS.glob('[a-z]*/*.py') if path.stem in KEYS}


def test_all_configs_are_looked_at():
    assert set(PATHS) == set(KEYS) and len(KEYS) == 80


@pytest.mark.parametrize('name', KEYS)
def test_keys_and_shapes(name):
    cfg = Config.fromfile(PATHS[name], import_custom_modules=False).model
    with torch.device('meta'):  # names and shapes without memory
        model = build_detector(reference.make_deterministic(cfg.to_dict()))
    assert [*unread_settings(model), *levels_against_maps(model)] == []
    version = name.rsplit('_', 1)[-1]
    assert set(model_versions(model, cfg).values()) <= {version}
    assert {key: list(value.shape) for key, value in model.state_dict().items()} == KEYS[name]
