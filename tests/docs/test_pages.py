"""What pages show is run: Python blocks, and the commands marked by ``<!-- run -->``."""

import itertools
import shlex

import pytest

from mmrotate.cli.infer import main as infer
from mmrotate.cli.main import main as mmrotate
from tests.helpers.pages import ROOT, commands_of, make_project, run_page, write_files

PAGES = ['get_started', 'zh_cn/get_started', 'zh_cn/intro']
# what makes a command quick, after its own options
QUICK = {
    'train': ['data.train.pipeline.2.img_scale=(160,128)', 'data.val.pipeline.1.img_scale=(160,128)'],
    'test': ['data.test.pipeline.1.img_scale=(320,256)'],
}
WRITTEN = {'--out-dir', '--out-file', '--json', '--show-dir', '--work-dir'}
MARKED = [command for command, marked in commands_of(ROOT / 'docs/get_started.md') if marked]


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(make_project(tmp_path))
    return tmp_path


@pytest.mark.parametrize('name', PAGES)
def test_python(project, name):
    page = ROOT / f'docs/{name}.md'
    write_files(page, project)
    assert run_page(page)


@pytest.mark.parametrize('command', MARKED, ids=lambda command: ' '.join(command.split()[:2]))
def test_command(project, command, capsys):
    program, *words = shlex.split(command)
    if program == 'python':
        assert words[0] == 'demo/image_demo.py'
        assert infer(words[1:]) == 0
    else:
        assert mmrotate([*words, *QUICK.get(words[0], [])]) == 0
    made = [value for option, value in itertools.pairwise(words) if option in WRITTEN]
    assert all((project / name).exists() for name in made)
    assert made or 'oriented_rcnn' in capsys.readouterr().out
