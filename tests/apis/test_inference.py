from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmrotate.apis import inference_detector, inference_detector_by_patches, init_detector, without_pretrained
from mmrotate.apis.inference import Preparation
from mmrotate.core.patch import slide_window
from mmrotate.engine import load_config
from mmrotate.utils import CheckpointError, UserError
from tests.helpers.tiny import CLASSES, write_config


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path)


@pytest.fixture
def image(tmp_path, config):
    return str(tmp_path / 'data' / 'images' / 'img0.png')


def save(model, path, **meta):
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, path)
    return str(path)


def test_a_detector_from_a_path_or_a_config(config):
    model = init_detector(str(config), device='cpu')
    assert not model.training
    assert tuple(model.CLASSES) == CLASSES  # of the config's test data
    assert model.cfg.model.type == 'TinyDetector'
    cfg = load_config(config)
    other = init_detector(cfg, device='cpu', cfg_options={'model.width': 6})
    assert other.conv.out_channels == 6
    assert 'width' not in cfg.model  # the given config is not changed


def test_weights_and_classes_of_a_checkpoint(config, tmp_path):
    torch.manual_seed(0)
    model = init_detector(config, device='cpu')
    path = save(model, tmp_path / 'a.pth', CLASSES=['x', 'y'], PALETTE=[[1, 2, 3], [4, 5, 6]])
    loaded = init_detector(config, path, device='cpu')
    assert torch.equal(loaded.conv.weight, model.conv.weight)
    assert loaded.CLASSES == ['x', 'y']
    assert loaded.PALETTE == [[1, 2, 3], [4, 5, 6]]


def test_a_checkpoint_of_another_model(config, tmp_path):
    path = save(torch.nn.Linear(1, 1), tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match="another model's"):
        init_detector(config, path)


def test_wrong_arguments(config, tmp_path):
    with pytest.raises(TypeError, match='a path or a Config'):
        init_detector({'model': {}})
    with pytest.raises(UserError, match='does not exist'):
        init_detector(tmp_path / 'nothing.py')
    with pytest.raises(FileNotFoundError):
        init_detector(config, tmp_path / 'nothing.pth')


def test_one_image_gives_one_result_and_several_a_list(config, image):
    model = init_detector(config, device='cpu')
    array = cv2.imread(image)
    single = inference_detector(model, image)
    assert [boxes.shape for boxes in single] == [(1, 6), (0, 6)]
    assert isinstance(single[0], np.ndarray)
    of_array = inference_detector(model, array)
    np.testing.assert_array_equal(of_array[0], single[0])
    many = inference_detector(model, [image, array, image], batch_size=2)
    assert len(many) == 3
    for one in many:
        np.testing.assert_allclose(one[0], single[0], rtol=1e-4, atol=1e-3)
    assert len(inference_detector(model, (image,))) == 1
    assert inference_detector(model, []) == []


def test_an_image_may_be_given_in_many_ways(config, image):
    model = init_detector(config, device='cpu')
    pixels = cv2.imread(image)
    expected = inference_detector(model, image)[0]
    ways = [Path(image), Path(image).read_bytes(), pixels.astype(np.uint16) * 257, pixels.astype(np.float32) / 255,
            pixels.astype(np.int64), Image.open(image), np.dstack([pixels, pixels[..., :1]])]  # fmt: skip
    for found in inference_detector(model, ways, batch_size=1):
        np.testing.assert_array_equal(found[0], expected)
    assert isinstance(inference_detector(model, ways[1]), list)


def test_what_is_no_image_is_refused_in_a_line(config, image):
    model = init_detector(config, device='cpu')
    pixels = cv2.imread(image)
    for wrong in (None, torch.zeros(3, 8, 8), np.zeros((0, 3), np.uint8), pixels[None], pixels > 3, b'a' * 10**6, {}):
        with pytest.raises((TypeError, ValueError), match=r'None|Tensor|shape|bool|bytes|dict') as error:
            inference_detector(model, wrong)
        assert len(str(error.value)) < 300
    with pytest.raises(TypeError, match=r'^imgs\[2\]: an image array .* got None'):
        inference_detector(model, [pixels, image, None], batch_size=2)


def test_an_array_goes_the_way_of_the_files(config, image):
    expected = []
    for options in ({}, dict(channel_order='rgb')):
        cfg = load_config(config)
        cfg.data.test.pipeline[0].update(options)
        model = init_detector(cfg, device='cpu')
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).reshape(parameter.shape))
        of_file, of_array = inference_detector(model, [image, cv2.imread(image)])
        np.testing.assert_allclose(of_file[0], of_array[0], rtol=1e-5)
        expected.append(of_file[0])
    assert not np.allclose(*expected)


def test_batches_have_the_size_asked_for(config, image):
    model = init_detector(config, device='cpu')
    sizes = []
    model.register_forward_pre_hook(lambda module, args, kwargs: sizes.append(len(kwargs['img'][0])), with_kwargs=True)
    inference_detector(model, [image] * 5, batch_size=2)
    assert sizes == [2, 2, 1]
    with pytest.raises(ValueError, match='batch_size'):
        inference_detector(model, [image], batch_size=0)


def test_a_missing_image_is_named(config, tmp_path):
    model = init_detector(config, device='cpu')
    with pytest.raises(UserError, match='nothing'):
        inference_detector(model, tmp_path / 'nothing.png')


def test_without_pretrained():
    pretrained = dict(type='Pretrained', checkpoint='torchvision://resnet50')
    model = dict(
        pretrained='a', backbone=dict(type='R', init_cfg=pretrained), neck=dict(init_cfg=None),
        heads=[dict(init_cfg=dict(type='Normal')), dict(init_cfg=[pretrained])],
    )  # fmt: skip
    assert without_pretrained(model) == dict(
        pretrained=None, backbone=dict(type='R', init_cfg=None), neck=dict(init_cfg=None),
        heads=[dict(init_cfg=dict(type='Normal')), dict(init_cfg=None)],
    )  # fmt: skip
    assert model['pretrained'] == 'a'


def test_by_patches_each_patch_is_seen_by_itself_and_its_boxes_are_moved(config, image):
    model = init_detector(config, device='cpu').eval()
    whole = cv2.imread(image)
    large = np.concatenate([whole, whole], 1)
    height, width = whole.shape[:2]
    assert height == width
    got = inference_detector_by_patches(model, large, [width], [width - 1], [1.0], 1.0, bs=3)
    windows = slide_window(2 * width, height, [width], [width - 1])
    alone = inference_detector(model, [large[:, left:right] for left, _, right, _ in windows])
    assert [len(dets) for dets in got] == [sum(map(len, dets)) for dets in zip(*alone, strict=True)]
    last = max((dets for dets in alone[-1]), key=len)
    assert any(np.isclose(dets[:, 0], last[0, 0] + windows[-1, 0]).any() for dets in got)
    assert len(inference_detector_by_patches(model, image, [width], [width - 1], [1.0], 0.1)) == len(got)
    with pytest.raises(ValueError, match='bs must be'):
        inference_detector_by_patches(model, large, [width], [width - 1], [1.0], 0.1, bs=0)


def test_the_pipeline_is_built_once_and_again_where_it_changed(config, image):
    model = init_detector(config, device='cpu')
    first = Preparation.of(model)
    assert Preparation.of(model) is first
    inference_detector(model, image)
    model.cfg.data.test.pipeline[0].color_type = 'grayscale'  # in place, as people do
    assert Preparation.of(model) is not first
    assert Preparation.of(init_detector(config, device='cpu')) is not first
