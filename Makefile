PYTHON ?= python3

SITE ?= outputs/site

.PHONY: help install test test-fast lint format cov docs demo bench

help:  ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/'

install:  ## the package, editable, with what development needs
	$(PYTHON) -m pip install -e '.[dev]'

test:  ## all tests
	$(PYTHON) -m pytest -n auto --dist loadscope

test-fast:  ## without those that take more than a few seconds
	$(PYTHON) -m pytest -n auto --dist loadscope -m 'not slow'

lint:  ## rules, format, types, spelling
	ruff check .
	ruff format --check .
	mypy mmrotate
	codespell

format:  ## rewrite the files by the rules
	ruff check --fix .
	ruff format .

cov:  ## coverage of the package, line by line in outputs/htmlcov/
	$(PYTHON) -m pytest -n auto --dist loadscope --cov=mmrotate --cov-report=term --cov-report=html:outputs/htmlcov

docs:  ## the pages of docs/ as a site in outputs/site; needs pip install '.[docs]'
	$(PYTHON) -m sphinx -q -W --keep-going -n docs $(SITE)

demo:  ## detect on the demo images
	@sh -c "$$($(PYTHON) .ci/readme_command.py demo)"

bench:  ## speed of the operations
	$(PYTHON) benchmarks/ops.py
