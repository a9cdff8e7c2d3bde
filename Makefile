# Two commands do everything on a fresh machine: `make demo` and `make test`.
#
#   make demo ARGS=--exit      the demo, ending by itself
#   make demo ARGS="--seeds 3" three seeds, with the spread

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$p && break; done)
BIN := .venv/bin
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

CORE_TESTS = fade_core tests/unit/core tests/unit/core_torch tests/unit/fadewatch tests/golden \
	tests/property

.PHONY: demo test check lint coverage fuzz format screenshots clean

demo: .venv/.demo
	$(BIN)/fadewatch demo $(ARGS)

test: .venv/.dev
	@tools/ensure-chromium || true
	$(MAKE) --no-print-directory check

# What `make test` runs once the environment is there.
check: lint
	$(BIN)/python -m pytest -n auto --dist loadscope $(ARGS)

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Every branch of the mathematics, by the tests that need no server and no browser.
coverage: .venv/.dev
	$(BIN)/python -m pytest $(CORE_TESTS) --cov=fade_core --cov-branch \
		--cov-report=term-missing:skip-covered --cov-fail-under=100 $(ARGS)

# Ten thousand requests and more, on both databases; a fifth of an hour.
fuzz: .venv/.dev
	FADEWATCH_FUZZ_CASES=90 $(BIN)/python -m pytest tests/integration/server/test_fuzz.py --log-cli-level=INFO

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The pictures in the README and in docs/dashboard.md are what the browser tests see.
screenshots: .venv/.dev
	FADEWATCH_SCREENSHOTS=docs/img $(BIN)/python -m pytest tests/browser

clean:
	rm -rf .venv fadewatch-demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Fadewatch needs Python 3.11, 3.12 or 3.13; none was found."; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.demo: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) -e ".[demo]"
	@touch $@

.venv/.dev: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) -e ".[dev]"
	@touch $@ .venv/.demo
