"""Two processes learn from an image each what one process learns from both."""

import os

import pytest
import torch
from torch import distributed as dist
from torch import multiprocessing
from torch.nn.parallel import DistributedDataParallel

from mmrotate.models import build_detector
from mmrotate.models.losses import over_processes
from tests.helpers import reference, zoo

METHODS = ('rotated_retinanet_obb', 'rotated_atss_obb', 'rotated_fcos', 'rotated_rtmdet')


def gradients(method, images, wrap=lambda model: model):
    """The gradients of one or both images of a batch."""
    batch = zoo.batch((3, 8), (64, 96), zoo.version_of(method))
    model = wrap(reference.fill(build_detector(zoo.tiny(method))).train())
    losses = model(**{key: value[images] for key, value in batch.items()})
    detector = getattr(model, 'module', model)
    detector._parse_losses(losses)[0].backward()
    return {name: p.grad for name, p in detector.named_parameters() if p.grad is not None}


def work(rank, folder):
    """What each process does; the first leaves its gradients in the folder."""
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2)
    found = {method: gradients(method, slice(rank, rank + 1), DistributedDataParallel) for method in METHODS}
    found['mean'] = over_processes(1 + 2 * rank, torch.empty(0))
    if rank == 0:
        torch.save(found, os.path.join(folder, 'found.pt'))
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path):
    multiprocessing.spawn(work, (str(tmp_path),), 2)
    found = torch.load(tmp_path / 'found.pt')
    assert found.pop('mean') == 2
    gaps = {}
    for method, theirs in found.items():
        own = gradients(method, slice(2))
        assert theirs.keys() == own.keys()
        gaps[method] = max(float((theirs[name] - g).norm() / (g.norm() + 1e-6)) for name, g in own.items())
    assert max(gaps.values()) < 1e-3, gaps


def test_one_process_divides_by_its_own():
    assert over_processes(3, torch.empty(0)) == 3
