"""docs/large_images.md: what it shows is run, in its order."""

import json
import runpy
import shlex
import sys

import pytest

from mmrotate.cli.main import main as mmrotate
from tests.helpers.pages import ROOT, commands_of, make_project, run_page

PAGE = ROOT / 'docs/large_images.md'
MARKED = [shlex.split(command) for command, marked in commands_of(PAGE) if marked]
# few proposals of small tiles
QUICK = ['--device', 'cpu', '--cfg-options', 'model.test_cfg.rpn.nms_pre=40', 'model.test_cfg.rcnn.max_per_img=40']


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = make_project(tmp_path_factory.mktemp('large'))
        patch.chdir(folder)
        run_page(PAGE)
        yield folder


SLOW = {'--half', 'demo/huge_image_demo.py'}
EACH = [
    pytest.param(words, id=' '.join(words[-4:]), marks=[pytest.mark.slow] * bool(SLOW.intersection(words)))
    for words in MARKED
]


@pytest.mark.parametrize('words', EACH)
def test_command(project, words, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    if words[0] == 'mmrotate':
        small = [] if 'auto' in words else ['data.test.pipeline.1.img_scale=(160,128)']
        assert mmrotate([*words[1:], *QUICK, *small]) == 0
        place = project / words[words.index('--out') + 1]
        assert not (place / '.done').exists()
        assert len(list(place.iterdir())) == len(words[words.index('--to') + 1].split(',')) if '--to' in words else 1
    else:
        monkeypatch.setattr(sys, 'argv', words[1:])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / words[1]), run_name='__main__')
        assert end.value.code == 0
        assert (project / words[-1]).is_file()


def test_the_scene_is_where_the_page_puts_it(project):
    data = json.loads((project / 'outputs/all/detections.geojson').read_text())
    assert data['crs']['properties']['name'] == 'urn:ogc:def:crs:EPSG::32633'
    for feature in data['features']:
        x, y = feature['geometry']['coordinates'][0][0]
        assert 464990 < x < 465140
        assert 5249940 < y < 5250010
