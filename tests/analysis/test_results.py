import collections
import pickle
from pathlib import Path

import numpy as np
import pytest

from mmrotate.analysis.results import ResultsError, judged, read_results
from mmrotate.apis import write_results_json
from mmrotate.datasets import build_dataset
from mmrotate.utils import UserError
from mmrotate.utils.pickles import PickleError, load_arrays

DATA = Path(__file__).parents[1] / 'data' / 'hit_uav'


@pytest.fixture(scope='module')
def dataset():
    folders = {'ann_file': str(DATA / 'labelTxt'), 'img_prefix': str(DATA / 'images')}
    return build_dataset({'type': 'HITUAVDataset', 'version': 'le90', 'pipeline': [], 'test_mode': True, **folders})


@pytest.fixture
def results(dataset):
    """All objects, found with the score 0.5."""
    annotations = [dataset.get_ann_info(i) for i in range(len(dataset))]
    return [
        [np.c_[a['bboxes'], np.full(len(a['labels']), 0.5)][a['labels'] == c].astype(np.float32) for c in range(4)]
        for a in annotations
    ]


def dump(path, content, **options):
    path.write_bytes(pickle.dumps(content, **options))
    return path


def assert_same(results, others):
    assert len(results) == len(others)
    for one, other in zip(results, others, strict=True):
        assert all(map(np.array_equal, one, other))


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_all_protocols_are_read(tmp_path, dataset, results, protocol):
    read = read_results(dump(tmp_path / 'a.pkl', results, protocol=protocol), dataset)
    assert_same(read, results)


def test_pairs_of_boxes_and_masks_and_lists_of_rows_are_read(tmp_path, dataset, results):
    plain = [([dets.tolist() for dets in result], [[] for _ in result]) for result in results]
    read = read_results(dump(tmp_path / 'a.pkl', plain), dataset)
    assert_same(read, results)
    assert {dets.shape[1] for result in read for dets in result} == {6}


def test_json_results_are_read_by_the_names_of_their_images(tmp_path, dataset, results):
    names = [dataset.image_name(i) for i in range(len(dataset))]
    write_results_json(tmp_path / 'a.json', names[::-1], results[::-1], dataset.CLASSES)
    read = read_results(tmp_path / 'a.json', dataset)
    assert [list(map(len, one)) for one in read] == [list(map(len, one)) for one in results]
    ours, theirs = (np.concatenate([dets for one in each for dets in one]) for each in (read, results))
    assert sorted(ours[:, 0]) == pytest.approx(sorted(theirs[:, 0]), abs=1e-3)


def test_results_stand_beside_their_truth(tmp_path, dataset, results, log):
    both = judged(dataset, dump(tmp_path / 'a.pkl', results))
    assert (len(both), both.classes, both.images[0]) == (8, dataset.CLASSES, dataset.image_name(0))
    assert both.annotations[3] is dataset.get_ann_info(3)
    assert not log


def test_results_of_other_images_are_suspected(tmp_path, dataset, results, log):
    judged(dataset, dump(tmp_path / 'a.pkl', [[dets + np.float32(5000) for dets in one] for one in results]))
    assert 'are they of these images, in this order?' in log[-1].getMessage()


def json_of(tmp_path, dataset, results, classes=None):
    names = [dataset.image_name(i) for i in range(len(results))]
    write_results_json(tmp_path / 'a.json', names, results, classes or dataset.CLASSES)
    return tmp_path / 'a.json'


WRONG = {
    'too few': (lambda at, data, results: dump(at / 'a.pkl', results[:3]), '3 results for 8 images'),
    'too many classes': (
        lambda at, data, results: dump(at / 'a.pkl', [[*one, one[0]] for one in results]),
        'the result of image 0 has 5 classes, the dataset 4',
    ),
    'no scores': (
        lambda at, data, results: dump(at / 'a.pkl', [[dets[:, :5] for dets in one] for one in results]),
        r'must be arrays \(n, 6\)',
    ),
    'no list': (lambda at, data, results: dump(at / 'a.pkl', {'a': results}), 'holds a dict, no list'),
    'numbers': (lambda at, data, results: dump(at / 'a.pkl', [1] * 8), 'does not fit the dataset'),
    'part of the images': (lambda at, data, results: json_of(at, data, results[:2]), 'no results of 6 of the 8 images'),
    'other classes': (
        lambda at, data, results: json_of(at, data, results, ['a', 'b', 'c', 'd']),
        "is of the classes .'a', 'b'",
    ),
    'absent': (lambda at, data, results: at / 'a.json', 'there is no file'),
}


@pytest.mark.parametrize('write, told', WRONG.values(), ids=WRONG)
def test_results_that_do_not_fit_are_refused(tmp_path, dataset, results, write, told):
    with pytest.raises(ResultsError, match=told):
        read_results(write(tmp_path, dataset, results), dataset)


@pytest.mark.parametrize(
    'text, told',
    [
        ('{', 'is no JSON'),
        ('{"schema": "mine"}', "has the schema 'mine'"),
        ('[1]', 'holds no results'),
        ('{"schema": "mmrotate.detections", "classes": []}', "KeyError: 'images'"),
    ],
)
def test_json_that_holds_no_results_is_refused(tmp_path, dataset, text, told):
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(ResultsError, match=told):
        read_results(tmp_path / 'a.json', dataset)


def test_truth_is_needed(tmp_path, results):
    pictures = {'type': 'HITUAVDataset', 'version': 'le90', 'pipeline': [], 'test_mode': True, 'ann_file': ''}
    dataset = build_dataset({**pictures, 'img_prefix': str(DATA / 'images')})
    with pytest.raises(UserError, match='images without annotations'):
        judged(dataset, dump(tmp_path / 'a.pkl', results))


def test_a_pickle_that_runs_code_is_refused(tmp_path, monkeypatch):
    path = dump(tmp_path / 'a.pkl', [collections.Counter('a')])
    with pytest.raises(PickleError, match=r'collections\.Counter.*set MMROTATE_ALLOW_PICKLE=1'):
        load_arrays(path)
    monkeypatch.setenv('MMROTATE_ALLOW_PICKLE', '1')
    assert load_arrays(path) == [{'a': 1}]


def test_what_is_no_pickle_is_said(tmp_path):
    (tmp_path / 'a.pkl').write_text('hello')
    with pytest.raises(PickleError, match='is no pickle, or is damaged'):
        load_arrays(tmp_path / 'a.pkl')
    with pytest.raises(PickleError, match='did you mean'):
        load_arrays(tmp_path / 'b.pkl')
    assert load_arrays(dump(tmp_path / 'a.pkl', {'a': (1, 'b', None, np.float32(2), {3})})) == {
        'a': (1, 'b', None, 2, {3})
    }
