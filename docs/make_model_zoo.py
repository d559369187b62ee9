"""Writes docs/model_zoo.md and the table of ``mmrotate list`` from the configs.

What was published of a config (mAP, memory, speed, checkpoint) stands in
``tests/data/golden/zoo.json.gz``; everything else is read from the config itself.
"""

import gzip
import json
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmrotate.cli.zoo import ZOO_FILE

ROOT = Path(__file__).parents[1]
PAGE = ROOT / 'docs/model_zoo.md'
ARXIV = 'https://arxiv.org/abs/'
# folder -> method, and its paper: an arXiv number or where it appeared
METHODS = {
    'rotated_retinanet': ('Rotated RetinaNet', '1708.02002'),
    'rotated_faster_rcnn': ('Rotated Faster R-CNN', '1506.01497'),
    'rotated_fcos': ('Rotated FCOS', '1904.01355'),
    'rotated_reppoints': ('Rotated RepPoints', '1904.11490'),
    'rotated_atss': ('Rotated ATSS', '1912.02424'),
    'roi_trans': ('RoI Transformer', '1812.00155'),
    'gliding_vertex': ('Gliding Vertex', '1911.09358'),
    'csl': ('CSL', '2003.05597'),
    'r3det': ('R3Det', '1908.05612'),
    's2anet': ('S2A-Net', '2008.09397'),
    'redet': ('ReDet', '2103.07733'),
    'cfa': ('Beyond Bounding-Box (CFA)', 'CVPR 2021'),
    'oriented_rcnn': ('Oriented R-CNN', '2108.05699'),
    'gwd': ('GWD', '2101.11952'),
    'kld': ('KLD', '2106.01883'),
    'sasm_reppoints': ('SASM', 'AAAI 2022'),
    'oriented_reppoints': ('Oriented RepPoints', '2105.11111'),
    'kfiou': ('KFIoU', '2201.12558'),
    'g_reppoints': ('G-Rep', '2205.11796'),
    'convnext': ('ConvNeXt', '2201.03545'),
}
SCHEDULES = {12: '1x', 24: '2x', 36: '3x', 40: '40e', 72: '6x'}
DATA = {'dota': 'DOTA 1.0', 'hrsc': 'HRSC2016', 'ssdd': 'SSDD', 'hrsid': 'HRSID'}
BACKBONES = {
    'ResNet': 'ResNet-50',
    'ReResNet': 'ReResNet-50',
    'SwinTransformer': 'Swin-T',
    'mmcls.ConvNeXt': 'ConvNeXt-T',
}
INTRODUCTION = """# Model zoo

Made by `python docs/make_model_zoo.py`; `mmrotate list` shows the same table in a terminal, also
without a clone.

mAP, memory (GB, training with two images a step), speed (images a second, one RTX 2080 Ti) and
checkpoints are those published with MMRotate 0.x; the trainings were not repeated here. mAP is that
of the test server of DOTA 1.0; for HRSC2016 it is the mean over the IoU thresholds 0.5 to 0.95 (but
for S2A-Net: at 0.5), to be compared only with itself. *ms*: patches of three scales, *rr*: random
rotation, *fp16*: half precision. 1x, 2x, 3x, 6x and 40e are 12, 24, 36, 72 and 40 epochs. Empty:
never published.
"""


def rows() -> list[dict[str, Any]]:
    """One row per config, the methods in the order of ``METHODS``."""
    golden = ROOT / 'tests/data/golden/zoo.json.gz'
    with gzip.open(golden, 'rt', encoding='utf-8') as stream:
        published = json.load(stream)
    order = list(METHODS)
    names = sorted(published, key=lambda name: (order.index(name.split('/')[0]), name))
    return [row(name, published[name]) for name in names]


def row(name: str, published: dict[str, Any]) -> dict[str, Any]:
    """What there is to say about one config."""
    config = Config.fromfile(ROOT / f'configs/{name}.py', import_custom_modules=False)
    method, paper = METHODS[name.split('/')[0]]
    data = next(text for word, text in DATA.items() if f'_{word}_' in name)
    steps = [step['type'] for step in config.data.train.pipeline]
    extras = [('_ms_' in config.data_root, 'ms'), ('PolyRandomRotate' in steps, 'rr'), ('fp16' in config, 'fp16')]
    return {
        'method': method,
        'paper': f'{ARXIV}{paper}' if paper[0].isdigit() else paper,
        'config': name,
        'backbone': BACKBONES[config.model.backbone.type],
        'angle': config.angle_version,
        'schedule': SCHEDULES[config.runner.max_epochs],
        'data': ' '.join([data, *(word for holds, word in extras if holds)]),
        'mAP': published.get('published_mAP'),
        'memory_gb': published.get('memory_gb'),
        'fps': published.get('fps_2080ti'),
        'checkpoint': published.get('checkpoint'),
    }


def page(table: list[dict[str, Any]]) -> str:
    """The text of docs/model_zoo.md."""
    lines = [INTRODUCTION]
    for method, _ in METHODS.values():
        own = [entry for entry in table if entry['method'] == method]
        paper = own[0]['paper']
        link = f'[arXiv:{paper.removeprefix(ARXIV)}]({paper})' if ARXIV in paper else paper
        lines += [f'## {method} ({link})', '']
        lines += ['| config | data | body | angle | schedule | mAP | GB | fps | weights |']
        lines += ['|---|---|---|---|---|---|---|---|---|']
        lines += [_line(entry) for entry in own]
        lines += ['']
    return '\n'.join(lines)


def _line(entry: dict[str, Any]) -> str:
    name = entry['config'].split('/')[1]
    cells = [entry[key] for key in ('data', 'backbone', 'angle', 'schedule', 'mAP')]
    cells += [entry['memory_gb'], entry['fps']]
    if entry['checkpoint']:
        cells.append(f'[{entry["checkpoint"][-12:-4]}]({entry["checkpoint"]})')
    else:
        cells.append(None)
    texts = ['' if cell is None else str(cell) for cell in cells]
    return ' | '.join([f'| [{name}](../configs/{entry["config"]}.py)', *texts, '']).rstrip()


def table_file(table: list[dict[str, Any]]) -> str:
    """The text of the table of ``mmrotate list``: a line for each config."""
    return '[\n' + ',\n'.join(json.dumps(entry) for entry in table) + '\n]\n'


if __name__ == '__main__':
    found = rows()
    PAGE.write_text(page(found), encoding='utf-8')
    ZOO_FILE.write_text(table_file(found), encoding='utf-8')
