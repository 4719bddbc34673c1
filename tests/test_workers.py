"""Workers that are forked (``tests.support.workers``) run what pytest would have run by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[1]
CONFTEST = (
    f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests.conftest import pytest_addoption, pytest_runtestloop\n"
)
HEAD = """
import os, random, signal, time, warnings, pytest
from pathlib import Path
HERE = Path(__file__).parent

def note(what):
    with (HERE / "notes").open("a") as notes:
        notes.write(f"{what} {os.getpid()}\\n")

note(f"collected {__name__}")
"""
FILES = {
    "test_first": """
@pytest.fixture(scope="module")
def of_module(tmp_path_factory):
    yield tmp_path_factory.mktemp("of")
    note("module is over")

@pytest.fixture(scope="session", autouse=True)
def of_session():
    note("session begins")
    yield
    note("session is over")

def test_passes(of_module, capfd):
    os.system("echo said")
    assert capfd.readouterr().out == "said\\n"
    warnings.warn("take care")

@pytest.mark.parametrize("n", range(3))
def test_each(of_module, n):
    note(f"place {of_module.parent}")

def test_fails(of_module):
    print("before it")
    assert [1, 2] == [1, 3]
""",
    "test_killed": """
def test_before():
    note(f"dice {random.random()}")

def test_is_killed():
    os.kill(os.getpid(), signal.SIGKILL)

def test_after():
    note(f"dice {random.random()}")
""",
    "test_last": """
def test_skips():
    pytest.skip("not here")

def test_long_report():
    print("x" * 3_000_000)
    assert False
""",
}


def run(folder: Path, *more: str) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
    """What pytest said, and each test's outcome."""
    (folder / "conftest.py").write_text(CONFTEST)
    for name, body in FILES.items():
        (folder / f"{name}.py").write_text(HEAD + body)
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(folder), "-c", "/dev/null"]
    options = ["--import-mode=importlib", "--junitxml", "out.xml"]
    done = subprocess.run(
        [*command, *options, *more, "."], cwd=folder, capture_output=True, text=True, timeout=PATIENCE
    )  # fmt: skip
    cases = ElementTree.parse(folder / "out.xml").iter("testcase")  # noqa: S314 - pytest's own
    return done, {case.attrib["name"]: next((each.tag for each in case), "passed") for case in cases}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[str, str]]:
    folder = tmp_path_factory.mktemp("workers")
    done, outcomes = run(folder, "--workers", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    return folder, done.stdout, outcomes


def test_each_is_run_once_and_told_as_ever(ran: tuple[Path, str, dict[str, str]]) -> None:
    folder, said, outcomes = ran
    passed = {name for name, outcome in outcomes.items() if outcome == "passed"}
    assert passed == {"test_passes", "test_each[0]", "test_each[1]", "test_each[2]", "test_before", "test_after"}
    assert outcomes["test_skips"] == "skipped"
    assert {outcomes[name] for name in ("test_fails", "test_is_killed", "test_long_report")} == {"failure"}
    assert len(outcomes) == 10
    for text in ("assert [1, 2] == [1, 3]", "before it", "its worker ended with -9", "take care", "3 failed, 6 passed"):
        assert text in said
    failed = json.loads((folder / ".pytest_cache/v/cache/lastfailed").read_text())
    assert {name.partition("::")[2] for name in failed} == {"test_fails", "test_is_killed", "test_long_report"}


def test_one_process_collects_and_others_run(ran: tuple[Path, str, dict[str, str]]) -> None:
    notes = [line.rsplit(" ", 1) for line in (ran[0] / "notes").read_text().splitlines()]
    collectors = [pid for what, pid in notes if what.startswith("collected")]
    assert len(collectors) == 3 and len(set(collectors)) == 1
    runners = {pid for what, pid in notes if not what.startswith("collected")}
    assert runners.isdisjoint(collectors) and len(runners) >= 2
    for kind in ("place", "dice"):
        found = {what for what, _ in notes if what.startswith(kind)}
        assert len(found) == (1 if kind == "place" else 2), found
    words = [what for what, _ in notes]
    assert words.count("module is over") == 1
    assert words.count("session begins") == words.count("session is over") == 1


def test_after_the_first_failure_none_is_begun(tmp_path: Path) -> None:
    done, outcomes = run(tmp_path, "--workers", "1", "-x")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "test_fails" in outcomes and "test_skips" not in outcomes
    assert "stopping after 1 failures" in done.stdout
