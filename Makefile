# Everything a developer does, from a machine with Python >= 3.11, pip and make.
# Another interpreter: make test PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BENCH_VENV := .venv-bench
COMPILED_VENV := .venv-compiled
PYTEST_WORKERS ?= 2
SEEDS ?= 500
DEATHS ?= 5
UV_VERSION := 0.13.8

PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
COMPILE := $(VENV)/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-strip-extras --no-header --no-annotate
COVERED := domain risk execution simulation worlds
COVERAGE_FLOOR := 95
ORDER_PATH := execution risk simulation properties scenarios golden strategy worlds research

.DEFAULT_GOAL := help
.PHONY: help setup demo test plain cover compiled same campaign check lint types layers pages walls bench docs lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.dev ## install everything a developer needs into .venv
	@echo "ready: $(VENV)/bin/qts --help"

demo: $(VENV)/.core ## set up, then run the whole journey on a synthetic market
	@$(VENV)/bin/qts demo

test: $(if $(filter true,$(CI)),cover,plain) ## run the test suite (CI=true: coverage floors too, and no test may skip)

plain: $(VENV)/.dev
	@$(VENV)/bin/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal

cover: $(VENV)/.dev ## run the test suite and enforce the coverage floors
	@rm -f .coverage .coverage.*
	@$(VENV)/bin/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal --cov --cov-report=
	@failed=; for layer in $(COVERED); do echo "branch coverage of $$layer, floor $(COVERAGE_FLOOR) %:"; \
		$(VENV)/bin/coverage report --include="src/qts/$$layer/*" --skip-covered --show-missing \
		--fail-under=$(COVERAGE_FLOOR) || failed="$$failed $$layer"; done; test -z "$$failed"

compiled: $(COMPILED_VENV)/.compiled ## compile the order path to machine code, in a venv of its own (needs a C compiler)
	@echo "ready: $(COMPILED_VENV)/bin/qts --help"

same: $(COMPILED_VENV)/.compiled $(VENV)/.dev ## hold the compiled order path to the tests and transcripts of the plain one
	@$(COMPILED_VENV)/bin/python -m tools.compiled
	@$(COMPILED_VENV)/bin/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal -m "not interpreted" \
		$(addprefix tests/,$(ORDER_PATH))
	@$(VENV)/bin/python -m tests.simulation.campaign.determinism --other $(COMPILED_VENV)/bin/python

campaign: $(VENV)/.dev ## attack the order machine with faults: SEEDS=n scenarios, DEATHS=n at each crash point
	@$(VENV)/bin/python -m tests.simulation.campaign.campaign --seeds $(SEEDS) --crash-points $(DEATHS) \
		--jobs $(PYTEST_WORKERS)
	@$(VENV)/bin/python -m tests.simulation.campaign.determinism

check: lint types layers pages walls ## lint, types, layers, tidiness, documents, locks (-k: go on past a failure)

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/.dev
	$(VENV)/bin/mypy

layers: $(VENV)/.dev
	$(VENV)/bin/lint-imports

pages: $(VENV)/.dev
	$(VENV)/bin/python -m tools.docs --check

walls: $(VENV)/.dev
	$(VENV)/bin/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal tests/architecture

bench: $(BENCH_VENV)/.bench ## measure QTS beside its peers, in a venv of its own
	@$(BENCH_VENV)/bin/python benchmarks/run.py $(FIGURES)

docs: $(VENV)/.dev ## regenerate the generated pages of docs/
	@$(VENV)/bin/python -m tools.docs

lock: $(VENV)/.dev ## resolve pyproject.toml anew into requirements/*.txt
	@$(VENV)/bin/python $(PIP_INSTALL) uv==$(UV_VERSION)
	$(COMPILE) --extra build -o requirements/core.txt
	$(COMPILE) --extra build --extra dev -c requirements/core.txt -o requirements/dev.txt
	$(COMPILE) --extra build --extra bench -c requirements/core.txt -o requirements/bench.txt
	printf 'virtualenv\n' | $(subst pyproject.toml,-,$(COMPILE)) -o requirements/boot.txt

clean: ## remove what can be made again (never .qts, where your worlds live)
	@rm -rf $(VENV) $(BENCH_VENV) $(COMPILED_VENV) .boot build dist src/*.egg-info .coverage .coverage.* \
		.pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# A virtual environment, also where Debian left out the module that makes one.
$(VENV)/.made $(BENCH_VENV)/.made $(COMPILED_VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { echo "QTS needs Python >= 3.11: $(PYTHON) is not on the PATH."; \
		echo "  next: install it, or name another: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' || { \
		echo "QTS needs Python >= 3.11 and < 3.15: $(PYTHON) is $$($(PYTHON) --version 2>&1 | head -n 1)."; \
		echo "  next: name another: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(@D) >/dev/null 2>&1 || { \
		rm -rf $(@D) .boot; \
		echo "making $(@D) with virtualenv: this Python has no working venv module"; \
		$(PYTHON) $(PIP_INSTALL) --require-hashes --target .boot -r requirements/boot.txt \
		&& PYTHONPATH=.boot $(PYTHON) -m virtualenv --quiet $(@D); }
	@touch $@

# --no-deps and --no-build-isolation: the package is built by the locked setuptools, and nothing else is fetched.
$(VENV)/.core: requirements/core.txt pyproject.toml | $(VENV)/.made
	@echo "installing what QTS needs (once)"
	@$(VENV)/bin/python $(PIP_INSTALL) --require-hashes -r requirements/core.txt
	@QTS_COMPILED= $(VENV)/bin/python $(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.core
	@echo "installing what tests and checks need (once)"
	@$(VENV)/bin/python $(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

# Not editable: what was compiled belongs to the sources it was compiled from, so any change makes it anew.
$(COMPILED_VENV)/.compiled: setup.py pyproject.toml requirements/core.txt requirements/dev.txt \
		$(shell find src/qts -not -name '*.py[co]' -not -name __pycache__) | $(COMPILED_VENV)/.made
	@command -v $${CC:-cc} >/dev/null || { echo "compiling needs a C compiler: $${CC:-cc} is not on the PATH."; \
		echo "  next: install one, and Python's headers (Debian: gcc, python3-dev), or stay with the plain build"; exit 1; }
	@echo "compiling the order path (two or three minutes, once for these sources)"
	@$(COMPILED_VENV)/bin/python $(PIP_INSTALL) --require-hashes -r requirements/core.txt
	@$(COMPILED_VENV)/bin/python $(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	@rm -rf build
	@QTS_COMPILED=1 $(COMPILED_VENV)/bin/python $(PIP_INSTALL) --no-deps --no-build-isolation --force-reinstall .
	@rm -rf build
	@touch $@

$(BENCH_VENV)/.bench: requirements/bench.txt pyproject.toml | $(BENCH_VENV)/.made
	@echo "installing the peers to measure against (once)"
	@$(BENCH_VENV)/bin/python $(PIP_INSTALL) --require-hashes -r requirements/bench.txt
	@QTS_COMPILED= $(BENCH_VENV)/bin/python $(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@
