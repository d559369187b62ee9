import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrotate.core.visualization import rbox_corners
from mmrotate.core.visualization.text import LabelPlacer, label_patch


def test_labels_have_contrast_on_any_ground():
    for color in [(0, 0, 0), (255, 255, 255), (255, 255, 0), (0, 0, 255), (128, 128, 128)]:
        patch = label_patch('Car 0.93', 14, color).astype(int)
        ground = np.array(color)
        assert (patch == ground).all(axis=2).mean() > 0.4
        assert np.abs(patch - ground).sum(axis=2).max() > 250


def test_labels_grow_with_size_and_text():
    small, large = (label_patch('ship', size, (0, 0, 0)).shape for size in (10, 20))
    assert large[0] > 1.5 * small[0] and large[1] > 1.5 * small[1]
    assert label_patch('ship 0.5', 10, (0, 0, 0)).shape[1] > small[1]
    assert label_patch('船é', 12, (0, 0, 0)).shape[0] > 0


box = st.tuples(st.floats(-20, 220), st.floats(-20, 220), st.floats(1, 90), st.floats(1, 90), st.floats(-2, 2))


@settings(max_examples=30, deadline=None)
@given(st.lists(box, min_size=1, max_size=12))
def test_labels_stay_inside_and_apart(boxes):
    boxes = np.array(boxes)
    placer = LabelPlacer((200, 210), boxes)
    places = [placer.place(corners, (40, 12)) for corners in rbox_corners(boxes)]
    cover = np.zeros((210, 200), int)
    for x, y in filter(None, places):
        assert 0 <= x <= 160 and 0 <= y <= 198
        cover[y : y + 12, x : x + 40] += 1
    assert cover.max(initial=0) <= 1
    for x, y in boxes[:, :2]:
        if 0 <= x < 199 and 0 <= y < 209:
            assert cover[round(y), round(x)] == 0


def test_a_lone_label_stands_above_its_box_or_below_at_the_border():
    boxes = np.array([[100, 100, 40, 20, 0.0], [100, 8, 40, 16, 0.0]])
    corners = rbox_corners(boxes)
    assert LabelPlacer((200, 200), boxes[:1]).place(corners[0], (40, 12)) == (80, 77)
    assert LabelPlacer((200, 200), boxes[1:]).place(corners[1], (40, 12)) == (80, 18)


def test_an_object_that_fills_the_image_has_its_label_inside():
    boxes = np.array([[100, 100, 240, 240, 0.0]])
    assert LabelPlacer((200, 200), boxes).place(rbox_corners(boxes)[0], (40, 12)) == (0, 0)


def test_no_room():
    boxes = np.array([[5, 5, 4, 4, 0.0]])
    assert LabelPlacer((20, 10), boxes).place(rbox_corners(boxes)[0], (30, 8)) is None
