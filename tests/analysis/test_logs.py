import json
import os
import statistics

import matplotlib.pyplot as plt
import pytest

from mmrotate.analysis.curves import plot_curves
from mmrotate.analysis.figures import checked_style, checked_theme, new_axes, save_figure, show_figure
from mmrotate.analysis.logs import TrainingLog, train_time
from mmrotate.cli import main
from mmrotate.utils import UserError

TIMES = {1: [9.0, 1.0, 3.0], 2: [9.0, 4.0, 6.0]}


def former_lines():
    """A log as 0.3 wrote it: three lines of training an epoch of 30 iterations, and a validation of 8 batches."""
    yield {'env_info': 'linux', 'seed': 0}
    for epoch, times in TIMES.items():
        for i, time in enumerate(times):
            values = {'lr': 0.01, 'memory': 10, 'loss_cls': 1 / epoch, 'loss': 10 * epoch + i, 'time': time}
            yield {'mode': 'train', 'epoch': epoch, 'iter': 10 * (i + 1), **values}
        yield {'mode': 'val', 'epoch': epoch, 'iter': 8, 'lr': 0.01, 'bbox_mAP': 0.1 * epoch}


def scalar_lines():
    """The same as mmengine writes it."""
    for line in list(former_lines())[1:]:
        step = (line['epoch'] - 1) * 30 + line['iter']
        if line['mode'] == 'val':
            yield {'mAP': line['bbox_mAP'], 'step': line['epoch']}
        else:
            yield {key: value for key, value in line.items() if key != 'mode'} | {'iter': step, 'step': step}


def write(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    return path


@pytest.fixture
def former(tmp_path):
    return write(tmp_path / 'work' / '20260101_000000.log.json', former_lines())


@pytest.fixture(params=['former', 'scalars'])
def log(request, tmp_path):
    if request.param == 'former':
        return request.getfixturevalue('former')
    return write(tmp_path / 'work' / '20260101_000000' / 'vis_data' / 'scalars.json', scalar_lines())


def test_both_kinds_of_logs_say_the_same(log):
    log = TrainingLog(log)
    assert log.series('loss') == ([1] * 3 + [2] * 3, [10, 20, 30, 40, 50, 60], [10, 11, 12, 20, 21, 22], 'train')
    assert log.series('bbox_mAP') == log.series('mAP') == ([1, 2], [30, 60], [0.1, 0.2], 'val')
    assert log.series('loss', first_epoch=2).iterations == [40, 50, 60]


def test_time_without_and_with_the_first_line_of_an_epoch(log):
    time = train_time(TrainingLog(log))
    assert (time.slowest, time.fastest, time.mean) == ((2, 5.0), (1, 2.0), 3.5)
    assert time.deviation == 1.5
    time = train_time(TrainingLog(log), include_outliers=True)
    assert time.mean == pytest.approx(statistics.fmean([*TIMES[1], *TIMES[2]]))
    assert time.fastest == (1, pytest.approx(13 / 3))


def test_time_is_told_as_documented(log, capsys):
    assert main(['analyze', 'logs', 'cal_train_time', str(log)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f'-----Analyze train time of {log}-----',
        'slowest epoch 2, average time is 5.0000',
        'fastest epoch 1, average time is 2.0000',
        'time std over epochs is 1.5000',
        'average iter time: 3.5000 s/iter',
        '',
    ]


def test_what_was_trained_again_counts_as_it_was_the_second_time(former):
    lines = [*former_lines(), *({**line, 'loss': 0.0} for line in former_lines() if line.get('epoch') == 2)]
    series = TrainingLog(write(former, lines)).series('loss')
    assert series.values == [10, 11, 12, 0, 0, 0]
    assert series.iterations == [10, 20, 30, 40, 50, 60]


def test_a_training_that_began_later_keeps_its_place(former):
    lines = [line for line in former_lines() if line.get('epoch') == 2]
    lines += [{**line, 'epoch': 3} for line in lines]
    assert TrainingLog(write(former, lines)).series('loss').iterations == [40, 50, 60, 70, 80, 90]


def test_iterations_that_go_on_over_epochs_are_counted_once(former):
    lines = [{'mode': 'train', 'epoch': 1 + i // 2, 'iter': 100 * (i + 1), 'loss': i} for i in range(4)]
    lines.append({'mode': 'val', 'epoch': 2, 'iter': 400, 'bbox_mAP': 0.5})
    log = TrainingLog(write(former, lines))
    assert log.series('loss').iterations == [100, 200, 300, 400]
    assert log.series('mAP').iterations == [400]


def test_a_line_that_is_being_written_is_left_out(former):
    former.write_text(former.read_text() + '{"mode": "tra')
    assert len(TrainingLog(former).series('loss').values) == 6
    former.write_text('{"mode": "tra\n' + former.read_text())
    with pytest.raises(UserError, match='line 1: no line of JSON'):
        TrainingLog(former)
    text = former.read_text().splitlines()[1:]
    former.write_text('\n'.join([*text[:3], '{', *text[3:]]))
    with pytest.raises(UserError, match='line 4'):
        TrainingLog(former)


def test_the_latest_log_of_a_work_directory_is_taken(former):
    later = write(former.parent / '2' / 'vis_data' / 'scalars.json', scalar_lines())
    (former.parent / 'notes.json').write_text('{}')
    for path, moment in ((former, 1), (later, 2)):
        path.touch()
        os.utime(path, (moment, moment))
    assert TrainingLog(former.parent).path == later


@pytest.mark.parametrize(
    'options, told',
    [
        (['--keys', 'loss_clz'], "has no values of 'loss_clz'; did you mean 'loss_cls'?"),
        (['--keys', 'loss', '--legend', 'a', 'b'], '2 names in the legend for 1 lines'),
        (['--start-epoch', '3'], "the last epoch with 'mAP' is 2, before 3"),
        (['--out', 'curve.doc'], 'the ending must name a format of figures'),
        (['--style', 'darc'], "unknown style 'darc': did you mean 'dark'?"),
        (['--backend', 'nothing'], '--backend nothing cannot be used here'),
    ],
)
def test_what_cannot_be_drawn_is_said(log, options, told, capsys):
    assert main(['analyze', 'logs', 'plot_curve', str(log), *options]) == 1
    assert told.replace('mAP', 'bbox_mAP' if 'log.json' in log.name else 'mAP') in capsys.readouterr().err


def test_what_is_no_log_is_said(tmp_path):
    with pytest.raises(UserError, match='holds no log of a training'):
        TrainingLog(tmp_path)
    with pytest.raises(UserError, match='there is no log'):
        TrainingLog(tmp_path / 'a.log.json')
    with pytest.raises(UserError, match='no line of a training'):
        TrainingLog(write(tmp_path / 'a.json', [{'env_info': ''}]))
    with pytest.raises(UserError, match='an object was expected'):
        TrainingLog(write(tmp_path / 'a.json', [[1]]))
    with pytest.raises(UserError, match='no values of time'):
        train_time(TrainingLog(write(tmp_path / 'a.json', [{'mode': 'train', 'epoch': 1, 'loss': 1}])))
    with pytest.raises(UserError, match='give --include-outliers'):
        train_time(TrainingLog(write(tmp_path / 'a.json', [{'mode': 'train', 'epoch': 1, 'time': 1}])))


def test_curves_hold_the_values(log):
    logs = [TrainingLog(log)] * 2
    axes = plot_curves(logs, ['loss', 'mAP'], list('abcd'), 'a title').axes[0]
    assert [line.get_label() for line in axes.lines] == list('abcd')
    assert axes.lines[1].get_xydata().tolist() == [[30, 0.1], [60, 0.2]]
    assert (axes.get_xlabel(), axes.get_title()) == ('iteration', 'a title')
    axes = plot_curves(logs[:1], ['bbox_mAP']).axes[0]
    assert axes.get_xlabel() == 'epoch'
    assert axes.lines[0].get_xydata().tolist() == [[1, 0.1], [2, 0.2]]


def test_curves_go_beside_the_log_or_where_they_should(log, tmp_path, capsys):
    assert main(['analyze', 'logs', 'plot_curve', str(log), '--keys', 'loss', 'lr', '--eval-interval', '2']) == 0
    assert (tmp_path / 'work' / 'analysis' / 'loss_lr.png').read_bytes()[1:4] == b'PNG'
    out = tmp_path / 'a' / 'losses.pdf'
    assert main(['analyze', 'logs', 'plot_curve', str(log), str(log), '--out', str(out), '--style', 'dark']) == 0
    assert out.read_bytes()[:4] == b'%PDF'
    assert main(['analyze', 'logs', 'plot_curve', str(log), '--out', f'{tmp_path}/work']) == 1


def test_a_window_shows_the_figure(monkeypatch):
    shown = []
    monkeypatch.setattr(plt, 'show', lambda **options: shown.extend(plt.figure(n).axes for n in plt.get_fignums()))
    backend = plt.get_backend()
    plt.switch_backend('template')  # knows windows, but opens none
    try:
        show_figure(new_axes(2, 3)[0], 'title')
    finally:
        plt.switch_backend(backend)
    assert shown[0][0].images[0].get_array().shape == (360, 240, 3)


def test_names_of_styles_and_themes(tmp_path):
    assert checked_style('ticks') == 'seaborn-v0_8-ticks'
    assert checked_style('ggplot') == 'ggplot'
    assert checked_theme('plasma') == 'plasma'
    with pytest.raises(UserError, match="did you mean 'plasma'"):
        checked_theme('plasmo')
    with pytest.raises(UserError, match='the ending must name'):
        save_figure(new_axes(1, 1)[0], tmp_path / 'a')
