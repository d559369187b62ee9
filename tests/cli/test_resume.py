"""infer and test as streams: what is done stays done through bad images, Ctrl-C and kills."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmrotate.cli import main
from mmrotate.engine import stream
from tests.helpers.tiny import write_config, write_data

ROOT = Path(__file__).parents[2]
CHILD = """
import sys
from mmrotate.cli import main
from tests.cli.test_resume import signalling
signalling({at}, {signal})
sys.exit(main(sys.argv[1:]))
"""


def signalling(at, which, put=setattr):
    """Let this process get a signal in its batch ``at``."""
    detect, seen = stream.detect, []

    def slow(model, batch):
        seen.append(batch)
        if len(seen) == at:
            os.kill(os.getpid(), which)
        return detect(model, batch)

    put(stream, 'detect', slow)


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """Folder with a config of six images, ``model.pth``, and the results of unbroken runs."""
    folder = tmp_path_factory.mktemp('stream')
    write_data(folder / 'data', 6)
    config = write_config(folder)
    assert main(['train', str(config), '--work-dir', str(folder / 'work'), '--cfg-options', 'runner.max_epochs=1']) == 0
    shutil.copyfile(folder / 'work' / 'latest.pth', folder / 'model.pth')
    assert main(infer(folder, folder / 'whole.json')) == 0
    assert main(test(folder, folder / 'whole.pkl')) == 0
    return folder


def infer(place, target, *options):
    images = place / 'data' / 'images'
    argv = ['infer', images, place / 'tiny.py', place / 'model.pth', '--json', target, '--device', 'cpu', *options]
    return list(map(str, argv))


def test(place, target, *options):
    argv = ['test', place / 'tiny.py', place / 'model.pth', '--out', target, '--cfg-options',
            'data.samples_per_gpu=1', *options]  # fmt: skip
    return list(map(str, argv))


test.__test__ = False


@pytest.fixture
def interrupted(monkeypatch):
    """Run a command that Ctrl-C hits in its batch ``at``; gives the exit code."""

    def run(argv, at):
        with monkeypatch.context() as patch:
            signalling(at, signal.SIGINT, patch.setattr)
            return main(argv)

    return run


@pytest.mark.parametrize('command', [infer, test])
def test_after_ctrl_c_the_rest_is_done_with_resume(place, tmp_path, interrupted, capsys, command):
    ending = '.json' if command is infer else '.pkl'
    target, pictures = tmp_path / f'a{ending}', tmp_path / 'pictures'
    option = '--out-dir' if command is infer else '--show-dir'
    argv = command(place, target, option, pictures)
    assert interrupted(argv, 4) == 130
    assert 'interrupted: 3 of 6 images are done; the same command with --resume goes on' in capsys.readouterr().err
    assert len(list(pictures.iterdir())) == 3
    if command is infer:
        assert len(json.loads(target.read_text())['images']) == 3
    times = {path: path.stat().st_mtime_ns for path in pictures.iterdir()}
    assert main([*argv, '--resume']) == 0
    assert target.read_bytes() == (place / f'whole{ending}').read_bytes()
    assert len(list(pictures.iterdir())) == 6
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    assert sorted(path.name for path in tmp_path.iterdir()) == [f'a{ending}', 'pictures']


@pytest.mark.slow
@pytest.mark.parametrize('command', [infer, test])
def test_after_a_kill_the_rest_is_done_with_resume(place, tmp_path, command):
    ending = '.json' if command is infer else '.pkl'
    target = tmp_path / f'a{ending}'
    child = CHILD.format(at=4, signal=int(signal.SIGKILL))
    done = subprocess.run([sys.executable, '-c', child, *command(place, target)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not target.exists()
    journal = target.with_name(f'{target.name}.journal')
    with journal.open('ab') as lines:
        lines.write(journal.read_bytes().splitlines()[-1][:40])  # and of the fourth a part
    assert len(journal.read_bytes().splitlines()) == 5
    assert main([*command(place, target), '--resume']) == 0
    assert target.read_bytes() == (place / f'whole{ending}').read_bytes()
    assert not journal.exists()


def test_batches_stay_the_same_when_a_run_is_resumed(place, tmp_path, interrupted):
    options = ['--batch-size', '4']
    assert main(infer(place, tmp_path / 'whole.json', *options)) == 0
    target = tmp_path / 'a.json'
    interrupted(infer(place, target, *options), 2)
    journal = tmp_path / 'a.json.journal'
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b''.join(lines[:4]))  # in the midst of the first batch
    assert main([*infer(place, target, *options), '--resume']) == 0
    assert target.read_bytes() == (tmp_path / 'whole.json').read_bytes()


def test_a_bad_image_stops_no_other(place, tmp_path, capsys):
    folder = tmp_path / 'images'
    shutil.copytree(place / 'data' / 'images', folder)
    good = (folder / 'img2.png').read_bytes()
    (folder / 'img2.png').write_bytes(good[:300])
    (folder / '._img1.png').write_bytes(b'\x00\x05\x16\x07')
    os.mkfifo(folder / 'pipe.png')
    argv = ['infer', folder, place / 'tiny.py', place / 'model.pth', '--json', tmp_path / 'a.json', '--out-dir',
            tmp_path / 'o', '--batch-size', 2]  # fmt: skip
    argv = list(map(str, argv))
    assert main(argv) == 1
    err = capsys.readouterr().err
    told, error = (line for line in err.splitlines() if line.startswith(('left out', 'error')))
    assert 'img2.png' in told
    assert '1 of 6 images could not be used, 5 are done' in error
    assert '--resume' in error
    assert 'img2.png' in error
    assert len(list((tmp_path / 'o').iterdir())) == 5
    assert len(json.loads((tmp_path / 'a.json').read_text())['images']) == 5
    (folder / 'img2.png').write_bytes(good)
    assert main([*argv, '--resume']) == 0
    assert [Path(one['image']).name for one in json.loads((tmp_path / 'a.json').read_text())['images']] == [
        f'img{i}.png' for i in range(6)
    ]


def test_a_bad_image_in_a_test_set(place, tmp_path, capsys):
    shutil.copytree(place / 'data', tmp_path / 'data')
    config = write_config(tmp_path)
    bad = tmp_path / 'data' / 'images' / 'img1.png'
    good = bad.read_bytes()
    bad.write_bytes(good[:100])
    argv = ['test', config, place / 'model.pth', '--out', tmp_path / 'a.json', '--show-dir', tmp_path / 'o', '--eval',
            'mAP', '--work-dir', tmp_path / 'w']  # fmt: skip
    argv = list(map(str, argv))
    assert main(argv) == 1
    assert '1 of 6 images could not be used, 5 are done' in capsys.readouterr().err
    assert len(list((tmp_path / 'o').iterdir())) == 5
    assert len(json.loads((tmp_path / 'a.json').read_text())['images']) == 5
    assert not (tmp_path / 'w').exists()  # no score of a part
    bad.write_bytes(good)
    assert main([*argv, '--resume']) == 0
    assert len(list((tmp_path / 'w').iterdir())) == 1


def test_a_journal_is_not_gone_on_with_under_other_settings(place, tmp_path, interrupted, capsys):
    target = tmp_path / 'a.json'
    interrupted(infer(place, target), 3)
    assert main(infer(place, target, '--resume', '--score-thr', '0.5')) == 1
    assert 'was made with score_thr 0.3, now 0.5' in capsys.readouterr().err
    assert main(infer(place, target, '--resume', '--cfg-options', 'model.width=4')) == 1
    assert 'values of the config' in capsys.readouterr().err
    assert main(infer(place, target, '--score-thr', '0.5')) == 0  # without --resume all is done anew
    assert 'discarded' in capsys.readouterr().err


def test_images_that_changed_are_done_again(place, tmp_path, interrupted):
    folder = tmp_path / 'images'
    shutil.copytree(place / 'data' / 'images', folder)
    argv = ['infer', str(folder), str(place / 'tiny.py'), str(place / 'model.pth'), '--json', str(tmp_path / 'a.json')]
    interrupted(argv, 5)
    shutil.copyfile(folder / 'img5.png', folder / 'img0.png')
    assert main([*argv, '--resume']) == 0
    images = json.loads((tmp_path / 'a.json').read_text())['images']
    assert images[0]['detections'] == images[5]['detections']


def test_resume_needs_something_to_go_on_with(place, capsys):
    images = str(place / 'data' / 'images')
    assert main(['infer', images, str(place / 'tiny.py'), str(place / 'model.pth'), '--resume']) == 1
    assert '--json or --out-dir' in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_go_on_each_with_its_own_journal(place, tmp_path):
    target = tmp_path / 'a.pkl'
    argv = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2', '--master_port=0', '--standalone',
            'child.py', *test(place, target, '--launcher', 'pytorch')]  # fmt: skip
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])}
    (tmp_path / 'child.py').write_text(CHILD.format(at=3, signal=int(signal.SIGKILL)))
    assert subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, check=False).returncode != 0
    journals = [tmp_path / 'a.pkl.journal', tmp_path / 'a.pkl.journal.1']
    assert all(journal.is_file() for journal in journals)
    assert main([*test(place, target), '--resume']) == 1  # one process cannot go on with the work of two
    (tmp_path / 'child.py').write_text(CHILD.format(at=-1, signal=0))
    done = subprocess.run([*argv, '--resume'], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    results, whole = (pickle.loads(path.read_bytes()) for path in (target, place / 'whole.pkl'))
    for one, other in zip(results, whole, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
    assert not any(journal.exists() for journal in journals)
