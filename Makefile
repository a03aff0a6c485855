# The two commands of the README and the rest; see `make help`. Needs only Python with venv and pip.
PYTHON ?= python3
VENV ?= .venv
# What is installed beside the core. `make chat EXTRAS=` leaves out the embedding model (1.3 GB).
EXTRAS ?= embeddings
ARGS ?=
COVERAGE ?=

BIN := $(VENV)/bin
RUNTIME := $(VENV)/.installed-$(or $(EXTRAS),core)
DEVELOPMENT := $(VENV)/.installed-development
TARGET := .$(if $(EXTRAS),[$(EXTRAS)])
# One lock for 3.11-3.13; a constraint, so that the small installation stays small.
PIP = $(BIN)/python -m pip install --disable-pip-version-check $(QUIET) -c requirements.lock
QUIET = $$(test -t 2 || echo -qq)

.DEFAULT_GOAL := help
.PHONY: help chat run test check format lint contracts types bench lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

chat: $(RUNTIME) ## talk to the bot in this terminal
	@$(BIN)/membot chat $(ARGS)

run: $(RUNTIME) ## serve Discord and Slack
	@$(BIN)/membot run $(ARGS)

test: $(DEVELOPMENT) ## the whole suite
	@$(BIN)/python -m pytest -q -n auto $(if $(COVERAGE),--cov --cov-report=term:skip-covered) $(ARGS)

check: lint contracts types test ## format, lint, import contracts, types, tests

format: $(DEVELOPMENT) ## write the code in the project's format
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: $(DEVELOPMENT)
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

contracts: $(DEVELOPMENT)
	@$(BIN)/lint-imports

types: $(DEVELOPMENT)
	@$(BIN)/mypy

bench: $(DEVELOPMENT) ## the benchmarks, as a table and bench/results/*.json
	@$(BIN)/python -m bench $(ARGS)

lock: $(DEVELOPMENT) ## pin every dependency anew (needs uv); GPU libraries are torch's own business
	@uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate \
		--extra embeddings --group dev pyproject.toml --output-file requirements.lock.new
	@grep -vE '^(nvidia|cuda|triton)' requirements.lock.new >requirements.lock
	@rm requirements.lock.new

clean: ## remove the environment; memory stays
	@rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "membot needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) >&2

$(RUNTIME): pyproject.toml requirements.lock | $(BIN)/python
	@echo "Setting up $(VENV); this happens once and takes some minutes." >&2
	@$(PIP) pip >&2
	@$(PIP) -e '$(TARGET)' >&2
	@touch $@

$(DEVELOPMENT): $(RUNTIME)
	@$(PIP) --group dev >&2
	@touch $@
