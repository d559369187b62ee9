"""The benchmark of opening data runs, and opens what it wrote."""

from benchmarks.data import measure, open_data, write_labels


def test_every_way_of_opening_is_measured(tmp_path, monkeypatch):
    monkeypatch.setenv('MMROTATE_LABEL_CACHE', 'off')  # put back after the benchmark sets it
    write_labels(tmp_path, 5, 3)
    ratios = measure(tmp_path, 1)
    assert ratios.pop('reading the files') == 1
    assert list(ratios) == ['opening, le90', 'opening, le135', 'opening again, le90, from the cache']
    dataset = open_data(tmp_path, 'le90', 'off')
    assert sum(len(dataset.get_ann_info(i)['labels']) for i in range(5)) == 15
