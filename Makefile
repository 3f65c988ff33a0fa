# The commands of the project. `make` lists them.
PYTHON ?= python3
export PYTHON AWS_PORT ENDPOINT_PORT DEPLOY_ENGINE
# Without the packages' byte code each command starts five seconds later.
unexport PYTHONDONTWRITEBYTECODE
PY := .venv/bin/python
need-stack = test -n "$(STACK)" || { echo "Which stack? make $@ STACK=dev" >&2; exit 2; }
NOTHING_HERE := [ ! -e .venv/.installed-stack ] && [ ! -e .local ]
SOURCES := __main__.py infra examples model_service mock_runtime deploy local notebooks benchmarks policy docs tests

.DEFAULT_GOAL := help
.PHONY: help up down status logs example example-down data train batch notebook bench test test-unit lint format docs validate orphans clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# One group of requirements, requirements/GROUP.txt: a command names the one that it uses.
.venv/.installed-%: requirements/%.txt requirements.txt constraints.txt $(wildcard requirements/*.txt)
	@local/bootstrap.sh $*

up: .venv/.installed-up ## deploy the stack `local` on an AWS inside this machine, and print its first recommendations
	@$(PY) -m deploy.local_stack up

# Nothing has to be installed to say that nothing runs.
down: ## remove everything that `make up` created
	@if $(NOTHING_HERE); then echo "Nothing of the local stack is here."; else \
	$(MAKE) -s --no-print-directory .venv/.installed-stack && $(PY) -m deploy.local_stack down; fi

status: ## the local stack: endpoint, model, tasks and their health, events
	@if $(NOTHING_HERE); then echo 'The local stack is down. `make up` brings it up.'; else \
	$(MAKE) -s --no-print-directory .venv/.installed-stack && $(PY) -m deploy.local_stack status; fi

logs: ## follow the logs of the local stack's tasks: make logs ARGS="--since 1h --no-follow"
	@if $(NOTHING_HERE); then echo 'The local stack is down. `make up` brings it up.' >&2; exit 1; fi
	@$(MAKE) -s --no-print-directory .venv/.installed-stack && $(PY) -m deploy.local_stack logs $(ARGS)

example: .venv/.installed-stack ## deploy examples/any_container, another container with the same components, on the emulated AWS
	@$(PY) -m deploy.local_stack example

example-down: ## remove what `make example` deployed
	@if $(NOTHING_HERE); then echo "The example is not deployed."; else \
	$(MAKE) -s --no-print-directory .venv/.installed-stack && $(PY) -m deploy.local_stack example-down; fi

data: .venv/.installed-data ## tell what your ratings are read as, without training: make data ARGS="--data ~/ml-25m"
	@$(PY) -m model_service.data $(ARGS)

train: .venv/.installed-train ## train a model: make train ARGS="--seed 1 --data ~/ml-100k"
	@$(PY) -m model_service.training $(ARGS)

batch: .venv/.installed-data ## recommendations for all users as files: make batch ARGS="--out lists --format csv"
	@$(PY) -m model_service.batch $(ARGS)

bench: .venv/.installed-bench ## measure the services side by side: make bench ARGS="--quick"
	@$(PY) -m benchmarks $(ARGS)

notebook: .venv/.installed-notebook ## execute notebooks/deploy.ipynb with a stack of its own: make notebook ARGS="--update" replaces it
	@$(PY) notebooks/execute.py $(ARGS)

test: .venv/.installed-e2e lint ## everything: formatter, linter, types, unit, service and end-to-end tests
	@$(PY) -m pytest -n 2 --no-loadscope-reorder $(ARGS)

test-unit: .venv/.installed-test ## the tests that need no Docker
	@$(PY) -m pytest -n 2 --no-loadscope-reorder -m "not e2e and not pulumi_cli" $(ARGS)

lint: .venv/.installed-lint ## formatter (check only), linter and type checker
	@$(PY) -m ruff format --check $(SOURCES)
	@$(PY) -m ruff check $(SOURCES)
	@$(PY) -m mypy
	@$(PY) -m mypy policy

format: .venv/.installed-format ## format the code and fix what the linter can
	@$(PY) -m ruff format $(SOURCES)
	@$(PY) -m ruff check --fix $(SOURCES)

docs: .venv/.installed-test ## generate the documents' tables from the code and the results
	@$(PY) -m docs.render

validate: .venv/.installed-stack ## check a stack's settings, and print its resources and cost: make validate STACK=dev
	@$(need-stack)
	@$(PY) -m deploy validate $(STACK) $(ARGS)

orphans: .venv/.installed-stack ## resources that a destroyed stack left and that cost money: make orphans STACK=dev
	@$(need-stack)
	@$(PY) -m deploy orphans $(STACK)

clean: ## remove what training, tests and tools left; not the local stack (make down)
	@rm -rf model_service/artifact .build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
