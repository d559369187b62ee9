"""The key ``fsdp``: processes that have shares of the weights train to what those train to that have them whole."""

import copy
import json
import math
import os

import pytest
import torch
from torch import distributed as dist
from torch import multiprocessing, nn
from torch.nn.utils import clip_grad

from mmrotate.engine import sharding
from mmrotate.engine.build import build_runner
from mmrotate.engine.config import load_config
from mmrotate.engine.sharding import TakingWhole, check_sharding, gathered, shard, share_state, twin, whole
from mmrotate.models import build_detector
from mmrotate.utils import UserError, load_state
from tests.helpers import reference, zoo
from tests.helpers.tiny import assert_same_weights, free_port, train, write_config

# numbers, a frozen stem, averages, clipping, and evaluations also before the first step
CHANGES = """
find_unused_parameters = True
optimizer_config = dict(grad_clip=dict(max_norm=1.0, norm_type=2))
ema = dict(momentum=0.1, total_iter=4)
evaluation = dict(interval=1, start=0, metric='mAP', iou_thr=0.1, save_best='mAP')
workflow = [('train', 1), ('val', 1)]
runner = dict(type='EpochBasedRunner', max_epochs=2)
bf16 = {bf16}
"""
SIZE = (64, 96)


@pytest.fixture
def alone(tmp_path):
    """A group of one process."""
    dist.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def configs(folder, bf16):
    """Configs of one training, without and with shares."""
    model = zoo.tiny('rotated_fcos', 'le90')
    model['bbox_head'].update(num_classes=2)
    model['backbone'].update(frozen_stages=1)
    model['test_cfg'].update(score_thr=0.0)
    plain = write_config(folder, f'{CHANGES.format(bf16=bf16)}\nmodel = {model!r}\n')
    parts = folder / 'parts.py'
    # in bfloat16 PyTorch has wrong gradients of strided convolutions on maps of one pixel, which 64 px end in
    plain.write_text(plain.read_text().replace('(64, 64)', '(128, 128)'))
    parts.write_text(f'{plain.read_text()}fsdp = dict(min_params=5000)\n')
    return plain, parts


def work(rank, folder, written, ports):
    """What each process does."""
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE='2', MASTER_ADDR='127.0.0.1')
    (plain, parts), (_, half) = written
    of_whole, of_parts = (('--resume-from', str(folder / name / 'epoch_1.pth')) for name in ('whole', 'parts'))
    runs = (
        *((plain, 'whole'), (parts, 'parts'), (half, 'bf16')),
        *((parts, 'again', *of_parts), (plain, 'put_together', *of_parts), (parts, 'spread', *of_whole)),
    )
    for port, (config, name, *options) in zip(ports, runs, strict=True):
        os.environ['MASTER_PORT'] = port
        train(config, folder / name, '--launcher', 'pytorch', *options)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp('shared')
    (folder / 'half').mkdir()
    # once, not by each process: one would read what the other is writing
    written = configs(folder, False), configs(folder / 'half', True)
    multiprocessing.spawn(work, (folder, written, [free_port() for _ in range(6)]), 2)
    return folder


def curve(folder):
    """Losses, norms of gradients and scores, in turn."""
    lines = [json.loads(line) for line in next(folder.glob('*.log.json')).read_text().splitlines()]
    return [line[key] for line in lines for key in ('loss', 'grad_norm', 'mAP') if key in line]


@pytest.mark.slow
def test_shares_learn_what_the_whole_learns(trained):
    ours, theirs = load_state(trained / 'parts/latest.pth'), load_state(trained / 'whole/latest.pth')
    assert curve(trained / 'parts') == pytest.approx(curve(trained / 'whole'), rel=1e-4)
    assert max(curve(trained / 'parts')[-2:]) > 0
    assert [type(value) for value in ours['state_dict'].values()] == [torch.Tensor] * len(ours['state_dict'])
    for name in ('state_dict', 'ema_state_dict'):
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(ours['optimizer']['state'], theirs['optimizer']['state'], rtol=1e-3, atol=1e-5)
    assert ours['optimizer']['param_groups'] == theirs['optimizer']['param_groups']
    assert_same_weights(trained / 'parts/epoch_2.pth', trained / 'again/epoch_2.pth')


@pytest.mark.slow
@pytest.mark.parametrize('name', ['put_together', 'spread'])
def test_a_checkpoint_goes_on_with_shares_or_without(trained, name):
    found, wanted = (load_state(trained / place / 'epoch_2.pth') for place in (name, 'whole'))
    for part in ('state_dict', 'ema_state_dict'):
        torch.testing.assert_close(found[part], wanted[part], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found['optimizer']['state'], wanted['optimizer']['state'], rtol=1e-3, atol=1e-5)
    assert curve(trained / name)[-4:] == pytest.approx(curve(trained / 'whole')[-4:], rel=1e-4)


@pytest.mark.slow
def test_shares_in_half_precision(trained):
    half, single = (curve(trained / name) for name in ('bf16', 'parts'))
    assert half[:4] == pytest.approx(single[:4], rel=0.15)
    assert half != single


def step(model, batch):
    """Take a step of SGD; gives the loss and the norm of the gradients, which are clipped."""
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    loss, _ = model._parse_losses(model(**batch))
    loss.backward()
    norm = sharding.clip_norm(model.parameters(), 1.0)
    optimizer.step()
    return loss.item(), norm.item(), optimizer


@pytest.mark.parametrize('method', ['rotated_fcos', pytest.param('rhino', marks=pytest.mark.slow)])
def test_one_process_with_shares(method, alone):
    model = reference.fill(build_detector(zoo.tiny(method))).train()
    parts, batch = copy.deepcopy(model), zoo.batch((3,), SIZE, zoo.version_of(method))
    shard(parts, torch.device('cpu'), dict(min_params=2000))
    blocks = [module for module in parts.modules() if sharding.is_sharded(module)]
    assert len(blocks) > 3
    *expected, optimizer = step(model, batch)
    *found, other = step(parts, batch)
    assert found == pytest.approx(expected, rel=1e-4)
    for (name, one), two in zip(parts.state_dict().items(), model.state_dict().values(), strict=True):
        torch.testing.assert_close(whole(one), two, rtol=1e-4, atol=1e-5, msg=name)
    # what was saved whole is loaded into shares
    with TakingWhole():
        parts.load_state_dict(model.state_dict())
        average = twin(parts)
        average.load_state_dict(model.state_dict())
    other.load_state_dict(optimizer.state_dict())
    share_state([other])
    for one, two, three in zip(parts.parameters(), model.parameters(), average.parameters(), strict=True):
        assert torch.equal(whole(one), two) and torch.equal(whole(three), two)
        if two in optimizer.state:
            assert torch.equal(whole(other.state[one]['momentum_buffer']), optimizer.state[two]['momentum_buffer'])
    with gathered(parts):
        assert not any(map(sharding.is_shared, parts.parameters()))
    assert sum(map(sharding.is_shared, parts.parameters())) > 10


@pytest.mark.parametrize('kind', [1.0, 2.0, math.inf])
def test_clipping_is_that_of_pytorch(kind):
    ours, theirs = ([nn.Parameter(torch.zeros(shape)) for shape in ((3, 4), (5,), (0, 2), ())] for _ in range(2))
    for one, two in zip(ours, theirs, strict=True):
        one.grad = torch.randn(one.shape)
        two.grad = one.grad.clone()
    full = [parameter for parameter in theirs if parameter.numel()]  # PyTorch's own knows no greatest of none
    assert sharding.clip_norm(ours, 0.5, kind) == pytest.approx(clip_grad.clip_grad_norm_(full, 0.5, kind).item())
    for one, two in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, two.grad)
    sharding.clip_value(ours, 0.01)
    clip_grad.clip_grad_value_(theirs, 0.01)
    assert torch.equal(ours[0].grad, theirs[0].grad.clamp(-0.01, 0.01)) and ours[0].grad.abs().max() <= 0.01
    ours[0].grad.fill_(math.nan)
    with pytest.raises(RuntimeError, match='grad_clip'):
        sharding.clip_norm(ours, 0.5, kind, error_if_nonfinite=True)


class Pair(nn.Module):
    """A layer and an activation."""

    def __init__(self):
        super().__init__()
        self.layer, self.act = nn.Linear(4, 4), nn.ReLU()


def test_blocks_are_members_of_lists_with_weights_of_their_own():
    one, two, three = (Pair() for _ in range(3))
    model = nn.ModuleList([nn.ModuleList([one]), nn.Linear(4, 4), nn.Sequential(two, nn.Linear(4, 4)), three])
    assert sharding._blocks(model, 10) == [two, one, three]
    assert sharding._blocks(model, 100) == []
    three.layer.weight = model[1].weight  # which then is also that of another
    assert sharding._blocks(model, 10) == [two, one]


REFUSED = {
    'several processes': dict(distributed=False),
    'bf16=True': dict(precision='float16'),
    'compile': dict(compile=True),
    'channels_last': dict(channels_last=True),
    'ddp': dict(ddp=dict(bucket_cap_mb=1)),
    'detect_anomalous_params': dict(optimizer_config=dict(detect_anomalous_params=True)),
}


@pytest.mark.parametrize('reason', REFUSED)
def test_what_does_not_go_together_is_refused(reason):
    given = dict(distributed=True, precision='float32', fsdp={}) | REFUSED[reason]
    arguments = given.pop('distributed'), given.pop('precision')
    with pytest.raises(UserError, match=f'fsdp: .*{reason}'):
        check_sharding(given, *arguments)
    assert check_sharding({**given, 'fsdp': False}, *arguments) is None


def test_an_older_pytorch_is_refused(monkeypatch):
    monkeypatch.setattr(sharding, '_HERE', False)
    with pytest.raises(UserError, match=r'PyTorch 2\.7'):
        check_sharding(dict(fsdp=True), True, 'float32')


def test_a_training_in_one_process_is_refused(tmp_path):
    config = load_config(write_config(tmp_path, 'fsdp = True\n'))
    with pytest.raises(UserError, match=r'tools/dist_train\.sh'):
        build_runner(nn.Module(), [], config)
