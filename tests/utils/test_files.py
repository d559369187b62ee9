import pytest

from mmrotate.utils import find_latest_checkpoint


def test_no_checkpoint(tmp_path):
    assert find_latest_checkpoint(tmp_path) is None
    assert find_latest_checkpoint(tmp_path / 'nothing') is None
    (tmp_path / 'best_mAP_epoch_9.pth').touch()
    assert find_latest_checkpoint(tmp_path) is None


@pytest.mark.parametrize('prefix', ['epoch', 'iter'])
def test_numbers_are_compared_as_numbers(tmp_path, prefix):
    for number in (2, 10, 9):
        (tmp_path / f'{prefix}_{number}.pth').touch()
    assert find_latest_checkpoint(tmp_path) == str(tmp_path / f'{prefix}_10.pth')


def test_latest_comes_first_unless_its_target_is_gone(tmp_path):
    (tmp_path / 'epoch_1.pth').touch()
    latest = tmp_path / 'latest.pth'
    latest.symlink_to('gone.pth')
    assert find_latest_checkpoint(tmp_path) == str(tmp_path / 'epoch_1.pth')
    latest.unlink()
    latest.symlink_to('epoch_1.pth')
    assert find_latest_checkpoint(tmp_path) == str(latest)
