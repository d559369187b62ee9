import runpy
from pathlib import Path

import mmrotate
from mmrotate.utils import collect_env


def test_it_names_the_versions():
    found = collect_env()
    assert found['MMRotate'] == mmrotate.__version__
    assert 'PyTorch' in found
    assert all(isinstance(value, str) for value in found.values())


def test_as_a_script_it_prints_them(capsys):
    runpy.run_path(str(Path(mmrotate.__file__).with_name('utils') / 'collect_env.py'), run_name='__main__')
    out = capsys.readouterr().out
    assert f'MMRotate: {mmrotate.__version__}' in out
    assert 'PyTorch: ' in out
