# make quickstart   watch a small model learn (five to eight minutes on two CPU cores)
# make test         lint and tests (six to seven minutes on two idle CPU cores)
# make test-all     these, and those that wait for what hangs or take megabytes and thousands of pairs
# make kill-test    50 kills of small runs at random moments (KILLS=50, SEED=0), each against a run never killed
#
# They set themselves up in .venv on a fresh machine and are quick when nothing changed. TORCH is what pip is asked
# for; where that would bring CUDA and is not wanted, name the index of PyTorch's CPU builds:
#   make quickstart TORCH="torch==2.13.0 --index-url INDEX"

PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
BIN := $(VENV)/bin
KILLS ?= 50
SEED ?= 0
KILL_FOLDER ?= $(shell mktemp -d)

.PHONY: quickstart test test-all kill-test lint format clean

quickstart: $(VENV)/.installed
	$(BIN)/treadle quickstart

test: $(VENV)/.installed-dev lint
	HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-all: $(VENV)/.installed-dev lint
	HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m ""

kill-test: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m tests.kills.harness $(KILL_FOLDER) --random $(KILLS) --seed $(SEED)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --no-logo

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python docs/architecture.py

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
