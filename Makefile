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

.DEFAULT_GOAL := help
.PHONY: help setup demo up down test faults browser deploy-check notebook screenshots bench plots \
  check audit package docs lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## Install everything into .venv; the command line is then .venv/bin/engage
	@echo "ready: try $(ENGAGE) --help"

demo: $(READY) ## See it all work, until Ctrl-C; ARGS=--once ends by itself
	@$(ENGAGE) demo $(ARGS)

up: $(READY) ## Start a stack in .engage, until Ctrl-C; ARGS='--detach --dir DIR' and so on
	@$(ENGAGE) up $(ARGS)

down: $(READY) ## End the stack in .engage; ARGS='--dir DIR --wipe' and so on
	@$(ENGAGE) down $(ARGS)

test: $(READY) ## Run every test on a real Kafka and PostgreSQL 18, the database's on 16 too
	@echo "not among them: \`make faults\`, \`make notebook\`, \`make browser\`, which needs a chromium,"
	@echo "and \`make deploy-check\`, which needs nginx, pgbouncer, prometheus and systemd"
	ENGAGE_TEST_POSTGRES_VERSION=16 $(PYTEST) -n 2 -q $(DATABASE_TESTS)
	$(PYTEST) -n 2 -m "not faults" $(ARGS)

faults: $(READY) ## Kill, freeze, cut off and fill up everything while events pass through; an hour
	ENGAGE_TEST_KILL_EVENTS=100000 $(PYTEST) tests/faults tests/e2e/test_exactly_once.py $(ARGS)

browser: $(READY) ## Test dashboard and tracker in a real chromium; ENGAGE_TEST_BROWSER names another one
	$(PYTEST) -n 2 tests/browser $(ARGS)

deploy-check: $(READY) ## Carry out deploy/; needs nginx-light, pgbouncer, prometheus and systemd of Debian
	$(PYTEST) tests/deploy $(ARGS)

screenshots: $(READY) ## Take the README's pictures of the dashboard, from the stack in DIR (of a demo)
	.venv/bin/python docs/screenshots.py "$(DIR)"

notebook: $(READY) $(NOTEBOOKS) ## Execute the notebooks on a stack of their own, into build/notebooks
	@set -eu; \
	dir=$$(mktemp -d); \
	trap '$(ENGAGE) down --dir "$$dir" --wipe >/dev/null; rm -rf "$$dir"' EXIT; \
	$(ENGAGE) up --detach --dir "$$dir" --ingest-port 0 --api-port 0 >/dev/null; \
	$(ENGAGE) seed --dir "$$dir" >/dev/null; \
	$(ENGAGE) load --dir "$$dir" --events 40000 --history-days 90 --watch >/dev/null; \
	$(ENGAGE) db refresh --dir "$$dir" >/dev/null; \
	ENGAGE_DIR="$$dir" .venv-notebook/bin/python notebooks/execute.py build/notebooks

bench: $(READY) ## Measure against floors taken in the same run; ARGS=--quick, ARGS=sink, ARGS=--help
	@.venv/bin/python -m bench $(ARGS)

plots: $(NOTEBOOKS) ## Put what `make bench` measured last into docs/performance.md, with pictures
	@.venv-notebook/bin/python bench/plots.py bench/results.json docs/images/bench
	@.venv/bin/python -m bench.document

check: $(READY) ## Formatting, lint and types
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

package: $(READY) ## Build wheel and sdist into dist, install them into an empty environment, look at it
	@rm -rf dist
	.venv/bin/python -m hatchling build -d dist
	$(PYTEST) -q tests/package $(ARGS)

docs: $(READY) $(SITE) ## Write the reference anew from the code and build the site into build/site
	@.venv/bin/python -m docs.generate
	@.venv/bin/python -m docs.site stage
	.venv-docs/bin/zensical build --clean --strict --config-file build/mkdocs.yml
	@.venv/bin/python -m docs.site check

lock: $(READY) ## Bring the locks up to date with pyproject.toml; needs a network
	@set -eu; \
	uv=uv; uv --version >/dev/null 2>&1 || uv=.uv/bin/uv; \
	compile="$$uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11"; \
	$$compile pyproject.toml --extra otel -o requirements.lock; \
	$$compile pyproject.toml --extra otel --extra archive -c requirements.lock -o requirements-archive.lock; \
	$$compile pyproject.toml --extra otel --extra archive --extra embedded --group dev \
	  -o requirements-dev.lock; \
	for group in audit build docs notebook; do \
	  $$compile --group $$group -o requirements-$$group.lock; \
	done

# Strict: what the service does not know is no clean bill.
audit: $(READY) ## Ask PyPI's vulnerability service about every locked package; needs a network
	@test -x .audit/bin/pip-audit || .venv/bin/python -m venv .audit
	@.audit/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  -r requirements-audit.lock
	for lock in requirements.lock requirements-dev.lock requirements-build.lock requirements-docs.lock; do \
	  .audit/bin/pip-audit --strict --disable-pip --require-hashes -r $$lock || exit 1; \
	done

# What is installed is named by hash, the installer included, and the project itself is built
# with what the lock brought, so that nothing else is ever downloaded.
$(READY): requirements-dev.lock requirements-uv.lock pyproject.toml
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
	      -r requirements-uv.lock; \
	  fi; \
	fi; \
	if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  "$$uv" venv --quiet --clear --python "$$(command -v "$$python")" .venv; \
	fi; \
	echo "installing the dependencies into .venv"; \
	"$$uv" pip sync --python .venv/bin/python --require-hashes requirements-dev.lock; \
	"$$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation \
	  --editable .; \
	touch $(READY)

$(NOTEBOOKS): requirements-notebook.lock $(READY)
	@set -eu; \
	uv=uv; uv --version >/dev/null 2>&1 || uv=.uv/bin/uv; \
	echo "installing what notebooks need into .venv-notebook"; \
	"$$uv" venv --quiet --clear --python .venv/bin/python .venv-notebook; \
	"$$uv" pip sync --quiet --python .venv-notebook/bin/python --require-hashes requirements-notebook.lock; \
	touch $(NOTEBOOKS)

$(SITE): requirements-docs.lock $(READY)
	@set -eu; \
	uv=uv; uv --version >/dev/null 2>&1 || uv=.uv/bin/uv; \
	echo "installing what builds the site into .venv-docs"; \
	"$$uv" venv --quiet --clear --python .venv/bin/python .venv-docs; \
	"$$uv" pip sync --quiet --python .venv-docs/bin/python --require-hashes requirements-docs.lock; \
	touch $(SITE)
