"""A page of pictures and tables in one HTML file that needs nothing else."""

import base64
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .breakdown import Table

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2329; --soft: #5d6873; --ground: #fff; --line: #e2e6ea; --link: #2f6296; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dde3e8; --soft: #98a3ae; --ground: #15191d; --line: #2c333a; --link: #86b3de; }
  img.chart { filter: invert(0.91) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 5rem; max-width: 62rem; color: var(--ink); background: var(--ground);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 3.5rem 0 0.25rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
p { margin: 0.75rem 0; max-width: 46rem; }
.lead { color: var(--soft); white-space: pre-line; }
nav { margin: 1.5rem 0; }
nav ol { margin: 0; padding-left: 1.2rem; columns: 2 16rem; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
figure { margin: 1.75rem 0; display: inline-block; vertical-align: top; min-width: 18rem; }
figure img { display: block; max-width: 100%; height: auto; border-radius: 4px; }
figcaption { margin-top: 0.6rem; font-size: 0.9rem; color: var(--soft); max-width: 46rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.9rem 0.3rem 0; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { font-weight: 600; color: var(--soft); }
th:first-child, td:first-child, td.text { text-align: left; }
tr.last td { font-weight: 600; border-bottom: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1.5rem; margin: 1.25rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
"""


@dataclass(frozen=True)
class Picture:
    """A picture with what it shows; a chart has a white ground, which a dark page turns over."""

    path: Path
    caption: str
    chart: bool = True
    width: int = 100  # percent of the page; two of at most 49 stand side by side


@dataclass(frozen=True)
class Rows:
    """A table with what it shows."""

    table: Table
    caption: str
    has_total: bool = False  # whether the last row sums up the others


@dataclass(frozen=True)
class Section:
    """A part of the page under a title."""

    title: str
    text: str  # what one should know first
    blocks: list[Picture | Rows] = field(default_factory=list)


def page_of(title: str, lead: str, facts: Sequence[tuple[str, str]], sections: Sequence[Section]) -> str:
    """The whole page: title, a sentence, facts, contents, sections. Pictures that are not there are left out."""
    contents = ''.join(f'<li><a href="#{_anchor(part.title)}">{_text(part.title)}</a></li>' for part in sections)
    listed = ''.join(f'<dt>{_text(name)}</dt><dd>{_text(value)}</dd>' for name, value in facts)
    body = [
        f'<h1>{_text(title)}</h1><p class="lead">{_text(lead)}</p><dl>{listed}</dl>',
        f'<nav aria-label="Contents"><ol>{contents}</ol></nav>',
        *map(_section, sections),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{_text(title)}</title>'
    head = f'<!DOCTYPE html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head>\n'
    return f'{head}<body>\n{"".join(body)}</body></html>\n'


def _section(part: Section) -> str:
    blocks = ''.join(_picture(block) if isinstance(block, Picture) else _rows(block) for block in part.blocks)
    return (
        f'<section><h2 id="{_anchor(part.title)}">{_text(part.title)}</h2><p>{_text(part.text)}</p>{blocks}</section>\n'
    )


def _picture(block: Picture) -> str:
    if not block.path.is_file():
        return ''
    kind = 'jpeg' if block.path.suffix == '.jpg' else 'png'
    data = base64.b64encode(block.path.read_bytes()).decode()
    image = f'<img class="{"chart" if block.chart else "photo"}" alt="{_text(block.path.stem.replace("_", " "))}"'
    image += f' src="data:image/{kind};base64,{data}">'
    return f'<figure style="width: {block.width}%">{image}<figcaption>{_text(block.caption)}</figcaption></figure>\n'


def _rows(block: Rows) -> str:
    head = ''.join(f'<th>{_text(name)}</th>' for name in block.table.head)
    rows = []
    for number, row in enumerate(block.table.rows, 1):
        kind = ' class="last"' if block.has_total and number == len(block.table.rows) else ''
        rows.append(f'<tr{kind}>{"".join(map(_cell, row))}</tr>')
    table = f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    return f'<figure style="width: 100%">{table}<figcaption>{_text(block.caption)}</figcaption></figure>\n'


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return f'<td class="text">{_text(value)}</td>'
    if isinstance(value, float):
        return f'<td>{f"{value:.3f}" if abs(value) <= 1 else f"{value:,.1f}"}</td>'
    return f'<td>{"-" if value is None else f"{value:,}"}</td>'


def _anchor(title: str) -> str:
    return re.sub(r'\W+', '-', title.lower())


def _text(value: str) -> str:
    return html.escape(value)
