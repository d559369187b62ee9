"""docs/tutorials/config.md does what it says."""

from mmengine.config import Config

from mmrotate.engine import load_config
from tests.helpers.pages import ROOT, run_page, write_files

PAGE = ROOT / 'docs/tutorials/config.md'


def test_page(project):
    assert len(write_files(PAGE, project)) >= 7
    assert run_page(PAGE) >= 15


def test_options_of_the_command_line(project):
    write_files(PAGE, project)
    options = {'workflow': [('train', 1), ('val', 1)], 'data.train.pipeline.2.img_scale': (512, 512)}
    cfg = load_config('configs/mine/retinanet_r18.py', options)
    assert cfg.workflow == [('train', 1), ('val', 1)]
    assert cfg.data.train.pipeline[2]['img_scale'] == (512, 512)


def test_environment(project, monkeypatch):
    write_files(PAGE, project)
    monkeypatch.setenv('DOTA_ROOT', 'elsewhere')
    assert Config.fromfile('configs/mine/named.py').data_root == 'elsewhere'
