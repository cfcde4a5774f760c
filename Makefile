# Two commands do everything: `make run` shows the main job, `make test` runs the tests.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help

.PHONY: help
help:  ## Say what can be done here
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Roundsman needs Python 3.11 or newer; name one with PYTHON=python3.x" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: run
run: $(READY)  ## See the main job in a minute: a pretend CircleCI, the real service, an inbox (ARGS=--once to end by itself)
	$(BIN)/roundsman demo $(ARGS)

.PHONY: test
test: $(READY)  ## Run every test
	$(BIN)/pytest -n auto $(ARGS)

.PHONY: lint
lint: $(READY)  ## Check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

.PHONY: docs
docs: $(READY)  ## Write the generated parts of docs/ anew
	$(BIN)/python -m tests.generate_docs

.PHONY: cover
cover: $(READY)  ## Run every test and show the lines and branches none of them reached
	$(BIN)/pytest -n auto --cov --cov-report=term $(ARGS)

.PHONY: lock
lock:  ## Write both lock files anew (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml --group dev -o requirements-dev.lock
