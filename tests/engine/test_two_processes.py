"""Two processes learn from an image each what one process learns from both."""

import os
import threading

import pytest
import torch
from torch import distributed as dist
from torch import multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from mmrotate.models import build_detector
from mmrotate.models.losses import over_processes, weighting
from tests.helpers import reference, zoo

METHODS = (
    'rotated_retinanet_obb', 'rotated_atss_obb', 'rotated_fcos', 'rotated_rtmdet', 'oriented_rcnn', 'deformable_detr',
)  # fmt: skip
# objects of the two images of a step, in turn
COUNTS = ((3, 8), (0, 5), (2, 1))


def detector(method):
    """A detector in double precision: where it learns the same, it does so to many digits. It drops nothing."""
    config = zoo.tiny(method)
    if 'decoder' in config:
        config['bbox_head']['sync_cls_avg_factor'] = True
    model = reference.fill(build_detector(config)).train().double()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        elif isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    return model


def batches(method, steps, images=slice(2)):
    """A batch a step, or some of its images."""
    for step in range(steps):
        batch = zoo.batch(COUNTS[step % len(COUNTS)], (64, 96), zoo.version_of(method))
        batch['img'] = batch['img'].double()
        batch['gt_bboxes'] = [boxes.double() for boxes in batch['gt_bboxes']]
        yield {key: value[images] for key, value in batch.items()}


def losses(model, batch):
    """The loss of a batch, whose gradients are computed."""
    loss, _ = getattr(model, 'module', model)._parse_losses(model(**batch))
    loss.backward()
    return loss.item()


def optimizer_of(model):
    return torch.optim.SGD(model.parameters(), 1e-4, momentum=0.9)


def curve(model, given, mean=lambda loss: loss):
    """The loss of each step of SGD with momentum, and the weights in the end."""
    optimizer, found = optimizer_of(model), []
    for batch in given:
        optimizer.zero_grad()
        found.append(mean(losses(model, batch)))
        optimizer.step()
    return found, {name: p.detach() for name, p in getattr(model, 'module', model).named_parameters()}


def assert_equal_curves(found, expected, rel):
    assert found[0] == pytest.approx(expected[0], rel=rel)
    for name, weight in expected[1].items():
        assert (found[1][name] - weight).norm() <= rel * (1 + weight.norm()), name


def mean_of_processes(loss):
    return float(over_processes(loss, torch.empty(0)))


def work(rank, folder):
    """What each process does; the first leaves what it finds in the folder."""
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2)
    found = {}
    for method in METHODS:
        given = batches(method, 10, slice(rank, rank + 1))
        found[method] = curve(DistributedDataParallel(detector(method)), given, mean_of_processes)
    found['mean'] = mean_of_processes(1 + 2 * rank)
    if rank == 0:
        torch.save(found, os.path.join(folder, 'found.pt'))
    dist.destroy_process_group()


@pytest.fixture(scope='module')
def found(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp('two'))
    multiprocessing.spawn(work, (folder,), 2)
    return torch.load(os.path.join(folder, 'found.pt'))


@pytest.mark.slow
@pytest.mark.parametrize('method', METHODS)
def test_two_processes_learn_what_one_learns(method, found):
    assert found['mean'] == 2
    assert_equal_curves(found[method], curve(detector(method), batches(method, 10)), 1e-5)


class Twins:
    """Two processes, played by two threads."""

    def __init__(self):
        self.barrier, self.given, self.rank = threading.Barrier(2, timeout=60), [None, None], threading.local()

    def all_reduce(self, tensor, op):
        self.given[self.rank.number] = tensor.clone()
        self.barrier.wait()
        total = sum(self.given)
        self.barrier.wait()
        tensor.copy_(total / 2 if op == 'mean' else total)

    def run(self, function):
        """What each gives for its number."""
        results = [None, None]

        def work(number):
            self.rank.number = number
            results[number] = function(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results


@pytest.mark.parametrize('method', ['rotated_fcos', 'rotated_retinanet_obb'])
def test_two_ranks_learn_what_one_learns(method, monkeypatch):
    expected = curve(detector(method), batches(method, 3))
    twins, models = Twins(), [detector(method) for _ in range(2)]
    monkeypatch.setattr(weighting, 'get_world_size', lambda: 2)
    monkeypatch.setattr(weighting, 'all_reduce', twins.all_reduce)
    optimizer, values = optimizer_of(models[0]), []
    for pair in zip(*(batches(method, 3, slice(rank, rank + 1)) for rank in range(2)), strict=True):
        for model in models:
            model.zero_grad()
        values.append(sum(twins.run(lambda rank, pair=pair: losses(models[rank], pair[rank]))) / 2)
        for one, two in zip(*(model.parameters() for model in models), strict=True):
            if one.requires_grad:
                one.grad = (one.grad + two.grad) / 2
        optimizer.step()
        models[1].load_state_dict(models[0].state_dict())
    assert_equal_curves((values, dict(models[0].named_parameters())), expected, 1e-6)


def test_one_process_divides_by_its_own():
    assert over_processes(3, torch.empty(0)) == 3
