"""Print the command of README.md that stands in the fenced block after ``<!-- NAME -->``."""

import re
import sys
from pathlib import Path


def readme_command(name: str, text: str) -> str:
    """The single line of the block ``name``; a ValueError says what is wrong with it."""
    found = re.findall(rf'<!-- {re.escape(name)} -->\s*```\w*\n(.*?)```', text, flags=re.DOTALL)
    lines = [line for block in found for line in block.splitlines() if line.strip()]
    if len(lines) != 1:
        raise ValueError(f'README.md must have one command after <!-- {name} -->, found {len(lines)}: {lines}')
    return lines[0].strip()


if __name__ == '__main__':
    readme = Path(__file__).resolve().parent.parent / 'README.md'
    print(readme_command(sys.argv[1], readme.read_text(encoding='utf-8')))
