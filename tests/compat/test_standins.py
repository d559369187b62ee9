import importlib
import logging
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from mmrotate import compat
from mmrotate.compat import standins
from mmrotate.compat.standins import tables
from mmrotate.utils import UserError


@pytest.fixture(autouse=True)
def installed():
    """Stand-ins, for the time of a test."""
    compat.install()
    yield
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, standins._Finder)]
    for name in [name for name in sys.modules if name.partition('.')[0] in tables.VERSIONS]:
        del sys.modules[name]


def get(path):
    module, _, name = path.rpartition('.')
    space = {}
    exec(f'from {module} import {name}', space)
    return space[name]


@pytest.mark.parametrize('path', sorted(tables.MODULES))
def test_every_row_of_the_tables_imports(path):
    module = importlib.import_module(path)
    for name in dir(module):
        assert not isinstance(get(f'{path}.{name}'), ModuleType), name


def test_every_table_is_a_module():
    assert set(tables.NAMES) <= tables.MODULES
    assert all(path.rpartition('.')[0] in {*tables.MODULES, ''} for path in tables.MODULES)


def test_a_function_wins_over_the_module_of_its_name():
    importlib.import_module('mmcv.ops.box_iou_rotated')
    assert not isinstance(get('mmcv.ops.box_iou_rotated'), ModuleType)
    assert importlib.import_module('mmcv').ops is importlib.import_module('mmcv.ops')


@pytest.mark.parametrize(
    'path, hint',
    [
        ('mmdet.models.AnchorHead', 'mmrotate.models.dense_heads.RotatedAnchorHead'),
        ('mmdet.core.multi_aply', 'did you mean multi_apply?'),
        ('mmcv.runner.build_runner', 'train_detector'),
        ('mmdet.models.nothing_like_it', 'docs/migration.md'),
    ],
)
def test_what_is_lacking_is_told(path, hint):
    with pytest.raises(ImportError) as told:
        get(path)
    assert hint in str(told.value) and 'docs/migration.md' in str(told.value)
    module, _, name = path.rpartition('.')
    with pytest.raises(AttributeError, match='has no stand-in'):
        getattr(importlib.import_module(module), name)
    with pytest.raises(ImportError, match='has no stand-in'):
        importlib.import_module(path)


@pytest.mark.parametrize('name', ['EpochBasedRunner', 'IterBasedRunner', 'EvalHook'])
def test_what_a_config_asks_for_is_neither_made_nor_derived_from(name):
    cls = get(f'mmcv.runner.{name}')
    with pytest.raises(UserError, match=f'{name} is not made by hand here: .* in a config'):
        cls(object())
    with pytest.raises(UserError, match='in a config'):
        type('Own', (cls,), {})


def test_a_library_that_is_installed_wins(tmp_path, monkeypatch, caplog):
    (tmp_path / 'mmdet').mkdir()
    (tmp_path / 'mmdet/__init__.py').write_text("__version__ = 'its own'")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(standins, '_told', set())
    with caplog.at_level(logging.INFO, 'mmrotate'):
        compat.install()
        compat.install()
    assert [record.message.partition(' is installed')[0] for record in caplog.records] == ['mmdet']
    assert importlib.import_module('mmdet').__version__ == 'its own'
    assert importlib.import_module('mmcv').__version__ == '1.7.2'


def test_masks_are_held_as_they_are():
    masks = get('mmdet.core.BitmapMasks')(np.eye(12).reshape(3, 4, 12), 4, 12)
    assert (len(masks), len(masks[[0, 2]]), masks[1].to_ndarray().sum()) == (3, 2, 4)


def test_the_finder_is_there_once():
    compat.install()
    assert sum(isinstance(finder, standins._Finder) for finder in sys.meta_path) == 1


def test_half_precision_stops_at_force_fp32():
    seen = []

    class Head(nn.Module):
        @get('mmcv.runner.force_fp32')(apply_to=('scores',))
        def loss(self, scores, others):
            seen.append((scores.dtype, others.dtype, torch.is_autocast_enabled('cpu')))
            return scores

    half = torch.ones(2, dtype=torch.bfloat16)
    with torch.autocast('cpu'):
        assert Head().loss(half, others=half).dtype == torch.float32
    assert seen == [(torch.float32, torch.bfloat16, False)]
    given = [torch.ones(1).half(), {'a': torch.ones(1).half()}]
    out = get('mmcv.runner.auto_fp16')(out_fp32=True)(lambda self: given)(None)
    assert out[0].dtype == out[1]['a'].dtype == torch.float32


@pytest.mark.parametrize('order', [('conv', 'norm', 'act'), ('norm', 'act', 'conv')])
def test_conv_module(order):
    module = get('mmcv.cnn.ConvModule')(4, 8, 3, 1, 2, 2, norm_cfg=dict(type='BN'), order=order, inplace=False)
    assert set(dict(module.named_children())) == {'conv', 'bn', 'activate'}
    assert module.norm.num_features == (8 if order[0] == 'conv' else 4) and not module.with_bias
    x = torch.randn(2, 4, 6, 6)
    expected = x
    for part in order:
        expected = {'conv': module.conv, 'norm': module.norm, 'act': torch.relu}[part](expected)
    assert torch.allclose(module(x), expected)


def test_layers_by_config():
    name, norm = get('mmcv.cnn.build_norm_layer')(dict(type='GN', num_groups=2, requires_grad=False), 4, postfix=3)
    assert name == 'gn3' and norm.num_groups == 2 and not norm.weight.requires_grad
    assert get('mmcv.cnn.build_conv_layer')(None, 1, 2, 3).weight.shape == (2, 1, 3, 3)
    assert isinstance(get('mmcv.cnn.build_activation_layer')(dict(type='Sigmoid')), nn.Sigmoid)
    up = get('mmcv.cnn.build_upsample_layer')(dict(type='nearest', scale_factor=2))
    assert up(torch.ones(1, 1, 2, 2)).shape == (1, 1, 4, 4)
    with pytest.raises(KeyError, match='SyncBN'):
        get('mmcv.cnn.build_norm_layer')(dict(type='XN'), 4)


def test_own_layers_are_found():
    registry = get('mmcv.cnn.CONV_LAYERS')

    @registry.register_module(name='ConvOfATest', force=True)
    class Own(nn.Conv2d):
        pass

    assert isinstance(get('mmcv.cnn.build_conv_layer')(dict(type='ConvOfATest'), 1, 1, 1), Own)


def test_batched_nms():
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 10]])
    scores, labels = torch.tensor([0.5, 0.9, 0.7]), torch.tensor([0, 0, 1])
    dets, keep = get('mmcv.ops.batched_nms')(boxes, scores, labels, dict(type='nms', iou_threshold=0.5))
    assert keep.tolist() == [1, 2]
    assert torch.equal(dets, torch.cat([boxes[keep], scores[keep, None]], 1))
    _, keep = get('mmcv.ops.batched_nms')(boxes, scores, labels, dict(iou_thr=0.5), class_agnostic=True)
    assert keep.tolist() == [1]
    rotated = torch.tensor([[5.0, 5, 10, 10, 0.1], [5, 5, 10, 10, 0.1]])
    _, keep = get('mmcv.ops.batched_nms')(rotated, scores[:2], labels[:2], dict(iou_threshold=0.5))
    assert keep.tolist() == [1]


def test_a_container_is_collated_and_opened():
    container = get('mmcv.parallel.DataContainer')
    samples = [
        dict(img=container(torch.full((1, 2, i), float(i)), stack=True), meta=container({'i': i}, cpu_only=True))
        for i in (2, 3)
    ]
    batch = get('mmcv.parallel.collate')(samples, samples_per_gpu=2)
    assert batch['img'].data[0].shape == (2, 1, 2, 3) and batch['img'].data[0][0, 0, 0, 2] == 0
    (opened,) = get('mmcv.parallel.scatter')(batch, [-1])
    assert opened['meta'] == [{'i': 2}, {'i': 3}] and torch.is_tensor(opened['img'])

    class Model(nn.Module):
        def forward(self, img, meta):
            return img.sum(), meta

    total, meta = get('mmcv.parallel.MMDataParallel')(Model())(**batch)
    assert total == 2 * 2 * 2 + 3 * 3 * 2 and meta[1]['i'] == 3
    with pytest.raises(UserError, match='one device'):
        get('mmcv.parallel.scatter')(batch, [0, 1])


def test_images_to_levels_and_other_parts_of_heads():
    targets = [torch.arange(5), torch.arange(5) + 10]
    levels = get('mmdet.core.images_to_levels')(targets, [2, 3])
    assert [level.tolist() for level in levels] == [[[0, 1], [10, 11]], [[2, 3, 4], [12, 13, 14]]]
    first, second = get('mmdet.core.multi_apply')(lambda a, b, c: (a + b, a * c), [1, 2], [3, 4], c=5)
    assert (first, second) == ([4, 6], [5, 10])
    scores = torch.tensor([[0.1, 0.9], [0.8, 0.3]])
    kept, labels, rows, more = get('mmdet.core.utils.filter_scores_and_topk')(scores, 0.2, 2, dict(a=torch.arange(2)))
    assert torch.equal(kept, torch.tensor([0.9, 0.8])) and labels.tolist() == [1, 0] and rows.tolist() == [0, 1]
    assert more['a'].tolist() == rows.tolist()
    grid = get('mmdet.core.utils.generate_coordinate')((1, 3, 2, 2))
    assert grid[0, 0].tolist() == [[-1, 1], [-1, 1]] and grid[0, 1].tolist() == [[-1, -1], [1, 1]]


def test_upright_boxes():
    boxes = torch.tensor([[1.0, 2, 5, 8]])
    flipped = get('mmdet.core.bbox_flip')(boxes, (10, 20), 'diagonal')
    assert flipped.tolist() == [[15, 2, 19, 8]]
    mapped = get('mmdet.core.bbox_mapping')(boxes, (10, 20), (2.0, 1, 2, 1), True)
    assert torch.equal(get('mmdet.core.bbox_mapping_back')(mapped, (10, 20), (2.0, 1, 2, 1), True), boxes)
    points = torch.tensor([[3.0, 4]])
    distance = get('mmdet.core.bbox2distance')(points, boxes)
    assert torch.equal(get('mmdet.core.distance2bbox')(points, distance), boxes)
    assert get('mmdet.core.distance2bbox')(points, distance, (6, 20)).tolist() == [[1, 2, 5, 6]]
    (found, empty) = get('mmdet.core.bbox2result')(torch.ones(1, 5), torch.zeros(1).long(), 2)
    assert found.shape == (1, 5) and empty.shape == (0, 5)


def test_images():
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    padded = get('mmcv.impad')(image, shape=(4, 4), pad_val=7)
    assert padded.shape == (4, 4, 3) and (padded[2:] == 7).all() and (padded[:2, :3] == image).all()
    assert get('mmcv.impad_to_multiple')(image, 4).shape == (4, 4, 3)
    assert np.array_equal(get('mmcv.imflip')(image, 'diagonal'), image[::-1, ::-1])
    small, factor = get('mmcv.imrescale')(np.zeros((10, 20, 3), np.uint8), (30, 10), return_scale=True)
    assert small.shape == (10, 20, 3) and factor == 1.0
    normal = get('mmcv.imnormalize')(image, np.ones(3), np.full(3, 2.0))
    assert np.allclose(normal, (image[..., ::-1] - 1.0) / 2)
    assert np.allclose(get('mmcv.imdenormalize')(normal, np.ones(3), np.full(3, 2.0)), image)
    assert get('mmcv.imcrop')(image, np.array([1, 0, 5, 1]), pad_fill=9)[0, -1].tolist() == [9, 9, 9]
    turned = get('mmcv.imrotate')(np.eye(3, dtype=np.uint8) * 100, 90, auto_bound=True)
    assert turned.shape == (3, 3) and turned[0, 2] == turned[2, 0] == 100


def test_files_of_images_and_weights(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (4, 5, 3), dtype=np.uint8)
    get('mmcv.imwrite')(image, str(tmp_path / 'deep/x.png'))
    assert np.array_equal(get('mmcv.imread')(tmp_path / 'deep/x.png', channel_order='rgb'), image[..., ::-1])
    model = nn.Linear(2, 1)
    optimizer = get('mmcv.runner.build_optimizer')(
        model, dict(type='SGD', lr=0.1, paramwise_cfg=dict(bias_lr_mult=2.0))
    )
    assert [group['lr'] for group in optimizer.param_groups] == [0.1, 0.2]
    get('mmcv.runner.save_checkpoint')(model, str(tmp_path / 'x.pth'), optimizer, meta=dict(epoch=3))
    other = nn.Linear(2, 1)
    assert get('mmcv.runner.load_checkpoint')(other, str(tmp_path / 'x.pth'))['meta']['epoch'] == 3
    assert torch.equal(other.weight, model.weight)


def test_losses_as_functions():
    pred, target = torch.tensor([1.0, 3.0]), torch.zeros(2)
    loss = get('mmdet.models.losses.l1_loss')
    assert loss(pred, target) == 2 and loss(pred, target, torch.tensor([1.0, 0.0]), reduction='sum') == 1
    assert torch.isclose(loss(pred, target, avg_factor=8.0), torch.tensor(0.5))
    assert get('mmdet.models.losses.accuracy')(torch.eye(2), torch.tensor([0, 0])) == 50
    topk = get('mmdet.models.losses.Accuracy')(topk=(1, 2))(torch.eye(2), torch.tensor([0, 0]))
    assert [value.item() for value in topk] == [50, 100]
    logits = torch.tensor([[2.0, 0.0]])
    expected = nn.functional.cross_entropy(logits, torch.tensor([1]))
    assert torch.isclose(
        get('mmdet.models.losses.cross_entropy_loss.cross_entropy')(logits, torch.tensor([1])), expected
    )


def test_layers_of_configs_are_those_of_the_models():
    cnn = importlib.import_module('mmrotate.compat.standins.layers')
    maps = torch.rand(1, 4, 8, 8)
    for kind in ('DCN', 'DCNv2', 'ConvWS', 'Conv2d'):  # a deformable one finds its offsets itself
        assert cnn.build_conv_layer(dict(type=kind), 4, 6, 3, padding=1)(maps).shape == (1, 6, 8, 8)
    names = [cnn.build_norm_layer(dict(type=kind), 4, 1)[0] for kind in ('BN', 'MMSyncBN', 'IN', 'LN')]
    assert names == ['bn1', 'bn1', 'in1', 'ln1']
    assert cnn.build_norm_layer(dict(type='GN', num_groups=2), 4)[0] == 'gn'
