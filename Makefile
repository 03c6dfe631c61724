PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python

# TensorFlow: warnings and errors only
export TF_CPP_MIN_LOG_LEVEL ?= 2

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# of pip's output, show only the large downloads, and all warnings and errors
INSTALL = PYTHONWARNINGS=ignore $(RUN) -m pip install --no-input --disable-pip-version-check --progress-bar off
BRIEFLY = </dev/null | sed -u -n -E 's/^ *(Downloading [^ ]+ \(.*MB\)).*/   \1/p; s/^Installing collected.*/   unpacking/p'

# drop the messages that TensorFlow prints before it knows its log level
CALMLY = 2> >(sed -u -E '/^(WARNING: All log messages before absl|[IWE]0000 )/d' >&2)

# Two processes with one computing thread each: threads of both would wait for each other.
PYTEST = TF_NUM_INTRAOP_THREADS=1 OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist worksteal

.PHONY: help demo check lint test test-slow test-browser chromium bench notebooks docs clean

help:
	@echo "make demo       find the nuclei of five microscopy images and score them (demo.png)"
	@echo "make check      lint, check types and the order of the rooms, run the tests without networks"
	@echo "make test       the same with all tests"
	@echo "make test-slow  run the slow tests (minutes each)"
	@echo "make test-browser  run the tests of the server's page in Chromium"
	@echo "make bench      run the benchmarks"
	@echo "make notebooks  run the notebooks and store their outputs"
	@echo "make docs       build the API pages from the docstrings (site/index.html)"
	@echo "make clean      remove $(VENV), caches, site and demo.png (keeps logs)"

demo: $(VENV)/.ready
	@$(RUN) samples/nucleus/demo.py $(CALMLY)

check: $(VENV)/.ready-test lint
	@$(PYTEST) -m "not network and not slow and not gpu and not browser"

test: $(VENV)/.ready-test lint
	@$(PYTEST)

lint: $(VENV)/.ready-test
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check
	@$(VENV)/bin/lint-imports --no-cache --no-logo
	@$(RUN) -m mypy

test-slow: $(VENV)/.ready-test
	@$(RUN) -m pytest -m slow

# the first that is installed
CHROMIUM ?= $(firstword $(foreach name,chromium chromium-browser google-chrome,$(shell command -v $(name))))

test-browser: chromium $(VENV)/.ready-browser
	@CHROMIUM="$(CHROMIUM)" $(RUN) -m pytest -m browser tests/browser

chromium:
	@command -v "$(CHROMIUM)" >/dev/null || { \
	  echo "no Chromium was found: install it (Debian, Ubuntu: apt install chromium), or make test-browser CHROMIUM=/path/to/it" >&2; exit 1; }

bench: $(VENV)/.ready-test
	@$(RUN) benchmarks/inference.py
	@$(RUN) benchmarks/loader.py
	@$(RUN) benchmarks/training.py

notebooks: $(VENV)/.ready-test
	@$(RUN) notebooks/execute.py

docs: $(VENV)/.ready-docs
	@$(RUN) docs/build.py $(CALMLY)

clean:
	rm -rf $(VENV) site build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache demo.png
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.ready: pyproject.toml requirements.txt setup.py | $(RUN)
	@echo "== installing mask-rcnn, TensorFlow and Keras into $(VENV) (about 3 GB, some minutes)"
	@$(INSTALL) -e . $(BRIEFLY)
	@touch $@

$(VENV)/.ready-test: $(VENV)/.ready
	@echo "== installing what the tests need into $(VENV)"
	@$(INSTALL) -e ".[test]" $(BRIEFLY)
	@touch $@

$(VENV)/.ready-browser: $(VENV)/.ready-test
	@echo "== installing what the tests of the page need into $(VENV)"
	@$(INSTALL) -e ".[serve,browser]" $(BRIEFLY)
	@touch $@

$(VENV)/.ready-docs: $(VENV)/.ready
	@echo "== installing what the API pages need into $(VENV)"
	@$(INSTALL) -e ".[docs]" $(BRIEFLY)
	@touch $@

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is required, and $(PYTHON) is not: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv module: install it (Debian, Ubuntu: apt install python3-venv), or make PYTHON=..." >&2; exit 1; }
	@echo "== creating $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	@$(INSTALL) --quiet --upgrade pip </dev/null
