"""Writes all that is said of the zoo: one table, so that no two places disagree.

From the configs, docs/methods.yml (the papers), ``tests/data/golden/zoo.json.gz`` and, of newer methods,
docs/newer_zoo.yml (what was published of a config: mAP, memory, speed, checkpoint) come docs/model_zoo.md, the table
behind ``mmrotate list`` and every name of the zoo, a README.md and a metafile.yml in the folder of each method, and
model-index.yml, which lists the metafiles.
"""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import yaml
from mmengine.config import Config

from mmrotate.utils.zoo import ZOO_FILE

ROOT = Path(__file__).parents[1]
ARXIV = 'https://arxiv.org/abs/'
SCHEDULES = {12: '1x', 24: '2x', 36: '3x', 72: '6x', 108: '9x'}
V1 = 'https://download.openmmlab.com/mmrotate/v1.0/'
AI4RS = 'https://modelscope.cn/models/wokaikaixinxin/ai4rs/resolve/master/'
DATA = {
    **{'dota': 'DOTA 1.0', 'dotav15': 'DOTA 1.5', 'dotav2': 'DOTA 2.0', 'dior': 'DIOR-R'},
    **{'hrsc': 'HRSC2016', 'ssdd': 'SSDD', 'hrsid': 'HRSID', 'hit': 'HIT-UAV'},
}
BACKBONES = {
    'ResNet': 'ResNet-50',
    'ReResNet': 'ReResNet-50',
    'SwinTransformer': 'Swin-T',
    'mmcls.ConvNeXt': 'ConvNeXt-T',
}
# of CSPNeXt and CSPDarknet by their widths
SIZES = {0.375: 'tiny', 0.5: 's', 0.75: 'm', 1: 'l'}
# measured on the validation images of HIT-UAV, see docs/models.md
SHIPPED = {
    'hit_uav/oriented_rcnn_r18_half_fpn_hit_uav_le90': {
        'backbone': 'ResNet-18, half width',
        'mAP': 61.29,
        'checkpoint': 'demo/oriented_rcnn_r18_half_fpn_hit_uav_le90.pth',
    },
    'hit_uav/rotated_rtmdet_nano_hit_uav_le90': {
        'backbone': 'ResNet-18, 3/8 of its width',
        'mAP': 60.42,
        'checkpoint': 'demo/rotated_rtmdet_nano_hit_uav_le90.pth',
    },
}
INTRODUCTION = """# Model zoo

Made by `python docs/make_model_zoo.py`; `mmrotate list` shows the same table in a terminal, also
without a clone. Names of configs serve wherever a config or a checkpoint is wanted:
[install](install.md#the-zoo-by-name). `mim download`, `train` and `test` read the metafile.yml beside them.

mAP, memory (GB, training with two images a step), speed (images a second, one RTX 2080 Ti) and
checkpoints are those published with MMRotate 0.x, of RTMDet-R, PSC, H2RBox and LSKNet with 1.x, of PKINet by its
authors, of ACM, GauCho, Strip R-CNN and the detectors with queries by AI4RS; the trainings were not repeated here.
mAP is that of the test server of DOTA, or of the test images of DIOR-R; for HRSC2016 it is the mean over the IoU
thresholds 0.5 to 0.95 (but for S2A-Net, RTMDet-R, PSC, H2RBox and LSKNet: at 0.5), to be compared only with itself.
HIT-UAV
is that of the shipped models on the validation images. *ms*: patches of three scales, *rr*: random
rotation, *mix*: mosaics and mixtures of images, *fp16*: half precision, *hbb*: learned from upright labels; without
*ms* training and test are of one scale. 1x, 2x, 3x, 6x, 9x are 12, 24, 36, 72, 108 epochs, 30e and 40e are 30 and
40. Empty: never published.
"""
README = """# {name}

> {paper}

{text}

## Configs

{table}

The columns are explained in the [model zoo](../../docs/model_zoo.md). By name, from any folder:

```bash
{use}
```

## Citation

```bibtex
@{kind}{{{folder},
  title = {{{title}}},
  author = {{{authors}}},
  {place} = {{{venue}}},
  year = {{{year}}}
}}
```
"""
JOURNALS = ('TPAMI', 'TGRS', 'Remote Sensing', 'Scientific Data', 'arXiv')
HEAD = '# made by docs/make_model_zoo.py\n'
Row = dict[str, Any]


def methods() -> dict[str, Row]:
    """What there is to say about the paper of each folder of ``configs/``."""
    found: dict[str, Row] = yaml.safe_load((ROOT / 'docs/methods.yml').read_text(encoding='utf-8'))
    for method in found.values():
        # a paper without a number is named by where it appeared
        method['paper'] = ARXIV + method['arxiv'] if 'arxiv' in method else f'{method["venue"]} {method["year"]}'
    return found


def rows() -> list[Row]:
    """One row per config, the methods in the order of docs/methods.yml."""
    with gzip.open(ROOT / 'tests/data/golden/zoo.json.gz', 'rt', encoding='utf-8') as stream:
        published = json.load(stream)
    renamed = {'mAP': 'published_mAP', 'fps': 'fps_2080ti'}
    keys = ('mAP', 'memory_gb', 'fps', 'checkpoint')
    facts = {name: {key: of.get(renamed.get(key, key)) for key in keys} for name, of in published.items()}
    facts |= newer() | SHIPPED
    papers = methods()
    order = list(papers)
    names = sorted(facts, key=lambda name: (order.index(name.split('/')[0]), name))
    return [row(name, papers[name.split('/')[0]], facts[name]) for name in names]


def newer() -> dict[str, Row]:
    """What was published of the configs of newer methods."""
    table = yaml.safe_load((ROOT / 'docs/newer_zoo.yml').read_text(encoding='utf-8'))
    return {
        name: {'mAP': facts.get('mAP'), 'memory_gb': facts.get('memory'), 'checkpoint': _checkpoint(name, facts)}
        for name, facts in table.items()
    }


def _checkpoint(name: str, facts: Row) -> str | None:
    """Where the checkpoint of a newer method is."""
    own = name.split('/')[1]
    if 'address' in facts:
        return f'{AI4RS}{facts["address"]}/{own}/epoch_{facts["epoch"]}.pth'
    if 'file' in facts:
        dash = '_-' if '-' in facts['file'] else '-'  # what begins with a date stands behind an underscore too
        return f'{V1}{name}/{own}{dash}{facts["file"]}.pth'
    return facts.get('checkpoint')


def row(name: str, method: Row, facts: Row) -> Row:
    """What there is to say about one config."""
    config = Config.fromfile(ROOT / f'configs/{name}.py', import_custom_modules=False)
    data = next(text for word, text in DATA.items() if re.search(rf'[-_]{word}(1\.0)?([-_]|$)', name))
    train = config.data.train
    steps = [step['type'] for step in train.get('dataset', train).pipeline]
    extras = [('_ms_' in config.data_root, 'ms'), ('PolyRandomRotate' in steps, 'rr'), ('fp16' in config, 'fp16')]
    extras += [('CachedMosaic' in steps, 'mix'), (train.get('dataset', train).get('horizontal', False), 'hbb')]
    epochs = config.runner.max_epochs * train.get('times', 1)
    return {
        'method': method['name'],
        'paper': method['paper'],
        'config': name,
        'backbone': facts.get('backbone') or body(config.model.backbone),
        'angle': config.angle_version,
        'schedule': SCHEDULES.get(epochs, f'{epochs}e'),
        'epochs': epochs,
        'data': ' '.join([data, *(word for holds, word in extras if holds)]),
        'mAP': facts['mAP'],
        'metric': None if facts['mAP'] is None else _metric(name, data),
        'memory_gb': facts.get('memory_gb'),
        'fps': facts.get('fps'),
        'checkpoint': facts['checkpoint'],
    }


def _metric(name: str, data: str) -> str:
    """What a figure is the mean of: over the IoU thresholds for HRSC2016 in 0.x, but of S2A-Net."""
    over_thresholds = data == 'HRSC2016' and name not in newer() and not name.startswith('s2anet/')
    return 'AP50:95' if over_thresholds else 'AP50'


def body(config: Row) -> str:
    """What the backbone is called."""
    kind = config['type']
    if kind in ('LSKNet', 'StripNet', 'PKINet'):
        return f'{kind}-{config.get("arch") or ("T" if config["embed_dims"][0] == 32 else "S")}'
    if kind == 'ResNetV1dPaddle':
        return f'ResNet-{config["depth"]}-D' + ('' if config['init_cfg'] else ' (COCO)')
    if kind not in ('CSPNeXt', 'CSPDarknet'):
        return BACKBONES[kind]
    coco = ' (COCO)' if 'coco' in config.get('init_cfg', {}).get('checkpoint', '') else ''
    return f'{kind}-{SIZES[config["widen_factor"]]}{coco}'


def page(table: list[Row]) -> str:
    """The text of docs/model_zoo.md."""
    lines = [INTRODUCTION]
    for folder, method in methods().items():
        link = f'[arXiv:{method["arxiv"]}]({method["paper"]})' if 'arxiv' in method else method['paper']
        lines += [f'## {method["name"]} ({link})', '', *_table(_of(folder, table), f'../configs/{folder}/', '../'), '']
    return '\n'.join(lines)


def _of(folder: str, table: list[Row]) -> list[Row]:
    return [entry for entry in table if entry['config'].startswith(f'{folder}/')]


def _name(entry: Row) -> str:
    return str(entry['config']).split('/')[1]


def _table(table: list[Row], configs: str, root: str) -> list[str]:
    """A Markdown table; ``configs`` and ``root`` lead to the folders of the configs and of the project."""
    heading = ['config', 'data', 'body', 'angle', 'schedule', 'mAP', 'GB', 'fps', 'weights']
    lines = [f'| {" | ".join(heading)} |', '|---' * len(heading) + '|']
    return lines + [_line(entry, configs, root) for entry in table]


def _line(entry: Row, configs: str, root: str) -> str:
    cells = [entry[key] for key in ('data', 'backbone', 'angle', 'schedule', 'mAP', 'memory_gb', 'fps')]
    cells.append(_weights(entry['checkpoint'], root))
    texts = ['' if cell is None else str(cell) for cell in cells]
    return ' | '.join([f'| [{_name(entry)}]({configs}{_name(entry)}.py)', *texts, '']).rstrip()


def _weights(checkpoint: str | None, root: str) -> str | None:
    if checkpoint is None:
        return None
    return f'[{checkpoint[-12:-4]}]({checkpoint})' if '://' in checkpoint else f'[shipped]({root}{checkpoint})'


def table_file(table: list[Row]) -> str:
    """The text of the table of ``mmrotate list``: a line for each config."""
    return '[\n' + ',\n'.join(json.dumps(entry) for entry in table) + '\n]\n'


def readme(folder: str, method: Row, table: list[Row]) -> str:
    """The text of README.md beside the configs of a method."""
    title, venue = method['title'], method['venue']
    where = f'{venue} {method["year"]}'
    named = [_name(entry) for entry in table if entry['checkpoint']]
    use = 'mmrotate infer IMAGE {0} {0} --out-dir outputs' if named else 'mmrotate train {0}'
    kind, place = ('article', 'journal') if venue in JOURNALS else ('inproceedings', 'booktitle')
    return README.format(
        folder=folder,
        paper=f'[{title}]({method["paper"]}), {where}' if 'arxiv' in method else f'{title}, {where}',
        table='\n'.join(_table(table, '', '../../')),
        use=use.format(*named, _name(table[0])),
        kind=kind,
        place=place,
        **{key: method[key].strip() for key in ('name', 'text', 'title', 'authors', 'venue')},
        year=method['year'],
    )


def metafile(folder: str, method: Row, table: list[Row]) -> str:
    """The text of metafile.yml: the configs of a method whose weights can be downloaded, as openmim reads it."""
    paper = {'Title': method['title']} | ({'URL': method['paper']} if 'arxiv' in method else {})
    collection = {
        'Name': folder,
        'Metadata': {'Architecture': method['parts']},
        'Paper': paper,
        'README': f'configs/{folder}/README.md',
    }
    content = {'Collections': [collection], 'Models': [_model(folder, entry) for entry in table]}
    return HEAD + yaml.safe_dump(content, sort_keys=False, width=200)


def _model(folder: str, entry: Row) -> Row:
    data = entry['data'].split()
    facts: Row = {'Training Data': data[0] if data[0] != 'DOTA' else f'DOTAv{data[1]}', 'Epochs': entry['epochs']}
    if entry['memory_gb'] is not None:
        facts['Training Memory (GB)'] = entry['memory_gb']
    if entry['fps'] is not None:
        facts['inference time (ms/im)'] = [
            {
                'value': round(1000 / entry['fps'], 2),
                'hardware': 'RTX 2080 Ti',
                'backend': 'PyTorch',
                'batch size': 1,
                'mode': 'FP16' if 'fp16' in data else 'FP32',
            }
        ]
    return {
        'Name': _name(entry),
        'In Collection': folder,
        'Config': f'configs/{entry["config"]}.py',
        'Metadata': facts,
        'Results': [
            {'Task': 'Oriented Object Detection', 'Dataset': facts['Training Data'], 'Metrics': {'mAP': entry['mAP']}}
        ],
        'Weights': entry['checkpoint'],
    }


def outputs() -> dict[Path, str]:
    """All files that are made, with their texts."""
    table = rows()
    texts = {ROOT / 'docs/model_zoo.md': page(table), ZOO_FILE: table_file(table)}
    metafiles = []
    for folder, method in methods().items():
        own = _of(folder, table)
        texts[ROOT / f'configs/{folder}/README.md'] = readme(folder, method, own)
        # what has no address cannot be downloaded
        if published := [entry for entry in own if '://' in (entry['checkpoint'] or '')]:
            metafiles.append(f'configs/{folder}/metafile.yml')
            texts[ROOT / metafiles[-1]] = metafile(folder, method, published)
    texts[ROOT / 'model-index.yml'] = HEAD + yaml.safe_dump({'Import': metafiles})
    return texts


if __name__ == '__main__':
    for path, text in outputs().items():
        path.write_text(text, encoding='utf-8')
