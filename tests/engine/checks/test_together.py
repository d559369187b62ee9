"""All checks at once, through the commands."""

import pytest
import torch

from mmrotate.cli import main
from tests.helpers.tiny import write_config


@pytest.mark.parametrize(
    ('extra', 'said'),
    [
        ("data['val'] = dict(data['val'], ann_file='labelTxx')", ["no such folder ann_file=", 'labelTxt']),
        ("evaluation = dict(save_best='bbox_mAP')", ["evaluation.save_best='bbox_mAP'", "['mAP']"]),
        ("model['num_classes'] = 3; custom_hooks = []", ['model.bbox_head has num_classes=3', 'data.train has 2']),
        ("data['val'] = dict(data['val'], classes=['ship', 'car'])", ['data.val', "('ship', 'car')", 'order']),
        ("data['train']['pipeline'][3]['version'] = 'oc'", ["RRandomFlip has version='oc'", "version='le90'"]),
        ("data['train'] = dict(data['train'], version='le91')", ['le91']),
        ("evaluation = dict(metric='mAPP', save_bet='mAP')", ['2 things', 'mAPP', "'save_bet'"]),
    ],
)  # fmt: skip
def test_a_training_that_cannot_be_meant_is_told_before_its_first_step(tmp_path, capsys, extra, said):
    config = write_config(tmp_path, extra)
    assert main(['train', str(config), '--work-dir', str(tmp_path / 'work')]) == 1
    out, err = capsys.readouterr()
    assert 'Traceback' not in err and 'Epoch(train)' not in out
    assert [part for part in said if part not in err] == []


def test_a_test_with_classes_in_another_order_is_refused(tmp_path, capsys):
    config = write_config(tmp_path)
    assert main(['train', str(config), '--work-dir', str(tmp_path / 'work'), '--no-validate']) == 0
    path = tmp_path / 'work' / 'latest.pth'
    state = torch.load(path, weights_only=True)
    for classes, said in ((['ship', 'car'], 'the order must be the same'), (['a', 'b', 'c'], 'has 3 classes')):
        state['meta']['CLASSES'] = classes
        torch.save(state, tmp_path / 'other.pth')
        capsys.readouterr()
        assert main(['test', str(config), str(tmp_path / 'other.pth'), '--eval', 'mAP']) == 1
        assert said in capsys.readouterr().err
    options = ['--eval-options', 'iou_thrr=0.5']
    assert main(['test', str(config), str(path), '--eval', 'mAP', *options]) == 1
    assert "did you mean 'iou_thr'" in capsys.readouterr().err
