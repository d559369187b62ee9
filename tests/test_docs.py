"""What the documents name exists, and what they must name is there."""

import inspect
import math
import re
import runpy
import shutil
from pathlib import Path

import pytest
from mmengine.config import Config

from mmrotate import ops
from mmrotate.datasets import build_dataset
from mmrotate.engine import config_keys

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob('*.md'), *ROOT.glob('docs/*.md'), *ROOT.glob('demo/**/*.md')])
LINK = re.compile(r'\]\(([^)\s#]+)[^)]*\)')
PROJECT_FILE = re.compile(r'\b(?:configs|tools|docs|tests|mmrotate)/[\w./-]+\.(?:py|sh|md|txt)\b')


def page_id(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize('page', PAGES, ids=page_id)
def test_links_lead_somewhere(page):
    targets = LINK.findall(page.read_text(encoding='utf-8'))
    broken = [
        target
        for target in targets
        if not target.startswith(('http://', 'https://', 'mailto:')) and not (page.parent / target).exists()
    ]
    assert not broken


@pytest.mark.parametrize('page', PAGES, ids=page_id)
def test_files_that_are_named_exist(page):
    named = set(PROJECT_FILE.findall(page.read_text(encoding='utf-8')))
    # my_... and mine/... are the reader's own
    missing = [name for name in named if not re.search('my|mine', name) and not (ROOT / name).exists()]
    assert not missing


def test_every_config_key_is_explained():
    text = (ROOT / 'docs/config.md').read_text(encoding='utf-8')
    keys = {*config_keys._TRAINING, *config_keys._WHOLE}
    assert not sorted(key for key in keys if f'`{key}' not in text)


def test_requirements_are_the_extras():
    lists = {path.stem for path in (ROOT / 'requirements').glob('*.txt')} - {'runtime'}
    text = (ROOT / 'pyproject.toml').read_text(encoding='utf-8')
    extras = set(re.findall(r"^(\w+) = \{file = \['requirements/\1\.txt'\]\}", text, re.MULTILINE))
    assert extras == lists


def code_of(page, name):
    """The Python block after ``<!-- name -->`` on a page."""
    text = (ROOT / page).read_text(encoding='utf-8')
    return re.search(rf'<!-- {name} -->\n```python\n(.*?)```', text, re.DOTALL).group(1)


def own_config(folder):
    """The config of docs/data.md, as a file in ``folder``; its bases are the project's."""
    code = code_of('docs/data.md', 'own config')
    path = folder / 'planes.py'
    path.write_text(code.replace("'../", f"'{(ROOT / 'configs').as_posix()}/"), encoding='utf-8')
    return path


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_own_data(tmp_path, monkeypatch, split):
    cfg = Config.fromfile(own_config(tmp_path))
    folder = tmp_path / cfg.data_root / ('train' if split == 'train' else 'val')
    image = next((ROOT / 'demo/images').glob('*.jpg'))
    (folder / 'images').mkdir(parents=True)
    (folder / 'labels').mkdir()
    shutil.copy(image, folder / 'images/a12.jpg')
    blocks = (ROOT / 'docs/data.md').read_text(encoding='utf-8').split('```')[1::2]
    lines = next(block for block in blocks if block.strip()[0].isdigit())
    (folder / 'labels/a12.txt').write_text(lines, encoding='utf-8')
    monkeypatch.chdir(tmp_path)
    dataset = build_dataset(cfg.data[split], {'test_mode': split != 'train'})
    assert dataset.CLASSES == ('plane', 'large-vehicle')
    assert dataset.get_ann_info(0)['labels'].tolist() == [0, 1]
    assert cfg.model.roi_head.bbox_head.num_classes == 2
    assert 'img' in dataset[0]


def test_angle_example(capsys):
    exec(compile(code_of('docs/angle.md', 'angle example'), 'docs/angle.md', 'exec'), {})
    numbers = re.findall(r'[\d.]+', capsys.readouterr().out)
    theta = [math.radians(20), math.radians(110)]
    expected = [50, 40, 26, 60, theta[0], 50, 40, 60, 26, theta[1]]
    assert [float(number) for number in numbers] == pytest.approx(expected, abs=1e-3)


def test_every_operation_is_in_the_table():
    page = (ROOT / 'docs/ops.md').read_text(encoding='utf-8')
    public = {name: getattr(ops, name) for name in ops.__all__ if name != 'backends'}
    assert len(public) > 20
    for name, operation in public.items():
        if inspect.isclass(operation):
            assert f'`{name}`' in page
            continue
        arguments = inspect.signature(operation).parameters.values()
        shown = (a.name if a.default is a.empty else f'{a.name}={a.default!r}' for a in arguments)
        assert f'| `{name}({", ".join(shown)})` |' in page


def test_example_of_operations():
    names = {}
    exec(compile(code_of('docs/ops.md', 'operations example'), 'docs/ops.md', 'exec'), names)
    assert names['overlaps'].shape == (3, 3)
    assert names['keep'].tolist() == [0, 2]


def test_demo_labels_fit_the_dataset():
    cfg = Config.fromfile(ROOT / 'configs/_base_/datasets/hit_uav.py')
    folders = {'ann_file': 'labelTxt', 'img_prefix': '.', 'test_mode': True}
    dataset = build_dataset({**cfg.data.val, 'data_root': str(ROOT / 'demo/images'), **folders})
    counts = [len(dataset.get_ann_info(i)['labels']) for i in range(len(dataset))]
    assert sum(counts) == 87


def test_readme_has_one_command_each():
    command = runpy.run_path(str(ROOT / '.ci/readme_command.py'))['readme_command']
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    assert command('demo', text).startswith('python3 -m venv .venv && .venv/bin/pip install')
    assert 'python -m pytest' in command('tests', text)
    with pytest.raises(ValueError, match='found 0'):
        command('absent', text)
    with pytest.raises(ValueError, match='found 2'):
        command('two', '<!-- two -->\n```bash\na\nb\n```')
