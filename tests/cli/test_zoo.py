"""``mmrotate list``, and the page of the same content."""

import json
import runpy
from pathlib import Path

from mmrotate.cli.main import main
from mmrotate.utils.zoo import ZOO_FILE, read_zoo
from tests.helpers import reference

ROOT = Path(__file__).parents[2]


def test_whatever_is_said_of_the_zoo_is_made_from_one_table():
    texts = runpy.run_path(str(ROOT / 'docs/make_model_zoo.py'))['outputs']()
    stale = [str(path) for path, text in texts.items() if not path.is_file() or path.read_text('utf-8') != text]
    assert stale == [], 'run python docs/make_model_zoo.py'
    made = {path for path in texts if path.parent.parent.name == 'configs'}
    assert made == {*ROOT.glob('configs/*/metafile.yml'), *ROOT.glob('configs/*/README.md')}
    methods = {path.parent.name for path in made}
    assert methods == {path.name for path in ROOT.glob('configs/*') if path.name != '_base_'}
    assert len([path for path in made if path.suffix == '.yml']) >= 23


def test_table_is_shipped():
    text = (ROOT / 'pyproject.toml').read_text(encoding='utf-8')
    assert f"'mmrotate.utils' = ['{ZOO_FILE.name}']" in text


def test_every_config_is_listed(capsys):
    assert main(['list']) == 0
    lines = capsys.readouterr().out.splitlines()
    count = len(read_zoo())
    assert len(lines) == count + 4 and lines[-3].startswith(f'{count} configs')
    line = next(text for text in lines if '/oriented_rcnn_r50_fpn_1x_dota_le90 ' in text)
    for cell in ('Oriented R-CNN', 'ResNet-50', 'le90', '1x', 'DOTA 1.0', '75.69', '8.46', '16.2'):
        assert cell in line
    assert line.endswith('le90-6d2b2ce0.pth')


def test_words_of_newer_data_are_those_of_the_sources(capsys):
    """Turned images, mosaics and upright labels are those of the sources' pipelines."""
    sources = reference.load_all('newer/**/*config*.json.gz')
    assert main(['list', '--json', '--filter', 'dota']) == 0
    rows = [row | {'name': row['config'].split('/')[1]} for row in json.loads(capsys.readouterr().out)]
    newer = [row for row in rows if row['name'] in sources]
    assert len(newer) > 40 and all(row['metric'] == 'AP50' for row in newer if row['mAP'])
    for row in newer:
        steps = json.dumps([sources[row['name']].get(key) for key in ('train_pipeline', 'train_dataloader')])
        kinds = {'rr': 'RandomRotate"' in steps, 'mix': 'CachedMosaic' in steps, 'hbb': '"hbox"' in steps}
        assert {kind for kind, holds in kinds.items() if holds} == {*row['data'].split()} & kinds.keys(), row['name']


def test_configs_can_be_filtered(capsys):
    assert main(['list', '--filter', 'KLD', 'hrsc', '--json']) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row['mAP'] for row in found] == [58.17, 54.15]
    plain = [{key: row[key] for key in row if not key.endswith('_file')} for row in found]
    assert plain == read_zoo(['kld', 'HRSC'])
    assert found[0]['data'] == 'HRSC2016 rr' and found[0]['schedule'] == '6x'
    assert len(read_zoo(['swin-t'])) == 6 and len(read_zoo(['fp16'])) == 7


def test_newer_configs_say_what_their_figures_mean():
    protocol = {row['config'].split('/')[1]: (row['data'], row['mAP'], row['metric']) for row in read_zoo()}
    expected = {
        'rotated_rtmdet_l-coco_pretrain-3x-dota_ms': ('DOTA 1.0 ms rr', 81.33, 'AP50'),
        'lsk_t_fpn_1x_dota_le90': ('DOTA 1.0 ms rr', 81.37, 'AP50'),
        'h2rbox_v2-le90_r50_fpn_ms_rr-1x_dota': ('DOTA 1.0 ms rr hbb', 78.25, 'AP50'),
        'h2rbox-le90_r50_fpn_adamw-1x_dota': ('DOTA 1.0 hbb', 68.75, 'AP50'),
        'o2_rtdetr_r18vd_2xb4_72e_dota': ('DOTA 1.0 rr', 77.31, 'AP50'),
        'rhino_phc_haus_4scale_r50_2xb4_36e_dota': ('DOTA 1.0', 78.68, 'AP50'),
        'rotated_rtmdet_tiny-9x-hrsc': ('HRSC2016 rr', 90.6, 'AP50'),
        'rotated_retinanet_obb_r50_fpn_6x_hrsc_rr_le90': ('HRSC2016 rr', 52.06, 'AP50:95'),
        's2anet_r50_fpn_3x_hrsc_le135': ('HRSC2016', 89.75, 'AP50'),
        'rotated_yolox_s-100e-aug-dota': ('DOTA 1.0 rr mix', None, None),
    }
    assert {name: protocol[name] for name in expected} == expected


def test_nothing_found_is_said(capsys):
    assert main(['list', '--filter', 'centernet']) == 1
    assert 'centernet' in capsys.readouterr().err
