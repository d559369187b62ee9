import numpy as np
import pytest

from mmrotate.analysis.errors import find_errors
from mmrotate.analysis.examples import draw_examples
from mmrotate.core.visualization import write_image
from tests.helpers.judged import annotation, found, one_image

BOX, FAR = (40, 40, 30, 10, 0.3), (100, 100, 20, 10, 0.0)


@pytest.fixture
def path(tmp_path):
    write_image(tmp_path / 'a.png', np.zeros((120, 120, 3), np.uint8))
    return tmp_path / 'a.png'


def colours(picture):
    """Numbers of green and red pixels."""
    _, green, red = picture.astype(int).transpose(2, 0, 1)
    return int(((green > 150) & (red < 120)).sum()), int(((red > 200) & (green < 100)).sum())


def test_a_row_for_each_kind(path):
    nothing = draw_examples(find_errors(one_image(found((0, BOX, 0.9)), annotation([BOX], [0]))), lambda i: path)
    assert colours(nothing) == (0, 0)
    missed = draw_examples(find_errors(one_image(found(), annotation([BOX], [0]))), lambda i: path)
    background = draw_examples(find_errors(one_image(found((0, FAR, 0.9)), annotation([], []))), lambda i: path)
    wrong = draw_examples(find_errors(one_image(found((1, BOX, 0.9)), annotation([BOX], [0]))), lambda i: path)
    assert colours(missed)[0] > 100 and colours(missed)[1] == 0
    assert colours(background)[0] == 0 and colours(background)[1] > 100
    assert colours(wrong)[1] > 100
    assert len({len(each) for each in (missed, background, wrong)}) == 1 and len(missed) > len(nothing)


def test_the_best_scored_are_drawn(path):
    rows = [(0, (x, 100, 10, 10, 0), x / 200) for x in range(10, 120, 10)]
    errors = find_errors(one_image(found(*rows), annotation([], [])))
    drawn = []
    picture = draw_examples(errors, lambda i: drawn.append(i) or path, count=3)
    assert len(drawn) == 3 and picture.shape[1] < 600
    assert len(draw_examples(errors, lambda i: path, count=20)) == len(picture)
