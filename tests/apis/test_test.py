import numpy as np
import pytest
from torch import nn

from mmrotate.apis import init_detector, multi_gpu_test, single_gpu_test
from mmrotate.engine import build_test_loader, load_config, open_dataset
from tests.helpers.tiny import write_config


@pytest.fixture
def parts(tmp_path):
    cfg = load_config(write_config(tmp_path))
    dataset = open_dataset(cfg, 'test', test_mode=True)
    loader = build_test_loader(dataset, samples_per_gpu=1, workers_per_gpu=0)
    return init_detector(cfg, device='cpu'), loader


def test_single_and_multi_give_the_same_in_one_process(parts):
    model, loader = parts
    single = single_gpu_test(model, loader)
    multi = multi_gpu_test(nn.DataParallel(model), loader, tmpdir='unused')
    assert len(single) == len(multi) == 5
    for one, other in zip(single, multi, strict=True):
        np.testing.assert_array_equal(one[0], other[0])


def test_pictures(parts, tmp_path):
    model, loader = parts
    single_gpu_test(model, loader, out_dir=tmp_path / 'out')
    assert len(list((tmp_path / 'out').glob('img*.png'))) == 5
