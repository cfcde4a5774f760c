# `make run` shows the main job, `make test` runs the tests; `make` alone lists the rest.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help

# Without this, each process that a test starts would compile all it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:  ## Say what can be done here
	@awk -F':.*## ' '/^[a-z-]+:.*## / { line = sprintf("  make %-14s", $$1); words = split($$2, word, " "); \
		for (i = 1; i <= words; i++) { if (length(line " " word[i]) > 79) { print line; line = sprintf("%21s", "") }; \
		line = line " " word[i] }; print line }' $(MAKEFILE_LIST)

# The locks are complete: --no-deps leaves a resolver nothing to decide. A failed install removes the environment.
$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Roundsman needs Python 3.11 or newer; name one with PYTHON=python3.x" if sys.version_info < (3, 11) else 0)'
	@test ! -e $(VENV) -o -e $(VENV)/pyvenv.cfg || { echo "$(VENV) is no virtual environment: name another with VENV=..." >&2; exit 1; }
	@rm -rf $(VENV)
	@trap 'test -e $@ || rm -rf $(VENV)' EXIT; trap 'exit 1' INT TERM HUP; set -e; \
	echo "installing requirements-dev.lock into $(VENV): some minutes without a word"; \
	$(PYTHON) -m venv $(VENV); \
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock; \
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	$(BIN)/pip check --disable-pip-version-check >&2; \
	touch $@

.PHONY: install
install: $(READY)  ## Make .venv with everything that is needed here, .venv/bin/roundsman included

.PHONY: run
run: $(READY)  ## See the main job in a minute: a pretend CircleCI, the real service, an inbox (ARGS=--once to end by itself)
	$(BIN)/roundsman demo $(ARGS)

.PHONY: test
test: $(READY)  ## Run the tests, but for the long ones
	$(BIN)/pytest -n auto $(ARGS)

.PHONY: test-all
test-all: $(READY)  ## Run the tests in their long form, the long ones too
	$(BIN)/pytest -n auto --long -o faulthandler_timeout=900 $(ARGS)

.PHONY: test-long
test-long: $(READY)  ## Run what test-all has and test has not; MINUTES=45 leaves out what has not begun by then
	$(BIN)/pytest -n auto --long --only-long -o faulthandler_timeout=900 $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

.PHONY: crash
crash: $(READY)  ## Trouble real processes at random under load, and count what is lost (ROUNDS=50 SEED=7 TROUBLES="cut full")
	$(BIN)/python -m tests.crash $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(if $(TROUBLES),--troubles $(TROUBLES))

.PHONY: year
year: $(READY)  ## Judge an invented year of 150,000 runs in both databases, compare with what was planted (RUNS=30000 SEED=2)
	$(BIN)/python -m tests.year $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED))

.PHONY: upgrade
upgrade: $(READY)  ## Upgrade a database that another release fills, under load, and count what is lost (BEFORE=v0.1.0 ROUNDS=2)
	$(BIN)/python -m tests.crash.upgrade --before $(BEFORE) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED))

.PHONY: bench
bench: $(READY)  ## Measure and print one table, in 25 minutes (ONLY="intake drain", SCALE=full, MARKDOWN=1 into docs; PROFILE=1 for the limits instead)
	@$(BIN)/python -m tests.bench --scale $(or $(SCALE),small) $(if $(ONLY),--only $(ONLY)) $(if $(PROFILE),--profile) $(if $(MARKDOWN),--markdown)

.PHONY: lint
lint: $(READY)  ## Check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

.PHONY: format
format: $(READY)  ## Lay out the code, and mend what ruff can mend by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: docs
docs: $(READY)  ## Write the generated parts of docs/ and of the chart anew
	$(BIN)/python -m tests.generate_docs
	$(BIN)/python -m tests.generate_schema

.PHONY: pictures
pictures: $(READY)  ## Make the pictures of the README anew from the demo, in two minutes (needs Chromium)
	$(BIN)/python -m tests.pictures

.PHONY: docs-site
docs-site:  ## Build the documentation as a site of static files in FOLDER=site; a link that leads nowhere fails
	@PYTHON=$(PYTHON) .ci/docs-site $(or $(FOLDER),site)

.PHONY: cover
cover: $(READY)  ## Run the tests, show the lines and branches that none reached, fail under 97 %
	$(BIN)/pytest -n auto --cov --cov-report=term $(ARGS)

.PHONY: mutants
mutants: $(READY)  ## Change the core in small ways and count what its tests notice (SEED=1 EACH=2 ONLY=routing/decide)
	@$(BIN)/python -m tests.mutants $(if $(SEED),--seed $(SEED)) $(if $(EACH),--each $(EACH)) $(if $(ONLY),--only '$(ONLY)') \
	  $(if $(JOBS),--jobs $(JOBS)) $(if $(REACH),--reach $(REACH)) $(if $(TESTS),--tests $(TESTS)) $(if $(K),-k '$(K)') $(if $(LONG),--long)

.PHONY: install-check
install-check: $(READY)  ## Install every lock with old and new pips and Pythons, beside an index that has newer releases
	@VENV=$(VENV) .ci/install-check

.PHONY: audit
audit:  ## Compare what is pinned with the known vulnerabilities, where the index has that data
	@PYTHON=$(PYTHON) .ci/audit

.PHONY: dist
dist: $(READY)  ## Build sdist and wheel of the last commit twice, try them, write them to FOLDER=dist
	@VENV=$(VENV) PYTHON=$(PYTHON) .ci/dist $(or $(FOLDER),dist)

.PHONY: sbom
sbom:  ## Write a bill of materials (CycloneDX) of what requirements.lock installs to FILE=sbom.cdx.json
	@PYTHON=$(PYTHON) .ci/sbom $(or $(FILE),sbom.cdx.json)

.PHONY: chart-check
chart-check: $(READY)  ## Lint, render and validate the Helm chart, and lint the Dockerfile (tools from PyPI)
	@VENV=$(VENV) PYTHON=$(PYTHON) .ci/chart-check

.PHONY: prism-check
prism-check: $(READY)  ## Hold our calls of CircleCI against Prism, made from CircleCI's description (needs Node.js)
	@VENV=$(VENV) .ci/prism-check

.PHONY: image-check
image-check: $(READY)  ## Build the image without Docker, run it locked down, post to it (Debian, as root)
	@VENV=$(VENV) .ci/image-check

COMPILE := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11

.PHONY: lock
lock:  ## Write every lock file anew (needs uv)
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) pyproject.toml --extra mcp -o requirements-mcp.lock
	$(COMPILE) pyproject.toml --group dev -o requirements-dev.lock
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
		| $(COMPILE) - -o requirements-build.lock
	$(COMPILE) .ci/audit.in -o requirements-audit.lock
	$(COMPILE) .ci/chart.in -o .ci/chart.lock
	$(COMPILE) .ci/site.in -o .ci/site.lock
	$(COMPILE) --no-deps .ci/helm.in -o .ci/helm.lock
