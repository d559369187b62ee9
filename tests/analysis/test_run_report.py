"""What a training leaves: the page, what it is made of, and that it stops no training."""

import csv
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest

from mmrotate.analysis import run_hook
from mmrotate.analysis.breakdown import Table
from mmrotate.analysis.logs import TrainingLog
from mmrotate.analysis.page import Picture, Rows, Section, page_of
from mmrotate.analysis.results import Judged
from mmrotate.analysis.run_curves import log_tables
from mmrotate.analysis.run_folder import RunFolder, Snapshot, load_snapshot, save_snapshot
from mmrotate.analysis.run_report import write_report
from mmrotate.apis import rate_finder
from mmrotate.cli import main
from tests.helpers.pages import ROOT, commands_of
from tests.helpers.tiny import assert_same_weights, train, write_config

SECTIONS = ['Training data', 'Training', 'Best evaluation', 'Errors', 'Best and worst images']
TABLES = ['labels_by_class', 'labels_by_range', 'curves_training', 'curves_evaluation', 'classes', 'score_curves']
TABLES += ['precision_recall', 'confusion_matrix', 'confusion_matrix_normalized', 'images']
PICTURES = ['labels.png', 'curves.png', 'score_curves.png', 'confusion_matrix.png', 'confusion_matrix_normalized.png']


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A config, and in ``work`` what its training left."""
    path = tmp_path_factory.mktemp('run')
    train(write_config(path, "report = True\nevaluation['save_best'] = 'mAP'\n"), path / 'work')
    return path


def rows(path):
    with path.open(newline='') as lines:
        return list(csv.DictReader(lines))


def titles(page):
    return re.findall(r'<h2 [^>]*>(.*?)</h2>', page.read_text())


def test_a_training_leaves_a_page_unasked(folder):
    run = RunFolder(folder / 'work')
    assert titles(run.page) == SECTIONS
    text = run.page.read_text()
    assert len(re.findall('src="data:image', text)) >= 12
    assert not re.search(r'(src|href)="(?!data:|#)|https?:|@import|<script', text)  # nothing from elsewhere
    assert run.page.stat().st_size < 5e6
    assert 'prefers-color-scheme: dark' in text
    names = {path.name for path in run.report.iterdir()}
    assert names >= {*(f'{name}.csv' for name in TABLES), *PICTURES, 'image_best_1.jpg', 'image_worst_1.jpg'}


def test_the_tables_hold_what_was_measured(folder):
    run = RunFolder(folder / 'work')
    assert [row['objects'] for row in rows(run.report / 'labels_by_class.csv')] == ['5', '2']
    assert len(rows(run.report / 'curves_training.csv')) == 9  # three epochs of three iterations
    scores = [float(row['mAP']) for row in rows(run.report / 'curves_evaluation.csv')]
    snapshot = load_snapshot(run.evaluation)
    assert snapshot.score == pytest.approx(max(scores), abs=1e-4)
    assert snapshot.epoch == 1 + int(np.argmax(scores))
    *classes, mean = rows(run.report / 'classes.csv')
    assert [row['class name'] for row in classes] == ['car', 'ship']
    assert [row['objects'] for row in (*classes, mean)] == ['5', '2', '7']
    counts = rows(run.report / 'confusion_matrix.csv')
    assert sum(int(value) for row in counts[:-1] for key, value in row.items() if key != 'truth') == 7


def test_the_report_is_made_again_from_the_folder_alone(folder, tmp_path, capsys):
    copy = shutil.copytree(folder / 'work', tmp_path / 'elsewhere', symlinks=True)
    before = (copy / 'report.html').read_text()
    for path in [copy / 'report.html', *(copy / 'report').glob('*.*')]:
        path.unlink()
    (folder / 'data').rename(folder / 'away')  # the images are gone too
    try:
        assert main(['analyze', str(copy)]) == 0
    finally:
        (folder / 'away').rename(folder / 'data')
    assert str(copy / 'report.html') in capsys.readouterr().out
    assert (copy / 'report.html').read_text() == before


def test_a_folder_with_a_log_alone_shows_its_curves(folder, tmp_path, capsys):
    log = next((folder / 'work').glob('*.log.json'))
    (tmp_path / 'old').mkdir()
    shutil.copy(log, tmp_path / 'old')
    assert titles(write_report(tmp_path / 'old')) == ['Training']
    (tmp_path / 'empty').mkdir()
    assert main(['analyze', str(tmp_path / 'empty')]) == 1
    assert 'is it the folder of a training?' in capsys.readouterr().err


def test_a_resumed_training_goes_on_in_its_report(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(run_hook.RunReportHook, '_draw', lambda *args: None)
    config = folder / 'tiny.py'
    train(config, tmp_path, '--cfg-options', 'runner.max_epochs=2')
    train(config, tmp_path, '--auto-resume')
    run, whole = RunFolder(tmp_path), RunFolder(folder / 'work')
    assert len(run.logs()) == 2
    one, other = load_snapshot(run.evaluation), load_snapshot(whole.evaluation)
    assert (one.scores, one.epoch) == (other.scores, other.epoch)
    table, expected = (log_tables(TrainingLog(*each.logs()))['curves_evaluation'] for each in (run, whole))
    assert table == expected and len(table.rows) == 3


def test_another_training_in_the_folder_starts_the_report_anew(folder, tmp_path):
    copy = shutil.copytree(folder / 'work', tmp_path / 'work', symlinks=True)
    train(folder / 'tiny.py', copy, '--no-validate')
    assert titles(copy / 'report.html') == SECTIONS[:2]


@pytest.mark.parametrize('options', [['--no-report'], ['--cfg-options', 'report=False']])
def test_it_is_switched_off(folder, tmp_path, options):
    train(folder / 'tiny.py', tmp_path, *options)
    assert not (tmp_path / 'report.html').exists() and not (tmp_path / 'report').exists()


def test_what_goes_wrong_is_one_warning(folder, tmp_path, monkeypatch, log):
    monkeypatch.setattr(run_hook, 'gather_labels', lambda dataset: 1 / 0)
    monkeypatch.setattr(run_hook, 'save_snapshot', lambda *args: [][0])
    # two evaluations fail alike, which is said once
    train(folder / 'tiny.py', tmp_path, '--cfg-options', 'runner.max_epochs=2')
    told = [record.getMessage() for record in log if record.levelname == 'WARNING']
    lacking = [text.partition('(')[2].partition(':')[0] for text in told if 'the training goes on' in text]
    assert lacking == ['ZeroDivisionError', 'IndexError']
    assert (tmp_path / 'epoch_2.pth').is_file()


def test_only_the_first_process_writes(monkeypatch):
    monkeypatch.setattr(run_hook, 'rank_and_size', lambda: (1, 2))
    hook = run_hook.RunReportHook(None)
    for point in (hook.before_train, hook.after_train):
        point(None)  # it does not even look at the runner
    hook.after_val_epoch(None, {'mAP': 1.0}, [[]])


def test_drawing_keeps_to_its_share_of_the_time(folder, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(run_hook.RunReportHook, '_draw', lambda hook, runner: drawn.append(runner.iter))
    clock = iter(range(1000))
    monkeypatch.setattr(run_hook.time, 'monotonic', lambda: next(clock))  # whatever is done takes a second
    train(folder / 'tiny.py', tmp_path)
    assert drawn == [0, 9]  # at the start and at the end: three seconds of thirty are more than a fiftieth
    monkeypatch.setattr(run_hook, '_SHARE', 1.0)
    train(folder / 'tiny.py', tmp_path / 'more')
    assert 3 in drawn[2:] and drawn[-1] == 9


def test_the_report_changes_no_weights(folder, tmp_path):
    train(folder / 'tiny.py', tmp_path, '--no-report')
    assert_same_weights(folder / 'work' / 'epoch_3.pth', tmp_path / 'epoch_3.pth')


def test_training_loads_no_matplotlib_until_it_draws():
    code = 'import sys, mmrotate.cli.train; sys.exit("matplotlib" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


def test_the_page_of_the_docs(folder, tmp_path, monkeypatch):
    """Its commands, and the files that it names."""
    page = ROOT / 'docs/run_folder.md'
    shutil.copytree(folder / 'work', tmp_path / 'work_dirs/tiny', symlinks=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_hook.RunReportHook, '_draw', lambda *args: None)
    monkeypatch.setattr(rate_finder, 'STEPS', 20)
    names = {'CONFIG': str(folder / 'tiny.py'), 'work_dirs/NAME': 'work_dirs/tiny'}
    commands = [[names.get(word, word) for word in shlex.split(command)[1:]] for command, _ in commands_of(page)]
    assert [main(command) for command in commands] == [0, 0, 0, 0]
    assert set(re.findall(r'(\w+\.csv)', page.read_text())) == {f'{name}.csv' for name in TABLES} | {'find_lr.csv'}


def test_a_page_escapes_what_it_is_given(tmp_path):
    table = Table(['<b>', 'n'], [['&', 1], ['a', None]])
    page = page_of('<i>', 'lead', [('x', '<y>')], [Section('S & T', 'text', [Rows(table, 'caption')])])
    assert '<i>' not in page and '&lt;i&gt;' in page and '<b>' not in page and 'S &amp; T' in page
    missing = Section('one', '', [Picture(tmp_path / 'none.png', 'nothing')])
    assert '<img' not in page_of('', '', [], [missing])


NONE = np.zeros((0, 6), np.float32)
BOX = np.array([[20, 20, 16, 8, 0.3]], np.float32)


@pytest.mark.parametrize('found', [NONE, np.c_[BOX, 0.7].astype(np.float32)], ids=['nothing found', 'found'])
@pytest.mark.parametrize('objects', [BOX[:0], BOX], ids=['no object', 'an object'])
def test_an_evaluation_may_be_empty(tmp_path, found, objects):
    """A report is made of whatever there is; the images are gone."""
    annotation = {'bboxes': objects, 'labels': np.zeros(len(objects), int)}
    both = Judged(['a.png', 'b.png'], ['car', 'ship'], [[found, NONE], [NONE, NONE]], [annotation] * 2)
    snapshot = Snapshot(both, ['a.png', 'b.png'], [(255, 0, 0), (0, 0, 255)], 1, 10, 'mAP', {'mAP': 0.0}, 0.5, True)
    run = RunFolder(tmp_path)
    save_snapshot(run.evaluation, snapshot)
    assert load_snapshot(run.evaluation).judged.annotations[0]['bboxes'].tolist() == objects.tolist()
    assert titles(write_report(tmp_path)) == SECTIONS[2:]
    mean = rows(run.report / 'classes.csv')[-1]
    assert (mean['objects'], float(mean['R'])) == (str(2 * len(objects)), 0.5 * (len(found) * len(objects)))
