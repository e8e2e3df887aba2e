# Two commands are enough: `make run` goes the whole way, `make test` checks everything.
# Each target is a chain of tasks; write your own below. JOB chooses the job for a whole chain: make run JOB=mine

PYTHON ?= python3
ARGS ?=
INV := .venv/bin/invoke
WHICH := $(if $(JOB),--job $(JOB))

# The last words of a chain are commands that begin with `inv`, which a terminal finds once .venv is active.
define chain
echo 'inv $(strip $(1) $(WHICH))'; $(INV) $(1) $(WHICH); code=$$?; \
command -v inv >/dev/null || echo 'first: source .venv/bin/activate' >&2; exit $$code
endef

.PHONY: help run daily steps test venv venv-test clean

help:
	@echo 'make run     from a fresh clone to a trained model: setup data build push run'
	@echo 'make daily   after an edit: build push run'
	@echo 'make test    style, types and tests'
	@echo 'make clean   remove what can be made again (the local account keeps its data: inv local.reset)'
	@echo 'then: .venv/bin/invoke --list'

run: venv
	@$(call chain,setup data build push run)

daily: venv
	@$(call chain,build push run)

# The same steps work one by one, in three lines or in two CI jobs: what they hand on lies in .spcs/.
steps: venv
	$(INV) build $(WHICH)
	$(INV) push $(WHICH)
	@$(call chain,run)

test: venv-test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/pytest $(ARGS)

venv:
	@$(PYTHON) -m spcs.venv

venv-test:
	@$(PYTHON) -m spcs.venv --test

clean:
	@if [ -x .venv/bin/python ]; then .venv/bin/python -m local_account down; fi
	rm -rf .venv .spcs .mypy_cache .ruff_cache .pytest_cache
	find commands spcs app local_account benchmarks examples tests -name __pycache__ -prune -exec rm -rf {} +
