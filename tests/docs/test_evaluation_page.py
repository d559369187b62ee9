"""docs/evaluation.md: its commands run one after the other, its metrics and options are those that there are."""

import re
import runpy
import shlex
import sys

import numpy as np
import pytest

from mmrotate.apis import write_results_json
from mmrotate.cli.main import main as mmrotate
from mmrotate.datasets import DOTADataset
from mmrotate.datasets.metrics import Asked, score_names
from mmrotate.datasets.submission import write_task1
from mmrotate.engine import load_config, open_dataset
from tests.helpers.golden import random_boxes
from tests.helpers.pages import ROOT, commands_of, make_project

PAGE = ROOT / 'docs/evaluation.md'
CONFIG = 'configs/hit_uav/oriented_rcnn_r18_half_fpn_hit_uav_le90.py'


def fill(folder):
    """Results of HIT-UAV's images, its objects, and of patches of a scene of DOTA."""
    dataset = open_dataset(load_config(CONFIG), 'test', test_mode=True)
    truth = [dataset.get_ann_info(i) for i in range(len(dataset))]
    found = [
        [np.c_[a['bboxes'], np.ones(len(a['labels']))][a['labels'] == label] for label in range(len(dataset.CLASSES))]
        for a in truth
    ]
    write_results_json(
        folder / 'results.json', [dataset.image_name(i) for i in range(len(dataset))], found, dataset.CLASSES
    )
    boxes = [np.c_[random_boxes(15, seed).numpy(), np.linspace(0.1, 1, 15)].astype(np.float32) for seed in range(2)]
    patches = [[each[k : k + 1] for k in range(15)] for each in boxes]
    names = ['P1__256__0___0', 'P1__256__200___0']
    write_task1(patches, names, DOTADataset.CLASSES, 'le90', str(folder / 'patches'))
    write_results_json(folder / 'patches.json', names, patches, DOTADataset.CLASSES)


def test_the_commands_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(make_project(tmp_path))
    (tmp_path / 'work_dirs').mkdir()
    fill(tmp_path / 'work_dirs')
    commands = [shlex.split(command) for command, marked in commands_of(PAGE) if marked]
    assert len(commands) == 6
    for program, *words in commands:
        if program == 'mmrotate':
            assert mmrotate(words) == 0
            continue
        monkeypatch.setattr(sys, 'argv', words)
        with pytest.raises(SystemExit) as end:
            runpy.run_path(words[0], run_name='__main__')
        assert end.value.code == 0
    printed = capsys.readouterr().out
    for part in ("'VOC12': 1.0", "'bbox_mAP': ", "'Person_precision': ", "'recall@10@0.7': ", "'AR@100': 1.0"):
        assert part in printed
    assert 'Task 1: ' in printed and 'in 1 images, 15 classes: the test server takes it' in printed


def test_metrics_and_options_are_told():
    text = PAGE.read_text(encoding='utf-8')
    told = re.findall(r'^\| (`[^|]*) \|', text, re.MULTILINE)
    names = {name for cell in told for name in re.findall(r'`([^`= ]+)', cell)}
    with pytest.raises(KeyError) as error:
        score_names(Asked(metric='?'), ())
    known = re.findall("'([^']+)'", str(error.value).partition('known metrics')[2])
    assert set(known) <= names
    assert set(Asked.__dataclass_fields__) - {'metric', 'use_07_metric', 'usual'} <= names
    for metric in known:
        assert all(f'`{name}`' in text for name in score_names(Asked(metric=metric), ('ship',))[:1])
