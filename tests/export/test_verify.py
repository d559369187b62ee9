"""A file against PyTorch: partners, and near ties."""

import numpy as np
import pytest

from mmrotate.apis import inference_detector, init_detector
from mmrotate.export.verify import difference, shaken_result
from tests.export.test_runtime import CONFIG, IMAGES, WEIGHTS

BOX, FAR = np.array([[10.0, 10, 8, 4, 0.3, 0.9]]), np.array([[50.0, 10, 8, 4, 0.3, 0.2]])
EMPTY, BOTH = np.zeros((0, 6)), np.concatenate([BOX, FAR])


def test_difference_pairs_each_box_once():
    turned = BOX.copy()
    turned[:, 2:5] = 4, 8, 0.3 + np.pi / 2
    same = difference([[BOX, EMPTY]], [[turned, EMPTY]])
    assert same.matched == 1 and same.box < 1e-9 and same.alone == 0
    assert difference([[BOX, EMPTY]], [[np.concatenate([BOX, BOX]), EMPTY]]).alone == 1
    assert difference([[BOX, EMPTY]], [[EMPTY, BOX]])[0::3] == (0, 2)


def test_boxes_that_coincide_are_told_apart_by_their_scores():
    wanted = BOX.repeat(2, 0)
    wanted[1, 5] -= 0.3
    found = wanted[::-1].copy()
    found[:, 0] += [1e-4, 2e-4]
    assert difference([[wanted]], [[found]])[:4] == (2, pytest.approx(2e-4), 0, 0)


@pytest.mark.parametrize(
    ('wanted', 'found', 'tries', 'ties'),
    [
        (BOX, BOTH, [BOX, BOTH], 1),  # PyTorch finds it, too, when the last bits change
        (BOX, BOTH, [BOX, BOX], 0),
        (BOTH, BOX, [BOTH, BOX], 1),  # or loses it
        (BOTH, BOX, [BOTH, BOTH], 0),
        (FAR, BOX, [FAR, EMPTY], 1),
    ],
)
def test_a_box_that_comes_or_goes_in_pytorch_too_is_a_near_tie(wanted, found, tries, ties):
    given = []

    def again(number):
        given.append(number)
        return [EMPTY, tries[len(given) % 2]]

    same = [BOX, EMPTY]
    compared = difference([same, [EMPTY, wanted]], [same, [EMPTY, found]], again)
    assert compared.alone == len(wanted) + len(found) - 2 * (compared.matched - 1) and compared.ties == ties
    assert ('near ties' in str(compared)) == (ties > 0)
    assert set(given) == {1}  # the other image has no box without a partner


def test_last_bits_of_an_image_change_its_boxes_a_little():
    options = {'data.test.pipeline.1.img_scale': (320, 256), 'model.test_cfg.rcnn.score_thr': 0.4}
    model = init_detector(CONFIG, WEIGHTS, 'cpu', options)
    image = str(IMAGES[0])
    wanted, shaken = inference_detector(model, image), shaken_result(model, image)
    compared = difference([wanted], [shaken])
    assert compared.matched > 2 and 0 < compared.box < 1e-2 and 0 < compared.score < 1e-3
