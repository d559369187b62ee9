"""The pages make a site: each has its place, and every link leads somewhere."""

import re

import pytest

from tests.helpers.pages import ROOT

DOCS = ROOT / 'docs'
PAGES = sorted(DOCS.glob('**/*.md'))
LINK = re.compile(r'\]\(([^)\s]+)\)')
HEADING = re.compile(r'^#+ (.*)$', re.MULTILINE)
TREE = re.compile(r'```\{toctree\}\n(?::[^\n]*\n)*\n(.*?)```', re.DOTALL)


def name_of(page):
    return str(page.relative_to(DOCS).with_suffix(''))


def headings(page):
    """The anchors of a page's headings, as the site and GitHub call them."""
    texts = HEADING.findall(re.sub(r'```.*?```', '', page.read_text(encoding='utf-8'), flags=re.DOTALL))
    return {re.sub(r'[^\w\- ]', '', text.lower()).replace(' ', '-') for text in texts}


def test_every_page_has_a_place():
    trees = TREE.findall((DOCS / 'index.md').read_text(encoding='utf-8'))
    placed = ' '.join(trees).split()
    assert len(placed) == len(set(placed))
    pages = {name_of(page) for page in PAGES} - {'index'}
    assert pages == set(placed)


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_links_between_pages(page):
    broken = []
    for link in LINK.findall(page.read_text(encoding='utf-8')):
        path, _, anchor = link.partition('#')
        if link.startswith(('http', 'mailto')):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == '.md' and anchor not in headings(target)):
            broken.append(link)
    assert not broken


def test_external_links_are_listed():
    """What is outside is not fetched here: docs/links.txt says for each address what it is for."""
    listed = [line.split()[0] for line in (DOCS / 'links.txt').read_text(encoding='utf-8').splitlines()]
    found = set()
    for page in [*PAGES, ROOT / 'README.md']:
        if page.name != 'model_zoo.md':  # made from the configs, whose addresses have a test
            found |= {link for link in LINK.findall(page.read_text(encoding='utf-8')) if link.startswith('http')}
    assert sorted(found) == sorted(listed)
