import math

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pytest

from mmrotate.core.visualization import draw_rbox, imshow_det_rbboxes, rbox_corners

BLANK = np.zeros((100, 120, 3), np.uint8)
BOX = [60, 50, 40, 20, 0.0]
RED = [(255, 0, 0)]


def show(img=BLANK, bboxes=(BOX,), labels=None, **kwargs):
    bboxes = np.array(bboxes, np.float32).reshape(-1, np.shape(bboxes)[-1] if len(bboxes) else 5)
    labels = np.zeros(len(bboxes), np.int64) if labels is None else np.array(labels)
    return imshow_det_rbboxes(img, bboxes, labels, show=False, **kwargs)


def test_corners():
    np.testing.assert_allclose(rbox_corners(np.array([BOX]))[0], [[40, 40], [80, 40], [80, 60], [40, 60]])
    turned = rbox_corners(np.array([[60, 50, 40, 20, math.pi / 2]]))[0]
    np.testing.assert_allclose(turned, [[70, 30], [70, 70], [50, 70], [50, 30]])
    assert rbox_corners(np.zeros((0, 5))).shape == (0, 4, 2)


def test_the_outline_is_drawn_in_the_classes_color():
    picture = show(show_label=False, bbox_color=RED, show_direction=False)
    assert picture.shape == BLANK.shape and picture.dtype == np.uint8
    assert picture[40, 60, :2].sum() == 0 and picture[40, 60, 2] > 200  # BGR
    assert picture[60, 60, 2] > 200 and picture[50, 40, 2] > 200 and picture[50, 80, 2] > 200
    assert picture[50, 60].sum() == 0 and picture[20, 20].sum() == 0
    assert BLANK.sum() == 0


def test_two_classes_have_two_colors():
    boxes = [BOX, [20, 20, 10, 10, 0]]
    colors = [(255, 0, 0), (0, 255, 0)]
    picture = show(bboxes=boxes, labels=[0, 1], bbox_color=colors, show_label=False)
    assert picture[40, 60].argmax() == 2 and picture[15, 20].argmax() == 1


@pytest.mark.parametrize('quarter', range(4))
@pytest.mark.parametrize('size', [(60, 40), (10, 8)])
def test_the_mark_points_where_theta_points(quarter, size):
    theta = quarter * math.pi / 2
    direction = np.round([math.cos(theta), math.sin(theta)]).astype(int)
    canvas = BLANK.copy()
    draw_rbox(canvas, np.array([60, 50, *size, theta]), (255, 255, 255))
    ahead = np.array([60, 50]) + (direction * size[0] * 0.4).astype(int)
    behind = np.array([60, 50]) - (direction * size[0] * 0.3).astype(int)
    assert canvas[ahead[1], ahead[0], 0] > 100
    assert canvas[behind[1], behind[0], 0] < 50


def test_scores_below_the_threshold_are_left_out():
    boxes = [[60, 50, 40, 20, 0, 0.9], [20, 20, 10, 10, 0, 0.2]]
    picture = show(bboxes=boxes, labels=[0, 0], score_thr=0.3, show_label=False, show_score=False)
    assert picture[40:61].sum() > 0 and picture[:30].sum() == 0


def test_labels_are_drawn_and_can_be_left_out():
    scored = [[*BOX, 0.9]]
    bare = show(bboxes=scored, show_label=False, show_score=False)
    both = show(bboxes=scored, class_names=['car'])
    only_score = show(bboxes=scored, show_label=False)
    only_class = show(bboxes=scored, show_score=False, class_names=['car'])
    changed = [(picture != bare).any(axis=2).sum() for picture in (only_score, only_class, both)]
    assert 0 < changed[0] < changed[2] and 0 < changed[1] < changed[2]


def test_labels_stay_inside_the_image():
    boxes = [[2, 2, 10, 10, 0.0], [118, 2, 10, 10, 0.5], [118, 98, 10, 10, 1.0], [2, 98, 10, 10, 0]]
    bare = show(bboxes=boxes, labels=[0] * 4, show_label=False, bbox_color='red')
    full = show(bboxes=boxes, labels=[0] * 4, class_names=['plane'], bbox_color='red')
    full_red = ((full == (0, 0, 255)).all(axis=2) & ~(bare == (0, 0, 255)).all(axis=2)).sum()
    assert full_red > 4 * 150


def test_no_boxes():
    np.testing.assert_array_equal(show(bboxes=[]), BLANK)
    np.testing.assert_array_equal(imshow_det_rbboxes(BLANK, show=False), BLANK)


@pytest.mark.parametrize(
    'box', [[60, 50, 0, 0, 0.0], [60, 50, 1e6, 1, 0.3], [1e9, -1e9, 5, 5, 0], [math.nan, 1, 1, 1, 0]]
)
def test_boxes_that_cannot_be_seen_do_no_harm(box):
    assert show(bboxes=[box]).shape == BLANK.shape


def test_grey_and_float_images():
    assert show(img=BLANK[..., 0]).shape == BLANK.shape
    assert show(img=BLANK.astype(np.float32) + 200)[0, 0].tolist() == [200] * 3
    with pytest.raises(ValueError, match='values from 300 to 300'):
        show(img=BLANK.astype(np.float32) + 300)
    with pytest.raises(ValueError, match='shape'):
        show(img=np.zeros((4, 4, 2), np.uint8))


def test_what_the_detector_reads_can_be_drawn_on(tmp_path):
    image = tmp_path / 'a.tif'
    cv2.imwrite(str(image), np.full((100, 120), 7.0, np.float32))
    assert show(img=image)[0, 0].tolist() == [7] * 3
    assert show(img=BLANK.astype(np.uint16) + 7 * 256)[0, 0].tolist() == [7] * 3


def test_picture_is_written_into_a_new_folder(tmp_path):
    out_file = tmp_path / 'new' / 'deep' / 'out.png'
    picture = show(out_file=out_file)
    np.testing.assert_array_equal(cv2.imread(str(out_file)), picture)
    with pytest.raises(ValueError, match='ending'):
        show(out_file=tmp_path / 'out.xyz')
    with pytest.raises(ValueError, match='ending'):
        show(out_file=tmp_path / 'out')


def test_the_input_is_never_overwritten(tmp_path):
    source = tmp_path / 'a.png'
    cv2.imwrite(str(source), BLANK)
    (tmp_path / 'link.png').symlink_to(source)
    before = source.read_bytes()
    for target in (source, tmp_path / 'link.png', tmp_path / '.' / 'a.png'):
        with pytest.raises(ValueError, match='is the input image'):
            show(img=str(source), out_file=str(target))
    assert source.read_bytes() == before
    show(img=source, out_file=tmp_path / 'b.png')
    assert (tmp_path / 'b.png').exists()


def test_images_that_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match=r'cannot open.*none\.png'):
        show(img=tmp_path / 'none.png')
    (tmp_path / 'a.png').write_text('text')
    with pytest.raises(ValueError, match='cannot decode'):
        show(img=tmp_path / 'a.png')


@pytest.mark.parametrize(
    ('bboxes', 'labels', 'message'),
    [
        (np.zeros((2, 4)), np.zeros(2), r'\(n, 5\) or \(n, 6\)'),
        (np.zeros(5), np.zeros(1), r'\(n, 5\) or \(n, 6\)'),
        (np.zeros((2, 5)), np.zeros(1), '2 boxes, but labels'),
    ],
)
def test_shapes_that_do_not_fit(bboxes, labels, message):
    with pytest.raises(ValueError, match=message):
        imshow_det_rbboxes(BLANK, bboxes, labels, show=False)


def test_masks_are_refused():
    with pytest.raises(ValueError, match='not supported'):
        imshow_det_rbboxes(BLANK, segms=[1], show=False)


def test_without_a_screen_no_window_opens(monkeypatch):
    monkeypatch.setattr('matplotlib.get_backend', lambda: 'agg')
    monkeypatch.setattr(plt, 'figure', lambda *args: pytest.fail('a window'))
    assert imshow_det_rbboxes(BLANK, show=True).shape == BLANK.shape
