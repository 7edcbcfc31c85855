# One place for the things a person types. Needs make and Python >= 3.11, nothing else.
#
#   make demo [SECONDS=20]   emulated analyzers -> Labwire -> emulated LIS, on this machine
#   make test [ONLY=tests/wire]   the whole suite, or a part of it
#   make bench               throughput and latency, as a table
#   make lint                ruff, format and mypy
#   make regenerate          writes the generated parts of the documentation anew
#   make lock                resolves the dependencies anew and writes both lock files
#   make venv, make clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# The first interpreter of this list that is new enough; `make PYTHON=... venv` names another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

# SECONDS and ONLY count only when they are typed after `make`: shells have variables of such names.
typed = $(if $(filter command%,$(origin $(1))),$($(1)))

PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help venv demo test bench lint regenerate lock clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   //p' Makefile

venv: $(STAMP)

# Every package is checked by its hash; Labwire itself is linked, so that edits count at once.
$(STAMP): requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Labwire needs Python 3.11 or newer; none was found." >&2; exit 1; }
	@echo "Installing Labwire into $(VENV) (about half a minute, once) ..."
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)
	@$(BIN)/labwire demo $(if $(call typed,SECONDS),--seconds $(SECONDS))

test: $(STAMP)
	$(BIN)/pytest $(call typed,ONLY)

bench: $(STAMP)
	@$(BIN)/python -m tests.bench

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

regenerate: $(STAMP)
	$(BIN)/python -m tests.kit.regenerate

# Both files hold exact versions and hashes for every platform. The resolver lives in a place of its
# own, so that it never becomes something Labwire depends on. UPGRADE=1 moves to the newest versions.
LOCK_VENV := build/lock-venv
LOCK = $(LOCK_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url $(if $(call typed,UPGRADE),--upgrade) \
	--group build --extra postgresql pyproject.toml

lock:
	$(PYTHON) -m venv $(LOCK_VENV)
	$(LOCK_VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOCK) -o requirements.lock
	$(LOCK) --extra test --extra lint --extra bench -o requirements-dev.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
