# Wellspring: `make run` shows it, `make test` proves it. `make help` lists the rest.
.DEFAULT_GOAL := help
PY := .venv/bin/python
FLASK := .venv/bin/flask --app app
export UV_PYTHON_DOWNLOADS := never
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# uv when it can be had (fast), plain pip otherwise; both check every hash.
.venv/.run: requirements.txt
	@deploy/install requirements.txt
	@touch $@

.venv/.dev: requirements-dev.txt
	@deploy/install requirements-dev.txt
	@touch $@ .venv/.run

.PHONY: run
run: .venv/.run ## the demo publication, the sandbox for Stripe, the worker and the web server
	@$(PY) deploy/run.py

.PHONY: demo
demo: .venv/.run ## load the demo publication into the database
	@$(FLASK) db upgrade && $(FLASK) demo load

.PHONY: test
test: .venv/.dev ## the whole suite, on SQLite always and on PostgreSQL where a server answers
	@$(PY) -m pytest -n 2 --dist loadgroup

.PHONY: lint
lint: .venv/.dev ## style, types, the house's directions, models against migrations
	@.venv/bin/ruff format --check . && .venv/bin/ruff check .
	@.venv/bin/ty check
	@.venv/bin/lint-imports
	@DATABASE_URL=sqlite:///instance/lint.db sh -c 'rm -f instance/lint.db*; $(FLASK) db upgrade && $(FLASK) db check; code=$$?; rm -f instance/lint.db*; exit $$code'

.PHONY: format
format: .venv/.dev ## rewrite the code in the house style
	@.venv/bin/ruff check --fix -q . ; .venv/bin/ruff format .

.PHONY: check
check: lint test ## lint and test

.PHONY: bench
bench: .venv/.dev ## ratios of the hot pages and the webhook intake to bare Flask, then a flood of forgeries (needs wrk)
	@$(PY) -m bench --flood; echo
	@$(PY) -m bench

.PHONY: chaos
chaos: .venv/.dev ## new histories, seeded faults, 150 kill -9 on each database (SEED; fewer with a short SECONDS_TO_RUN)
	@$(PY) -m tests.machine

.PHONY: sandbox-check
sandbox-check: .venv/.dev ## every trigger of the Stripe CLI against the sandbox (needs npm)
	@$(PY) -m sandbox.check

.PHONY: verify-backup
verify-backup: .venv/.run ## could this backup be put back? FILE=/var/backups/wellspring.db
	@$(FLASK) verify-backup "$(FILE)"

.PHONY: lock
lock: .venv/.dev ## compile requirements.in and requirements-dev.in, with hashes
	@.venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url requirements.in -o requirements.txt
	@.venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url requirements-dev.in -o requirements-dev.txt

