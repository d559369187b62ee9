import json
import math

import numpy as np
import pytest

from mmrotate.apis import results_to_dict, write_results_json
from mmrotate.utils.files import NotFiniteError, write_json

BOXES = np.array([[50, 40, 20, 10, 0, 0.5], [50, 40, 20, 10, math.pi / 2, 0.9], [1, 1, 1, 1, 0, 0.1]], np.float32)
EMPTY = np.zeros((0, 6), np.float32)


def test_schema(tmp_path):
    path = tmp_path / 'a' / 'b.json'
    write_results_json(path, ['x.png', 'y.png'], [[EMPTY, BOXES], [EMPTY, EMPTY]], ['car', 'ship'],
                       score_thr=0.3)  # fmt: skip
    content = json.loads(path.read_text())
    assert (content['schema'], content['version']) == ('mmrotate.detections', 1)
    assert content['classes'] == ['car', 'ship']
    first, second = content['images']
    assert second == {'image': 'y.png', 'detections': []}
    best, other = first['detections']  # by falling score, without the third
    assert (best['label'], best['label_id'], best['score']) == ('ship', 1, 0.9)
    assert best['rbox'] == pytest.approx([50, 40, 20, 10, math.pi / 2], abs=1e-4)
    # clockwise on the screen: the right end of the box (x + 10) turns down
    assert {tuple(p) for p in best['polygon']} == {(55, 30), (55, 50), (45, 50), (45, 30)}
    assert {tuple(p) for p in other['polygon']} == {(40, 35), (60, 35), (60, 45), (40, 45)}


def test_what_does_not_fit_together():
    with pytest.raises(ValueError, match='1 images, but 2 results'):
        results_to_dict(['x.png'], [[BOXES], [BOXES]], ['car'])
    with pytest.raises(ValueError, match='over 2 classes, but 1'):
        results_to_dict(['x.png'], [[BOXES, BOXES]], ['car'])


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf, 3e38])
def test_numbers_that_json_lacks_are_left_out(tmp_path, log, value):
    found = np.repeat(BOXES[:1], 7, axis=0)
    found[range(6), range(6)] = value
    write_results_json(tmp_path / 'a.json', ['x.png', 'y.png'], [[found], [EMPTY]], ['car'])

    def refuse(name):
        raise AssertionError(name)

    content = json.loads((tmp_path / 'a.json').read_text(), parse_constant=refuse)
    assert len(content['images'][0]['detections']) == 1
    assert '6 detections in 1 images have a score or box that is not finite' in log[0].getMessage()


def test_a_file_with_other_numbers_that_json_lacks_is_refused(tmp_path):
    with pytest.raises(NotFiniteError, match=r'a\.json is not written'):
        write_json(tmp_path / 'a.json', {'metric': {'mAP': math.nan}})
    assert list(tmp_path.iterdir()) == []
