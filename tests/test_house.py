"""The rules of docs/design.md that a machine can check."""

import ast
import functools
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mmrotate
from mmrotate import registry

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'mmrotate'
MAX_FILE, MAX_FUNCTION = 400, 60
# imports go down only: from a part to those of a higher number, or inside of the part
LAYERS = {
    'cli': 0,
    'serve': 0.5,
    'track': 0.8,
    'export': 0.5,
    'apis': 1,
    'analysis': 1.2,
    'compat': 1.5,
    'engine': 2,
    'datasets': 3,
    'models': 4,
    'core': 5,
    'ops': 6,
    'utils': 7,
    'registry': 6.5,
}
# tables and finders that import none of the rooms: the ground for whoever loads a user's files
GROUND = {'mmrotate.compat', 'mmrotate.compat.standins'}
FOLDERS = ('mmrotate', 'tests', 'tools', 'demo', 'docs', 'configs', 'benchmarks', '.ci')
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob('*.py'))
MODULES = {
    '.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__'): path
    for path in sorted(PACKAGE.rglob('*.py'))
}
REGISTRIES = ('MODELS', 'TASK_UTILS', 'DATASETS', 'PIPELINES', 'HOOKS')


@functools.cache
def parse(path):
    return ast.parse(path.read_text(encoding='utf-8'), filename=str(path))


def relative(path):
    return str(path.relative_to(ROOT))


def imported(name):
    """(module, line) for every module of the package that ``name`` imports, wherever in it."""
    path = MODULES[name]
    package = name if path.name == '__init__.py' else name.rpartition('.')[0]
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package.split('.')[: len(package.split('.')) - node.level + 1]
            base = '.'.join([*(start if node.level else []), *filter(None, [node.module])])
            found = [f'{base}.{alias.name}' for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == 'importlib.import_module':
            # names of the past stand for parts of every room, on demand
            given = [] if name.startswith('mmrotate.compat') else node.args[:1]
            found = [arg.value for arg in given if isinstance(arg, ast.Constant)]
        else:
            continue
        for target in found:
            module = target if target in MODULES else target.rpartition('.')[0]
            if module in MODULES and module != name:
                yield module, node.lineno


IMPORTS = {name: sorted(set(imported(name))) for name in MODULES}


def find_cycle(graph):
    """One cycle of ``graph`` (name -> names) as a list of names, or None."""
    done, path = set(), []

    def visit(name):
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return None
        path.append(name)
        cycles = (visit(target) for target in graph[name])
        cycle = next((found for found in cycles if found), None)
        path.pop()
        done.add(name)
        return cycle

    return next((found for found in map(visit, graph) if found), None)


def functions(path):
    return [n for n in ast.walk(parse(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def calls(name):
    return [node for node in ast.walk(parse(MODULES[name])) if isinstance(node, ast.Call)]


def test_no_file_is_hidden_by_a_package_of_its_name():
    assert [relative(path) for path in MODULES.values() if path.with_suffix('').is_dir()] == []


def test_files_are_short():
    lengths = {relative(path): path.read_text('utf-8').count('\n') for path in SOURCES}
    assert {path: length for path, length in lengths.items() if length > MAX_FILE} == {}
    assert len(lengths) > 100


def test_functions_are_short():
    lengths = {
        f'{relative(path)}: {node.name}': node.end_lineno - node.lineno + 1
        for path in SOURCES
        for node in functions(path)
    }
    assert lengths
    assert {name: length for name, length in lengths.items() if length > MAX_FUNCTION} == {}


def test_no_star_import():
    stars = [
        f'{relative(path)}, line {node.lineno}'
        for path in SOURCES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and any(alias.name == '*' for alias in node.names)
    ]
    assert stars == []


def test_every_part_has_a_layer():
    parts = {name.split('.')[1] for name in MODULES if '.' in name}
    assert parts == set(LAYERS)


def test_imports_run_downwards():
    upwards = []
    for name in MODULES:
        for target, line in IMPORTS[name] if name != 'mmrotate' else ():
            part, below = name.split('.')[1], target.partition('.')[2].split('.')[0]
            if below and part != below and LAYERS[below] <= LAYERS[part] and target not in GROUND:
                upwards.append(f'{name}, line {line}: {target}')
    assert upwards == []


def test_the_ground_imports_no_room():
    seen, left = set(), set(GROUND)
    while left:
        name = left.pop()
        seen.add(name)
        left |= {target for target, _ in IMPORTS[name]} - seen
    assert {name.split('.')[1] for name in seen} == {'compat'}


def test_no_import_cycle():
    graph = {name: [target for target, _ in targets] for name, targets in IMPORTS.items()}
    assert find_cycle(graph) is None


def test_find_cycle():
    assert find_cycle({'a': ['b'], 'b': ['c'], 'c': ['b']}) == ['b', 'c', 'b']
    assert find_cycle({'a': ['b', 'c'], 'b': ['c'], 'c': []}) is None


def test_imports_are_found():
    assert 'mmrotate.core.bbox' in {target for target, _ in IMPORTS['mmrotate.datasets.formats.record']}


def test_every_device_is_that_of_the_input():
    moves = [
        f'{name}, line {call.lineno}'
        for name in MODULES
        for call in calls(name)
        if isinstance(call.func, ast.Attribute) and call.func.attr == 'cuda'
    ]
    assert moves == []


def test_checkpoints_are_not_unpickled_unasked():
    loads = [
        (f'{name}, line {call.lineno}', {keyword.arg for keyword in call.keywords})
        for name in MODULES
        for call in calls(name)
        if ast.unparse(call.func) == 'torch.load'
    ]
    assert loads
    assert [place for place, keywords in loads if 'weights_only' not in keywords] == []


def _loaded_by(module: str) -> set[str]:
    """Modules that are there after an import in a process of its own."""
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    command = [sys.executable, '-c', f'import sys, {module}; print(*sys.modules)']
    return set(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split())


def test_import_is_cheap():
    loaded = {module.split('.')[0] for module in _loaded_by('mmrotate')}
    assert not loaded & {'torch', 'torchvision', 'numpy', 'cv2', 'mmengine', 'matplotlib', 'timm'}


def test_detection_loads_no_package_that_it_does_not_need():
    # torchvision takes as long to load as PyTorch, with the compiler that it loads
    needless = {'torchvision', 'torch._dynamo', 'matplotlib', 'scipy', 'pandas', 'onnx', 'timm', 'triton'}
    assert not _loaded_by('mmrotate.cli.infer') & needless


def test_parts_are_attributes():
    assert set(LAYERS) <= set(dir(mmrotate))
    assert mmrotate.core.bbox.__name__ == 'mmrotate.core.bbox'
    with pytest.raises(AttributeError, match='nothing_like_it'):
        _ = mmrotate.nothing_like_it


@pytest.mark.parametrize('name', REGISTRIES)
def test_registered_classes_are_documented(name):
    part = getattr(registry, name)
    part.import_from_location()
    own = {
        key: item for key, item in part.module_dict.items() if getattr(item, '__module__', '').startswith('mmrotate.')
    }
    assert own
    # vars: a docstring inherited from the base class does not count
    bare = [key for key, item in own.items() if inspect.isclass(item) and not vars(item)['__doc__']]
    assert not bare
