# Two commands do all on a machine with Python 3.11, make and git: `make synth` and `make test`.
# Both set up what they need in .venv and node_modules the first time, and start at once from then on.

SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup synth test test-units check format lint types fix docs snapshots benchmark load locks clean deploy-local destroy-local test-e2e

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3.14 python3 2>/dev/null))
BIN := $(CURDIR)/.venv/bin
# The environment's Node comes first, so that jsii and the CDK CLI run on it whatever the machine has.
# Caches stay in this folder too.
RUN := env PATH="$(BIN):$$PATH" AWS_EC2_METADATA_DISABLED=true CDK_DISABLE_CLI_TELEMETRY=true \
	JSII_RUNTIME_PACKAGE_CACHE_ROOT="$(CURDIR)/.venv/cache/jsii" npm_config_cache="$(CURDIR)/.venv/cache/npm"
CDK := $(RUN) node_modules/.bin/cdk

help: ## show this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

setup: .venv/.installed node_modules/.installed

.venv/.installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'make: Python 3.11 or later is needed; name one with PYTHON=/path/to/python3.11' >&2; exit 2; }
	@echo 'setting up .venv (once)'
	@"$(PYTHON)" -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

node_modules/.installed: package-lock.json .venv/.installed
	@echo 'setting up the CDK CLI (once)'
	@$(RUN) npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

synth: setup ## synthesize every reference stack into cdk.out and sum it up
	@$(CDK) synth --quiet
	@$(BIN)/secure-containers summary cdk.out

test: test-units test-e2e ## run the tests

test-units: setup ## run the tests that need no deployment
	@$(RUN) pytest --numprocesses auto --dist loadfile

test-e2e: setup ## deploy everything on this machine and test what was deployed
	@$(RUN) pytest tests/e2e

deploy-local: setup ## deploy every reference stack on this machine, without an account (PORT=4600)
	@$(RUN) python -m secure_containers.local up $(if $(PORT),--port $(PORT))

destroy-local: setup ## delete what deploy-local has made, and stop it
	@$(RUN) python -m secure_containers.local down

check: setup format lint types test ## format, lint, types and tests

format: setup
	@$(RUN) ruff format --check .

lint: setup
	@$(RUN) ruff check .

types: setup
	@$(RUN) mypy

fix: setup ## mend what ruff can mend
	@$(RUN) ruff check --fix . ; $(RUN) ruff format .

docs: setup ## write the generated pages of docs/
	@$(RUN) python docs/generate.py

snapshots: setup ## accept the templates of the reference stacks as they are now
	@$(RUN) pytest tests/test_stacks.py --snapshot-update

benchmark: setup ## measure, and write docs/performance.md
	@$(RUN) python benchmarks/run.py

load: setup ## 10,000 uploads through the pipeline's code against the emulator, with faults
	@$(RUN) python benchmarks/load.py

locks: setup ## resolve the dependencies anew
	@$(RUN) python -m pip install --quiet uv
	@$(RUN) uv pip compile --quiet pyproject.toml --group dev --generate-hashes --universal --python-version 3.11 --no-header --upgrade --output-file requirements.lock
	@$(RUN) npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts

clean: ## remove what was set up and made
	rm -rf .venv node_modules cdk.out .mypy_cache .pytest_cache .ruff_cache .hypothesis
