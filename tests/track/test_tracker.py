import dataclasses

import cv2
import numpy as np
import pytest

from mmrotate.track import BOTSORT, BYTETRACK, OCSORT, CameraMotion, Tracker
from mmrotate.track.association import match, overlaps
from mmrotate.track.states import aligned, begin, predict, update
from tests.helpers.sequences import crossing, switches


def run(style, results, **options):
    tracker = Tracker(dataclasses.replace(style, camera=False, **options))
    return [tracker.update(result) for result in results]


@pytest.mark.parametrize('style', [BYTETRACK, OCSORT], ids=['bytetrack', 'ocsort'])
def test_turning_objects_that_cross_keep_their_numbers_better_than_by_upright_boxes(style):
    ours = upright = 0
    for seed in range(6):
        truth, results = crossing(seed=seed)
        changed, told = switches(truth, run(style, results))
        assert told > 0.85
        ours += changed
        upright += switches(truth, run(style, results, upright=True))[0]
    assert ours <= upright / 2 > 2


def test_objects_apart_never_change_their_numbers():
    for seed in range(3):
        truth, results = crossing(objects=2, seed=seed, miss=0.1)
        truth, results = [boxes[:1] for boxes in truth], [[r[0][:1]] for r in results]
        assert switches(truth, run(BYTETRACK, results))[0] == 0


def test_a_box_takes_the_name_that_is_nearest_to_its_track():
    state = np.array([[0, 0, 40, 10, 1.55, 0, 0, 0]])
    same = np.array([[0, 0, 40, 10, 1.58]])
    for box in ([0, 0, 40, 10, 1.58 - np.pi], [0, 0, 10, 40, 1.58 - np.pi / 2], [0, 0, 10, 40, 1.58 + 2.5 * np.pi]):
        assert np.allclose(aligned(np.array([box]), state), same)
    square = np.array([[0, 0, 10, 10, 0.1]])
    assert np.allclose(aligned(square, np.array([[0, 0, 10, 10, 1.6, 0, 0, 0]]))[0, 4], 0.1 + np.pi / 2)


def test_a_state_follows_motion_and_turn():
    boxes = [np.array([[3.0 * i, 2.0 * i, 40, 10, (0.05 * i + np.pi / 2) % np.pi - np.pi / 2]]) for i in range(80)]
    states, covariances = begin(boxes[0])
    for box in boxes[1:]:
        states, covariances = update(*predict(states, covariances), box)
        assert np.linalg.eigvalsh(covariances[0]).min() > 0
    assert np.allclose(states[0, 5:], [3, 2, 0.05], atol=0.02)
    assert np.allclose(states[0, :2], [237, 158], atol=0.5)
    later = predict(states, covariances, 2.0)[0]
    assert np.allclose(later[0, :2] - states[0, :2], [6, 4], atol=0.1)
    twice = predict(*predict(states, covariances))[0]
    assert np.allclose(later, twice)


def test_a_lost_object_is_found_again_under_its_number():
    def at(i):
        return [np.array([[20 + 4 * i, 50, 40, 10, 0.2, 0.9]], np.float32)]

    tracker, ids = Tracker(), []
    for i in range(30):
        ids.append(tracker.update(at(i) if not 12 <= i < 18 else [np.zeros((0, 6))]).ids.tolist())
    assert ids[:12] == ids[18:30][:12] == [[1]] * 12
    assert ids[12:18] == [[]] * 6
    for _ in range(40):
        tracker.update([np.zeros((0, 6))])
    for i in range(3):
        last = tracker.update(at(i)).ids.tolist()
    assert last == [2]


def test_unsure_detections_go_on_but_begin_nothing():
    def at(i, score):
        return [np.array([[20 + 2 * i, 50, 40, 10, 0.2, score]], np.float32)]

    tracker = Tracker()
    assert tracker.update(at(0, 0.9)).ids.tolist() == [1]
    assert tracker.update(at(1, 0.2)).ids.tolist() == [1]
    assert tracker.update(at(2, 0.05)).ids.tolist() == []
    other = Tracker()
    assert [other.update(at(i, 0.4)).ids.tolist() for i in range(4)] == [[]] * 4


def test_what_is_seen_once_is_not_told():
    tracker = Tracker()
    box = np.array([[50, 50, 40, 10, 0.2, 0.9]], np.float32)
    far = np.array([[200, 50, 40, 10, 0.2, 0.9]], np.float32)
    assert tracker.update([box]).ids.tolist() == [1]
    assert tracker.update([np.concatenate([box, far])]).ids.tolist() == [1]
    assert tracker.update([box]).ids.tolist() == [1]
    tracker.update([np.concatenate([box, far])])
    assert tracker.update([np.concatenate([box, far])]).ids.tolist() == [1, 3]


def test_classes_are_tracked_apart_unless_asked():
    box = np.array([[50, 50, 40, 10, 0.2, 0.9]], np.float32)
    none = np.zeros((0, 6), np.float32)
    tracker = Tracker()
    tracker.update([box, none])
    tracker.update([none, box])
    tracks = tracker.update([none, box])
    assert (tracks.ids.tolist(), tracks.labels.tolist()) == ([2], [1])
    across = Tracker(dataclasses.replace(BYTETRACK, across_classes=True))
    across.update([box, none])
    assert across.update([none, box]).ids.tolist() == [1]


def test_the_camera_is_taken_out():
    texture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (500, 500, 3), np.uint8), (0, 0), 3)
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)

    def view(i):
        matrix = cv2.getRotationMatrix2D((150, 150), 6.0 * (i % 2), 1.0)
        matrix[:, 2] += [-100 + 25 * (i % 2), -100]
        return cv2.warpAffine(texture, matrix, (300, 300)), matrix

    motion = CameraMotion()
    motion(view(0)[0])
    found = motion(view(1)[0])
    whole = [np.vstack([view(i)[1], [0, 0, 1]]) for i in (0, 1)]
    expected = (whole[1] @ np.linalg.inv(whole[0]))[:2]
    points = np.array([[10, 10, 1], [290, 20, 1], [150, 280, 1]]).T
    assert np.abs(found @ points - expected @ points).max() < 1
    assert np.allclose(motion(np.zeros((300, 300, 3), np.uint8)), np.eye(2, 3))

    def seen(i):
        point = view(i)[1] @ [260, 260, 1]
        return [np.array([[*point, 30, 6, 0.3 + np.deg2rad(6.0 * (i % 2)) * -1, 0.9]], np.float32)]

    with_camera, without = Tracker(BOTSORT), Tracker(BYTETRACK)
    ids = [
        (with_camera.update(seen(i), view(i)[0]).ids.tolist(), without.update(seen(i)).ids.tolist()) for i in range(8)
    ]
    assert [a for a, _ in ids] == [[1]] * 8
    assert [b for _, b in ids].count([1]) < 8
    with pytest.raises(ValueError, match='give the image'):
        with_camera.update(seen(0))


def test_the_way_of_motion_decides_between_equal_overlaps():
    def at(*xs):
        return [np.array([[x, 50, 40, 10, 0.0, 0.9] for x in xs], np.float32)]

    def last(style):
        tracker = Tracker(style)
        for i in range(10):
            tracker.update(at(50 + 4 * i))
        # the prediction is 90: both are 6 away from it, one goes back
        tracks = tracker.update(at(84, 96))
        return dict(zip(tracks.ids.tolist(), tracks.boxes[:, 0].tolist(), strict=True)).get(1)

    assert last(OCSORT) == 96


def test_pairs_of_the_greatest_sum_and_no_bad_one():
    likeness = np.array([[0.9, 0.8], [0.8, 0.1]])
    rows, columns = match(likeness, 0.2)
    assert list(zip(rows, columns, strict=True)) == [(0, 1), (1, 0)]
    rows, columns = match(likeness, 0.85)
    assert list(zip(rows, columns, strict=True)) == [(0, 0)]
    assert match(np.zeros((0, 3)), 0.1)[0].size == 0
    assert match(np.zeros((2, 2)), 0.1)[0].size == 0


def test_upright_overlaps():
    boxes = np.array([[0, 0, 40, 10, 0], [0, 0, 40, 10, np.pi / 2], [5, 0, 40, 10, 0.0]])
    assert np.allclose(
        overlaps(boxes, boxes, True), [[1, 100 / 700, 350 / 450], [100 / 700, 1, 100 / 700], [350 / 450, 100 / 700, 1]]
    )
    assert overlaps(boxes, boxes[:0]).shape == (3, 0)


def test_empty_frames_and_names():
    tracker = Tracker('ocsort')
    for _ in range(3):
        assert tracker.update([np.zeros((0, 6))] * 2).ids.size == 0
    nan = np.array([[np.nan, 0, 1, 1, 0, 0.9]])
    assert tracker.update([nan]).ids.size == 0
    with pytest.raises(ValueError, match='one of bytetrack, ocsort, botsort'):
        Tracker('sort')
