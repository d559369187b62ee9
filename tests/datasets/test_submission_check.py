"""What DOTA's server would not take is named, by file and line."""

import zipfile

import numpy as np
import pytest

from mmrotate.datasets.submission import SubmissionError, write_task1
from mmrotate.datasets.submission_check import inspect_submission

SQUARE = '10 10 30 10 30 20 10 20'
RESULTS = [[np.array([[30, 30, 40, 10, 0.2, 0.9]], np.float32), np.zeros((0, 6), np.float32)]]


def zipped(path, **texts):
    with zipfile.ZipFile(path, 'w') as archive:
        for name, text in texts.items():
            archive.writestr(name.replace('__', '/') + '.txt', text)
    return path


@pytest.mark.parametrize('task', [1, 2])
def test_what_is_written_is_taken(tmp_path, task):
    _, folder = write_task1(RESULTS, ['P0003'], ['ship', 'plane'], 'le90', str(tmp_path / 'sub'), task=task)
    for path in (folder, f'{folder}/sub.zip'):
        report = inspect_submission(path, ['plane', 'ship'], ['P0003', 'P0004'])
        assert report.faults == [] and (report.task, report.detections, report.images) == (task, 1, {'P0003'})


def test_task_2_has_upright_boxes(tmp_path):
    (file, _), _ = write_task1(RESULTS, ['a'], ['ship', 'plane'], 'le90', str(tmp_path / 'sub'), task=2)
    name, score, *sides = open(file).read().split()
    w, h = 40 * np.cos(0.2) + 10 * np.sin(0.2), 40 * np.sin(0.2) + 10 * np.cos(0.2)
    assert file.endswith('Task2_ship.txt') and (name, score) == ('a', '0.9')
    np.testing.assert_allclose([float(v) for v in sides], [30 - w / 2, 30 - h / 2, 30 + w / 2, 30 + h / 2], atol=0.006)
    with pytest.raises(SubmissionError, match='task must be 1'):
        write_task1(RESULTS, ['a'], ['ship', 'plane'], 'le90', str(tmp_path / 'other'), task=3)


def test_the_same_results_give_the_same_zip(tmp_path, monkeypatch):
    made = []
    for year in (2001, 2020):
        monkeypatch.setattr('time.time', lambda year=year: (year - 1970) * 3.2e7)
        _, folder = write_task1(RESULTS, ['a'], ['ship', 'plane'], 'le90', str(tmp_path / str(year) / 'sub'))
        made.append(open(f'{folder}/sub.zip', 'rb').read())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('P1 0.9 1 2 3\n', 'Task1_ship.txt, line 2: 10 columns set apart by one space are needed'),
        (f'P1  0.9 {SQUARE}\n', 'line 2: 10 columns'),
        (f'P1\t0.9 {SQUARE}\n', 'line 2: 10 columns'),
        ('\n', 'line 2: 10 columns'),
        (f'P1 inf {SQUARE}\n', "line 2: 'inf' is not finite"),
        (f'P1 0.9 {SQUARE[:-2]}x\n', "line 2: 'x' is no number"),
        (f'P2 0.9 {SQUARE}\n', "line 2: there is no image 'P2'"),
    ],
)
def test_lines_that_are_wrong(tmp_path, text, said):
    path = zipped(tmp_path / 'sub.zip', Task1_ship=f'P1 0.9 {SQUARE}\n{text}')
    (fault,) = inspect_submission(path, ['ship'], ['P1']).faults
    assert said in fault


def test_patches_are_no_images(tmp_path):
    lines = f'P1__1024__0___824 0.9 {SQUARE}\n' * 2
    (fault,) = inspect_submission(zipped(tmp_path / 'sub.zip', Task1_ship=lines)).faults
    assert fault.startswith('Task1_ship.txt, line 1:') and "of the scene 'P1': mmrotate merge" in fault


def test_boxes_of_task_2_that_are_turned_over(tmp_path):
    (fault,) = inspect_submission(zipped(tmp_path / 'sub.zip', Task2_ship='P1 0.9 30 20 10 10\n')).faults
    assert '30 20 10 10 are not left, top, right, bottom' in fault


@pytest.mark.parametrize(
    ('texts', 'said'),
    [
        (dict(sub__Task1_ship=''), ['lies in a folder inside of sub.zip', 'holds no file Task1_CLASS.txt']),
        (dict(Task1_ship='', notes=''), ['notes.txt: is no file Task1_CLASS.txt']),
        (dict(Task1_ship='', Task2_ship=''), ['Task 1 and of Task 2']),
        (dict(Task1_plane=''), ["no file of the class 'ship'", "not known: 'plane'"]),
    ],
)
def test_files_that_are_wrong(tmp_path, texts, said):
    faults = inspect_submission(zipped(tmp_path / 'sub.zip', **texts), ['ship']).faults
    assert len(faults) == len(said) and all(part in fault for part, fault in zip(said, faults, strict=True))


def test_what_is_no_zip_or_a_damaged_one(tmp_path):
    (tmp_path / 'a.zip').write_text('no zip')
    assert 'neither a folder nor a zip' in inspect_submission(tmp_path / 'a.zip').faults[0]
    path = zipped(tmp_path / 'b.zip', Task1_ship=f'P1 0.9 {SQUARE}\n' * 3)
    content = path.read_bytes()
    path.write_bytes(content.replace(b'0.9', b'0.8', 1))
    assert 'Task1_ship.txt: cannot be read: Bad CRC' in inspect_submission(path).faults[0]


def test_only_the_first_of_many_faults_are_shown(tmp_path):
    report = inspect_submission(zipped(tmp_path / 'sub.zip', Task1_ship='P1\n' * 50))
    assert report.count == 50 and len(report.faults) == 20
