"""What a short command does not import: a cold ``dialgate check`` answers at once because of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import ROOT
from tests.support.example import make_example

HEAVY = frozenset(
    {
        *("aiohttp", "asyncio", "cryptography", "holidays", "http.client", "numpy", "phonenumbers", "pyVoIP", "rich"),
        *("prometheus_client", "rtp", "sippy", "soundfile", "sqlite_utils", "structlog", "textual", "tomlkit"),
    }
)
SOUND = frozenset({"numpy", "soundfile"})
OTHER_PARTS = frozenset({"gate.exports", "gate.vault.keyfile", "email", "jinja2"})
"""What a check has no use for: what other operations load when they are asked for."""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start") / "gate"
    make_example(folder)
    return folder / "config.toml"


def imported(*arguments: str, watched: frozenset[str] = HEAVY) -> list[str]:
    """The exit code of a command in a process of its own, and what of ``watched`` it imported."""
    program = (
        "import sys\n"
        "from gate.cli.main import cli\n"
        "try: cli.main(sys.argv[1:])\n"
        "except SystemExit as end: code = end.code\n"
        f"print(code, *sorted({set(watched)} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout, done.stderr
    return done.stderr.split()


@pytest.mark.parametrize(("number", "code"), [("020 7946 0123", "0"), ("020 7946 0101", "3"), ("dial me", "3")])
def test_a_cold_check_imports_nothing_heavy(config: Path, number: str, code: str) -> None:
    assert imported("check", number, "-c", str(config)) == [code]


def test_a_cold_check_loads_nothing_of_other_operations(config: Path) -> None:
    assert imported("check", "020 7946 0123", "-c", str(config), watched=OTHER_PARTS) == ["0"]
    assert "jinja2" in imported("letters", "show", "refusal", "-c", str(config), watched=OTHER_PARTS)


def test_a_check_of_another_country_loads_its_numbering_plans(config: Path) -> None:
    assert imported("check", "+33 6 12 34 56 78", "-c", str(config)) == ["3", "phonenumbers"]


def test_lists_of_a_gate_that_does_not_run_import_nothing_heavy(config: Path) -> None:
    for line in ("objection list", "register status", "calls list", "request list", "audit status"):
        assert imported(*line.split(), "--json", "-c", str(config)) == ["0"], line
    for line in ("recording list", "retention status"):
        assert imported(*line.split(), "--json", "-c", str(config), watched=SOUND) == ["0"], line


def test_help_imports_nothing_heavy() -> None:
    assert imported("--help") == ["0"]
    assert imported("check", "--help") == ["0"]
