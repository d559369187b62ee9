"""Files for a test server hold what their format can."""

import zipfile

import numpy as np
import pytest

from mmrotate.datasets import build_dataset
from mmrotate.datasets.submission import SubmissionError, check_names, write_task1

from .conftest import SQUARE

RESULT = [np.array([[30, 30, 40, 10, 0.2, 0.9]], np.float32)]


@pytest.mark.parametrize(
    'name',
    ['photo (1)', 'a\nb', 'a\tb', 'a\u00a0b', 'a\u2028b', 'a\x00', 'a\x1b[0m', 'bytes\udcff', ' a', 'a/b', '..\\a'],
)
def test_image_names_that_break_a_line_are_refused(tmp_path, name):
    with pytest.raises(SubmissionError, match='1 image names cannot stand') as error:
        write_task1([RESULT] * 2, ['fine', name], ('ship',), 'le90', str(tmp_path / 'sub'))
    assert repr(name) in str(error.value) and '\n' not in str(error.value)
    assert not (tmp_path / 'sub').exists()


@pytest.mark.parametrize(
    'name', ['ship/boat', '../ship', '/etc/ship', 'a\\b', 'a\nb', 'a\0', 'bytes\udcff', 'long' * 60]
)
def test_class_names_that_break_a_path_are_refused(tmp_path, name):
    with pytest.raises(SubmissionError, match='cannot be part of a file name') as error:
        write_task1([RESULT], ['fine'], (name,), 'le90', str(tmp_path / 'sub'))
    assert repr(name) in str(error.value)
    assert not (tmp_path / 'sub').exists()


def test_two_images_of_a_name_are_refused():
    with pytest.raises(SubmissionError, match=r"stand for several images.*'a'"):
        check_names(['a', 'b', 'a'], ('ship',))


@pytest.mark.parametrize('name', ['Dump Truck', '..', 'schiff-\u00fcber', '\u8239', 'a.b'])
def test_other_class_names_are_written_as_they_are(tmp_path, name):
    (file,), folder = write_task1([RESULT], ['\u5317-(1)'], (name,), 'le90', str(tmp_path / 'sub'))
    assert file == f'{folder}/Task1_{name}.txt' == f'{tmp_path}/sub/Task1_{name}.txt'
    assert len(open(file, encoding='utf-8').read().split()) == 10
    with zipfile.ZipFile(tmp_path / 'sub' / 'sub.zip') as archive:
        assert archive.namelist() == [f'Task1_{name}.txt']


@pytest.mark.parametrize('column', range(6))
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf, 1e30])
def test_numbers_that_are_not_finite_are_left_out(tmp_path, log, column, value):
    bad = RESULT[0].copy()
    bad[0, column] = value
    files, _ = write_task1([[np.concatenate([bad, RESULT[0]])]], ['a'], ('ship',), 'le90', str(tmp_path / 'sub'))
    (line,) = open(files[0]).read().splitlines()
    assert np.isfinite([float(field) for field in line.split()[1:]]).all()
    assert '1 detections in 1 images have a score or box that is not finite' in log[0].getMessage()


def test_a_dataset_checks_its_names_before_a_run(folder, tmp_path):
    folder.add('photo (1)', f'{SQUARE} plane 0\n')
    dataset = build_dataset(folder.cfg(test_mode=True))
    with pytest.raises(SubmissionError, match=r'photo \(1\)'):
        dataset.check_submission()
    (folder.root / 'file').write_text('')
    folder.add('fine')
    for suffix in ('images/photo (1).png', 'labels/photo (1).txt'):
        (folder.root / suffix).unlink()
    dataset = build_dataset(folder.cfg(test_mode=True))
    dataset.check_submission(submission_dir=str(tmp_path / 'new'), with_zip=False, nproc=2)
    assert not (tmp_path / 'new').exists()
    with pytest.raises(SubmissionError, match='is a file'):
        dataset.check_submission(submission_dir=str(folder.root / 'file'))
    with pytest.raises(SubmissionError, match='does not know'):
        dataset.check_submission(submision_dir='x')
