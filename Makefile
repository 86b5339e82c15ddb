# What a checkout can do. Needs Python 3.11+, make and git; everything else is installed into .venv.
#
#   make demo           a CRM and a dialer kept in step through a crash
#   make test           every check: lint, types, architecture, tests
#   make nightly        the crash sweeps and the state machine at full size (hours)
#   make lint           the checks without the tests
#   make bench          the measurements (BENCH=… gives arguments, e.g. --docs docs/benchmarks.md)
#   make venv           only the environment
#   make deb            a Debian package in dist/
#   make requirements   pin the newest allowed releases again (hashed)
#   make clean          remove what the other targets made

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
REQUIREMENTS := deploy/requirements-dev.txt
UV_REQUIREMENTS := deploy/requirements-uv.txt
PYTEST_WORKERS ?= 2
PYTEST_ARGS ?=
BENCH ?=

# The first interpreter that is new enough; override with `make PYTHON=/path/to/python3`.
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p $(NEW_ENOUGH) >/dev/null 2>&1 && { echo $$p; break; }; done)

.PHONY: venv test nightly lint format demo bench deb requirements clean

venv: $(STAMP)

# uv does not read pip's configuration (index, certificates); where it cannot reach its index, pip installs the same file.
$(STAMP): pyproject.toml $(REQUIREMENTS) $(UV_REQUIREMENTS)
	@$(if $(PYTHON),,echo 'syncd needs Python 3.11 or newer as python3 (or: make PYTHON=/path/to/python3).' >&2; exit 2)
	@$(PYTHON) $(NEW_ENOUGH) || { echo "$(PYTHON) is older than Python 3.11 or does not run; say: make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(BIN)/python $(NEW_ENOUGH) 2>/dev/null || $(PYTHON) -m venv --clear $(VENV) \
		|| { echo 'No virtual environment could be made; on Debian and Ubuntu: apt-get install python3-venv' >&2; exit 2; }
	@echo 'Installing into $(VENV) …'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(UV_REQUIREMENTS)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(REQUIREMENTS) \
		|| { echo 'uv could not install; trying pip with its own configuration …' >&2; \
		     $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(REQUIREMENTS); }
	@$(BIN)/uv pip install --quiet --offline --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

test: lint
	$(BIN)/pytest -n $(PYTEST_WORKERS) $(PYTEST_ARGS)

nightly: venv
	SYNCD_NIGHTLY=1 $(BIN)/pytest -n $(PYTEST_WORKERS) tests/engine tests/end_to_end tests/vicidial $(PYTEST_ARGS)

lint: venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: venv
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

demo: venv
	$(BIN)/syncd demo

bench: venv
	$(BIN)/python -m bench $(BENCH)

deb: venv
	deploy/deb/build

# Hashed, for every platform and Python from 3.11 on; names no index, so that each machine uses its own.
UV_COMPILE := pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
requirements: venv
	$(BIN)/uv $(UV_COMPILE) --group dev pyproject.toml --output-file $(REQUIREMENTS)
	$(BIN)/uv $(UV_COMPILE) --constraints $(REQUIREMENTS) pyproject.toml --output-file deploy/requirements.txt
	echo uv | $(BIN)/uv $(UV_COMPILE) - --output-file $(UV_REQUIREMENTS)

clean:
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
