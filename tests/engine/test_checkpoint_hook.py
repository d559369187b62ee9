from pathlib import Path
from types import SimpleNamespace

import pytest

from mmrotate.engine import CheckpointHook, load_config
from mmrotate.engine.checkpoint_hook import _point_at, rule_of
from mmrotate.utils import UserError, find_latest_checkpoint
from tests.helpers.tiny import write_config


class Runner(SimpleNamespace):
    """As much of a runner as the hook needs; checkpoints are empty files."""

    def __init__(self, work_dir, epoch=0):
        loop = SimpleNamespace(by_epoch=True, epoch=epoch, iter=0, max_epochs=9, max_iters=90)
        logger = SimpleNamespace(info=lambda *args: None)
        super().__init__(work_dir=str(work_dir), train_loop=loop, logger=logger)

    def save_checkpoint_file(self, path, *args):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('')


def names(folder):
    return sorted(path.name for path in Path(folder).glob('*.pth'))


def run(hook, runner, scores, name='mAP'):
    for epoch, score in enumerate(scores, start=1):
        runner.train_loop.epoch = epoch
        hook.after_val_epoch(runner, {name: score})


def test_the_best_replaces_the_best_before(tmp_path):
    hook = CheckpointHook(save_best='mAP')
    run(hook, Runner(tmp_path), [0.1, 0.3, float('nan'), 0.2])
    assert names(tmp_path) == ['best_mAP_epoch_2.pth']
    assert hook.best['best_score'] == 0.3


@pytest.mark.parametrize(
    ('name', 'rule', 'best'), [('mAP', None, 2), ('loss', None, 1), ('AP50', 'less', 1), ('speed', 'greater', 2)]
)
def test_rules(tmp_path, name, rule, best):
    run(CheckpointHook(save_best='auto', rule=rule), Runner(tmp_path), [0.1, 0.3], name)
    assert names(tmp_path) == [f'best_{name}_epoch_{best}.pth']


def test_errors_of_save_best(tmp_path):
    with pytest.raises(KeyError, match='AP50'):
        run(CheckpointHook(save_best='AP50'), Runner(tmp_path), [0.1])
    with pytest.raises(ValueError, match=r'evaluation\.rule'):
        run(CheckpointHook(save_best='speed'), Runner(tmp_path), [0.1, 0.2], 'speed')


@pytest.mark.parametrize(
    ('metric', 'greater', 'less', 'rule'),
    [
        ('speed', ['Speed'], None, 'greater'),
        ('val_speed', None, ['speed'], 'less'),
        ('mAP', None, ['mAP'], 'less'),
        ('loss_x', ['x'], ['loss_x'], 'less'),  # the whole name first
        ('loss_x', ['x'], ['loss'], 'greater'),
        ('loss_iou', None, None, 'less'),
    ],
)
def test_the_rule_follows_from_the_name(metric, greater, less, rule):
    assert rule_of(metric, greater, less) == rule


def test_a_list_of_ones_own_takes_the_place_of_the_usual_names():
    with pytest.raises(ValueError, match=r"evaluation\.rule is needed .* 'mAP'"):
        rule_of('mAP', ['speed'])


def test_the_best_has_a_folder_of_its_own_and_is_named_by_the_iteration(tmp_path):
    runner = Runner(tmp_path / 'work')
    runner.train_loop.iter = 7
    hook = CheckpointHook(save_best='speed', less_keys=['speed'], best_dir=str(tmp_path / 'best'), best_by_epoch=False)
    run(hook, runner, [0.3, 0.1, 0.2], 'speed')
    assert names(tmp_path / 'best' / 'work') == ['best_speed_iter_7.pth']
    assert hook.best['best_score'] == 0.1
    run(CheckpointHook(save_best='mAP', out_dir=str(tmp_path / 'regular')), runner, [0.1])
    assert names(tmp_path / 'work') == ['best_mAP_epoch_1.pth']


def test_out_dir_has_a_folder_for_each_work_dir(tmp_path):
    hook = CheckpointHook(interval=1, out_dir=str(tmp_path / 'out'))
    hook.after_train_epoch(Runner(tmp_path / 'work'))
    assert names(tmp_path / 'out' / 'work') == ['epoch_1.pth', 'latest.pth']


def test_a_run_that_starts_anew_keeps_later_files_of_an_older_run(tmp_path):
    (tmp_path / 'epoch_9.pth').touch()
    hook = CheckpointHook(interval=1, max_keep_ckpts=1)
    for epoch in range(3):
        hook.after_train_epoch(Runner(tmp_path, epoch))
    assert names(tmp_path) == ['epoch_3.pth', 'epoch_9.pth', 'latest.pth']


def test_where_links_are_not_to_be_had_latest_is_a_copy(tmp_path, monkeypatch):
    def refuse(self, target):
        raise OSError('no links here')

    (tmp_path / 'epoch_1.pth').write_text('one')
    monkeypatch.setattr(Path, 'symlink_to', refuse)
    _point_at(tmp_path / 'latest.pth', tmp_path / 'epoch_1.pth')
    assert not (tmp_path / 'latest.pth').is_symlink()
    assert (tmp_path / 'latest.pth').read_text() == 'one'


def test_names_by_a_template(tmp_path):
    hook = CheckpointHook(interval=1, max_keep_ckpts=1, filename_tmpl='model+{:03d}.pth', create_symlink=False)
    (tmp_path / 'modell004.pth').touch()
    for epoch in range(3):
        hook.after_train_epoch(Runner(tmp_path, epoch))
    assert names(tmp_path) == ['model+003.pth', 'modell004.pth']
    assert find_latest_checkpoint(tmp_path) == str(tmp_path / 'model+003.pth')
    (tmp_path / 'model+003.pth').unlink()
    assert find_latest_checkpoint(tmp_path) is None


@pytest.mark.parametrize('template', ['model.pth', 'a/{}.pth', '{}_{}.pth', '{name}.pth', 3])
def test_templates_that_name_no_file_are_refused(tmp_path, template):
    config = write_config(tmp_path, f'checkpoint_config = dict(filename_tmpl={template!r})')
    with pytest.raises(UserError, match=r'checkpoint_config\.filename_tmpl must be a file name'):
        load_config(config)
