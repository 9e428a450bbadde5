# Two commands do everything on a fresh machine: `make quickstart` and `make test`.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
NAME   ?= quickstart
# Processes that test side by side; each needs a core and 2 GB.
WORKERS ?= 2

.PHONY: help venv quickstart test check lint types format clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

venv: $(STAMP)  ## .venv with dbsweep (editable) and what its developers need

# Made again when the dependencies change; `dbsweep/__init__.py` holds the version.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "dbsweep needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --progress-bar off --quiet --editable '.[dev]'
	@touch $(STAMP)

quickstart: venv  ## sweep a real DreamBooth on the embedded model and write its report
	$(BIN)/dbsweep run experiments/quickstart.yaml --name $(NAME)

test: venv  ## every test that can run on this machine
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup
	@if nvidia-smi -L > /dev/null 2>&1; then $(BIN)/python -m pytest -m gpu; fi

check: lint types test  ## format, lint, types and tests

lint: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: venv
	$(BIN)/mypy

format: venv  ## rewrite the code as `make check` wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove .venv and caches; runs/ is kept
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
