"""Windows of large images as samples: those of the tiles that mmrotate split writes."""

import json

import numpy as np
import pytest
import torch

from mmrotate.cli import main
from mmrotate.datasets import DOTADataset, build_dataset, large_images
from mmrotate.utils import UserError
from mmrotate.utils.errors import ArgumentError
from tests.helpers.scenes import CLASSES, write_scene
from tests.helpers.tiny import write_config

LOAD = [dict(type='LoadPatchFromImage', padding_value=(104, 116, 124)), dict(type='LoadAnnotations', with_bbox=True)]
OPTIONS = dict(sizes=[256, 150], gaps=[100, 30], rates=[1.0, 0.7])


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Three large images, one of them grey, and an image that is smaller than the windows."""
    folder = tmp_path_factory.mktemp('scenes')
    for i, size in enumerate([(700, 500), (401, 610)]):
        write_scene(folder, f'P{i}', size, decimals=0)
    write_scene(folder, 'P2', (300, 500), 10, channels=1, decimals=0)
    write_scene(folder, 'P3', (200, 140), 4, decimals=0)
    return folder


def one(data, labels='labelTxt', load='LoadImageFromFile', **options):
    step = LOAD[0] if load == 'LoadPatchFromImage' else dict(type=load)
    given = dict(
        ann_file=str(data / labels), img_prefix=str(data / 'images'), classes=CLASSES, pipeline=[step, LOAD[1]]
    )
    return {'type': 'DOTADataset', **given, **options}


def windows(data, large=OPTIONS, **options):
    inner = one(data, load='LoadPatchFromImage', **options)
    return build_dataset(dict(type='LargeImageDataset', dataset=inner, **large))


def split(data, out):
    words = [word for key, values in OPTIONS.items() for word in (f'--{key}', *map(str, values))]
    assert main(['split', str(data), '--save-dir', str(out), *words, '--nproc', '1']) == 0
    return out


@pytest.fixture(scope='module')
def tiles(data, tmp_path_factory):
    return split(data, tmp_path_factory.mktemp('tiles') / 'out')


def in_order(ann):
    """The annotation with the objects to ignore in an order of their own: that of the file is not kept."""
    order = np.lexsort(ann['polygons_ignore'].T)
    return {key: values[order] if key.endswith('_ignore') else values for key, values in ann.items()}


def by_name(dataset, key):
    return {dataset.image_name(i): key(i) for i in range(len(dataset))}


@pytest.mark.parametrize(('version', 'difficulty'), [('oc', 0), ('le90', 1), ('le135', 100)])
@pytest.mark.parametrize('filter_empty_gt', [True, False])
def test_a_training_sees_what_it_sees_on_tiles(data, tiles, version, difficulty, filter_empty_gt):
    options = dict(version=version, difficulty=difficulty, filter_empty_gt=filter_empty_gt)
    direct, split_up = windows(data, **options), build_dataset(one(tiles, 'annfiles', **options))
    seen, want = by_name(direct, direct.get_ann_info), by_name(split_up, split_up.get_ann_info)
    assert seen.keys() == want.keys() and len(want) > 60
    for name, ann in want.items():
        assert seen[name].keys() == ann.keys()
        for key, values in in_order(ann).items():
            np.testing.assert_array_equal(in_order(seen[name])[key], values, f'{name}: {key}')


def test_parts_of_pixels_are_kept(tmp_path):
    """Beside the rounding of float32, which is one thing in a large image and another in a tile."""
    write_scene(tmp_path, 'P0', (3000, 400))
    direct, split_up = windows(tmp_path), build_dataset(one(split(tmp_path, tmp_path / 'out'), 'annfiles'))
    seen, want = by_name(direct, direct.get_ann_info), by_name(split_up, split_up.get_ann_info)
    assert seen.keys() == want.keys()
    for name, ann in want.items():
        np.testing.assert_array_equal(seen[name]['labels'], ann['labels'])
        np.testing.assert_allclose(seen[name]['polygons'], ann['polygons'], atol=5e-4)


def test_samples_are_those_of_tiles(data, tiles):
    direct, split_up = windows(data), build_dataset(one(tiles, 'annfiles'))
    order = {name: i for i, name in enumerate(by_name(split_up, int))}
    for i in range(len(direct)):
        sample, want = direct[i], split_up[order[direct.image_name(i)]]
        assert sample['filename'].endswith(sample['ori_filename'].split('__')[0] + '.png')
        assert sample['ori_filename'] == want['ori_filename']
        assert sample['img_shape'] == sample['ori_shape'] == want['img_shape']
        np.testing.assert_array_equal(sample['img'], want['img'])
        np.testing.assert_array_equal(sample['gt_bboxes'], want['gt_bboxes'])
        np.testing.assert_array_equal(sample['gt_labels'], want['gt_labels'])


@pytest.fixture
def sparse(tmp_path):
    """A large image with a few objects in a corner."""
    write_scene(tmp_path, 'P0', (900, 900), 0)
    (tmp_path / 'labelTxt/P0.txt').write_text('5 5 25 5 25 30 5 30 plane 0\n700 5 725 5 725 30 700 30 ship 0\n')
    return tmp_path


def test_empty_windows_have_their_share_of_an_epoch(sparse):
    large = dict(sizes=[100], gaps=[0])
    full = windows(sparse, large)
    assert len(full) == 2
    assert len(windows(sparse, large, filter_empty_gt=False)) == 81
    balanced = windows(sparse, dict(large, empty_share=0.5), filter_empty_gt=False)
    assert len(balanced) == 4 and [bool(balanced.get_cat_ids(i)) for i in range(4)] == [True, True, False, False]
    drawn = {balanced[-1]['ori_filename'] for _ in range(40)}
    assert len(drawn) > 15 and not drawn & {full.image_name(0), full.image_name(1)}
    assert {balanced[0]['ori_filename'], balanced[1]['ori_filename']} == {full.image_name(0), full.image_name(1)}
    assert len(windows(sparse, dict(large, empty_share=0.99), filter_empty_gt=False)) == 81
    assert len(windows(sparse, dict(large, empty_share=0), filter_empty_gt=False)) == 2
    # a test sees all, each once
    tested = windows(sparse, dict(large, empty_share=0.5), test_mode=True)
    assert len({tested.image_name(i) for i in range(len(tested))}) == len(tested) == 81
    (sparse / 'labelTxt/P0.txt').write_text('')
    with pytest.raises(UserError, match='has an object to train on'):
        windows(sparse, dict(large, empty_share=0.5), filter_empty_gt=False)


def test_windows_are_scored_as_any_images(data):
    dataset = windows(data, test_mode=True, version='le90')
    results = []
    for ann in map(dataset.get_ann_info, range(len(dataset))):
        dets = np.concatenate([ann['bboxes'], np.ones((len(ann['labels']), 1), np.float32)], 1)
        results.append([dets[ann['labels'] == label] for label in range(2)])
    assert dataset.evaluate(results)['mAP'] == 1


def test_the_index_is_kept_until_something_changes(data, tmp_path, monkeypatch, log):
    path = tmp_path / 'index/windows.npz'
    large = dict(OPTIONS, index_file=str(path))
    first = by_name(windows(data, large), int)
    made = []
    make = large_images._make
    monkeypatch.setattr(large_images, '_make', lambda *args: made.append(args) or make(*args))
    assert by_name(windows(data, large), int) == first and not made
    windows(data, dict(large, iof_thr=0.9))
    assert len(made) == 1 and 'is of other images, labels or options: made anew' in log[-2].getMessage()
    windows(data, large, version='le90')
    assert len(made) == 2
    path.write_bytes(b'something else')
    assert by_name(windows(data, large), int) == first and len(made) == 3
    assert 'is no index of windows' in log[-2].getMessage()


@pytest.mark.parametrize(
    ('large', 'inner', 'message'),
    [
        (dict(empty_share=1), {}, r'empty_share must be in \[0, 1\)'),
        (dict(empty_share=0.1), {}, 'needs filter_empty_gt=False'),
        (dict(gaps=[2000]), {}, 'gaps from 0 on'),
        ({}, dict(pipeline=[dict(type='LoadImageFromFile')]), 'begins with LoadPatchFromImage'),
        ({}, dict(type='RepeatDataset', times=2), 'takes a single dataset, got RepeatDataset'),
    ],
)
def test_what_makes_no_sense_is_refused(data, large, inner, message):
    cfg = one(data, load='LoadPatchFromImage')
    if 'times' in inner:
        inner = dict(inner, dataset=cfg)
        cfg = {}
    with pytest.raises(ArgumentError, match=message):
        build_dataset(dict(type='LargeImageDataset', dataset={**cfg, **inner}, **large))


def test_a_window_is_no_file(data):
    with pytest.raises(UserError, match='is a window, not a file'):
        windows(data).image_path(0)


def test_class_balance_and_loading(data):
    """Wrappers and loaders take it as any dataset."""
    inner = dict(type='LargeImageDataset', dataset=one(data, load='LoadPatchFromImage'), sizes=[400])
    repeated = build_dataset(dict(type='RepeatDataset', times=2, dataset=inner))
    assert len(repeated) == 2 * len(repeated.dataset)
    assert sorted(repeated.get_cat2imgs()) == [0, 1]
    loader = torch.utils.data.DataLoader(repeated.dataset, None, num_workers=2)
    assert [sample['ori_filename'] for sample in loader] == list(by_name(repeated.dataset, int))


def test_a_dataset_of_ones_own_without_corners(data):
    """Boxes stand for corners that an annotation lacks."""
    dataset = DOTADataset(str(data / 'labelTxt'), [LOAD[0]], classes=CLASSES, img_prefix=str(data / 'images'))
    with_corners = large_images.LargeImageDataset(dataset, **OPTIONS)
    for info in dataset.data_infos:
        info['ann'] = {k: info['ann'][k] for k in ('bboxes', 'labels')}
    without = large_images.LargeImageDataset(dataset, **OPTIONS)
    assert by_name(with_corners, with_corners.get_cat_ids) == by_name(without, without.get_cat_ids)


def test_a_config_trains(data, tmp_path):
    inner = one(data, load='LoadPatchFromImage', filter_empty_gt=False, version='le90')
    settings = dict(dataset=inner, empty_share=0.2, sizes=[400])
    config = write_config(
        tmp_path,
        f"""
large = {settings!r}
large['dataset']['pipeline'] += data['train']['pipeline'][2:]
data['train'] = dict(type='LargeImageDataset', **large)
runner['max_epochs'] = 1
""",
    )
    assert main(['train', str(config), '--work-dir', str(tmp_path / 'work')]) == 0
    rows = map(json.loads, next((tmp_path / 'work').rglob('scalars.json')).read_text().splitlines())
    assert any('loss' in row for row in rows)
