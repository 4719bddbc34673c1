# make demo: the whole job on loopback; make test: the suite. Both set up .venv on first use.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
WORKERS ?= 4
# Nothing is fetched without a hash. What comes as source alone (sippy) is built by what .build.lock names: with a
# build isolated from it, pip would fetch the newest tools, unpinned.
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED := $(PIP) --require-hashes

.PHONY: demo test bench check pictures lock clean

$(READY): .requirements.lock .build.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "dialgate needs Python 3.11 to 3.13; this is %d.%d. Try: make PYTHON=python3.13" % v)'
	$(PYTHON) -m venv $(VENV)
	$(LOCKED) --only-binary :all: -r .build.lock
	$(LOCKED) --no-build-isolation -r .requirements.lock
	$(PIP) --no-index --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)
	$(BIN)/dialgate demo

# Most tests wait for something: several run at once. Those that load the machine run after them, alone.
test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not load"
	$(BIN)/python -m pytest -m load

bench: $(READY)
	$(BIN)/python -m tests.bench

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

pictures: $(READY)
	$(BIN)/python -m tests.console.pictures

COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-annotate --no-header

lock: $(READY)
	$(LOCKED) --only-binary :all: -r .uv.lock
	$(COMPILE) --all-extras --group dev pyproject.toml -o .requirements.lock
	$(COMPILE) --group build -o .build.lock
	$(COMPILE) --group lock -o .uv.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
