"""``mmrotate merge`` and ``mmrotate check-submission``."""

import json
import multiprocessing
import pickle
import random
import time

import numpy as np
import pytest

from mmrotate.apis import write_results_json
from mmrotate.cli import merge as merge_module
from mmrotate.cli.main import main
from mmrotate.datasets.scenes import merge_scenes
from mmrotate.datasets.submission import write_task1
from mmrotate.datasets.task_files import TaskFiles
from mmrotate.utils.journal import Journal
from tests.helpers.metrics import CLASSES, SCORES, crowded_images, newer_images
from tests.helpers.tiny import write_config

GOLDEN = SCORES['merge_patches']


@pytest.fixture
def patches(tmp_path):
    """A folder of files per patch: twelve patches of four scenes, and a whole image."""
    results, _ = crowded_images(13, found=20)
    names = [f'S{i // 3}__100__{40 * (i % 3)}___0' for i in range(12)] + ['whole']
    write_task1(results, names, CLASSES, 'le90', str(tmp_path / 'patches'))
    return tmp_path / 'patches'


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def lines_by_image(text):
    found = {}
    for line in text.splitlines():
        name, score, *corners = line.split()
        found.setdefault(name, []).append((float(score), *map(float, corners)))
    return found


@pytest.mark.parametrize('kind', ['folder', 'json'])
def test_values_of_1x(tmp_path, capsys, kind):
    results, _ = newer_images()
    chosen = [results[i] for i in GOLDEN['images']]
    source = tmp_path / 'patches'
    if kind == 'folder':
        write_task1(chosen, GOLDEN['img_ids'], CLASSES, 'le90', str(source))
    else:
        source = tmp_path / 'patches.json'
        write_results_json(source, [f'{name}.png' for name in GOLDEN['img_ids']], chosen, CLASSES)
    out = tmp_path / 'task1'
    assert main(['merge', str(source), '--out', str(out), '--json', str(tmp_path / 'scenes.json')]) == 0
    assert '2 scenes merged' in capsys.readouterr().out
    for file, lines in GOLDEN['files'].items():
        got, expected = (lines_by_image(text) for text in ((out / file).read_text(), '\n'.join(lines)))
        assert got.keys() == expected.keys()
        for name, rows in expected.items():
            found, wanted = np.array(sorted(got[name])), np.array(sorted(rows))
            np.testing.assert_allclose(found[:, 0], wanted[:, 0], atol=0.006)
            centres = [each[:, 1:].reshape(-1, 4, 2).mean(1) for each in (found, wanted)]
            gaps = np.abs(centres[0][:, None] - centres[1]).max(-1)  # of equal scores the order is open
            assert gaps.min(0).max() < 0.02 and gaps.min(1).max() < 0.02
    content = json.loads((tmp_path / 'scenes.json').read_text())
    assert [entry['image'] for entry in content['images']] == ['P1', 'P2']
    assert main(['check-submission', str(out / 'task1.zip'), '--classes', *CLASSES]) == 0
    assert 'in 2 images, 3 classes: the test server takes it' in capsys.readouterr().out


OPTIONS = [[], ['--class-agnostic', '--iou-thr', '0.3', '--iof-thr', '0.8', '--fuse-thr', '0.5', '--task', '2']]


@pytest.mark.parametrize('options', OPTIONS)
def test_the_files_do_not_depend_on_the_workers(patches, tmp_path, options):
    made = []
    for workers in '1', '2', '5':
        out = tmp_path / workers / 'sub'
        assert main(['merge', str(patches), '--out', str(out), '--workers', workers, *options]) == 0
        made.append(contents(out))
        assert [path.name for path in (tmp_path / workers).iterdir()] == ['sub']  # no journal
    assert made[0] == made[1] == made[2]
    source = TaskFiles(patches)
    rule = dict(class_agnostic=True, iof_thr=0.8, fuse_thr=0.5) if options else {}
    names, results = merge_scenes([source[i] for i in range(13)], source.images, 0.3 if options else 0.1, **rule)
    write_task1(results, names, source.classes, 'le90', str(tmp_path / 'other/sub'), task=2 if options else 1)
    assert contents(tmp_path / 'other/sub') == made[0]


def test_a_pickle_needs_the_config_that_names_its_images(tmp_path, capsys):
    config = write_config(tmp_path)
    found = [[np.array([[9, 9, 8, 4, 0, 0.9]], np.float32), np.zeros((0, 6), np.float32)]] * 5
    (tmp_path / 'results.pkl').write_bytes(pickle.dumps(found))
    command = ['merge', str(tmp_path / 'results.pkl'), '--out', str(tmp_path / 'sub')]
    assert main(command) == 1
    assert '--config belongs to results in a .pkl' in capsys.readouterr().err
    assert main([*command, '--config', str(config)]) == 0
    first, second = sorted((tmp_path / 'sub').glob('Task1_*.txt'))
    assert (len(first.read_text().splitlines()), second.read_text()) == (5, '')


def test_a_factor_in_a_name_is_no_ending(tmp_path):
    box = np.array([[10, 20, 8, 4, 0.3, 0.9]], np.float32)
    for name in ('P1__0.5__100___50', 'P1__0.5__100___50.png'):
        write_results_json(tmp_path / f'{name}.json', [name], [[box]], ['ship'])
        assert main(['merge', str(tmp_path / f'{name}.json'), '--out', str(tmp_path / name)]) == 0
        name, _, *corners = (tmp_path / name / 'Task1_ship.txt').read_text().split()
        assert name == 'P1' and sum(map(float, corners)) == pytest.approx(4 * (220 + 140), abs=0.05)


def test_two_images_of_a_name_are_refused(tmp_path, capsys):
    found = [[np.zeros((0, 6), np.float32)]] * 2
    write_results_json(tmp_path / 'results.json', ['0/P1__64__0___0.png', '1/P1__64__0___0.png'], found, ['ship'])
    assert main(['merge', str(tmp_path / 'results.json'), '--out', str(tmp_path / 'sub')]) == 1
    assert '1 image names stand for several images' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (['--iof-thr', '0.5'], 'iof_thr needs the size of each patch, which the names of 1 of them do not say'),
        (['--out', 'full'], 'holds files'),
        (['--json', 'patches/Task1_ship.txt'], 'would overwrite'),
        (['--cfg-options', 'a=1'], '--cfg-options needs --config'),
        (['--resume'], None),
    ],
)
def test_what_cannot_be_is_told_before_anything_runs(tmp_path, capsys, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    for folder in ('patches', 'full'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / 'Task1_ship.txt').write_text('P1__1__0___0 0.9 10 10 30 10 30 20 10 20\n')
    code = main(['merge', 'patches', '--out', 'out', *options])
    assert code == int(said is not None)
    assert (said or '--resume: there is no') in capsys.readouterr().err
    assert (tmp_path / 'out').exists() == (said is None)


def test_an_interrupted_merge_goes_on(patches, tmp_path, monkeypatch, capsys):
    command = ['merge', str(patches), '--out', str(tmp_path / 'sub')]
    assert main(['merge', str(patches), '--out', str(tmp_path / 'whole/sub')]) == 0
    done = []
    add = Journal.add

    def interrupted(self, item, stamp, value):
        done.append(item)
        if len(done) == 3:
            raise KeyboardInterrupt
        add(self, item, stamp, value)

    monkeypatch.setattr(Journal, 'add', interrupted)
    assert main(command) == 130
    assert '2 of 5 scenes are done; the same command with --resume goes on' in capsys.readouterr().err
    assert not (tmp_path / 'sub').exists()
    other = [*command, '--resume', '--iou-thr', '0.5']
    assert main(other) == 1 and 'iou_thr 0.1, now 0.5' in capsys.readouterr().err
    assert main([*command, '--resume']) == 0 and done[3:] == ['S2', 'S3', 'whole']
    assert contents(tmp_path / 'sub') == contents(tmp_path / 'whole/sub')


def test_a_kill_while_the_files_are_written(patches, tmp_path, monkeypatch):
    command = ['merge', str(patches), '--out', str(tmp_path / 'sub')]
    assert main(['merge', str(patches), '--out', str(tmp_path / 'whole/sub')]) == 0
    write = merge_module.write_task

    def killed(found, classes, version, folder, **options):
        write(found, classes, version, folder, with_zip=False)
        (folder / f'Task1_{classes[0]}.txt').unlink()
        (folder / f'.Task1_{classes[0]}.txt.4194305.tmp').write_text('ha')  # no process has this number
        raise SystemExit(9)

    monkeypatch.setattr(merge_module, 'write_task', killed)
    with pytest.raises(SystemExit):
        main(command)
    monkeypatch.undo()
    assert main(command) == 1
    assert main([*command, '--resume']) == 0
    assert contents(tmp_path / 'sub') == contents(tmp_path / 'whole/sub')


def slow_merge(command):
    merge_one = merge_module.merge_scene

    def wait(*args):
        time.sleep(0.03)
        return merge_one(*args)

    merge_module.merge_scene = wait
    main(command)


def test_ten_kills_at_random_moments(patches, tmp_path):
    assert main(['merge', str(patches), '--out', str(tmp_path / 'whole/sub')]) == 0
    command = ['merge', str(patches), '--out', str(tmp_path / 'sub'), '--resume', '--workers', '1']
    draw = random.Random(0)
    for _ in range(10):
        process = multiprocessing.get_context('fork').Process(target=slow_merge, args=(command,))
        process.start()
        process.join(draw.random() * 0.2)
        process.kill()
        process.join()
    assert main(command) == 0
    assert contents(tmp_path / 'sub') == contents(tmp_path / 'whole/sub')


def test_faults_of_a_submission_are_told_with_an_exit_code(patches, tmp_path, capsys):
    assert main(['check-submission', str(patches)]) == 1
    out, err = capsys.readouterr()
    assert "Task1_alpha.txt, line 1: 'S0__100__0___0' is a patch" in out
    assert '... and ' in out and 'faults, the test server would not take it' in err
    names = tmp_path / 'names.txt'
    names.write_text('\n'.join(TaskFiles(patches).images))
    assert main(['check-submission', str(patches), '--images', str(names)]) == 0
    assert main(['check-submission', str(patches), '--images', str(names), '--classes', 'dota']) == 1
    assert "no file of the class 'baseball-diamond'" in capsys.readouterr().out
    assert main(['check-submission', str(patches), '--images', str(names), '--classes', 'dota2.0']) == 1
    assert "no file of the class 'helipad'" in capsys.readouterr().out
    for options in ([str(tmp_path / 'none')], [str(patches), '--images', str(tmp_path / 'none')]):
        assert main(['check-submission', *options]) == 1
    assert 'there is no file or folder' in capsys.readouterr().err
