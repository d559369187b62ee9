"""The code blocks of the documentation's pages, and a copy of the project's root to run them in."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
HIT_UAV = ROOT / 'tests/data/hit_uav'
_BLOCK = re.compile(r'^(?P<mark><!-- run -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$', re.DOTALL | re.MULTILINE)
_FILE = re.compile(r'# (\S+\.\w+)\n')
_PRINTED = re.compile(r'^print\(.*\)  # (.*)$', re.MULTILINE)


def blocks(page, *languages):
    """(code, line of its start, whether ``<!-- run -->`` stands above it) of a page's blocks in these languages."""
    text = page.read_text(encoding='utf-8')
    for found in _BLOCK.finditer(text):
        if found['language'] in languages:
            yield found['code'], text.count('\n', 0, found.start('code')), found['mark'] is not None


def commands_of(page):
    """(command, whether its block is marked to be run) of the shell blocks of a page, continued lines joined."""
    for code, _, marked in blocks(page, 'bash', 'shell', 'sh', 'console'):
        for line in code.replace('\\\n', ' ').splitlines():
            for command in line.split(' && '):
                if shlex.split(command, comments=True):
                    yield command.removeprefix('.venv/bin/'), marked


def make_project(folder):
    """Fill ``folder`` as the root of a clone, with HIT-UAV's eight images of the tests as its data."""
    for name in ('tools', 'demo', 'benchmarks', 'docs', 'README.md', 'Makefile'):
        (folder / name).symlink_to(ROOT / name)
    (folder / 'configs').mkdir()
    for config in (ROOT / 'configs').iterdir():
        (folder / 'configs' / config.name).symlink_to(config)
    (folder / 'data/hit_uav').mkdir(parents=True)
    for split in ('train', 'val', 'test'):
        (folder / 'data/hit_uav' / split).symlink_to(HIT_UAV)
    return folder


def write_files(page, folder):
    """Write the Python blocks of ``page`` whose first line is a comment with a file's name; gives the names."""
    names = []
    for code, *_ in blocks(page, 'python'):
        if named := _FILE.match(code):
            path = folder / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code, encoding='utf-8')
            names.append(named[1])
    return names


def run_page(page):
    """Run the Python blocks of ``page`` that are no files, in one namespace, in the working directory.

    What ``print(...)  # like this`` prints must be what its comment says. Gives the number of these lines.
    """
    printed, count = [], 0
    names = {'__name__': '__main__', 'print': lambda *values: printed.append(' '.join(map(str, values)))}
    for code, line, _ in blocks(page, 'python'):
        if _FILE.match(code):
            continue
        printed.clear()
        # blank lines before it, so that an error has the page's line
        exec(compile('\n' * line + code, str(page), 'exec'), names)
        expected = _PRINTED.findall(code)
        assert printed == expected, f'{page.name}, block at line {line}'
        count += len(expected)
    return count
