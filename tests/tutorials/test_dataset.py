"""docs/tutorials/dataset.md does what it says."""

from tests.helpers.pages import ROOT, run_page, write_files

PAGE = ROOT / 'docs/tutorials/dataset.md'


def test_page(project):
    assert len(write_files(PAGE, project)) >= 5
    assert run_page(PAGE) >= 12
