"""What holds for the whole suite: the example folder that its processes share, a network for each worker, the order."""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support import cheap_keys, databases, example, worker_server
from tests.support.examples import examples

_CLONE_NEWNET = 0x40000000
_TESTS = Path(__file__).parent
_WAITING = {"e2e": 6.0, "attack": 5.0, "sip": 1.0, "recorder": 0.7, "media": 0.5}
"""Folders whose tests wait for calls, gates and other programs: seconds that a test takes, about."""
_COMPUTING = {"console": 1.5, "cli": 0.4, "exports": 0.2, "audit": 0.2}
"""Folders whose tests keep a processor busy."""
_ELSEWHERE = 0.05
_LONG = {
    "audit/test_flips.py": 30.0,
    "cli/test_demo.py": 60.0,
    "cli/test_guided.py": 20.0,
    "cli/test_keys.py": 25.0,
    "cli/test_register_days.py": 10.0,
    "cli/test_start.py": 10.0,
    "console/test_requests.py": 30.0,
    "console/test_tour.py": 25.0,
    "control/test_watch.py": 18.0,
    "core/test_calls_mutations.py": 15.0,
    "core/test_screening_properties.py": 10.0,
    "e2e/test_calls_in.py": 100.0,
    "e2e/test_container.py": 80.0,
    "e2e/test_crash.py": 60.0,
    "e2e/test_disk_full.py": 75.0,
    "e2e/test_newcomer.py": 240.0,
    "e2e/test_package.py": 150.0,
    "e2e/test_scenarios.py": 70.0,
    "e2e/test_tones.py": 75.0,
    "e2e/test_typed.py": 100.0,
    "exports/test_bundle.py": 25.0,
    "exports/test_bundle_check.py": 20.0,
    "exports/test_letter_fuzz.py": 10.0,
    "exports/test_letter_proof_browser.py": 15.0,
    "exports/test_pack_browser.py": 20.0,
    "exports/test_receipts_browser.py": 25.0,
    "media/test_relay.py": 75.0,
    "operations/test_erasing.py": 20.0,
    "recorder/test_deaths.py": 30.0,
    "recorder/test_finisher.py": 18.0,
    "registers/test_import_process.py": 10.0,
    "sip/test_baresip.py": 20.0,
    "sip/test_pjsip.py": 75.0,
    "sip/test_scenarios.py": 45.0,
    "test_packaging.py": 10.0,
    "test_patterns.py": 20.0,
    "test_softphone.py": 18.0,
    "test_work.py": 15.0,
}
"""Files that take longer than their folder and the number of their tests lead one to expect, in seconds."""


_ROOM = "DIALGATE_TEST_ROOM"
"""Environment variable: the folder for temporary files of all processes of a run."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """On which engine the stores are that tests open in their own process; tests/store runs on both."""
    parser.addoption("--store", choices=("sqlite", "postgresql"), default="sqlite")


def pytest_configure(config: pytest.Config) -> None:
    _own_room()
    example.share()
    databases.copy_empty()
    if config.getoption("--store") == "postgresql":
        databases.use_postgresql()
    cheap_keys.ask_for_least()
    settings.register_profile("as many as asked", max_examples=examples(settings.default.max_examples))
    settings.load_profile("as many as asked")
    if "PYTEST_XDIST_WORKER" in os.environ:
        _own_network()
    if hasattr(config, "workerinput"):
        worker_server.tell_less(config)


def _own_room() -> None:
    """Have a run's temporary files go with it, whoever left them: workers and programs that are killed leave theirs.
    What pytest keeps of the last runs (``tmp_path``) stays where it always is."""
    if _ROOM not in os.environ:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
        os.environ[_ROOM] = os.environ["TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp(prefix="dialgate-run-")
        Path(tempfile.tempdir).chmod(0o1777)  # for all accounts, as the folder that it lies in
        atexit.register(shutil.rmtree, tempfile.tempdir, ignore_errors=True)


def _own_network() -> None:
    """Where this worker may make one: then no two workers find the same free port. baresip wants an address beside the
    loopback's."""
    if os.geteuid() == 0 and shutil.which("ip") and ctypes.CDLL(None).unshare(_CLONE_NEWNET) == 0:
        for command in (
            "link set lo up",
            "link add here type veth peer name there",
            "addr add 192.0.2.1/24 dev here",
            "link set here up",
            "link set there up",
        ):
            subprocess.run(["ip", *command.split()], check=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: Sequence[Any]) -> None:
    """Workers are forked from one process that has imported all tests."""
    atexit.register(_print_cost)  # before what the server registers, and so after it has ended
    worker_server.start(config, specs)


def _print_cost() -> None:
    """What the run has cost, but for programs that were killed: the whole suite is to stay below 600 s."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f"{sum(each.ru_utime + each.ru_stime for each in spent):.0f} s of processor")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is about the other engine's files is left out (``engine("sqlite")``); tests/store runs on both, but with
    ``--store postgresql``.

    Long files first, and those that wait beside those that compute: then no worker has a long one left at the end,
    and no processor is idle."""
    other = "sqlite" if config.getoption("--store") == "postgresql" else "postgresql"
    items[:] = [item for item in items if not _of_alone(item, other)]
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    longest = sorted(files, key=lambda path: (-_seconds(path, files[path]), str(path)))
    waiting = [path for path in longest if _folder(path) in _WAITING]
    computing = [path for path in longest if _folder(path) not in _WAITING]
    order = [path for path in chain.from_iterable(zip_longest(waiting, computing)) if path]
    items[:] = [item for path in order for item in files[path]]


def _of_alone(item: pytest.Item, engine: str) -> bool:
    if _folder(item.path) == "store":
        parameters = getattr(item, "callspec", None)
        return engine == "sqlite" and parameters is not None and parameters.params.get("engine") == engine
    marker = item.get_closest_marker("engine")
    return marker is not None and marker.args == (engine,)


def _folder(path: Path) -> str:
    return path.relative_to(_TESTS).parts[0]


def _seconds(path: Path, items: list[pytest.Item]) -> float:
    known = _LONG.get(path.relative_to(_TESTS).as_posix())
    return known or (_WAITING | _COMPUTING).get(_folder(path), _ELSEWHERE) * len(items)


def pytest_collection_finish() -> None:
    """What has been imported stays: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_sessionfinish() -> None:
    """One look at what is garbage by now; pytest itself has the collector look five times at everything."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_databases_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each is larger than all that stands in it."""
    on_postgresql = request.config.getoption("--store") == "postgresql" and "tmp_path" in request.fixturenames
    own = request.getfixturevalue("tmp_path") if on_postgresql else None
    yield
    if own is not None:
        from tests.support import postgresql

        postgresql.drop_all(own)


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """What a command that ran in this process has set ends with its test."""
    os.umask(0o022)
    yield
    os.umask(0o022)
