import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def seeds(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'benchmarks')
    return importlib.import_module('seeds')


def test_mean_and_spread_of_a_recipe_that_is_done_in_pieces(seeds, tmp_path, monkeypatch, capsys):
    runs = []

    def run(cfg, folder, metric):
        runs.append((cfg.seed, cfg.runner.max_epochs, cfg.optimizer.lr, cfg.resume_from))
        folder.mkdir(exist_ok=True, parents=True)
        if cfg.seed == 2 and cfg.resume_from is None:
            (folder / 'latest.pth').touch()
            raise KeyboardInterrupt
        return {'AP50': 0.5 + cfg.seed / 10, 'AP75': 0.2, 'AP50:95': 0.3, 'seconds': 7.0}

    monkeypatch.setattr(seeds, 'run', run)
    args = ['--out', str(tmp_path), '--epochs', '3', '--device', 'cpu', '--cfg-options', 'optimizer.lr=0.01']
    with pytest.raises(KeyboardInterrupt):
        seeds.main(args)
    seeds.main(args)
    last = str(tmp_path / '2' / 'latest.pth')
    assert runs == [*((seed, 3, 0.01, None) for seed in (0, 1, 2)), (2, 3, 0.01, last)]
    table = capsys.readouterr().out.splitlines()[-5:]
    assert table == [
        '| 0 | 0.500 | 0.200 | 0.300 | 7 |',
        '| 1 | 0.600 | 0.200 | 0.300 | 7 |',
        '| 2 | 0.700 | 0.200 | 0.300 | 7 |',
        '| mean | 0.600 | 0.200 | 0.300 | |',
        '| spread | 0.100 | 0.000 | 0.000 | |',
    ]
    assert (tmp_path / 'seeds.md').read_text().splitlines()[-5:] == table


def test_data_of_a_recipe_that_draws_rare_classes_more_often(seeds, tmp_path, monkeypatch):
    seen = []

    def run(cfg, folder, metric):
        folder.mkdir(parents=True)
        seen.append((cfg.data.train.dataset.ann_file, cfg.data.val.img_prefix))
        # what the wrapper does not take would stop it
        assert set(cfg.data.train) == {'type', 'oversample_thr', 'dataset'}
        return dict.fromkeys(('AP50', 'AP75', 'AP50:95', 'seconds'), 0.0)

    monkeypatch.setattr(seeds, 'run', run)
    nano = ROOT / 'configs/hit_uav/rotated_rtmdet_nano_hit_uav_le90.py'
    seeds.main([str(nano), '--data', 'there', '--out', str(tmp_path), '--seeds', '0', '--device', 'cpu'])
    assert seen == [(str(Path('there/train/labelTxt')), str(Path('there/val/images')))]
