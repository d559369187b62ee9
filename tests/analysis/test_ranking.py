import numpy as np
import pytest

from mmrotate.analysis.ranking import picture_name, rank_images, side_by_side
from mmrotate.analysis.results import Judged
from mmrotate.core.evaluation import eval_rbbox_map
from tests.helpers.judged import CLASSES, annotation, found, random_judged

BOX, FAR = (30, 30, 20, 10, 0.3), (80, 20, 20, 10, 0.0)


def test_the_score_is_the_map_of_the_image():
    judged = random_judged(np.random.default_rng(0), images=5)
    ranked = rank_images(judged)
    assert sorted((image.score for image in ranked), reverse=True) == [image.score for image in ranked]
    for index, score, objects, _ in ranked:
        one = ([judged.results[index]], [judged.annotations[index]])
        scores = [eval_rbbox_map(*one, None, 0.5 + 0.05 * i, False, logger='silent')[0] for i in range(10)]
        assert score == pytest.approx(np.mean(scores))
        assert objects == len(judged.annotations[index]['labels'])


def test_images_without_objects_count_only_with_false_alarms():
    empty, full = annotation([], []), annotation([BOX], [0])
    results = [found((0, BOX, 0.9)), found((0, BOX, 0.4)), found(), found((0, BOX, 0.9))]
    judged = Judged(list('abcd'), CLASSES, results, [empty, empty, empty, full])
    assert [image.image for image in rank_images(judged)] == [3, 0, 1]
    assert [image.image for image in rank_images(judged, 0.5)] == [3, 0]


def test_of_equal_images_the_one_with_fewer_false_alarms_is_better():
    results = [found((1, FAR, 0.9), (1, BOX, 0.8)), found((1, FAR, 0.9)), found()]
    judged = Judged(list('abc'), CLASSES, results, [annotation([BOX], [0])] * 3)
    assert [image.image for image in rank_images(judged)] == [2, 1, 0]
    assert [image.detections for image in rank_images(judged)] == [0, 1, 2]


def test_truth_stands_beside_prediction():
    image = np.zeros((60, 120, 3), np.uint8)
    truth = annotation([BOX], [0], [(90, 40, 20, 10, 0)], [1])
    picture = side_by_side(image, found((2, FAR, 0.9), (1, BOX, 0.2)), truth, CLASSES, ['red', 'green', 'blue'], 0.5)
    strip = len(picture) - 60
    assert picture.shape[1] == 2 * 120 + 4 and 10 < strip < 30
    left, right = picture[strip:, :120].astype(int), picture[strip:, -120:].astype(int)
    red, green, blue = (lambda part, i=i: (part[..., i] > 200) & (part.sum(-1) < 300) for i in (2, 1, 0))
    assert red(left).any() and not red(right).any() and not blue(left).any() and blue(right).any()
    assert (left[35:46, 79:82, 1] > 100).any()  # an object to ignore is drawn too
    assert not green(right).any()  # a low score is not
    assert not image.any()


def test_names_of_pictures():
    assert picture_name('a.b.jpg', 0.25) == 'a.b_0.250.jpg'
    assert picture_name('1/a.png', 1) == '1/a_1.000.png'
