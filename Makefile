# `make` or `make help` lists the verbs.
.DEFAULT_GOAL := help
SHELL := /bin/sh

BIN := .venv/bin
PY := $(BIN)/python
TESSERA := $(BIN)/tessera
SOURCES := $(wildcard services shared cli tests bench)
# what `make run` plays: the demo's year of purchases, or `none`
DATA ?= demo
# how much of each: make torture MINUTES=30 SEED=7, make races ROUNDS=100, make poison EVENTS=5000
MINUTES ?= 5
SEED ?= 1
ROUNDS ?= 2000
EVENTS ?= 100000
# which histories: make simulate SEEDS=10000 FROM=5000
SEEDS ?= 1000
FROM ?= 0
# what is changed: make mutants OF='shared/chain shared/ledger/holds.py'; all of it without
OF ?=
MUTMUT := build/mutmut
# further arguments for pytest: make test ARGS="-k lots -x"; each worker has servers of its own
ARGS ?=
WORKERS ?= 2

.PHONY: help setup dev run up down test test-containers simulate guards mutants torture races poison
.PHONY: fmt lint types check bench contracts lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make the environment in .venv (quick when nothing changed)
	@PYTHON="$(PYTHON)" ops/setup runtime

dev: ## the same with the tools for tests and checks
	@PYTHON="$(PYTHON)" ops/setup dev

run: setup ## everything on this machine, with a year of real purchases (DATA=none: empty)
	@exec $(TESSERA) run --data $(DATA)

up: setup ## the same in the background; `tessera status` and `tessera logs` look at it
	@$(TESSERA) up

down: setup ## stop what `make up` started
	@$(TESSERA) down

test: dev ## all tests, on embedded servers that they start and stop (WORKERS=2)
	@$(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-containers: dev ## the integration tests on containers (needs Docker)
	@TESSERA_TEST_SERVERS=containers $(PY) -m pytest tests/integration $(ARGS)

simulate: dev ## the seeded simulation of the whole system (SEEDS=1000 FROM=0)
	@$(TESSERA) simulate --seeds $(SEEDS) --from $(FROM)

guards: dev ## take away each guard of the protocol; print how many seeds it takes to show
	@$(PY) -m tests.simulation.guards

mutants: dev ## change the pure packages: what does no test see? (OF=shared/ledger/holds.py)
	@$(PY) -m pip install --quiet --upgrade --target $(MUTMUT) mutmut==3.8.1
	@$(PY) ops/mutate $(OF)

torture: setup ## real servers and processes under faults (MINUTES=5 SEED=1), added to the page
	@$(TESSERA) torture --minutes $(MINUTES) --seed $(SEED) \
		--results docs/reliability --page docs/reliability.md

races: dev ## rounds of callers at once over several API processes (ROUNDS=2000)
	@TESSERA_RACE_ROUNDS=$(ROUNDS) $(PY) -m pytest -s tests/integration/system/test_race_rounds.py

poison: dev ## bad input in bulk (EVENTS=100000)
	@TESSERA_POISON=$(EVENTS) $(PY) -m pytest -s tests/integration/system/test_poison_at_volume.py

fmt: dev ## format the code
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix --silent --exit-zero $(SOURCES)

lint: dev ## style, formatting and the direction of imports
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/ruff format --check --quiet $(SOURCES)
	@$(BIN)/lint-imports --no-logo

types: dev ## mypy, strict
	@$(BIN)/mypy $(SOURCES)

check: lint types ## all that needs no running
	@$(TESSERA) contracts --check
	@$(PY) -m pytest tests/architecture

bench: dev ## measure; prints a table and writes JSON
	@$(PY) -m bench $(ARGS)

contracts: dev ## write the generated schemas anew
	@$(TESSERA) contracts

lock: dev ## renew the lock files (UPGRADE=1: to the newest versions)
	@ops/lock $(UPGRADE)

clean: ## remove the environment and caches; the data in .tessera stays
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@rm -rf .import_linter_cache build dist
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
