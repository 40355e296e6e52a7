# Two commands do all the set-up: `make run` trains (`make run-nets` a net), `make test` tests.

VENV ?= .venv
# The first of these that is Python 3.11 or newer; or say which: make run PYTHON=/path/to/python
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; \
	done)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
ARGS ?=
GPU_ARGS ?=

.PHONY: help run run-nets test gpu lint types format fidelity clean

help:
	@echo "make run      set up $(VENV) and run the main job (ARGS='mode=simulate' changes it)"
	@echo "make run-nets the same for a net, on a fast and a slow worker"
	@echo "make test     set up $(VENV) and run the tests (ARGS='-k name' chooses)"
	@echo "make gpu      on a machine with an NVIDIA GPU: its tests, then its benchmark (GPU_ARGS='--gigabytes 4')"
	@echo "make lint     ruff: rules and formatting; make format mends what it can"
	@echo "make types    pyright"
	@echo "make fidelity calibrate, and compare real runs with simulated ones (20 minutes, quiet machine)"
	@echo "make clean    remove $(VENV), build files and caches; results in runs/ stay"

run: $(VENV)/.installed $(VENV)/.kernels
	$(BIN)/hetengine experiment=adult_svm $(ARGS)

run-nets: $(VENV)/.installed $(VENV)/.kernels
	$(BIN)/hetengine experiment=digits_nets $(ARGS)

test: $(VENV)/.installed-test $(VENV)/.kernels
	$(BIN)/python -m pytest -n 2 $(ARGS)

gpu: $(VENV)/.installed-gpu
	$(BIN)/python -m pytest -m gpu -rs tests/cupy $(ARGS)
	$(BIN)/python -m benchmarks.gpu $(GPU_ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.installed-dev
	$(BIN)/pyright --pythonpath $(BIN)/python

fidelity: $(VENV)/.installed
	$(BIN)/python -m benchmarks.fidelity $(ARGS)

$(VENV)/.installed: pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ]; then \
	  echo "hetengine needs Python 3.11 or newer and found none; try: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; \
	  exit 2; \
	fi
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(sys.version_info < (3, 11) and "hetengine needs Python 3.11 or newer, $(PYTHON) is " + v)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet -c constraints.txt -e .
	@touch $@

# Dependency groups need pip 25.1, newer than what Python 3.11 brings.
$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) install --quiet --upgrade "pip>=25.1"
	$(PIP) install --quiet -c constraints.txt --group test
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-test
	$(PIP) install --quiet -c constraints.txt --group dev
	@touch $@

$(VENV)/.installed-gpu: $(VENV)/.installed-test
	$(PIP) install --quiet -c constraints.txt -e ".[cuda]"
	@touch $@

# Numba watches the file of a kernel, not the files whose functions it has inlined.
$(VENV)/.kernels: $(wildcard backends/hetengine_numpy/kernels/*.py) | $(VENV)/.installed
	rm -f backends/hetengine_numpy/kernels/__pycache__/*.nb?
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
	find hetengine backends conf tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
