# Each target does its own set-up in .venv: Python 3.11, make, a compiler and a package index are all it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
IMPORT ?=
ONLY ?=
BASE ?=
DATABASE ?=
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header

.PHONY: help up test slow prove bench flames lint format lock clean

help:  ## Say what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

up: $(VENV)/app.installed  ## Run the whole service on http://127.0.0.1:8000 (PORT=, IMPORT=folder)
	@exec $(BIN)/python manage.py up --port $(PORT) $(if $(IMPORT),--import "$(IMPORT)")

test: $(VENV)/dev.installed  ## Run the tests; they start the servers they need (DATABASE=postgres: on PostgreSQL)
	PYTHONDONTWRITEBYTECODE= EVERGREEN_TEST_DATABASE=$(DATABASE) $(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder

slow: $(VENV)/dev.installed  ## Run the long proofs
	$(BIN)/python -m pytest -m "slow or hypothesis" --hypothesis-profile=thorough

prove: $(VENV)/dev.installed  ## Race, break and measure the engine, a checker watching (ONLY=races|guards|faults|pages|propagation|soak)
	$(BIN)/python -m tests.prove $(ONLY)

bench: $(VENV)/bench.installed  ## Measure the engine beside its peers (ONLY=backend|batching|sync|watch|resource|cost|growth|pages|memory|edge|precision|served|stale|site|resources, or ONLY=versions BASE=checkout)
	$(BIN)/python -m tests.benchmarks $(ONLY) $(BASE)

flames: $(VENV)/bench.installed  ## Draw where the time of a read goes, into .state/flames (ONLY=memory|hit|batch|miss)
	$(BIN)/python -m tests.benchmarks.flames $(ONLY)

lint: $(VENV)/dev.installed  ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev.installed  ## Put the code into its format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/dev.installed  ## Lock the newest versions that requirements/*.in allow, with hashes
	$(LOCK) --upgrade requirements/app.in -o requirements/app.lock
	$(LOCK) --upgrade requirements/dev.in -o requirements/dev.lock
	$(LOCK) --upgrade requirements/bench.in -o requirements/bench.lock

clean:  ## Remove what set-up and caches have made; the state folder stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Evergreen needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/app.installed: requirements/app.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# The tests' lock holds the service's as well.
$(VENV)/dev.installed: requirements/dev.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@ $(VENV)/app.installed

$(VENV)/bench.installed: requirements/bench.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@ $(VENV)/dev.installed $(VENV)/app.installed
