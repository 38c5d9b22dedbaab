# Two commands need nothing but Python 3.11+, git and make:
#   make scenarios   try the claims of this repository on real input
#   make test        run the tests
# Both make their own virtual environment in .venv, or in VENV=... if given.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OLDEST := collection_errors.py fixtures.py heads.py neighbours.py options.py outcomes.py records.py terminal.py workers.py
PYTEST := $(BIN)/python -m pytest
# Two processes share the cores already; threads of linear algebra beside them only wait for each other.
export OMP_NUM_THREADS ?= 1

.PHONY: scenarios benchmarks test lint types floors oldest bench clean

scenarios: $(STAMP)
	$(PYTEST) --ophamin scenarios -m "not slow"

benchmarks: $(STAMP)
	$(PYTEST) --ophamin scenarios -m slow --ophamin-dir=proofs/latest-slow -n 2 --dist=loadfile

test: $(STAMP)
	$(PYTEST) tests -n 2 --timeout=600 --doctest-modules src/ophamin src/qmpt --cov --cov-report=term:skip-covered --cov-fail-under=95

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .

types: $(STAMP)
	$(BIN)/mypy

floors: $(STAMP)
	$(BIN)/lint-imports

oldest: $(STAMP) tests/oldest.txt
	$(PYTHON) -m venv $(VENV)/oldest
	$(VENV)/oldest/bin/python -m pip install -q --disable-pip-version-check -e ".[audit,prov]" "anyio>=4.4" hypothesis -r tests/oldest.txt
	$(VENV)/oldest/bin/python -m pytest -q -n 2 $(addprefix tests/plugin/test_,$(OLDEST))

bench: $(STAMP)
	$(BIN)/python -m pip install -q -e ".[bench]"
	$(BIN)/python benchmarks/run.py

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("ophamin needs Python 3.11 or later, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[dev]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) .ci-venv proofs/latest .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
