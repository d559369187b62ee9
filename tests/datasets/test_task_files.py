"""Files of detections are read again, image by image."""

import numpy as np
import pytest

from mmrotate.datasets.submission import write_task1
from mmrotate.datasets.task_files import TaskFileError, TaskFiles
from mmrotate.utils.ordered import in_order
from tests.helpers.golden import random_boxes

SQUARE = '10 10 30 10 30 20 10 20'


def folder_of(tmp_path, **texts):
    for name, text in texts.items():
        (tmp_path / f'Task1_{name}.txt').write_text(text)
    return tmp_path


def test_what_was_written_is_read(tmp_path):
    boxes = np.c_[random_boxes(12).numpy(), np.linspace(0.1, 0.9, 12)].astype(np.float32)
    results = [[boxes[:4], boxes[:0]], [boxes[4:6], boxes[6:]]]
    write_task1(results, ['b', 'a'], ['ship', 'large plane'], 'le90', str(tmp_path / 'sub'))
    found = TaskFiles(tmp_path / 'sub')
    assert (found.classes, found.images) == (['large plane', 'ship'], ['a', 'b'])
    for i, expected in ((0, results[1][::-1]), (1, results[0][::-1])):
        for got, want in zip(found[i], expected, strict=True):
            assert got.shape == want.shape and got.dtype == np.float32
            np.testing.assert_allclose(got[:, [0, 1, 5]], want[:, [0, 1, 5]], atol=0.01)
            np.testing.assert_allclose(got[:, 2] * got[:, 3], want[:, 2] * want[:, 3], rtol=0.01)
    assert not sum(found.crooked.values())


def test_lines_of_an_image_may_stand_apart(tmp_path):
    text = f'a 0.9 {SQUARE}\nb 0.8 {SQUARE}\n\na 0.7 {SQUARE}\n'
    found = TaskFiles(folder_of(tmp_path, ship=text, plane=''))
    assert [[len(dets) for dets in found[i]] for i in range(2)] == [[0, 2], [0, 1]]
    np.testing.assert_allclose(found[0][1], [[20, 15, 20, 10, 0, 0.9], [20, 15, 20, 10, 0, 0.7]], rtol=1e-6)


def test_shapes_that_are_no_rectangles_are_counted(tmp_path):
    found = TaskFiles(folder_of(tmp_path, ship=f'a 0.9 10 10 30 10 34 20 10 20\na 0.5 {SQUARE}\n'))
    assert len(found[0][0]) == 2 and found.crooked == {'a': 1}


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('a 0.9 1 2 3', 'line 2: 10 columns are needed'),
        (f'a x {SQUARE}', "line 2: 'x' is no number"),
        (f'a nan {SQUARE}', "line 2: 'nan' is not finite"),
        (f'a 0.9 {SQUARE[:-2]}1e99', 'from line 1 on: a number is too large'),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, line, said):
    with pytest.raises(TaskFileError, match='Task1_ship.txt, ' + said):
        TaskFiles(folder_of(tmp_path, ship=f'a 0.9 {SQUARE}\n{line}\n'))[0]


def test_a_folder_without_such_files(tmp_path):
    with pytest.raises(TaskFileError, match=r'no files Task1_CLASS\.txt'):
        TaskFiles(tmp_path)


@pytest.mark.parametrize('workers', [1, 3])
def test_outcomes_come_in_order_and_errors_in_their_turn(workers):
    taken = []

    def items():
        for i in range(50):
            taken.append(i)
            yield i

    outcomes = in_order(lambda i: 1 / (5 - i), items(), workers)
    assert [next(outcomes) for _ in range(5)] == [1 / 5, 1 / 4, 1 / 3, 1 / 2, 1]
    with pytest.raises(ZeroDivisionError):
        next(outcomes)
    assert len(taken) <= 6 + 2 * workers
