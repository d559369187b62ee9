"""Results of patches become those of their scene."""

import numpy as np
import pytest

from mmrotate.datasets import ConcatDataset, DOTADataset, build_dataset
from mmrotate.datasets.scenes import Patch, merge_scenes, patch_of
from mmrotate.utils import UserError

from .conftest import SQUARE, Folder


def result(*boxes):
    return [np.array(boxes, np.float32).reshape(-1, 6), np.zeros((0, 6), np.float32)]


def lines(file):
    return [line.split() for line in open(file).read().splitlines()]


@pytest.mark.parametrize(
    ('name', 'patch'),
    [
        ('P0004__1__0___0', Patch('P0004', 0, 0)),
        ('P0004__1024__824___1648', Patch('P0004', 824, 1648, size=1024)),
        ('P0004__824___10', Patch('P0004', 824, 10)),
        ('P0004__0.5__824___10', Patch('P0004', 824, 10, 0.5)),
        ('my__own_scene__512__0___30', Patch('my__own_scene', 0, 30, size=512)),
        ('P0004', None),
        ('P0004__1', None),
        ('a__1__2', None),
        ('P0004__1__0___0_flipped', None),
    ],
)
def test_names_of_patches(name, patch):
    assert patch_of(name) == patch


def test_a_detection_in_two_patches_counts_once():
    whole = [100, 30, 40, 10, 0.3, 0.9]
    ids, merged = merge_scenes(
        [
            result(whole, [20, 20, 8, 4, 0, 0.7]),
            result([20, 30, 40, 10, 0.3, 0.6], [70, 90, 8, 4, 0, 0.8]),
            result([5, 5, 4, 4, 0, 0.5], [5, 5, 4, 4, 0, 0.4]),
        ],
        ['a__128__0___0', 'a__128__80___0', 'b'],
    )
    assert ids == ['a', 'b']
    np.testing.assert_allclose(merged[0][0], [whole, [150, 90, 8, 4, 0, 0.8], [20, 20, 8, 4, 0, 0.7]], rtol=1e-6)
    assert merged[0][1].shape == (0, 6)
    # an image that is no patch keeps what the detector gave
    assert len(merged[1][0]) == 2


def test_overlapping_detections_of_two_classes_stay():
    box = np.array([[10, 10, 8, 8, 0, 0.9]], np.float32)
    _, (scene,) = merge_scenes([[box, box]], ['a__64__0___0'])
    assert [len(dets) for dets in scene] == [1, 1]


def test_patches_of_a_resized_scene_are_brought_back():
    _, ((dets, _),) = merge_scenes([result([10, 20, 8, 4, 0.3, 0.9])], ['a__0.5__100___50'])
    np.testing.assert_allclose(dets, [[220, 140, 16, 8, 0.3, 0.9]], rtol=1e-6)


@pytest.fixture
def patches(folder):
    for stem in ('P1__64__0___0', 'P1__64__40___0', 'plain'):
        folder.add(stem, f'{SQUARE} plane 0\n', size=(64, 64))
    return folder


def test_task1_files_are_those_of_the_scenes(patches, tmp_path):
    dataset = build_dataset(patches.cfg(test_mode=True, classes=('plane', 'ship')))
    found = [result([50, 30, 20, 10, 0, 0.9]), result([10, 30, 20, 10, 0, 0.8]), result([5, 5, 4, 4, 0, 0.5])]
    files, _ = dataset.format_results(found, submission_dir=str(tmp_path / 'sub'))
    first, second = lines(files[0])
    assert first[:2] == ['P1', '0.9'] and second[0] == 'plain'
    assert sorted(first[2:]) == ['25.00', '25.00', '35.00', '35.00', '40.00', '40.00', '60.00', '60.00']
    assert lines(files[1]) == []
    scenes, merged = dataset.merge_det(found, 4)
    assert scenes == ['P1', 'plain'] and len(merged[0][0]) == 1
    assert len(dataset.merge_det(found, iou_thr=1.0)[1][0][0]) == 2
    with pytest.raises(ValueError, match='2 results for 3 images'):
        dataset.merge_det(found[:2])


def test_options_of_a_merge(patches, tmp_path):
    dataset = build_dataset(patches.cfg(test_mode=True, classes=('plane', 'ship')))
    part, whole, other = [54, 30, 20, 10, 0, 0.9], [26, 30, 40, 10, 0, 0.8], [27, 30, 40, 10, 0, 0.7]
    found = [result(part), result(whole), result([5, 5, 4, 4, 0, 0.5])]
    found[1][1] = np.array([other], np.float32)

    def counts(**options):
        return [len(dets) for dets in dataset.merge_det(found, **options)[1][0]]

    assert counts() == [1, 1] and counts(iou_thr=0.9) == [2, 1] and counts(class_agnostic=True) == [1, 0]
    assert dataset.merge_det(found, iof_thr=0.8)[1][0][0][0, 5] == np.float32(0.8)
    options = dict(task=2, iof_thr=0.8, class_agnostic=True, nproc=3, submission_dir=str(tmp_path / 'sub'))
    dataset.check_submission(**options)
    files, _ = dataset.format_results(found, **options)
    assert [file.rsplit('/')[-1] for file in files] == ['Task2_plane.txt', 'Task2_ship.txt']
    assert lines(files[0])[0] == ['P1', '0.8', '46.00', '25.00', '86.00', '35.00']
    for wrong, said in ((dict(task=3), 'task must be 1'), (dict(iou_thr=2), 'iou_thr must be in')):
        with pytest.raises(UserError, match=said):
            dataset.check_submission(**wrong)


def test_patches_without_a_size(folder):
    folder.add('P1__1__0___0')
    dataset = build_dataset(folder.cfg(test_mode=True, classes='plane'))
    with pytest.raises(UserError, match=r"iof_thr needs the size of each patch.*'P1' is the first"):
        dataset.check_submission(iof_thr=0.8)
    dataset.check_submission(iof_thr=0.8, patch_size=64)
    assert len(dataset.merge_det([[result()[0]]], iof_thr=0.8, patch_size=64)[1]) == 1


def test_patches_of_joined_datasets_are_merged(patches, tmp_path):
    (tmp_path / 'more').mkdir()
    more = Folder(tmp_path / 'more')
    more.add('P1__64__0___40', size=(64, 64))
    dataset = ConcatDataset([build_dataset(f.cfg(test_mode=True, classes='plane')) for f in (patches, more)])
    found = [result([50, 60, 20, 10, 0, 0.9])[:1], *[result()[:1]] * 2, result([50, 20, 20, 10, 0, 0.8])[:1]]
    (file,), _ = dataset.format_results(found, submission_dir=str(tmp_path / 'sub'))
    assert [line[:2] for line in lines(file)] == [['P1', '0.9']]


def test_an_own_merge_is_used(patches):
    class Mine(DOTADataset):
        def merge_det(self, results, nproc=4):
            return ['mine'], results[:1]

    cfg = {k: v for k, v in patches.cfg(test_mode=True, classes='plane').items() if k != 'type'}
    files, _ = Mine(**cfg).format_results([result([5, 5, 4, 4, 0, 0.5])[:1]] * 3)
    assert [line[0] for line in lines(files[0])] == ['mine']
