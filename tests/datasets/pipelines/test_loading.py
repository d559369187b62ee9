import cv2
import numpy as np
import pytest

from mmrotate.datasets.pipelines import LoadAnnotations, LoadImageFromFile, LoadImageFromWebcam, LoadPatchFromImage
from mmrotate.utils import UserError


@pytest.fixture
def info(tmp_path):
    img = np.zeros((4, 6, 3), np.uint8)
    img[..., 2] = 200  # red
    cv2.imwrite(str(tmp_path / 'a.png'), img)
    return dict(img_prefix=str(tmp_path), img_info=dict(filename='a.png'))


def test_image_and_its_meta_values(info, tmp_path):
    results = LoadImageFromFile()(dict(info))
    assert results['filename'] == str(tmp_path / 'a.png') and results['ori_filename'] == 'a.png'
    assert results['ori_shape'] == results['img_shape'] == (4, 6, 3)
    assert results['img'].dtype == np.uint8 and results['img'][0, 0].tolist() == [0, 0, 200]
    assert LoadImageFromFile(to_float32=True)(dict(info))['img'].dtype == np.float32
    rgb = LoadImageFromFile(channel_order='rgb')(dict(info))['img']
    assert rgb[0, 0].tolist() == [200, 0, 0]


def test_without_prefix(info, tmp_path):
    name = str(tmp_path / 'a.png')
    for prefix in (None, ''):
        results = LoadImageFromFile()(dict(img_prefix=prefix, img_info=dict(filename=name)))
        assert results['filename'] == name


@pytest.mark.parametrize(
    'wrong', [dict(color_type='colour'), dict(channel_order='hsv'), dict(file_client_args=dict(backend='s3'))]
)
def test_wrong_arguments(wrong):
    with pytest.raises((ValueError, UserError), match=r'must be|no such backend; known: \[.disk'):
        LoadImageFromFile(**wrong)


def test_disk_backend_of_old_configs(info):
    step = LoadImageFromFile(file_client_args=dict(backend='disk'))
    assert step(dict(info))['img'].shape == (4, 6, 3)


def test_array_in_place_of_a_file():
    results = LoadImageFromWebcam()(dict(img=np.zeros((4, 5), np.uint8)))
    assert results['img'].shape == results['ori_shape'] == (4, 5, 3)
    assert results['filename'] is None
    with pytest.raises(TypeError, match='image array'):
        LoadImageFromWebcam()(dict(img='a.png'))


def test_an_array_is_loaded_as_a_file_of_its_pixels(tmp_path):
    img = np.random.default_rng(0).integers(0, 255, (4, 6, 4)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), img)
    for options in ({}, dict(channel_order='rgb'), dict(color_type='grayscale'), dict(to_float32=True),
                    dict(color_type='unchanged', channel_order='rgb')):  # fmt: skip
        of_file = LoadImageFromFile(**options)(dict(img_prefix=str(tmp_path), img_info=dict(filename='a.png')))['img']
        of_array = LoadImageFromWebcam(**options)(dict(img=img))['img']
        np.testing.assert_allclose(of_array, of_file, atol=1)  # png's own rounding of grey
        assert of_array.dtype == of_file.dtype


@pytest.mark.parametrize('count', [0, 1, 3])
def test_annotations_are_copied_and_keep_their_shape(count):
    ann = dict(bboxes=np.ones((count, 5), np.float32), labels=np.zeros(count, np.int64))
    ann['bboxes_ignore'] = np.ones((1, 5), np.float32)
    results = LoadAnnotations()(dict(ann_info=ann, bbox_fields=[]))
    assert results['gt_bboxes'].shape == (count, 5) and results['gt_labels'].shape == (count,)
    assert results['bbox_fields'] == ['gt_bboxes', 'gt_bboxes_ignore']
    results['gt_bboxes_ignore'][:] = 7
    assert (ann['bboxes_ignore'] == 1).all()


def test_masks_are_refused():
    with pytest.raises(ValueError, match='not supported'):
        LoadAnnotations(with_mask=True)


def test_a_patch_of_an_image():
    img = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    results = LoadPatchFromImage()(dict(img=img, win=[2, 1, 9, 3]))
    assert results['img'].tolist() == img[1:3, 2:].tolist()
    assert results['ori_shape'] == (2, 4, 3)
    assert results['filename'] is None
