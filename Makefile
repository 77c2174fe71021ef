VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
DEMO = build/chalice-ws-app

# A test file's fixtures are expensive: one process runs all tests of a file. The order of the files
# is that of tests/conftest.py.
# Tests wait a part of their time: one process more than there are processors.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# The template's folder is copied into apps: nothing may be left in it.
export PYTHONDONTWRITEBYTECODE = 1

.PHONY: help demo test test-all lint pictures protocol

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile

demo: $(VENV)/installed ## bake an app with the defaults under build/ and run it
	@rm -rf $(DEMO)
	@$(BIN)/cookiecutter --no-input --default-config --output-dir build . >/dev/null
	@$(MAKE) --no-print-directory -C $(DEMO) run VENV=$(abspath $(VENV))

test: $(VENV)/installed lint ## run what a commit needs: lint, types, and the tests that take minutes at most
	$(PYTEST)

test-all: $(VENV)/installed ## run the other tests: browsers, Node clients, ministack, fresh installs, long runs
	$(PYTEST) -m full

lint: $(VENV)/installed ## check style and types, of the template's own files too
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/mypy .
	cd '{{cookiecutter.app_name}}' && $(abspath $(BIN))/mypy --cache-dir=$(abspath build)/mypy .

pictures: $(VENV)/installed ## make the README's pictures of the running demo
	$(BIN)/python -m docs.pictures http://127.0.0.1:8000/

protocol: $(VENV)/installed ## make the generated app's docs/protocol.md from its asyncapi.yaml
	$(BIN)/python -m docs.protocol

$(VENV)/installed: tests/requirements.txt {{cookiecutter.app_name}}/requirements-dev.txt
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@
