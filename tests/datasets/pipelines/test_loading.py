import functools
import http.server
import pickle
import sys
import threading
import zipfile

import cv2
import mmengine.fileio
import numpy as np
import pytest

from mmrotate.datasets.pipelines import (
    BadImageError,
    FilterAnnotations,
    LoadAnnotations,
    LoadImageFromFile,
    LoadImageFromWebcam,
    LoadMultiChannelImageFromFiles,
    LoadPatchFromImage,
    LoadProposals,
)
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


class Memory(mmengine.fileio.BaseStorageBackend):
    """A storage in memory."""

    files: dict = {}

    def __init__(self, part=''):
        self.part = part

    def get(self, filepath):
        return self.files.get(self.part + filepath)

    def get_text(self, filepath):
        raise NotImplementedError


def test_images_of_another_storage(info, tmp_path):
    mmengine.fileio.register_backend('memory_of_test', Memory, force=True)
    Memory.files = {'x/some/a.png': (tmp_path / 'a.png').read_bytes(), 'x/some/bad.png': b'no image'}
    step = LoadImageFromFile(file_client_args=dict(backend='memory_of_test', part='x/'))
    results = step(dict(img_prefix='some', img_info=dict(filename='a.png')))
    np.testing.assert_array_equal(results['img'], LoadImageFromFile()(dict(info))['img'])
    for name, message in (('bad.png', 'cannot decode'), ('b.png', 'Memory holds no image some/b.png')):
        with pytest.raises(BadImageError, match=message):
            step(dict(img_prefix='some', img_info=dict(filename=name)))


def test_images_of_an_archive(info, tmp_path):
    with zipfile.ZipFile(tmp_path / 'images.zip', 'w') as archive:
        archive.write(tmp_path / 'a.png', 'train/a.png')
        archive.writestr('train/bad.png', b'no image')
    step = LoadImageFromFile(file_client_args=dict(backend='zip', zip_path=str(tmp_path / 'images.zip')))
    expected = LoadImageFromFile()(dict(info))['img']
    # workers get a copy of the step, and open the archive anew
    for each in (step, pickle.loads(pickle.dumps(step))):
        results = each(dict(img_prefix='train', img_info=dict(filename='a.png')))
        np.testing.assert_array_equal(results['img'], expected)
    for name, message in (('bad.png', 'cannot decode'), ('b.png', 'There is no item')):
        with pytest.raises(BadImageError, match=message):
            step(dict(img_prefix='train', img_info=dict(filename=name)))


def test_images_of_a_server(info, tmp_path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    step = LoadImageFromFile(file_client_args=dict(backend='http', timeout=5))
    prefix = f'http://127.0.0.1:{server.server_port}/'
    try:
        results = step(dict(img_prefix=prefix, img_info=dict(filename='a.png')))
        np.testing.assert_array_equal(results['img'], LoadImageFromFile()(dict(info))['img'])
        assert results['filename'] == f'{prefix}a.png'
        with pytest.raises(BadImageError, match=r'gone.png: .*404'):
            step(dict(img_prefix=prefix, img_info=dict(filename='gone.png')))
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(BadImageError, match='refused'):
        step(dict(img_prefix=prefix, img_info=dict(filename='a.png')))
    with pytest.raises(BadImageError, match='img_prefix names the server'):
        step(dict(img_prefix='images', img_info=dict(filename='a.png')))


def test_images_of_any_storage_that_fsspec_knows(info, tmp_path, monkeypatch):
    class Fsspec:
        @staticmethod
        def open(path, mode, anon):
            assert (path, mode, anon) == ('s3://bucket/images/a.png', 'rb', True)
            return (tmp_path / 'a.png').open('rb')

    monkeypatch.setitem(sys.modules, 'fsspec', Fsspec)
    monkeypatch.setattr('mmrotate.datasets.pipelines.backends.find_spec', lambda name: Fsspec)
    step = LoadImageFromFile(file_client_args=dict(backend='fsspec', anon=True))
    results = step(dict(img_prefix='s3://bucket/images', img_info=dict(filename='a.png')))
    np.testing.assert_array_equal(results['img'], LoadImageFromFile()(dict(info))['img'])


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(backend='zip', zip_path='no.zip'), "backend='zip': .*no zip archive"),
        (dict(backend='zip'), "backend='zip': .*zip_path"),
        (dict(backend='fsspec'), "backend='fsspec' needs the package fsspec: pip install fsspec"),
        (dict(backend='petrel'), "backend='petrel': .*mount the storage"),
        (dict(backend='ceph'), "backend='ceph': .*mount the storage"),
        (dict(backend='memcached'), "backend='memcached' needs the package mc"),
        (dict(backend='lmdb', path='x'), "backend='lmdb'"),
    ],
)
def test_storages_that_cannot_be_used_are_refused(args, message, monkeypatch):
    monkeypatch.setattr('mmrotate.datasets.pipelines.backends.find_spec', lambda name: None)
    with pytest.raises(UserError, match=rf'file_client_args: {message}'):
        LoadImageFromFile(file_client_args=args)


def test_files_are_the_channels_of_an_image(info, tmp_path):
    for value, name in ((10, 'b.png'), (20, 'c.png')):
        cv2.imwrite(str(tmp_path / name), np.full((4, 6), value, np.uint8))
    step = LoadMultiChannelImageFromFiles(to_float32=True)
    results = step(dict(info, img_info=dict(filename=['b.png', 'a.png', 'c.png'])))
    assert results['img'].shape == results['ori_shape'] == results['img_shape'] == (4, 6, 5)
    assert results['img'][0, 0].tolist() == [10, 0, 0, 200, 20] and results['img'].dtype == np.float32
    assert results['ori_filename'] == 'b.png' and results['filename'] == str(tmp_path / 'b.png')
    cv2.imwrite(str(tmp_path / 'd.png'), np.zeros((5, 6), np.uint8))
    for wrong, message in (('a.png', 'list of files'), (['a.png', 'd.png'], 'several sizes')):
        with pytest.raises(BadImageError, match=message):
            step(dict(info, img_info=dict(filename=wrong)))


def test_arguments_of_masks_that_say_nothing_here():
    assert LoadAnnotations(poly2mask=False, file_client_args=dict(backend='disk')).with_bbox
    with pytest.raises(ValueError, match='denorm_bbox'):
        LoadAnnotations(denorm_bbox=True)


def test_proposals():
    results = LoadProposals(2)(dict(proposals=np.arange(18).reshape(3, 6), bbox_fields=['gt_bboxes']))
    assert results['proposals'].tolist() == [[0, 1, 2, 3, 4], [6, 7, 8, 9, 10]]
    assert results['bbox_fields'] == ['gt_bboxes', 'proposals']
    assert LoadProposals()(dict(proposals=[]))['proposals'].shape == (0, 5)
    with pytest.raises(ValueError, match=r'\(n, 5\)'):
        LoadProposals()(dict(proposals=np.zeros((2, 4))))


def test_narrow_objects_may_be_left_out():
    def sample(*sides):
        boxes = np.array([[5, 5, w, h, 0] for w, h in sides], np.float32).reshape(-1, 5)
        return dict(gt_bboxes=boxes, gt_labels=np.arange(len(sides)))

    step = FilterAnnotations(min_gt_bbox_wh=(4, 2))
    assert step(sample((5, 3), (5, 1), (3, 3)))['gt_labels'].tolist() == [0]
    assert step(sample((3, 3))) is None
    assert step(sample())['gt_labels'].tolist() == []
    assert FilterAnnotations((4, 2), keep_empty=False)(sample((3, 3)))['gt_bboxes'].shape == (0, 5)
    for wrong in (dict(by_mask=True), dict(by_box=False)):
        with pytest.raises(ValueError, match='by_box=True'):
            FilterAnnotations(**wrong)
