import pytest

from mmrotate.datasets.pipelines import CopyPaste
from tests.datasets.pipelines.test_drawn import BOX, sample


def test_objects_are_pasted_where_they_were_and_hide_what_is_below():
    results = sample('le90', [BOX, [20, 90, 20, 10, 0.2]])
    other = sample('le90', [[BOX[0], BOX[1], 60, 40, BOX[4]]])
    other['img'][...] = 77
    other['gt_labels'][:] = 5
    out = CopyPaste(selected=False)({**results, 'mix_results': [other]})
    assert out['gt_labels'].tolist() == [1, 5]  # the first is hidden
    assert (out['img'][52, 70] == 77).all() and (out['img'][5, 5] == 0).all()
    assert (results['img'] != 77).all(), 'the picture that was given has changed'
    share = (out['img'][..., 0] == 77).sum() / (60 * 40)
    assert share == pytest.approx(1, abs=0.06)


def test_what_is_little_hidden_stays():
    results = sample('le90', [BOX])
    other = sample('le90', [[BOX[0], BOX[1], 10, 4, 0.4]])
    out = CopyPaste(selected=False, mask_occluded_thr=100)({**results, 'mix_results': [other]})
    assert len(out['gt_bboxes']) == 2
    few = {len(CopyPaste(max_num_pasted=1)({**sample('le90'), 'mix_results': [other]})['gt_bboxes']) for _ in range(9)}
    assert few == {1, 2}


def test_images_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match='one size'):
        CopyPaste()({**sample('le90'), 'mix_results': [sample('le90', shape=(50, 50, 3))]})
