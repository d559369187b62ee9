"""The table of an evaluation."""

import logging

import numpy as np

from mmrotate.core.evaluation import print_map_summary


def test_the_table(capsys, caplog):
    results = [dict(num_gts=4, num_dets=7, recall=np.array([0.25]), ap=0.125)]
    print_map_summary(0.125, results, ['ship'])
    row = next(line for line in capsys.readouterr().out.splitlines() if 'ship' in line)
    assert row.split() == ['|', 'ship', '|', '4', '|', '7', '|', '0.250', '|', '0.125', '|']
    print_map_summary(0.125, results, logger='silent')
    assert capsys.readouterr().out == ''
    with caplog.at_level(logging.INFO):
        print_map_summary(0.125, results, None, (0, 32), logging.getLogger('table'))
    assert '0.125' in caplog.text
    assert 'sides 0 to 32 px' in caplog.text


def test_a_class_without_detections(capsys):
    none = dict(num_gts=3, num_dets=0, recall=np.zeros(0), ap=0.0)
    print_map_summary(0.0, [none, none])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    # without names the classes are numbered
    assert ['|', '1', '|', '3', '|', '0', '|', '0.000', '|', '0.000', '|'] in rows


def test_a_table_without_objects_says_so(capsys):
    result = dict(num_gts=0, num_dets=2, recall=np.zeros(2), ap=0.0)
    print_map_summary(0.0, [result])
    assert 'no objects were annotated' in capsys.readouterr().out
    print_map_summary(0.0, [dict(result, num_gts=1)])
    assert 'no objects' not in capsys.readouterr().out
