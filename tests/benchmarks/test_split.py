import re

from benchmarks.split import main


def test_what_splitting_costs_is_told(capsys):
    main(['--images', '1', '--side', '1100', '--objects', '5', '--rounds', '1'])
    said = capsys.readouterr().out
    assert re.search(r'encoding and writing \d.*splitting \d', said) and re.search(
        r'bookkeeping: .*% of encoding', said
    )
