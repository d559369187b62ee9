"""Options of ``onnx2tensorrt.py``, and what TensorRT, of which there is a stand-in here, is told."""

import sys
from types import SimpleNamespace

import pytest

from mmrotate.cli.onnx2tensorrt import main
from tests.export.test_runtime import IMAGES, file  # noqa: F401  (a fixture)


class StandIn:
    """The calls of TensorRT's Python interface that are made, noted in ``told``."""

    def __init__(self, readable=True, buildable=True):
        self.told = {}
        self.Logger = lambda level: level
        self.Logger.VERBOSE, self.Logger.WARNING = 'verbose', 'warning'
        self.MemoryPoolType = SimpleNamespace(WORKSPACE='workspace')
        inputs = [('image', (-1, 3, -1, -1)), ('img_shape', (-1, 2)), ('scale_factor', (-1, 4))]
        tensors = [SimpleNamespace(name=name, shape=shape) for name, shape in inputs]
        network = SimpleNamespace(num_inputs=3, get_input=tensors.__getitem__)
        profile = SimpleNamespace(set_shape=lambda name, *shapes: self.told.update({name: shapes}))
        config = SimpleNamespace(
            set_memory_pool_limit=lambda pool, size: self.told.update({pool: size}),
            add_optimization_profile=lambda given: self.told.update(profile=given is profile),
        )
        self.Builder = lambda logger: SimpleNamespace(
            create_network=lambda flags: network,
            create_builder_config=lambda: config,
            create_optimization_profile=lambda: profile,
            build_serialized_network=lambda *given: b'engine' if buildable else None,
        )
        self.OnnxParser = lambda network, logger: SimpleNamespace(
            parse_from_file=lambda path: readable, num_errors=1, get_error=lambda i: 'no such operator'
        )


@pytest.fixture
def convert(file, tmp_path, monkeypatch, capsys):  # noqa: F811
    def run(*options, tensorrt=None):
        monkeypatch.setitem(sys.modules, 'tensorrt', tensorrt)
        code = main(['config.py', str(file), '--trt-file', str(tmp_path / 'a.trt'), *map(str, options)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def test_an_engine_is_built_for_the_shapes(convert, tmp_path):
    tensorrt = StandIn()
    options = '--shape 512 640 --min-shape 256 --max-shape 1024 1280 --workspace-size 2'.split()
    assert convert(*options, tensorrt=tensorrt)[0] == 0
    assert (tmp_path / 'a.trt').read_bytes() == b'engine'
    assert tensorrt.told == {
        'workspace': 2 << 30,
        'image': ((1, 3, 256, 256), (1, 3, 512, 640), (1, 3, 1024, 1280)),
        'img_shape': ((1, 2),) * 3,
        'scale_factor': ((1, 4),) * 3,
        'profile': True,
    }
    for given in (['--input-img', IMAGES[0]], []):
        convert(*given, tensorrt=tensorrt)
        assert tensorrt.told['image'] == ((1, 3, 512, 640),) * 3


def test_what_cannot_be_done_is_said_and_nothing_is_written(convert, tmp_path):
    for options, tensorrt, reason in (
        ([], None, 'needs the package tensorrt'),
        (['--verify'], StandIn(), 'polygraphy run'),
        (['--show'], StandIn(), '--show: NVIDIA has a tool'),
        (['--shape', 1, 2, 3], StandIn(), 'a height and a width'),
        (['--min-shape', 1024], StandIn(), 'must not fall'),
        (['--shape', 500], StandIn(), 'multiples of 32'),
        (['--input-img', 'none.png'], StandIn(), 'cannot read the image'),
        ([], StandIn(readable=False), 'no such operator'),
        ([], StandIn(buildable=False), '--verbose prints why'),
    ):
        code, said = convert(*options, tensorrt=tensorrt)
        assert (code, 'error: ' in said) == (1, True) and reason in said
    assert not (tmp_path / 'a.trt').exists()
