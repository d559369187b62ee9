import pytest

from mmrotate.utils import find_latest_checkpoint
from mmrotate.utils.files import WriteError, replacing, write_atomically


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


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / 'new' / 'a.txt'
    write_atomically(path, 'first')
    with pytest.raises(ValueError, match='half'), replacing(path) as temporary:
        temporary.write_text('se')
        raise ValueError('half')
    assert path.read_text() == 'first'
    assert list(path.parent.iterdir()) == [path]


def test_what_the_system_says_comes_with_the_file(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('old')
    with pytest.raises(WriteError, match=rf'^cannot write {path}: No space left on device$'), replacing(path) as part:
        part.symlink_to('/dev/full')
        part.write_text('new')
    assert path.read_text() == 'old'
    with pytest.raises(OSError, match=rf'^cannot write {path}/b: '):
        write_atomically(path / 'b', b'')
    with pytest.raises(RuntimeError, match='not about files'), replacing(path):
        raise RuntimeError('not about files')


def test_a_device_is_not_replaced(tmp_path):
    link = tmp_path / 'null'
    link.symlink_to('/dev/null')
    write_atomically(link, 'x')
    assert link.is_symlink()
    link.unlink()
    link.symlink_to('/dev/full')
    with pytest.raises(WriteError, match=r'cannot write .*null: No space left'):
        write_atomically(link, 'x')
