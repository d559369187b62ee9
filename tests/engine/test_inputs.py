from mmrotate.engine import files_of_config, load_config
from tests.helpers.tiny import write_config


def test_all_that_a_config_reads(tmp_path):
    config = write_config(tmp_path)
    (tmp_path / 'names.txt').write_text('car\nship\n')
    leaf = tmp_path / 'leaf.py'
    leaf.write_text(f"_base_ = './{config.name}'\ndata = dict(test=dict(classes={str(tmp_path / 'names.txt')!r}))\n")
    found = {path.resolve() for path in files_of_config(load_config(leaf))}
    folder = tmp_path / 'data'
    assert {leaf, config, tmp_path / 'names.txt'} <= found
    assert {folder / 'images' / 'img0.png', folder / 'labelTxt' / 'img4.txt'} <= found
    assert len(found) == 13


def test_wrapped_and_listed_datasets(tmp_path):
    for name in ('a.txt', 'b.xml', 'notes.md'):
        (tmp_path / name).touch()
    part = f"dict(type='RepeatDataset', times=2, dataset=dict(data_root={str(tmp_path)!r}, ann_file='a.txt'))"
    config = tmp_path / 'c.py'
    config.write_text(f'data = dict(workers_per_gpu=0, train=[{part}], val=dict(datasets=[dict(ann_file=[])]))')
    assert [path.name for path in files_of_config(load_config(config))] == ['c.py', 'a.txt']
