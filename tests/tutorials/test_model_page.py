"""docs/tutorials/model.md does what it says."""

from tests.helpers.pages import ROOT, run_page, write_files

PAGE = ROOT / 'docs/tutorials/model.md'


def test_page(project):
    assert len(write_files(PAGE, project)) >= 9
    assert run_page(PAGE) >= 7
