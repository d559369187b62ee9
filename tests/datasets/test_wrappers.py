"""Joined and repeated datasets where results are scored and written."""

import numpy as np
import pytest

from mmrotate.datasets import ConcatDataset, DOTADataset, RepeatDataset, build_dataset
from mmrotate.datasets.submission import SubmissionError
from mmrotate.utils import UserError

from .conftest import SQUARE, Folder

CLASSES = ('plane', 'ship')


@pytest.fixture
def sets(tmp_path):
    """Folders of three datasets with two images each; the last two share an image's name."""
    folders = []
    for name, stems in (('first', 'ab'), ('second', 'cd'), ('third', 'de')):
        (tmp_path / name).mkdir()
        folders.append(Folder(tmp_path / name))
        for stem in stems:
            folders[-1].add(stem, f'{SQUARE} plane 0\n{SQUARE} ship 0\n')
    return folders


def joined(folders, **kwargs):
    return ConcatDataset([single(folder) for folder in folders], **kwargs)


def single(folder, **kwargs):
    return build_dataset(folder.cfg(test_mode=True, classes=CLASSES, **kwargs))


def found_in(dataset, images):
    """The ground truth as detections in the ``images``, none in the others."""
    results, count = [], len(dataset.CLASSES)
    for i in range(len(dataset)):
        ann = dataset.get_ann_info(i)
        scored = np.concatenate([ann['bboxes'], np.ones((len(ann['labels']), 1), np.float32)], axis=1)
        results.append([scored[ann['labels'] == label] if i in images else scored[:0] for label in range(count)])
    return results


def names(dataset):
    return [dataset.image_name(i) for i in range(len(dataset))]


def columns(file):
    return [line.split()[0] for line in open(file)]


def test_images_have_names_and_paths(sets):
    first, second, third = sets
    dataset = joined([first, second])
    assert names(dataset) == ['a.png', 'b.png', 'c.png', 'd.png']
    assert dataset.image_path(3) == f'{second.images}/d.png'
    repeated = RepeatDataset(single(first), 2)
    assert names(repeated) == ['a.png', 'b.png'] * 2
    assert repeated.image_path(3) == f'{first.images}/b.png'
    assert names(ConcatDataset([repeated, single(second)]))[2:5] == ['a.png', 'b.png', 'c.png']
    # a name that two images have would put both into one file
    assert names(joined([second, third])) == ['0/c.png', '0/d.png', '1/d.png', '1/e.png']


def test_repeated_datasets_are_scored_as_one(sets):
    repeated = RepeatDataset(single(sets[0]), 3)
    results = found_in(repeated, range(2))
    assert repeated.evaluate(results) == {'mAP': pytest.approx(1)}
    with pytest.raises(ValueError, match='2 results for 6 images'):
        repeated.evaluate(results[:2])
    both = ConcatDataset([repeated, RepeatDataset(single(sets[1]), 1)])
    assert both.version == 'le90' and len(both.leaves) == 2
    scores = both.evaluate(found_in(both, range(6)))
    assert scores == {'0_mAP': pytest.approx(1), '1_mAP': 0}
    both.separate_eval = False
    assert both.evaluate(found_in(both, range(6)), use_07_metric=False) == {'mAP': pytest.approx(0.5)}


def test_datasets_scored_as_one_keep_their_thresholds(sets):
    class Strict(DOTADataset):
        IOU_THR = (0.5, 0.99)

    strict = [Strict(**{k: v for k, v in f.cfg(test_mode=True, classes=CLASSES).items() if k != 'type'}) for f in sets]
    dataset = ConcatDataset(strict[:2], separate_eval=False)
    results = found_in(dataset, range(4))
    for per_class in results:
        for boxes in per_class:
            boxes[:, 0] += 2
    assert dataset.evaluate(results, logger='silent')['mAP'] == pytest.approx(0.5)
    mixed = ConcatDataset([strict[0], single(sets[1])], separate_eval=False)
    with pytest.raises(UserError, match=r"\['Strict', 'DOTADataset'\] are not scored in the same way"):
        mixed.evaluate(found_in(mixed, range(4)))


def test_nothing_is_scored_against_missing_annotations(sets, tmp_path):
    (tmp_path / 'bare').mkdir()
    bare = Folder(tmp_path / 'bare')
    bare.add('z', None)
    for separate in (True, False):
        dataset = joined([sets[0], bare], separate_eval=separate)
        with pytest.raises(UserError, match='bare/labels has images without annotations'):
            dataset.evaluate(found_in(dataset, []))


def test_one_submission_of_all_images(sets, tmp_path):
    dataset = joined(sets[:2])
    files, folder = dataset.format_results(found_in(dataset, range(4)), submission_dir=str(tmp_path / 'sub'))
    assert folder == str(tmp_path / 'sub')
    assert [columns(file) for file in files] == [['a', 'b', 'c', 'd']] * 2
    repeated = RepeatDataset(dataset, 2)
    files, _ = repeated.format_results(found_in(repeated, range(4)))
    assert [columns(file) for file in files] == [['a', 'b', 'c', 'd']] * 2


def test_a_submission_each_where_names_are_shared(sets, tmp_path, log):
    dataset = joined(sets[1:])
    folder = tmp_path / 'sub'
    dataset.check_submission(submission_dir=str(folder))
    files, where = dataset.format_results(found_in(dataset, range(4)), submission_dir=str(folder))
    assert where == str(folder) and len(files) == 4
    assert [columns(folder / part / 'Task1_plane.txt') for part in '01'] == [['c', 'd'], ['d', 'e']]
    assert f'share names of images, or have formats of their own: a submission each, {folder}/0' in log[-1].getMessage()
    with pytest.raises(SubmissionError, match='holds files'):
        dataset.check_submission(submission_dir=str(folder))


def test_a_format_of_a_datasets_own_is_used(sets):
    class Own(DOTADataset):
        def format_results(self, results, prefix='x'):
            return [f'{prefix}_{name}' for name in self.img_ids], prefix

    own = [Own(**{k: v for k, v in f.cfg(test_mode=True, classes=CLASSES).items() if k != 'type'}) for f in sets[:2]]
    dataset = ConcatDataset(own)
    with pytest.raises(
        SubmissionError, match=r"Own\.format_results does not know \['prefx'\]; its options: \['prefix'\]"
    ):
        dataset.check_submission(prefx='y')
    assert dataset.format_results(found_in(dataset, []), prefix='y')[0] == ['y_a', 'y_b', 'y_c', 'y_d']


def test_versions_must_agree(sets):
    with pytest.raises(ValueError, match=r"same version, got \['le90', 'oc'\]"):
        ConcatDataset([single(sets[0]), single(sets[1], version='oc')])
