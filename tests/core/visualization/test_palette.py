import pytest

from mmrotate.core.visualization import DOTA_PALETTE, get_palette, to_color


def test_named_palettes_are_continued_and_cut():
    assert get_palette('dota', 18) == DOTA_PALETTE  # of DOTA 2.0, whose first 15 are those of 1.0
    assert get_palette('dota', 3) == DOTA_PALETTE[:3]
    longer = get_palette('sar', 4)
    assert longer[0] == (0, 255, 0) and len(set(longer)) == 4
    assert len(get_palette('hit_uav', 4)) == 4


@pytest.mark.parametrize('palette', [None, 'random', 'hrsc_classwise', []])
def test_distinct_colors_of_any_number(palette):
    colors = get_palette(palette, 40)
    assert len(set(colors)) == 40
    assert all(0 <= value <= 255 for color in colors for value in color)
    assert get_palette(palette, 10) == colors[:10]
    assert get_palette(palette, 0) == []


def test_colors():
    assert get_palette('red', 2) == [(255, 0, 0)] * 2
    assert get_palette((1, 2, 3), 2) == [(1, 2, 3)] * 2
    assert get_palette([(1, 2, 3), 'blue'], 2) == [(1, 2, 3), (0, 0, 255)]
    assert to_color('#ff8000') == (255, 128, 0)
    assert to_color(7) == (7, 7, 7)


@pytest.mark.parametrize('wrong', ['reddish', '#12345', '#gggggg', (1, 2), (1, 2, 256), (-1, 0, 0)])
def test_what_is_no_color(wrong):
    with pytest.raises(ValueError, match='colour'):
        to_color(wrong)


def test_negative_number():
    with pytest.raises(ValueError, match='negative'):
        get_palette('dota', -1)
