"""Splitting as a stream of images: any number of processes, resumed, interrupted and killed."""

import contextlib
import os
import random
import re
import shutil
import signal
import time

import pytest

from mmrotate.apis import split
from mmrotate.apis.split import split_images
from mmrotate.core.patch import WindowRules
from mmrotate.datasets.sources import recognise
from mmrotate.datasets.splitting import TileSettings, jobs_of_images, jobs_of_source, split_image
from mmrotate.utils import UserError
from tests.helpers.scenes import write_scene

SETTINGS = TileSettings(WindowRules(sizes=(256, 200), gaps=(64, 100)))


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('scenes')
    for i in range(6):
        write_scene(folder, f'P{i}', (500 + 40 * i, 400))
    return folder


@pytest.fixture(scope='module')
def whole(data, tmp_path_factory):
    """What a run that nothing breaks writes."""
    out = tmp_path_factory.mktemp('whole') / 'out'
    counts = split_images(jobs(data), SETTINGS, out)
    assert counts['images'] == 6 and counts['objects'] > 100 and counts['tiles'] == len(list(out.glob('images/*')))
    return files(out)


def jobs(data):
    return list(jobs_of_source(recognise(data)))


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


@pytest.mark.parametrize('processes', [2, 9])
def test_any_number_of_processes_writes_the_same(data, whole, tmp_path, processes):
    split_images(jobs(data), SETTINGS, tmp_path / 'out', processes)
    assert files(tmp_path / 'out') == whole


def test_a_folder_that_holds_files_is_refused(data, tmp_path):
    (tmp_path / 'old').touch()
    with pytest.raises(UserError, match=r'holds files: name another folder, or empty it'):
        split_images(jobs(data), SETTINGS, tmp_path)
    with pytest.raises(UserError, match=r'holds files: name another folder, or empty it'):
        split_images(jobs(data), SETTINGS, tmp_path, resume=True)
    (tmp_path / '.done').mkdir()
    with pytest.raises(UserError, match=r'--resume goes on with what was begun there'):
        split_images(jobs(data), SETTINGS, tmp_path)


def test_images_whose_tiles_would_have_one_name_are_refused(data, tmp_path):
    (tmp_path / 'b').mkdir()
    (tmp_path / 'b/P1.png').write_bytes((data / 'images/P1.png').read_bytes())
    both = [*jobs(data), *jobs_of_images(tmp_path / 'b')]
    with pytest.raises(UserError, match=r'P1\.png and .*P1\.png would have the same names'):
        split_images(both, SETTINGS, tmp_path / 'out')
    with pytest.raises(UserError, match='no image'):
        split_images([], SETTINGS, tmp_path / 'out')


@pytest.mark.parametrize('processes', [1, 2])
def test_a_bad_image_is_named_and_done_once_it_is_mended(data, whole, tmp_path, processes, capsys):
    given = jobs(data)
    good = (data / 'images/P2.png').read_bytes()
    bad = tmp_path / 'P2.png'
    bad.write_bytes(good[:300])
    given[2] = given[2]._replace(image=bad)
    with pytest.raises(UserError, match=r'1 of 6 images could not be used, 5 are done.*--resume.*P2\.png'):
        split_images(given, SETTINGS, tmp_path / 'out', processes)
    assert re.search(r'left out: cannot .* the image', capsys.readouterr().err)
    bad.write_bytes(good)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').glob('images/P0*')}
    counts = split_images(given, SETTINGS, tmp_path / 'out', processes, resume=True)
    assert files(tmp_path / 'out') == whole and counts['tiles'] == len(whole) // 2
    assert before and all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_other_settings_do_not_go_on(data, tmp_path, monkeypatch):
    interrupt_at(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        split_images(jobs(data), SETTINGS, tmp_path)
    with pytest.raises(UserError, match=r'was made with rules .*256'):
        split_images(jobs(data), TileSettings(), tmp_path, resume=True)


def interrupt_at(monkeypatch, number):
    seen = []

    def interrupted(job, settings, out):
        seen.append(job)
        if len(seen) == number:
            raise KeyboardInterrupt
        return split_image(job, settings, out)

    monkeypatch.setattr(split, 'split_image', interrupted)


def test_what_is_done_before_an_interrupt_is_kept(data, whole, tmp_path, monkeypatch):
    interrupt_at(monkeypatch, 4)
    with pytest.raises(KeyboardInterrupt, match='3 of 6 images are done; the same command with --resume goes on'):
        split_images(jobs(data), SETTINGS, tmp_path / 'out')
    monkeypatch.undo()
    split_images(jobs(data), SETTINGS, tmp_path / 'out', resume=True)
    assert files(tmp_path / 'out') == whole


def die_at_p3(job, settings, out):
    if job.name == 'P3' and not (out / 'died').exists():
        (out / 'died').touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return split_image(job, settings, out)


def test_a_killed_worker_costs_its_image_only(data, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(split, 'split_image', die_at_p3)
    with pytest.raises(UserError, match=r'1 of 6 images could not be used, 5 are done.*P3\.png'):
        split_images(jobs(data), SETTINGS, tmp_path, 2)
    split_images(jobs(data), SETTINGS, tmp_path, 2, resume=True)
    (tmp_path / 'died').unlink()
    assert files(tmp_path) == whole


def start(data, out):
    """A process that splits, with workers of its own, in a group that can be killed as one."""
    if pid := os.fork():
        return pid
    try:
        os.setsid()
        split_images(jobs(data), SETTINGS, out, 2, resume=(out / '.done').exists())
    finally:
        os._exit(0)


def test_kills_at_random_moments_end_in_the_same_files(data, whole, tmp_path):
    chance, kills, out = random.Random(0), 0, tmp_path / 'out'
    while kills < 10:
        pid = start(data, out)
        time.sleep(chance.uniform(0.02, 0.2))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        kills += os.waitpid(pid, 0)[1] == signal.SIGKILL
        if not (out / '.done').exists():  # it was through, or had not begun
            assert not out.exists() or files(out) == whole
            shutil.rmtree(out, ignore_errors=True)
    os.waitpid(start(data, out), 0)
    assert files(out) == whole
