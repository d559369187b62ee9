"""``mmrotate list``, and the page of the same content."""

import json
import runpy
from pathlib import Path

from mmrotate.cli.main import main
from mmrotate.cli.zoo import ZOO_FILE, read_zoo

ROOT = Path(__file__).parents[2]


def test_table_and_page_are_those_of_the_configs():
    make = runpy.run_path(str(ROOT / 'docs/make_model_zoo.py'))
    table = make['rows']()
    hint = 'run python docs/make_model_zoo.py'
    assert ZOO_FILE.read_text(encoding='utf-8') == make['table_file'](table), hint
    assert (ROOT / 'docs/model_zoo.md').read_text(encoding='utf-8') == make['page'](table), hint


def test_table_is_shipped():
    text = (ROOT / 'pyproject.toml').read_text(encoding='utf-8')
    assert f"'mmrotate.cli' = ['{ZOO_FILE.name}']" in text


def test_every_config_is_listed(capsys):
    assert main(['list']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 84 and lines[-1].startswith('82 configs')
    line = next(text for text in lines if '/oriented_rcnn_r50_fpn_1x_dota_le90 ' in text)
    for cell in ('Oriented R-CNN', 'ResNet-50', 'le90', '1x', 'DOTA 1.0', '75.69', '8.46', '16.2'):
        assert cell in line
    assert line.endswith('le90-6d2b2ce0.pth')


def test_configs_can_be_filtered(capsys):
    assert main(['list', '--filter', 'KLD', 'hrsc', '--json']) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row['mAP'] for row in found] == [58.17, 54.15]
    assert found == read_zoo(['kld', 'HRSC'])
    assert found[0]['data'] == 'HRSC2016 rr' and found[0]['schedule'] == '6x'
    assert len(read_zoo(['swin-t'])) == 6 and len(read_zoo(['fp16'])) == 6


def test_nothing_found_is_said(capsys):
    assert main(['list', '--filter', 'yolo']) == 1
    assert 'yolo' in capsys.readouterr().err
