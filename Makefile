## make demo        the whole job on loopback
## make test        all tests but the deep ones, with the programs they talk to (SIPp, baresip, chromium, tmux, ...)
## make test-quick  in about a minute what a change breaks first: without other programs and gates
## make test-deep   the deep tests: state machines, mutants, kills, properties with all their examples
## make test-postgresql  operations, calls and gates with PostgreSQL as their store
## make test-failover  gates on a PostgreSQL that Patroni keeps, killed and promoted by seed: some ten minutes
## make test-packages  the Debian package, the container and the manual as a newcomer types it: needs root and a network
## make peers       programs that tests talk to (a witness, an S3 server), where there is Python 3.12 or later
## make check       format, lint, types, contracts between the packages, kinds of facts said once
## make bench       the benchmarks
## make reference   the reference of the control interface anew (gate/manual/openapi.json)
## make pictures    the console's pictures anew
## make tour        every mode of the console, at three sizes in three themes, drawn into TOUR to be looked at
## make install TO=/opt/dialgate/.venv   what a gate runs with, and nothing else
## make deb         the Debian package of this release of Debian, into dist
## make build       wheel, source and SBOM, into dist
## make lock        the locked dependencies anew
# Each sets up .venv on first use. One test alone:
#   .venv/bin/python -m pytest tests/core/test_calls.py::test_no_evidence_no_call
# The system's own interpreter where there is one that all of the suite runs with (pjsua2 is built for 3.11 at most) and a
# virtual environment and sippy can be made: a distribution builds it with profile-guided optimisation, which what
# version managers build lacks. The same tests take a fifth to a third less processor time.
SYSTEM := /usr/bin/python3.11
WHOLE  := import ensurepip, os, sysconfig, venv; os.stat(sysconfig.get_path("include") + "/Python.h")
PYTHON ?= $(shell $(SYSTEM) -c '$(WHOLE)' 2>/dev/null && echo $(SYSTEM) || echo python3)
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
WORKERS ?= 6
PACKAGES ?= packages
# Where the tests are that load the machine, and the folders of the quick ones.
LOAD   := tests/attack tests/e2e tests/sip
# What only the console's pictures need, which are not among them: each worker would import it.
UNUSED := -p no:textual-snapshot -p no:syrupy
QUICK  := $(addprefix tests/,core config store vault registers audit calls operations control) $(wildcard tests/test_*.py)
# Nothing is fetched without a hash. What comes as source alone (sippy) is built by what .build.lock names: with a
# build isolated from it, pip would fetch the newest tools, unpinned.
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED := $(PIP) --require-hashes

.PHONY: install deb help demo test test-quick test-deep test-postgresql test-failover test-packages bench check pictures tour reference build lock peers clean

$(READY): .requirements.lock .build.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 14) else "dialgate needs Python 3.11 to 3.14; this is %d.%d. Try: make PYTHON=python3.13" % v)'
	$(PYTHON) -m venv $(VENV)
	$(LOCKED) --only-binary :all: -r .build.lock
	$(LOCKED) --no-deps --no-build-isolation -r .requirements.lock
	$(PIP) --no-index --no-deps --no-build-isolation -e .
	@touch $@

# The witness needs another Python than the suite, and neither is a part of it.
PEERS  := $(VENV)/peers

peers: $(PEERS)/.ready

$(PEERS)/.ready: .peers.lock | $(READY)
	for python in python3.13 python3.12 python3.14 python3; do $$python -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && exec $$python -m venv $(PEERS); done; echo "There is no Python 3.12 or later with venv."; exit 1
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r .peers.lock
	@touch $@

help:
	@sed -n 's/^## //p' Makefile

demo: $(READY)
	$(BIN)/dialgate demo

# Compiled files are kept, whatever the environment says: without them each worker and each gate compiles all anew.
export PYTHONDONTWRITEBYTECODE :=
# A process that imports numpy has no thread for each processor that waits, busily, for large matrices.
export OPENBLAS_NUM_THREADS := 1
# Temporary files are kept in memory where there is room for them, and for all accounts: thousands of databases are
# written and thrown away.
ROOMY  := $(shell test -k /dev/shm && test "$$(df --output=avail /dev/shm | tail -n 1)" -gt 8000000 && echo /dev/shm)
PYTEST = $(if $(ROOMY),TMPDIR=$(ROOMY)) $(BIN)/python -m pytest
APART  = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
FEW    := DIALGATE_MOST_EXAMPLES=25
# What failed beside other tests (exit code 1) is run again by itself, and named.
ALONE  = test $$? = 1 && $(BIN)/python -m tests.alone

# Most tests wait for something: several run at once. Those that load the machine run after them, alone. A property is
# tried with 25 examples at most, here and in the quick tests; with all of them in the deep ones.
test: $(READY)
	@rm -f .pytest_cache/v/cache/lastfailed
	$(FEW) $(PYTEST) $(APART) -m "not load and not deep and not packages and not failover" || { $(ALONE); }
	@rm -f .pytest_cache/v/cache/lastfailed
	$(PYTEST) -m load $(LOAD) || { $(ALONE); }

# What a change breaks first: the rules, the stores, the use cases; no other program, no gate of its own. These wait
# for little: one worker more than there are processors.
test-quick: $(READY)
	$(FEW) $(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder $(UNUSED) -m "not load and not peer and not deep and not packages" $(QUICK)

# Thousands of cases each, in no other run, and every property with all its examples: CI runs them after make test.
test-deep: $(READY)
	$(PYTEST) $(APART) $(UNUSED) -m "(deep or hypothesis) and not load"

# What is made twice on the store: the operations and the life of a call; and gates that are killed, stopped, asked and
# put back. tests/store is in make test, on both engines. Buckets and years of data are the same on both.
ON_POSTGRESQL := tests/operations tests/calls $(patsubst %,tests/e2e/test_%.py,ask memory objection requests retention siprec stop)
test-postgresql: $(READY)
	@rm -f .pytest_cache/v/cache/lastfailed
	$(FEW) $(PYTEST) -n 4 --dist loadfile --no-loadscope-reorder $(UNUSED) --store postgresql -m "not load and not deep and not packages" \
	  --ignore tests/operations/test_bucket.py --ignore tests/operations/test_ten_years.py $(ON_POSTGRESQL) || { $(ALONE) --store postgresql; }

# Needs the Debian packages patroni and etcd-server.
test-failover: $(READY)
	$(PYTEST) $(UNUSED) -s -m failover tests/e2e/test_failover.py

# Needs root, a network, and mmdebstrap, lintian, buildah, netavark, binutils, python3-venv.
test-packages: $(READY)
	$(PYTEST) $(UNUSED) -m "$(PACKAGES)" tests/e2e

bench: $(READY)
	$(BIN)/python -m tests.bench

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m tests.kinds
	$(BIN)/lint-imports

reference: $(READY)
	$(BIN)/python -m gate.control.openapi > gate/manual/openapi.json.new && mv gate/manual/openapi.json.new gate/manual/openapi.json
	$(BIN)/python -m gate.control.openapi http > gate/manual/http.json.new && mv gate/manual/http.json.new gate/manual/http.json

pictures: $(READY)
	$(BIN)/python -m tests.console.pictures

TOUR ?= /tmp/dialgate-tour
tour: $(READY)
	$(BIN)/python -m tests.console.tour $(TOUR)

COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-annotate --no-header

# What a release consists of: wheel, source, and the list of what is installed with it (CycloneDX).
build: $(READY)
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist
	$(LOCKED) --only-binary :all: -r .uv.lock -r .release.lock
	$(BIN)/cyclonedx-py requirements .runtime.lock \
	  --pyproject pyproject.toml --output-reproducible -o $$(ls dist/*.whl | sed 's/-py3-none-any.whl/.cdx.json/')

# Without .venv: neither needs what the tests need.
install:
	.packages/environment $(or $(TO),$(error name the new folder: make install TO=/opt/dialgate/.venv)) $(PYTHON)

deb:
	.packages/deb/build dist

lock: $(READY)
	$(LOCKED) --only-binary :all: -r .uv.lock
	$(COMPILE) --all-extras --group dev pyproject.toml -o .requirements.lock
	$(COMPILE) --extra console --extra softphone --constraint .requirements.lock pyproject.toml -o .runtime.lock
	$(COMPILE) --constraint .requirements.lock --group build -o .build.lock
	$(COMPILE) --group lock -o .uv.lock
	$(COMPILE) --group release -o .release.lock
	$(COMPILE) --no-config --group peers -o .peers.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
