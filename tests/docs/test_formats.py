"""The page on data says of every format what it is and what it loses."""

from pathlib import Path

import pytest

from mmrotate.datasets.formats import FORMATS
from mmrotate.datasets.formats.frame import LOSSES

PAGE = (Path(__file__).parents[2] / 'docs/data.md').read_text(encoding='utf-8')


def test_every_format_is_described():
    described = [line.split(' | ')[0] for line in PAGE.splitlines() if line.startswith('| `')]
    assert [name for name in FORMATS if not any(f'`{name}`' in line for line in described)] == []


@pytest.mark.parametrize('key', sorted(LOSSES.keys() - {'size'}))
def test_what_is_lost_stands_in_the_table(key):
    rows = FORMATS.values()
    losing = [row.name for row in rows if (row.only is not None if key == 'class' else key not in row.holds)]
    line = f'| {LOSSES[key]} | {", ".join(f"`{name}`" for name in losing)} |'
    assert (line in PAGE) == bool(losing)
