# `make help` lists every task. Everything that a task needs it installs itself, and says so.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PYTHON := $(VENV)/bin/python
CHART := charts/glm-operator
INSTALLED := $(VENV)/.installed

.PHONY: help
help: ## List all tasks
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2} /^##@/ {printf "\n%s\n", substr($$0, 5)}' $(MAKEFILE_LIST)

##@ Try it
.PHONY: demo demo-down
demo: $(INSTALLED) ## A cluster, the operator, a model and an answer from it
	@$(PYTHON) -m demo up

demo-down: $(INSTALLED) ## Remove every trace of the demo
	@$(PYTHON) -m demo down

##@ Cluster
.PHONY: cluster cluster-down cluster-status
cluster: $(INSTALLED) ## Start a real local cluster (NODES=2: a second node; KWOK=1: fake nodes); instant when it runs
	@$(PYTHON) -m devcluster up $(if $(NODES),--nodes $(NODES)) $(if $(KWOK),--kwok)

cluster-down: $(INSTALLED) ## Stop it and clear what it or a crash left
	@$(PYTHON) -m devcluster down

cluster-status: $(INSTALLED) ## Show its components and nodes
	@$(PYTHON) -m devcluster status

##@ Check
.PHONY: test test-fast test-e2e lint
test: lint manifests-check images tools ## Everything that can be tested: lint, fast tests, and e2e on a real cluster
	@$(PYTHON) -m pytest tests e2e --cov --cov-report=term:skip-covered

test-fast: $(INSTALLED) ## Only the tests that need no cluster
	@$(PYTHON) -m pytest tests

test-e2e: $(INSTALLED) images tools ## Only the tests on a real cluster (K=EXPRESSION selects)
	@$(PYTHON) -m pytest e2e -v $(if $(K),-k "$(K)")

lint: typing-path ## ruff, mypy, import-linter, yamllint
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy -p glm_operator
	@$(VENV)/bin/mypy -p devcluster -p images -p demo -p bench
	@$(VENV)/bin/lint-imports
	@$(VENV)/bin/yamllint --strict manifests/samples $(CHART)/values.yaml $(CHART)/Chart.yaml

##@ Measure
.PHONY: bench-reconcile
bench-reconcile: images ## Reconcile many resources: time, memory, writes (BENCH_QUICK=1: a minute)
	@$(PYTHON) -m devcluster up --kwok
	@$(PYTHON) -m bench.reconcile

.PHONY: bench-reloads
bench-reloads: cluster images models ## Memory and time of 200 reloads in running servers (BENCH_QUICK=1: ten)
	@$(PYTHON) -m bench.reloads

.PHONY: bench-engines
bench-engines: cluster images ## One ResNet-50 on each engine: latency, throughput, memory (BENCH_QUICK=1: a minute)
	@$(PYTHON) -m bench.engines

.PHONY: bench-traffic
bench-traffic: cluster images ## One of ten pods is slow: what clients see, against plain Envoys (BENCH_QUICK=1: a minute)
	@$(PYTHON) -m bench.traffic

.PHONY: bench-scaling
bench-scaling: $(INSTALLED) ## Scaling policies on a trace (TRAFFIC=FILE.csv; BENCH_QUICK=1: a minute)
	@$(PYTHON) -m bench.scaling

.PHONY: bench-anomaly
bench-anomaly: $(INSTALLED) ## Anomaly detection on NAB's files (DATA=FOLDER): scores, fits, cost (BENCH_QUICK=1: a minute)
	@$(PYTHON) -m bench.anomaly $(if $(DATA),--data "$(DATA)")

.PHONY: bench-telemetry
bench-telemetry: $(INSTALLED) ## Reading 1,000 pods once a second: time and CPU of a round (BENCH_QUICK=1: a quarter of a minute)
	@$(PYTHON) -m bench.telemetry

##@ Make
.PHONY: images models crds manifests manifests-check tools format lock
images: $(INSTALLED) ## Build the images (only what changed)
	@$(PYTHON) -m images.builder all

models: $(INSTALLED) ## Train and write the sample models
	@$(PYTHON) -m images.models build/models

crds: $(INSTALLED) ## Generate the CRDs, the chart's copy and the reference from operator/api
	@$(PYTHON) -m glm_operator.api.generate
	@$(PYTHON) -m glm_operator.analysis.generate

manifests: crds ## Render manifests/ from the chart
	@$(PYTHON) -m demo manifests

manifests-check: $(INSTALLED)
	@$(PYTHON) -m glm_operator.api.generate --check
	@$(PYTHON) -m glm_operator.analysis.generate --check
	@$(PYTHON) -m demo manifests --check

tools: $(INSTALLED) ## Build the tools that tests and cluster need (once, into the user's cache folder)
	@$(PYTHON) -m devcluster tools

format: $(INSTALLED) ## Format the code
	@$(VENV)/bin/ruff check --fix --quiet . || true
	@$(VENV)/bin/ruff format .

lock: $(INSTALLED) ## Resolve the dependencies anew
	@$(VENV)/bin/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml -o requirements/operator.txt
	@$(VENV)/bin/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 --extra dev pyproject.toml -o requirements/dev.txt

.PHONY: typing-path
typing-path: $(INSTALLED)
	@mkdir -p build/typing && ln -sfn ../../operator build/typing/glm_operator

$(INSTALLED): requirements/dev.txt pyproject.toml devcluster/bootstrap
	@devcluster/bootstrap $(VENV)
	@# The lock is whole: pip resolves nothing, so a release of today cannot get in its way (`coverage[toml]` did).
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
