import mmrotate
from mmrotate.utils import collect_env


def test_it_names_the_versions():
    found = collect_env()
    assert found['MMRotate'] == mmrotate.__version__
    assert 'PyTorch' in found
    assert all(isinstance(value, str) for value in found.values())
