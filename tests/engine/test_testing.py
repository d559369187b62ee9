import pytest

from mmrotate.datasets import build_dataset
from mmrotate.engine import PredictionError, build_test_loader, dataset_config, load_config, loader_options, predict
from mmrotate.models import build_detector
from tests.helpers.tiny import write_config


@pytest.fixture
def cfg(tmp_path):
    return load_config(write_config(tmp_path))


@pytest.fixture
def dataset(cfg):
    return build_dataset(dataset_config(cfg, 'test', test_mode=True))


def boxes(model, loader):
    return [result[0].tolist() for result in predict(model, loader, progress=False)]


def test_results_stand_in_the_order_of_the_dataset(cfg, dataset):
    model = build_detector(cfg.model).eval()
    one_by_one = boxes(model, build_test_loader(dataset, **loader_options(cfg, 'test')))
    assert len(one_by_one) == 5
    by_twos = boxes(model, build_test_loader(dataset, samples_per_gpu=2, workers_per_gpu=1))
    for one, two in zip(one_by_one, by_twos, strict=True):
        assert one[0] == pytest.approx(two[0], abs=1e-3)


@pytest.mark.parametrize('rank', [0, 1])
def test_each_process_has_its_share(cfg, dataset, monkeypatch, rank):
    monkeypatch.setattr('mmrotate.engine.testing.rank_and_size', lambda: (rank, 2))
    loader = build_test_loader(dataset, **loader_options(cfg, 'test'))
    names = [batch['img_metas'][0][0]['ori_filename'] for batch in loader]
    assert names == [f'img{i}.png' for i in range(rank, 5, 2)]


def test_an_error_names_the_images(cfg, dataset):
    model = build_detector(cfg.model)
    model.result = None
    with pytest.raises(PredictionError, match=r'img0\.png'):
        boxes(model, build_test_loader(dataset, samples_per_gpu=1, workers_per_gpu=0))
