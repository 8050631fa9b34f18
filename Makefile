# The commands of the README, and of continuous integration. VENV names the virtual environment they set up.
PYTHON ?= python3
VENV ?= .venv
OUT ?= out/demo
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo check test readers bench gpu-bench clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[train,dev]'
	touch $@

demo: $(READY)  ## Seven raw dumps to a falling loss, then a report: out/demo/report.html
	$(BIN)/tokenmill demo-input out/demo-dumps
	$(BIN)/tokenmill run demo --output $(OUT)

check: $(READY)  ## Formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: $(READY)  ## All tests
	$(BIN)/python -m pytest

readers: $(READY)  ## Other projects' own readers over our files; their packages are installed apart, once
	$(BIN)/python tests/readers/build.py
	$(BIN)/python -m pytest -m readers

bench: $(READY)  ## All benchmarks: one JSON line a claim, and the table of docs/benchmarks.md
	$(BIN)/python -m benchmarks > docs/benchmarks.jsonl
	$(BIN)/python -m benchmarks --table docs/benchmarks.jsonl > docs/benchmarks.md

gpu-bench:  ## The trainer on this machine's GPU, part by part: PARTS="1.3b 6.7b", FORCE=1; PYTHON is one that has torch
	$(PYTHON) -m benchmarks.gpu $(PARTS) $(if $(FORCE),--force) $(if $(RESULTS),--results $(RESULTS))

clean:  ## Remove what the demo made
	rm -rf out
