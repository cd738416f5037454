PYTHON ?= python3
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE :=  # each start would compile all that it imports

ifeq ($(ORDER),random)
RANDOM_ORDER = --random-order --random-order-seed=$(or $(SEED),$(shell date +%s))
endif

# One worker more than there are cores, since tests wait for databases and processes.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(min(os.cpu_count() + 1, 8))")
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: demo play test test-long coverage mutants faults interleavings check chaos soak test-versions bench run format

demo: .venv  ## the main job, played through without any account
	@$(BIN)/python -m tests.playground.tour

play: .venv  ## the same, left running, with a page to be in the channel oneself
	@$(BIN)/python -m tests.playground.play

test: .venv .venv-ministack  ## every test, on SQLite and on a real PostgreSQL; ORDER=random, SEED= to repeat one
	@$(PYTEST) $(RANDOM_ORDER)

test-long: .venv .venv-ministack  ## the same, with every case on both databases, and those marked long
	@$(PYTEST) --long

coverage: .venv .venv-ministack  ## which lines and branches of the product no test reaches
	@$(PYTEST) -p tests.coverage_of_threads --cov --cov-report=term

mutants: .venv  ## take the guards of docs/security.md out one by one, and see their tests go red; MUTANTS=fifth for a part
	@$(BIN)/python -m tests.mutants

faults: .venv  ## an error, a hang, a lost reply wherever database, Slack, AWS, DNS or HTTP is waited for; SITES= for a part
	@$(BIN)/python -m tests.faults

interleavings: .venv  ## each writing transaction held before each statement while others run, on PostgreSQL; MOST= for a part
	@$(BIN)/python -m tests.interleavings

check: .venv  ## formatting, lint, types, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports

chaos: .venv  ## kill -9, stalls, lost replies, database restarts, rolling restarts; CHAOS=short or long, SEED= to repeat one
	@$(BIN)/python -m tests.chaos

soak: .venv  ## a month of mixed work in half an hour, after which nothing may have grown; SOAK=short for five days
	@$(BIN)/python -m tests.soak

test-versions: .venv .venv-ministack  ## the tests on the oldest and the newest libraries allowed; VERSIONS=oldest, TESTS=tests/unit
	@$(BIN)/python -m tests.versions

bench: .venv .venv-peers  ## the targets of docs/performance.md; BENCH=name for one of them; writes benchmarks.json
	@$(BIN)/python -m tests.benchmarks

format: .venv
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

run: .venv  ## the bot for a real workspace, from .env
	@$(BIN)/python app.py

.venv: requirements-dev.txt
	@echo "setting up .venv (about a minute, once)"
	@$(PYTHON) -c 'import sys; sys.exit("Mailroom needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	@began=$$(date +%s); $(PYTHON) -m venv --clear .venv && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-dev.txt && \
	$(BIN)/python -m compileall -q -j 0 .venv/lib && \
	echo "set up in $$(($$(date +%s) - began)) s"
	@touch .venv

.venv-ministack: requirements-ministack.txt
	@echo "setting up .venv-ministack, a second opinion on AWS (10 s, once)"
	@$(PYTHON) -m venv --clear .venv-ministack
	@.venv-ministack/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-ministack.txt
	@touch .venv-ministack

.venv-peers: requirements-peers.txt
	@echo "setting up .venv-peers, what Mailroom is measured beside (10 s, once)"
	@$(PYTHON) -m venv --clear .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-peers.txt
	@touch .venv-peers
