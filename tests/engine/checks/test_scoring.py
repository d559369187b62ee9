"""Metrics, arguments of evaluations, and what chooses the best checkpoint."""

from types import SimpleNamespace

import pytest

from mmrotate.datasets import ConcatDataset, DOTADataset, build_dataset
from mmrotate.engine import dataset_config, load_config, read_evaluation
from mmrotate.engine.checks import best_against, scoring_against
from tests.helpers.tiny import write_config


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    cfg = load_config(write_config(tmp_path_factory.mktemp('scoring')))
    return build_dataset(dataset_config(cfg, 'test', test_mode=True))


def best(dataset, **evaluation):
    given = read_evaluation({'evaluation': {'interval': 1, **evaluation}})
    return [text for text, _ in best_against(dataset, given)]


def told(dataset, **options):
    return [text for text, _ in scoring_against(dataset, options, 'data.val', 'evaluation')]


def test_metrics_and_arguments(dataset):
    assert told(dataset, metric=['mAP', 'AP75'], iou_thr=0.5, proposal_nums=(100,), nproc=4) == []
    (text,) = told(dataset, metric='mAPP')
    assert text.startswith("evaluation: unknown metric 'mAPP'; did you mean 'mAP'?")
    (text,) = told(dataset, metric='recall', classwise=True)
    assert "classwise=True is for no metric of ['recall']" in text
    (text,) = told(dataset, iou_thrr=0.5)
    assert "DOTADataset.evaluate does not know the argument 'iou_thrr'; did you mean 'iou_thr'?" in text
    (text,) = told(ConcatDataset([dataset, dataset]), iou_thrr=0.5)
    assert 'iou_thrr' in text


def test_data_without_annotations_cannot_be_scored():
    (text,) = told(SimpleNamespace(has_annotations=False, ann_file='val/images'))
    assert 'val/images has images without annotations' in text


@pytest.mark.parametrize(
    ('given', 'names'),
    [
        ({}, ['mAP']),
        ({'metric': ['AP50', 'AP75']}, ['mAP', 'AP50', 'AP75']),
        ({'metric': 'bbox', 'metric_items': ['mAP', 'AR@100']}, ['bbox_mAP', 'bbox_AR@100']),
        ({'metric': 'proposal_fast', 'proposal_nums': [5]}, ['AR@5']),
        ({'scale_ranges': [(0, 32), (32, 1e5)]}, ['mAP', 'mAP_0_32', 'mAP_32_100000']),
    ],
)
def test_a_dataset_says_the_scores_that_it_gives(dataset, given, names):
    assert dataset.score_names(**given) == names
    results = [[info['ann']['bboxes'][:0].repeat(1, 0)] * 2 for info in dataset.data_infos]
    results = [[boxes.reshape(0, 5)[:, [0, 1, 2, 3, 4, 4]] for boxes in image] for image in results]
    assert list(dataset.evaluate(results, logger='silent', **given)) == names
    joined = ConcatDataset([dataset, dataset])
    assert joined.score_names(**given) == [f'{i}_{name}' for i in range(2) for name in names]


@pytest.mark.parametrize(
    ('joined', 'name', 'known'),
    [(False, 'bbox_mAP', "['mAP']"), (True, 'mAP', "['0_mAP', '1_mAP']"), (False, 'mAP', None), (True, '1_mAP', None),
     (True, 'auto', None), (False, None, None)],
)  # fmt: skip
def test_the_best_is_chosen_by_a_score_that_there_is(dataset, joined, name, known):
    found = best(ConcatDataset([dataset] * 2) if joined else dataset, save_best=name)
    assert len(found) == (known is not None)
    assert all(f'save_best={name!r}' in text and known in text for text in found)


def test_the_rule(dataset, monkeypatch):
    monkeypatch.setattr(dataset, 'score_names', lambda **kwargs: ['speed'], raising=False)
    for name in ('speed', 'auto'):
        assert ['evaluation.rule is needed' in text for text in best(dataset, save_best=name)] == [True]
        for option in (dict(rule='greater'), dict(greater_keys=['speed']), dict(less_keys='spee')):
            assert best(dataset, save_best=name, **option) == []


def test_an_evaluation_of_ones_own_is_trusted(dataset):
    class Mine(DOTADataset):
        def evaluate(self, results, **kwargs):
            return {'mine': 1.0}

    mine = Mine.__new__(Mine)
    assert told(mine, mine=3, metric='bbox') == []
    assert best(mine, save_best='mine') == []
    Mine.score_names = lambda self, **kwargs: ['mine']
    assert len(best(mine, save_best='mAP')) == 1
