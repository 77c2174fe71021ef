# An empty value, such as VENV= of a script, counts as none.
override VENV := $(or $(VENV),.venv)
override PYTHON := $(or $(PYTHON),python3)
RUN = "$(VENV)/bin/python" -m
APP = {{cookiecutter.app_name}}
REQUIREMENTS = tests/requirements.txt '$(APP)/requirements-dev.txt' '$(APP)/requirements.txt'

# tests/conftest.py says which tests one process runs, and in which order.
# Tests wait half of their time, and those of `make test-all` longer: two or three processes for each
# processor.
PER_PROCESSOR = 2
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) * $(PER_PROCESSOR))))
# A process that has ended is not replaced: pytest-xdist 3.8 then waits without end for the last tests.
PYTEST = $(RUN) pytest -n $(WORKERS) --no-loadscope-reorder --max-worker-restart=0

# The template's folder is copied into apps: nothing may be left in it.
export PYTHONDONTWRITEBYTECODE = 1

# Files and their names are UTF-8, whatever the locale is.
export PYTHONUTF8 = 1

# They would lead Python to modules of another environment, past those of this folder, or to a prompt,
# and cd astray.
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH PYTHONINSPECT CDPATH

.PHONY: help demo test test-all lint pictures protocol types links install

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

demo: install ## bake an app with the defaults under build/ and run it
	@rm -rf build/chalice-ws-app
	@HOME="$$PWD/build" $(RUN) cookiecutter --no-input --default-config --output-dir build . >/dev/null
	@venv=$$(cd "$(VENV)" && pwd) && \
	$(MAKE) --no-print-directory -C build/chalice-ws-app run -o install VENV="$$venv"

test: install lint ## run what a commit needs: lint, types, and the tests that take minutes at most
	$(PYTEST)

test-all: PER_PROCESSOR = 3
test-all: install ## run the other tests: browsers, Node clients, ministack, fresh installs, long runs
	$(PYTEST) -m full

lint: install ## check style and types, of the template's own files too
	$(RUN) ruff check --no-cache .
	$(RUN) ruff format --no-cache --check .
	$(RUN) mypy .
	venv=$$(cd "$(VENV)" && pwd) && cd '$(APP)' && "$$venv/bin/python" -m mypy --cache-dir=../build/mypy .

pictures: install ## make the README's pictures, and a sheet of all kinds and states in build/pictures/
	$(RUN) docs.pictures
	$(RUN) docs.first_minute
	$(RUN) docs.contact_sheet

protocol: install ## make the generated app's docs/asyncapi.yaml and docs/protocol.md from its actions
	venv=$$(cd "$(VENV)" && pwd) && cd '$(APP)' && "$$venv/bin/python" -m docs.protocol

types: install ## make the types of the generated app's web/client/ with tsc
	$(RUN) docs.types

links: ## ask whether the pages that the documents link to are still there
	$(PYTHON) -m docs.links check

install: ## install what the other targets need into VENV, if something has changed
	@sh -c "$$(awk '{ sub(/\r$$/, ""); print }' '$(APP)/chalice_ws/install.sh')" sh "$(VENV)" "$(PYTHON)" $(REQUIREMENTS)
