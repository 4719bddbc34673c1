"""Set-up: whatever is fetched is fetched by its hash, the tools that build from source included."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests import conftest
from tests.support.examples import MOST, examples

ROOT = Path(__file__).parents[1]


def installs() -> list[list[str]]:
    """The ``pip install`` commands of set-up on a fresh machine and of ``make lock``, as make would run them."""
    shown = subprocess.run(
        ["make", "-n", "-B", "VENV=/nonexistent", "lock"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    commands = [shlex.split(line, comments=True) for line in shown.splitlines() if "pip install" in line]
    assert len(commands) >= 4, shown
    return commands


def test_whatever_is_fetched_has_a_hash() -> None:
    for command in installs():
        assert "--require-hashes" in command or "--no-index" in command, command


def test_nothing_is_fetched_to_build_with() -> None:
    """pip would build in an isolated environment, with the newest tools and no hash."""
    for command in installs():
        assert "--no-build-isolation" in command or "--only-binary" in command, command


def test_what_builds_is_installed_first_and_locked() -> None:
    files = [command[command.index("-r") + 1] for command in installs() if "-r" in command]
    assert files.index(".build.lock") < files.index(".requirements.lock")
    for name in files:
        for block in (ROOT / name).read_text().replace("\\\n", " ").splitlines():
            assert "==" in block and "--hash=sha256:" in block, block[:80]
    assert "\nsetuptools==" in "\n" + (ROOT / ".build.lock").read_text()


def test_the_systems_python_is_taken_where_it_is_whole_and_python3_elsewhere(tmp_path: Path) -> None:
    """One without ``ensurepip``, or without the headers that sippy is built with, makes no ``.venv``."""
    whole, bare = tmp_path / "whole", tmp_path / "bare"
    whole.write_text("#!/bin/sh\nexit 0\n")
    bare.write_text("#!/bin/sh\nexit 1\n")
    for script in (whole, bare):
        script.chmod(0o755)
    assert makes_venv(f"SYSTEM={whole}") == str(whole)
    assert makes_venv(f"SYSTEM={bare}") == makes_venv("SYSTEM=/nonexistent") == "python3"
    assert makes_venv(f"SYSTEM={whole}", "PYTHON=python3.12") == "python3.12"


def makes_venv(*variables: str) -> str:
    """The interpreter that set-up on a fresh machine would take."""
    shown = subprocess.run(
        ["make", "-n", "-B", "VENV=/nonexistent", *variables, "lock"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return next(
        words[0] for line in shown.splitlines() if (words := shlex.split(line, comments=True))[1:3] == ["-m", "venv"]
    )


def test_the_files_that_the_suite_begins_with_are_there() -> None:
    assert [name for name in conftest._LONG if not (ROOT / "tests" / name).is_file()] == []


def quick() -> list[str]:
    """The files and folders of ``make test-quick``."""
    shown = subprocess.run(["make", "-n", "test-quick"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [word for word in shlex.split(shown) if word.startswith("tests/")]


def test_the_quick_suite_names_folders_that_are_there() -> None:
    assert len(quick()) > 10
    assert [name for name in quick() if not (ROOT / name).exists()] == []


def test_no_property_of_the_quick_suite_says_how_often_it_is_tried_whoever_asks() -> None:
    """``examples(N)`` says it, which ``make test-quick`` makes fewer."""
    named = [ROOT / name for name in quick()]
    files = [file for place in named for file in ([place] if place.is_file() else place.rglob("*.py"))]
    assert len(files) > 100
    assert [file.name for file in files if re.search(r"max_examples\s*=\s*[0-9]", file.read_text("utf-8"))] == []


def test_the_quick_suite_and_the_whole_one_try_25_examples_and_the_deep_one_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for target, tried in (("test-quick", 25), ("test", 25), ("test-deep", 500)):
        monkeypatch.delenv(MOST, raising=False)
        shown = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name, _, value in (word.partition("=") for word in shlex.split(shown, comments=True)):
            if name == MOST:
                monkeypatch.setenv(MOST, value)
        assert (examples(500), examples(20)) == (tried, 20), target
