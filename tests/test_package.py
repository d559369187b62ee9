"""What an installation without a clone has: source archive and wheel, built and used far from here."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.helpers.server import serving

ROOT = Path(__file__).parents[1]
SHIPPED = 'oriented_rcnn_r18_half_fpn_hit_uav_le90'
PUBLISHED = 'oriented_rcnn_r50_fpn_1x_dota_le90'
FOLDERS = ('configs', 'tools', 'demo')
JUNK = ('.*', '__pycache__', '*.so', '*.egg-info')
# The steps of `mim download`: the index names the metafiles, these the weights and the config. Then the same name by
# mmengine, and the shipped model by our command line;
# at last the scripts of `mim train` and `mim test`, which find no data.
USE = """
import runpy, sys, urllib.request
from importlib.metadata import distribution
from pathlib import Path
import yaml
from mmengine.config import Config
from mmengine.hub import get_config
from mmrotate.cli.main import main

_, published, image, shipped = sys.argv
root = Path(distribution('mmrotate').locate_file('mmrotate'), '.mim')
files = yaml.safe_load((root / 'model-index.yml').read_text())['Import']
models = {model['Name']: model for file in files for model in yaml.safe_load((root / file).read_text())['Models']}
model = models[published]
urllib.request.urlretrieve(model['Weights'], Path(model['Weights']).name)
config = Config.fromfile(root / model['Config'])
config.dump(f'{published}.py')
assert get_config('mmrotate::' + model['Config'].removeprefix('configs/')).model == config.model
assert main(['infer', image, shipped, shipped, '--json', 'found.json', '--device', 'cpu']) == 0
for tool, arguments in {'train': [], 'test': [f'{shipped}.pth', '--eval', 'mAP']}.items():
    sys.argv = [tool, str(root / f'configs/hit_uav/{shipped}.py'), *arguments, '--launcher', 'none']
    try:
        runpy.run_path(str(root / f'tools/{tool}.py'), run_name='__main__')
    except SystemExit as end:
        print(tool, 'ended with', end.code)
"""


def build(kind, source):
    """Build in the folder ``source``, without a compiler, for the operations are not what is looked at."""
    code = f'from setuptools import build_meta; build_meta.build_{kind}("..")'
    environment = {**os.environ, 'CC': 'false', 'CXX': 'false', 'PYTHONPATH': ''}
    run = subprocess.run([sys.executable, '-c', code], cwd=source, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.fixture(scope='module')
def archives(tmp_path_factory):
    """The source archive, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp('build')
    clone = folder / 'clone'
    outputs = {'build', 'dist', 'data', 'work_dirs', 'outputs', 'tests'}
    junk = shutil.ignore_patterns(*JUNK)
    shutil.copytree(
        ROOT, clone, ignore=lambda path, names: junk(path, names) | (outputs if path == str(ROOT) else set())
    )
    (clone / 'tools/__pycache__').mkdir()
    for junk in ('tools/__pycache__/train.cpython-311.pyc', 'demo/.DS_Store', 'configs/old.py~'):
        (clone / junk).touch()
    build('sdist', clone)
    (source,) = folder.glob('*.tar.gz')
    with tarfile.open(source) as archive:
        archive.extractall(folder, filter='data')
    build('wheel', folder / source.name.removesuffix('.tar.gz'))
    (wheel,) = folder.glob('*.whl')
    return source, wheel


@pytest.fixture(scope='module')
def installed(archives, tmp_path_factory):
    """Python of an environment with the wheel and the other packages of this one, and the package's place."""
    folder = tmp_path_factory.mktemp('venv')
    venv.create(folder, symlinks=os.name != 'nt')
    places = sysconfig.get_paths('venv', {'base': str(folder), 'platbase': str(folder), 'installed_base': str(folder)})
    packages = Path(places['purelib'])
    with zipfile.ZipFile(archives[1]) as wheel:
        wheel.extractall(packages)
    (packages / 'others.pth').write_text(sysconfig.get_path('purelib'))
    return Path(places['scripts'], 'python'), packages / 'mmrotate'


def shipped_files():
    """What configs, tools and demo hold here, without what a run leaves in them."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob('*') if path.is_file()]
    names = {path.relative_to(ROOT).as_posix() for path in found if '__pycache__' not in path.parts}
    return {'model-index.yml', *names}


def test_the_wheel_holds_the_package_and_the_zoo_and_no_more(archives):
    names = set(zipfile.ZipFile(archives[1]).namelist())
    own = {name.removeprefix('mmrotate/.mim/') for name in names if name.startswith('mmrotate/.mim/')}
    assert own == shipped_files()
    rest = {name for name in names if not name.startswith(('mmrotate/.mim/', 'mmrotate-'))}
    assert {Path(name).suffix for name in rest} == {'.py', '.json', '.html'}
    assert 'mmrotate/utils/zoo.json' in rest and {name.split('/')[0] for name in rest} == {'mmrotate'}


def test_the_source_archive_holds_what_the_wheel_is_made_of(archives):
    with tarfile.open(archives[0]) as archive:
        names = {member.name.partition('/')[2] for member in archive if member.isfile()}
    assert shipped_files() <= names
    assert not [name for name in names if name.startswith('tests') or '__pycache__' in name or '.mim' in name]
    assert {name for name in names if name.startswith(FOLDERS)} <= shipped_files()


@pytest.mark.slow
def test_an_installation_alone_serves_the_zoo(installed, tmp_path):
    python, package = installed
    metafile = package / '.mim/configs/oriented_rcnn/metafile.yml'
    text = metafile.read_text(encoding='utf-8')
    image = min((package / '.mim/demo/images').glob('*.jpg'))
    file = f'{PUBLISHED}-6d2b2ce0.pth'
    (tmp_path / 'served').mkdir()
    (tmp_path / 'served' / file).write_bytes(b'weights')
    with serving(tmp_path / 'served') as server:
        metafile.write_text(text.replace('https://download.openmmlab.com', server.address), encoding='utf-8')
        environment = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
        command = [python, '-c', USE, PUBLISHED, image, SHIPPED]
        run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / file).read_bytes() == b'weights'
    assert "type='OrientedRCNN'" in (tmp_path / f'{PUBLISHED}.py').read_text(encoding='utf-8')
    assert len(json.loads((tmp_path / 'found.json').read_text())['images'][0]['detections']) > 10
    assert str(ROOT) not in run.stderr
