"""The benchmark of scoring compares like with like."""

import sys

import pytest

from benchmarks import evaluation


def test_a_small_run(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', 'evaluation --images 3 --detections 40 --objects 10 --classes 2 --part 2'.split())
    evaluation.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[3:]] == ['mAP', 'coco', 'recall']
    assert 'loop' in lines[3] and float(lines[3].rsplit(' ', 1)[1]) < 1e-6


def test_pycocotools_gives_the_same():
    images = evaluation.draw_images(4, 60, 12, 2)
    assert evaluation.our_coco(*images) == pytest.approx(evaluation.pycocotools_map(*images), abs=1e-9)
