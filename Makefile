# What a fresh machine with Python 3.11 or newer and make can do here; `make` alone lists it.
#
# The environment lives in .venv. Stamp files in it remember what is installed, so that a second run starts at once;
# they are older than pyproject.toml when something must be installed again.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
PYTEST_ARGS ?=
BENCH_ARGS ?=
HUNT := $(BIN)/tidewaiter hunt examples/docker-cryptominer --policy examples/policy.yaml
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run test lint bench bench-live bench-baseline bench-attack bench-brief bpf docs clean
.DELETE_ON_ERROR:

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1: /p' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## hunt through the recorded attack in examples/ and show the alert
	@status=0; \
	$(HUNT) || status=$$?; \
	if [ $$status -ne 1 ]; then \
	  echo "make run: the recorded attack must raise an alert (exit status 1), but the exit status was $$status" >&2; \
	  exit 1; \
	fi
	@# Python also ends with 1 when it crashes, so the alert itself must be there.
	@$(HUNT) --format jsonl 2>/dev/null | grep -q '"verdict": *"alert"' || { \
	  echo "make run: no alert came out of the recorded attack" >&2; \
	  exit 1; }

test: $(VENV)/.installed-dev ## run the tests (PYTEST_ARGS="-k name" for some of them)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev ## check style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy docs examples

bench: ## measure speed, memory and exactness (BENCH_ARGS are handed to bench/run.py)
	@printf '#include <simdjson.h>\n' | g++ -x c++ -std=c++17 -fsyntax-only - 2>/dev/null || { \
	  echo "make bench: a C++17 compiler and the simdjson headers are needed (Debian: apt-get install g++ libsimdjson-dev)" >&2; \
	  exit 1; }
	@$(MAKE) --no-print-directory $(VENV)/.installed-bench
	$(BIN)/python bench/run.py $(BENCH_ARGS)

bpf: ## build the kernel sensor from bpf/ (Debian: apt-get install clang llvm libbpf-dev); the result is committed
	@# From its own folder, so that the paths in the object are the same everywhere.
	cd bpf && clang -O2 -g -Wall -Werror -target bpf -fdebug-compilation-dir=. -c sensor.bpf.c -o sensor.bpf.o && llvm-strip -g sensor.bpf.o
	mv bpf/sensor.bpf.o src/tidewaiter/edge/sensor.bpf.o

bench-live: $(VENV)/.installed-dev ## measure watch on real daemons, as root (BENCH_ARGS are handed to bench/live.py)
	$(BIN)/python bench/live.py $(BENCH_ARGS)

bench-baseline: $(VENV)/.installed-dev ## measure baselines over a generated week (BENCH_ARGS="--quick": a few minutes)
	$(BIN)/python -m bench.calibration
	$(BIN)/python -m bench.baseline $(BENCH_ARGS)
	$(BIN)/python -m bench.baseline_cost $(BENCH_ARGS)

bench-attack: $(VENV)/.installed-dev ## measure the library of ATT&CK on releases (ATTACK="18.1.json 19.1.json")
	$(BIN)/python -m bench.attack $(ATTACK)

bench-brief: $(VENV)/.installed-dev $(VENV)/.installed-bench ## measure briefings: what they find, and a feed (BENCH_ARGS: a bundle of ATT&CK)
	$(BIN)/python bench/brief.py
	$(BIN)/python -m bench.brief_pages
	$(BIN)/python -m bench.brief_feed
	$(BIN)/python bench/techniques.py $(BENCH_ARGS)

docs: $(VENV)/.installed-dev ## write the pages of docs/ that are made from the code
	$(BIN)/python docs/generate.py

clean: ## remove the environment and everything that is made again by itself
	rm -rf $(VENV) build dist bench/runs .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests bench docs examples -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@for python in $(PYTHON); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Making the environment in $(VENV) with $$python; this happens once." >&2; \
	    "$$python" -m venv $(VENV) && exit 0; \
	    rm -rf $(VENV); \
	    echo "make: $$python cannot make a virtual environment (Debian: apt-get install python3-venv)" >&2; \
	    exit 1; \
	  fi; \
	done; \
	echo "make: tidewaiter needs Python 3.11 or newer, and none was found as: $(PYTHON)" >&2; exit 1

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@$(PIP_INSTALL) --editable '.[brief,dev]'
	@touch $(VENV)/.installed $@

$(VENV)/.installed-bench: pyproject.toml | $(BIN)/python
	@$(PIP_INSTALL) --editable '.[brief,bench]'
	@touch $(VENV)/.installed $@
