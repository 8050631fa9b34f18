# The commands of the README, and of continuous integration. VENV names the virtual environment they set up.
PYTHON ?= python3
VENV ?= .venv
OUT ?= out/demo
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PROCESSES ?= 2

SPARK_JAR := job-servers/spark/target/spark-job-server.jar
FLINK_JAR := job-servers/flink/target/flink-job-server.jar
CLUSTERS := .clusters

.PHONY: help demo check test test-system mutants site readers release release-check job-servers clusters engines bench gpu-bench clean

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

test test-system: export PYTHONDONTWRITEBYTECODE :=  # Hundreds of processes read what one has compiled.
test: $(READY)  ## All tests but those of test-system, in PROCESSES=2 processes of up to 4 GB
	$(BIN)/python -m pytest -m "not system" --numprocesses $(PROCESSES) --dist worksteal

test-system: $(READY)  ## Whole runs: workers and drivers killed, a store that fails, 16 times the files, the other engines
	$(BIN)/python -m pytest -m system --numprocesses $(PROCESSES) --dist worksteal

site: $(READY)  ## The documentation as a site, out/site/index.html; a link that leads nowhere stops it
	$(BIN)/sphinx-build -W -n --keep-going --quiet docs out/site

mutants: $(READY)  ## Do tests notice small changes to filters/, mixtures/ and tokenizer/? docs/mutation.md; hours
	$(BIN)/python -m pip install --quiet --editable '.[mutation]'
	$(BIN)/python -m benchmarks.mutants --results docs/mutation.jsonl
	$(BIN)/python -m benchmarks.mutants --table docs/mutation.jsonl > docs/mutation.md

readers: $(READY)  ## Other projects' own readers over our files; their packages are installed apart, once
	$(BIN)/python tests/readers/build.py
	$(BIN)/python -m pytest -m readers

release: $(READY)  ## The source distribution and the wheel, in dist/, from the files that git knows, and what is in them
	$(BIN)/python -m pip install --quiet twine
	$(BIN)/python tests/release/release.py build dist
	$(BIN)/python -m twine check --strict dist/*

release-check:  ## The demo from dist/ alone, in a new environment for each of PYTHONS: half an hour, 6 GB at a time
	$(PYTHON) tests/release/release.py check dist $(or $(PYTHONS),python3.11 python3.12 python3.13)

job-servers: $(SPARK_JAR) $(FLINK_JAR)  ## The Java programs that speak to Spark and Flink, by Maven, for whoever lacks Beam's own

$(SPARK_JAR): job-servers/spark/pom.xml
$(FLINK_JAR): job-servers/flink/pom.xml
$(SPARK_JAR) $(FLINK_JAR):
	mvn --batch-mode --quiet --file $< package
	touch $@

clusters: job-servers $(CLUSTERS)/spark/.ready $(CLUSTERS)/flink/.ready  ## Spark and Flink themselves, for tests on real clusters on this machine

$(CLUSTERS)/spark/.ready:
	$(PYTHON) -m venv $(CLUSTERS)/spark
	$(CLUSTERS)/spark/bin/python -m pip install --quiet pyspark==3.5.7
	touch $@

$(CLUSTERS)/flink/.ready:
	$(PYTHON) -m venv $(CLUSTERS)/flink
	$(CLUSTERS)/flink/bin/python -m pip install --quiet --no-deps apache-flink-libraries==1.19.3
	touch $@

engines: $(READY)  ## The same bytes on every engine that is here? SCALE=1 of the demo's dumps; adds to docs/engine-digests.jsonl
	$(BIN)/python -m benchmarks.engines --scale $(or $(SCALE),1) --results docs/engine-digests.jsonl
	$(BIN)/python -m benchmarks.engines --table docs/engine-digests.jsonl > docs/engine-digests.md

bench: $(READY)  ## All benchmarks: one JSON line a claim, and the table of docs/benchmarks.md
	$(BIN)/python -m benchmarks > docs/benchmarks.jsonl
	$(BIN)/python -m benchmarks --table docs/benchmarks.jsonl > docs/benchmarks.md

gpu-bench:  ## The trainer on this machine's GPU, part by part: PARTS="1.3b 6.7b", FORCE=1; PYTHON is one that has torch
	$(PYTHON) -m benchmarks.gpu $(PARTS) $(if $(FORCE),--force) $(if $(RESULTS),--results $(RESULTS))

clean:  ## Remove what the demo made
	rm -rf out
