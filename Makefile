# Two commands do everything: `make demo` and `make test`. Both install what is missing into .venv.
PY := .venv/bin/python
# Its report is long, so that it is shown only where a contract is broken.
IMPORTS := .venv/bin/lint-imports --no-logo
RUNS ?= runs
WORKERS ?= auto

.PHONY: demo test lint style format lock clean setup slow docs

setup:
	@.ci/setup

demo: setup
	@$(PY) -m experiments run quickstart old-faithful --out $(RUNS)

# ORDER=7 runs the tests in the random order that 7 fixes. The types are checked at the same time.
test: style
	@.ci/test -n $(WORKERS) --dist worksteal $(if $(ORDER),--order-seed $(ORDER))

# Engines of other programs are tested with the versions of requirements-engines.lock.
slow: setup
	@.ci/setup-engines
	@$(PY) -m pytest -m slow -n $(WORKERS) --dist worksteal

# Warnings are errors; the notebook is executed on the way.
docs: setup
	@$(PY) -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "Documentation: docs/_build/html/index.html"

lint: style
	@$(PY) -m mypy

# The checks of `make lint` that take seconds.
style: setup
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(IMPORTS) >/dev/null || $(IMPORTS)

format: setup
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

# Exact versions with the hashes of their files, for every platform and every supported Python, from pyproject.toml.
lock: setup
	@$(PY) -m uv pip compile pyproject.toml --universal --python-version 3.12 --extra dev --upgrade --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet --output-file requirements.lock
	@.ci/lock-engines --upgrade

clean:
	@rm -rf .venv .venv.partial dist docs/_build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find gmm_em gmm_bayes experiments tests examples docs -name __pycache__ -prune -exec rm -rf {} +
