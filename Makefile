# One command each: demo, test, check, bench, soak, docs, clean. CI runs check and test.
SHELL := /bin/bash
VENV ?= .venv
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
BIN := $(VENV)/bin
PORT ?= 8000
DATA ?= data
JOBS ?= auto
TESTS ?= tests

.PHONY: demo test check bench soak docs clean system

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "anlan needs Python 3.11 or newer with its venv module (Debian and Ubuntu: apt install python3 python3-venv)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip

.make/server: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[server]'
	@mkdir -p .make && touch $@

.make/dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@mkdir -p .make && touch $@

demo: .make/server
	$(BIN)/anlan demo --data-dir $(DATA) --port $(PORT)

system:
	@tools/system-packages

test: .make/dev system
	$(BIN)/python -m pytest -n $(JOBS) -m "not soak" $(TESTS)

check: .make/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/mypy src tests benchmarks tools/docs.py
	$(BIN)/lint-imports --no-cache
	$(BIN)/anlan pack check src/anlan/packs/*/
	$(BIN)/python tools/docs.py --check

bench: .make/dev
	$(BIN)/python benchmarks/run.py

soak: .make/dev system
	$(BIN)/python -m pytest -n $(JOBS) -m soak $(TESTS)

docs: .make/dev
	$(BIN)/python tools/docs.py

clean:
	rm -rf $(VENV) .make site dist build .mypy_cache .ruff_cache .hypothesis benchmarks/out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
