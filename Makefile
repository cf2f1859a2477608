# Each target sets up .venv by itself. It needs Python 3.11 or newer with venv, make, a C compiler and PyPI.
# `make help` prints the sentence behind a target, and the lines that begin with "##" below it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
PORT ?= 8000
IMPORT ?=
ONLY ?=
BASE ?=
DATABASE ?=
WORKERS ?= 4
STATE ?=
ARGS ?=
UPGRADE ?= --upgrade
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header

.PHONY: help up fleet test long slow prove bench flames lint format lock clean

help:  ## List the targets of this Makefile.
	@awk '/^[a-z]+:.*  ## / {name = $$1; sub(/:.*/, "", name); sub(/.*  ## /, ""); printf "%-8s %s\n", name, $$0} \
		/^## / {printf "%9s%s\n", "", substr($$0, 4)}' $(MAKEFILE_LIST)

up: $(VENV)/app.installed  ## Run the whole service on http://127.0.0.1:8000.
## PORT=N uses another port. IMPORT=PATH imports a folder of Markdown or a WordPress export first.
	@exec $(BIN)/python manage.py up --port $(PORT) $(if $(IMPORT),--import "$(IMPORT)")

fleet: $(VENV)/app.installed  ## Run the files of deploy/ on loopback: two web hosts behind nginx with TLS and Varnish.
## PORT=N uses N and the twelve ports after it (8443). STATE=FOLDER keeps its data. ARGS="status", "restart web1" or
## "manage doctor" are orders to the fleet of STATE; docs/fleet.md has all.
	@exec $(BIN)/python -m project.fleet --port $(if $(filter-out 8000,$(PORT)),$(PORT),8443) $(if $(STATE),--state "$(STATE)") $(ARGS)

test: $(VENV)/dev.installed  ## Run the ordinary tests; they start the servers that they need.
## DATABASE=postgres runs them on PostgreSQL instead of SQLite. WORKERS=N runs them in N processes (4).
	EVERGREEN_TEST_DATABASE=$(DATABASE) $(PYTEST) -m "not slow and not long"

long: $(VENV)/dev.installed  ## Run the tests of whole services, browsers, workers and races, which take seconds each.
## DATABASE and WORKERS are as above.
	EVERGREEN_TEST_DATABASE=$(DATABASE) $(PYTEST) -m "long and not slow"

slow: $(VENV)/dev.installed  ## Run the tests that take minutes.
	$(BIN)/python -m pytest -m "slow or hypothesis" --hypothesis-profile=thorough

prove: $(VENV)/dev.installed  ## Race processes and break servers under a checker, and print the results; about half an hour.
## ONLY=races|guards|faults|pages|propagation|soak runs one part.
	$(BIN)/python -m tests.prove $(ONLY)

bench: $(VENV)/bench.installed  ## Measure the engine beside other caches, and print tables.
## ONLY=backend|batching|sync|watch|resource|cost|growth|pages|memory|edge|precision|served|stale|site|warm|resources|
## purge|cutover|warm_run measures one thing. ONLY=versions BASE=FOLDER compares with another checkout.
	$(BIN)/python -m tests.benchmarks $(ONLY) $(BASE)

flames: $(VENV)/bench.installed  ## Draw flame graphs of reads, into .state/flames.
## ONLY=memory|hit|batch|miss draws one of them.
	$(BIN)/python -m tests.benchmarks.flames $(ONLY)

lint: $(VENV)/dev.installed  ## Check style, types, the direction of imports, dead code, spelling, links and new migrations.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/codespell
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/test_docs.py -k link
	$(BIN)/python -m tests.rollout.lint

format: $(VENV)/dev.installed  ## Format the code, and mend what ruff can mend.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/dev.installed  ## Lock the newest versions that requirements/*.in allow, with hashes.
## UPGRADE= keeps the locked versions, and adds or removes only what changed in requirements/*.in.
	$(LOCK) $(UPGRADE) requirements/app.in -o requirements/app.lock
	$(LOCK) $(UPGRADE) --constraint requirements/app.lock requirements/traces.in -o requirements/traces.lock
	$(LOCK) $(UPGRADE) --constraint requirements/app.lock requirements/errors.in -o requirements/errors.lock
	$(LOCK) $(UPGRADE) requirements/dev.in -o requirements/dev.lock
	$(LOCK) $(UPGRADE) requirements/bench.in -o requirements/bench.lock

clean:  ## Remove .venv and the caches of tools; database and uploads in .state stay.
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Evergreen needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/app.installed: requirements/app.lock | $(BIN)/python
	@echo "Installing requirements/app.lock into $(VENV): a few minutes the first time."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# The tests' lock holds the service's as well.
$(VENV)/dev.installed: requirements/dev.lock | $(BIN)/python
	@echo "Installing requirements/dev.lock into $(VENV): a few minutes the first time."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@ $(VENV)/app.installed

$(VENV)/bench.installed: requirements/bench.lock | $(BIN)/python
	@echo "Installing requirements/bench.lock into $(VENV): a few minutes the first time."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@ $(VENV)/dev.installed $(VENV)/app.installed
