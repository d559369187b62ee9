"""Every method of the zoo, small, on hard batches: losses, gradients, results."""

import copy
from collections.abc import Collection, Iterable
from functools import cache

import numpy as np
import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmrotate.models import build_detector
from tests.helpers import reference, zoo

SIZE = (64, 96)
# objects of each image, size of the images, pixels that centres may lie outside
BATCHES = {
    'usual': ((3, 5), SIZE, 0),
    'an image without objects': ((4, 0), SIZE, 0),
    'no objects': ((0, 0), SIZE, 0),
    'one object': ((1,), SIZE, 0),
    '500 objects': ((500,), SIZE, 0),
    'boxes partly outside': ((8, 8), SIZE, 12),
    '32 px': ((2,), (32, 32), 0),
    'a tall image': ((3, 1), (160, 64), 0),
    'images of different sizes': ((4, 2, 0), ((64, 96), (40, 32), (96, 48)), 0),
}
SIZES = [SIZE, (32, 32), (160, 64)]


# factors on the weights of which layers of the heads: predictions at the ends of what they can say
EXTREMES = {'large': (1e3, 'last'), 'huge': (1e6, 'last'), 'large on the way': (1e3, 'all')}


def _cases(inputs: Iterable, quick: Collection) -> list:
    """Every method under every version; quick are some inputs under the method's own version."""
    return [
        pytest.param(
            *(method, version, each),
            marks=() if each in quick and version == zoo.version_of(method) else pytest.mark.slow,
        )
        for method in sorted(zoo.METHODS)
        for version in zoo.versions_of(method)
        for each in inputs
    ]


@cache
def _model(method: str, version: str) -> nn.Module:
    torch.manual_seed(0)
    detector = build_detector(zoo.tiny(method, version))
    detector.init_weights()
    return detector


@pytest.mark.parametrize(('method', 'version', 'kind'), _cases(BATCHES, ('an image without objects', '32 px')))
def test_losses_are_finite_and_reach_every_parameter(method: str, version: str, kind: str) -> None:
    model = _model(method, version).train()
    model.zero_grad()
    _check_step(model, _batch(kind, version))
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None or not parameter.requires_grad, name


def _batch(kind: str, version: str) -> dict:
    counts, size, beyond = BATCHES[kind]
    if isinstance(size[0], int):
        return zoo.batch(counts, size, version, beyond)
    return zoo.padded([zoo.batch((n,), own, version) for n, own in zip(counts, size, strict=True)])


def _check_step(model: nn.Module, batch: dict) -> None:
    out = model.train_step(batch)
    assert np.isfinite(list(out['log_vars'].values())).all()
    out['loss'].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), name


def _check(results: list, count: int) -> None:
    assert len(results) == count
    for result in results:
        assert len(result) == zoo.NUM_CLASSES
        found = np.concatenate(result)
        assert found.shape[1] == 6
        assert np.isfinite(found).all()
        assert (found[:, 2:4] >= 0).all()


@pytest.mark.parametrize(('method', 'version', 'size'), _cases(SIZES, [(32, 32)]))
@torch.no_grad()
def test_results(method: str, version: str, size: tuple[int, int]) -> None:
    model = _model(method, version).eval()
    img, metas = reference.image('y', *size), reference.metas(*size)
    _check(model(img=[img], img_metas=[metas], return_loss=False, rescale=True), 2)
    flipped = [dict(m, flip=True, flip_direction='horizontal') for m in metas]
    _check(model.forward_test([img, img.flip(-1)], [metas, flipped], rescale=True), 2)


@torch.no_grad()
def _exaggerate(model: nn.Module, factor: float, which: str) -> None:
    for name, module in model.named_modules():
        inner = any(part in name for part in ('convs', 'fcs', 'shared'))
        if isinstance(module, nn.Conv2d | nn.Linear) and 'head' in name and (which == 'all' or not inner):
            module.weight.mul_(factor)
            if module.bias is not None:
                module.bias.mul_(factor)


@pytest.mark.parametrize(('method', 'version', 'kind'), _cases(EXTREMES, ()))
def test_extreme_predictions_have_finite_losses_gradients_and_results(method: str, version: str, kind: str) -> None:
    model = copy.deepcopy(_model(method, version)).train()
    _exaggerate(model, *EXTREMES[kind])
    batch = zoo.batch((3, 5), SIZE, version)
    _check_step(model, batch)
    with torch.no_grad():
        _check(model.eval().simple_test(batch['img'], batch['img_metas'], rescale=True), 2)


@pytest.mark.parametrize(
    'method', [pytest.param(name, marks=() if name in zoo.NEWER else pytest.mark.slow) for name in sorted(zoo.METHODS)]
)
@torch.no_grad()
def test_results_of_images_of_different_sizes(method: str) -> None:
    version = zoo.version_of(method)
    batch = _batch('images of different sizes', version)
    _check(_model(method, version).eval().simple_test(batch['img'], batch['img_metas'], rescale=True), 3)


def _parts(model: dict) -> frozenset[str]:
    """Kinds of the parts of a detector behind its body."""
    parts = zoo.walk({**model, 'backbone': {}})
    return frozenset(part['type'] for part in parts if part.get('type', 'Pretrained') != 'Pretrained')


@pytest.mark.slow
def test_every_newer_config_is_made_of_the_parts_of_one_of_these() -> None:
    known = {_parts(model) for model in zoo.METHODS.values()}
    folders = {name.split('/')[0] for name in zoo.NEWER.values()}
    for folder in sorted(folders):
        for path in (zoo.CONFIGS / folder).glob('*.py'):
            model = Config.fromfile(path, import_custom_modules=False).model.to_dict()
            assert _parts(model) in known, path.name
