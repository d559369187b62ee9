"""What is done is a file an item."""

import pytest

from mmrotate.utils import UserError
from mmrotate.utils.item_files import ItemFiles


def test_items_outlive_their_writer_and_hold_for_their_stamp(tmp_path):
    files = ItemFiles(tmp_path / 'done', {'score': 0.3})
    files.add('a/x.png', [1, 2], {'n': [1.5]})
    files.add('b/x.png', [1, 2], 2)
    files = ItemFiles(tmp_path / 'done', {'score': 0.3}, resume=True)
    assert files.holds('a/x.png', [1, 2])
    assert not files.holds('a/x.png', [1, 3])
    assert not files.holds('c/x.png', [1, 2])
    assert (files['a/x.png'], files['b/x.png']) == ({'n': [1.5]}, 2)
    with pytest.raises(UserError, match=r'made with score 0\.3, now 0\.5'):
        ItemFiles(tmp_path / 'done', {'score': 0.5}, resume=True)
    assert not ItemFiles(tmp_path / 'done', {'score': 0.5}).holds('a/x.png', [1, 2])
    files.remove()
    assert not (tmp_path / 'done').exists()
