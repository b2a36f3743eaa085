# Two commands matter: `make demo` and `make test`. Both need Python 3.11 or newer, nothing else.

ENGAGE := .venv/bin/engage
PYTEST := .venv/bin/python -m pytest
READY := .venv/.ready
NOTEBOOKS := .venv-notebook/.ready
SITE := .venv-docs/.ready
DATABASE_TESTS := tests/integration/schema tests/integration/consumer tests/integration/api \
  tests/integration/refresher
# The machine's own Python is used; none is ever downloaded.
export UV_PYTHON_DOWNLOADS := never
# Without compiled files each process compiles all that it imports: two of the three seconds of its start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo up down test unit truth faults browser tracker compose-check deploy-check notebook screenshots \
  bench plots check structure audit digests package docs lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## Install everything into .venv; the command line is then .venv/bin/engage
	@echo "ready: try $(ENGAGE) --help"

demo: $(READY) ## Run a stack with sample data and live events, until Ctrl-C; ARGS=--once exits by itself
	@$(ENGAGE) demo $(ARGS)

up: $(READY) ## Start a stack in .engage, until Ctrl-C; ARGS='--detach --dir DIR' and so on
	@$(ENGAGE) up $(ARGS)

down: $(READY) ## Stop the stack in .engage; ARGS='--dir DIR --wipe' and so on
	@$(ENGAGE) down $(ARGS)

test: $(READY) ## Run the tests on a real Kafka and PostgreSQL 18, those of the database on 16 too
	@echo "not among them: \`make faults\`, \`make notebook\`, \`make browser\`, which needs a chromium,"
	@echo "and \`make deploy-check\`, which needs nginx, pgbouncer, prometheus and systemd"
	ENGAGE_TEST_POSTGRES_VERSION=16 $(PYTEST) -n 2 -q $(DATABASE_TESTS)
	$(PYTEST) -n 2 -m "not faults and not truth_full" $(ARGS)

unit: $(READY) ## Run the unit tests, which need no server; under a minute
	$(PYTEST) -n 2 -q tests/unit $(ARGS)

truth: $(READY) ## Simulate worlds whose truth is known, and hold the reports' statistics to it; minutes
	$(PYTEST) -n 2 tests/truth $(ARGS)

faults: $(READY) ## Run the fault tests, which kill, freeze, disconnect and fill up every part; an hour
	ENGAGE_TEST_KILL_EVENTS=100000 $(PYTEST) tests/faults tests/e2e/test_exactly_once.py tests/integration/pipeline $(ARGS)

browser: $(READY) ## Test dashboard and tracker in a real chromium; ENGAGE_TEST_BROWSER names another one
	$(PYTEST) -n 2 tests/browser $(ARGS)

compose-check: $(READY) ## Test docker-compose.yml; needs docker, its Compose plug-in, and chromium
	$(PYTEST) tests/compose $(ARGS)

deploy-check: $(READY) ## Test deploy/; needs nginx-light, pgbouncer, prometheus and systemd of Debian
	$(PYTEST) tests/deploy $(ARGS)

screenshots: $(READY) ## Take the README's screenshots of the dashboard, from the stack of a demo in DIR
	.venv/bin/python docs/screenshots.py "$(DIR)"

tracker: $(READY) ## Minify the script for web pages after a change of its source
	@.venv/bin/python -c 'import minify; minify.file("text/javascript", \
	  "ingest_service/static/tracker.js", "ingest_service/static/tracker.min.js")'

notebook: $(READY) $(NOTEBOOKS) ## Execute the notebooks on a new stack, into build/notebooks
	@set -eu; \
	dir=$$(mktemp -d); \
	trap '$(ENGAGE) down --dir "$$dir" --wipe >/dev/null; rm -rf "$$dir"' EXIT; \
	$(ENGAGE) up --detach --dir "$$dir" --ingest-port 0 --api-port 0 >/dev/null; \
	$(ENGAGE) seed --dir "$$dir" >/dev/null; \
	$(ENGAGE) load --dir "$$dir" --events 40000 --history-days 90 --watch >/dev/null; \
	$(ENGAGE) db refresh --dir "$$dir" >/dev/null; \
	ENGAGE_DIR="$$dir" .venv-notebook/bin/python notebooks/execute.py build/notebooks

bench: $(READY) ## Measure, relative to the floors of the same run; ARGS=--quick, ARGS=sink, ARGS=--help
	@.venv/bin/python -m bench $(ARGS)

plots: $(NOTEBOOKS) ## Write the results of the last `make bench` into docs/performance.md, with plots
	@.venv-notebook/bin/python bench/plots.py bench/results.json docs/images/bench
	@.venv/bin/python -m bench.document

check: $(READY) ## Formatting, lint and types
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

package: $(READY) ## Build wheel and sdist into dist, and test them in an empty environment
	@rm -rf dist
	.venv/bin/python -m hatchling build -d dist
	$(PYTEST) -q tests/package $(ARGS)

docs: $(READY) $(SITE) ## Generate the reference from the code and build the site into build/site
	@.venv/bin/python -m docs.generate
	@.venv/bin/python -m docs.site stage
	.venv-docs/bin/zensical build --clean --strict --config-file build/mkdocs.yml
	@.venv/bin/python -m docs.site check

lock: $(READY) ## Update the lock files from pyproject.toml; needs a network
	@set -eu; \
	uv=uv; uv --version >/dev/null 2>&1 || uv=.uv/bin/uv; \
	compile="$$uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11"; \
	$$compile pyproject.toml --extra otel -o requirements/base.lock; \
	$$compile pyproject.toml --extra otel --extra archive --extra history -c requirements/base.lock -o requirements/archive.lock; \
	$$compile pyproject.toml --extra otel --extra archive --extra history --extra embedded --group dev \
	  -o requirements/dev.lock; \
	for group in audit build docs notebook; do \
	  $$compile --group $$group -o requirements/$$group.lock; \
	done

structure: $(READY) ## Print the size of the code base: lines, words, files on the path of an event
	@.venv/bin/python -m docs.structure

audit: $(READY) ## Audit every locked part: Python packages, jars, images; needs a network
	@test -x .audit/bin/pip-audit || .venv/bin/python -m venv .audit
	@.audit/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  -r requirements/audit.lock
	@.venv/bin/python -m audit $(ARGS)

digests: $(READY) ## Look up the digests of all images, into docker-compose.digests.yml; needs Docker
	@.venv/bin/python -m audit.digests

# Every package is installed by hash, the installer included, and the project is built with locked
# packages, so that nothing else is downloaded.
$(READY): requirements/dev.lock requirements/uv.lock pyproject.toml
	@set -eu; \
	python=; \
	for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    python=$$candidate; break; \
	  fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Python 3.11 or newer is needed: install it, then run make again" >&2; exit 1; \
	fi; \
	uv=uv; \
	if ! uv --version >/dev/null 2>&1; then \
	  uv=.uv/bin/uv; \
	  if ! "$$uv" --version >/dev/null 2>&1; then \
	    echo "installing uv into .uv"; \
	    rm -rf .uv; \
	    "$$python" -m venv .uv || { \
	      echo "python3 -m venv does not work: install uv, or your system's python3-venv" >&2; \
	      exit 1; }; \
	    .uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	      -r requirements/uv.lock; \
	  fi; \
	fi; \
	if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  "$$uv" venv --quiet --clear --python "$$(command -v "$$python")" .venv; \
	fi; \
	echo "installing the dependencies into .venv (up to a minute)"; \
	"$$uv" pip sync --quiet --python .venv/bin/python --require-hashes requirements/dev.lock; \
	"$$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation \
	  --editable .; \
	touch $(READY)

$(NOTEBOOKS): requirements/notebook.lock $(READY)
	@set -eu; \
	uv=uv; uv --version >/dev/null 2>&1 || uv=.uv/bin/uv; \
	echo "installing the dependencies of the notebooks into .venv-notebook"; \
	"$$uv" venv --quiet --clear --python .venv/bin/python .venv-notebook; \
	"$$uv" pip sync --quiet --python .venv-notebook/bin/python --require-hashes requirements/notebook.lock; \
	touch $(NOTEBOOKS)

$(SITE): requirements/docs.lock $(READY)
	@set -eu; \
	uv=uv; uv --version >/dev/null 2>&1 || uv=.uv/bin/uv; \
	echo "installing the site builder into .venv-docs"; \
	"$$uv" venv --quiet --clear --python .venv/bin/python .venv-docs; \
	"$$uv" pip sync --quiet --python .venv-docs/bin/python --require-hashes requirements/docs.lock; \
	touch $(SITE)
