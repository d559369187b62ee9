"""Small helpers of mmdet 2.x, at their places in mmrotate."""

import pytest
import torch
from mmengine.config import Config
from mmrotate.models.roi_heads.test_mixins import BBoxTestMixin, MaskTestMixin

from mmrotate import registry
from mmrotate.core import bbox2result, images_to_levels, multi_apply, reduce_mean, unmap
from mmrotate.core.visualization import palette_val
from mmrotate.datasets.builder import DATASETS, PIPELINES
from mmrotate.models.roi_heads.base_roi_head import BaseRoIHead
from mmrotate.utils import AvoidCUDAOOM, AvoidOOM, build_dp, get_device, replace_cfg_vals, update_data_root


def test_steps_of_heads():
    assert multi_apply(lambda a, b: (a + b, a - b), [1, 2], [3, 4]) == ([4, 6], [-2, -2])
    assert unmap(torch.ones(1), 3, torch.tensor([False, True, False])).tolist() == [0, 1, 0]
    assert [x.shape for x in images_to_levels([torch.zeros(3), torch.ones(3)], [1, 2])] == [(2, 1), (2, 2)]
    assert reduce_mean(torch.ones(1)) == 1
    assert [len(x) for x in bbox2result(torch.zeros(3, 5), torch.tensor([0, 1, 1]), 3)] == [1, 2, 0]
    assert type('Own', (BaseRoIHead, BBoxTestMixin, MaskTestMixin), {}).simple_test is BaseRoIHead.simple_test


def test_names():
    assert (DATASETS, PIPELINES) == (registry.DATASETS, registry.PIPELINES)
    assert palette_val([(255, 0, 51)]) == [(1.0, 0.0, 0.2)]
    assert build_dp(torch.nn.Linear(1, 1), 'cpu')(torch.ones(1)).shape == (1,)
    assert str(get_device('cpu')) == 'cpu'


@pytest.mark.parametrize(('fails', 'precisions'), [(1, 2), (2, 3), (3, 4)])
def test_memory_that_is_used_up(fails, precisions):
    seen = []

    @AvoidCUDAOOM.retry_if_cuda_oom
    def double(x, names):
        seen.append((x.dtype, x.device.type, names))
        if len(seen) <= fails:
            raise torch.cuda.OutOfMemoryError
        return {'x': x * 2}

    given = torch.ones(2)
    assert torch.equal(double(given, names=['a'])['x'], given * 2)
    assert [dtype for dtype, *_ in seen] == [torch.float32, torch.float32, torch.float16, torch.float32][:precisions]
    assert all(names == ['a'] for *_, names in seen)


def test_memory_that_stays_used_up():
    calls = []

    def fail(x):
        calls.append(x)
        raise torch.cuda.OutOfMemoryError

    with pytest.raises(torch.cuda.OutOfMemoryError):
        AvoidOOM(to_cpu=False).retry_if_cuda_oom(fail)(torch.ones(1))
    assert len(calls) == 3


def test_keys_in_texts():
    cfg = Config(dict(a=dict(b=3), words='${a.b} of ${name}', whole=['${a}'], name='x'))
    new = replace_cfg_vals(cfg)
    assert (new.words, new.whole, cfg.words) == ('3 of x', [dict(b=3)], '${a.b} of ${name}')


def test_the_folder_of_the_data(monkeypatch):
    cfg = Config(dict(data_root='data/', data=dict(train=[dict(ann_file='data/a')])))
    update_data_root(cfg)
    assert cfg.data_root == 'data/'
    monkeypatch.setenv('MMDET_DATASETS', '/else/')
    update_data_root(cfg)
    assert (cfg.data_root, cfg.data.train[0].ann_file) == ('/else/', '/else/a')
