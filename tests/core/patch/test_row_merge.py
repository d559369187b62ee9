"""Merging from top to bottom gives what one merge of everything gives, and holds little meanwhile."""

import numpy as np
import pytest

from mmrotate.core.patch import RowMerge, SameObject, merge_results, tile_windows


def detections(windows, per_window, rng):
    """Per window a result of two classes with boxes around places in it, in its own pixels; many overlap."""
    results = []
    for left, top, right, bottom in windows:
        boxes = rng.uniform([0, 0, 4, 4, -1.5, 0], [right - left, bottom - top, 40, 20, 1.5, 1], (per_window, 6))
        labels = rng.integers(0, 2, per_window)
        results.append([boxes[labels == i].astype(np.float32) for i in range(2)])
    return results


@pytest.mark.parametrize('threshold', [0.1, 0.5])
def test_row_by_row_is_all_at_once(threshold):
    windows = tile_windows(400, 900, [(128, 96)], 0.25)
    results = detections(windows, 30, np.random.default_rng(0))
    merge, parts, held = RowMerge(SameObject(threshold), windows), [], []
    for i, (result, window) in enumerate(zip(results, windows, strict=True)):
        merge.add(result, window)
        after = windows[i + 1, 1] if i + 1 < len(windows) else np.inf
        if after > window[1]:
            parts.append(merge.finished(after))
            held.append(len(merge))
    expected = merge_results(results, windows[:, :2], (400, 900), threshold)
    for label, dets in enumerate(expected):
        found = np.concatenate([part[label] for part in parts])
        assert len(found) == len(dets)
        np.testing.assert_array_equal(found[np.argsort(-found[:, 5])], dets)
    assert held[-1] == 0
    assert max(held) < 30 * len(windows) / 2
    assert sum(map(len, parts[4])) > 0  # long before the end


def test_a_box_waits_for_what_decides_on_its_neighbour():
    """The third kills the second, so the first lives, though it ends far above the third's window."""
    first, second, third = ([50, y, 100, 20, np.pi / 2, score] for y, score in ((50, 0.5), (110, 0.7), (170, 0.9)))
    windows = np.array([[0, 0, 100, 40], [0, 150, 100, 190]])
    merge = RowMerge(SameObject(0.15), windows)
    merge.add([np.array([first, second], np.float32)], windows[0])
    assert merge.finished(150)[0].size == 0
    third[1] -= 150  # in pixels of its window
    merge.add([np.array([third], np.float32)], windows[1])
    np.testing.assert_allclose(merge.finished()[0][:, 1], [170, 50])


def test_a_part_that_a_border_cuts_gives_way_to_the_whole_even_with_a_better_score():
    windows = np.array([[0, 0, 100, 100], [50, 0, 150, 100]])
    part, whole, below = [92, 50, 16, 10, 0, 0.9], [60, 50, 60, 10, 0, 0.6], [80, 80, 20, 10, 0, 0.5]
    found = {}
    for share in (None, 0.7):
        merge = RowMerge(SameObject(0.5, share), windows)
        merge.add([np.array([part], np.float32), np.zeros((0, 6), np.float32)], windows[0])
        merge.add([np.array([whole, below], np.float32), np.array([below], np.float32)], windows[1])
        found[share] = [dets[:, 5].tolist() for dets in merge.finished()]
    assert np.allclose(found[None][0], [0.9, 0.6, 0.5])
    assert np.allclose(found[0.7][0], [0.6, 0.5])
    agnostic = RowMerge(SameObject(0.5, agnostic=True), windows)
    agnostic.add([np.array([below], np.float32)] * 2, windows[0])
    assert sum(map(len, agnostic.finished())) == 1


def test_windows_cover_the_image_and_are_cut_to_it():
    windows = tile_windows(1000, 700, [(640, 512), (2560, 2048)], 0.2)
    assert windows.tolist() == [
        [0, 0, 640, 512], [0, 0, 1000, 700], [360, 0, 1000, 512], [0, 188, 640, 700], [360, 188, 1000, 700],
    ]  # fmt: skip
    seen = np.zeros((700, 1000), int)
    for left, top, right, bottom in tile_windows(1000, 700, [(300, 200)], 0.3):
        assert (right - left, bottom - top) == (300, 200)
        seen[top:bottom, left:right] += 1
    assert seen.min() == 1
