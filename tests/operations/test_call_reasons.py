"""Attempts counted by caller and reason, on a real data folder and by the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate.config import load
from gate.control.messages import carry_out
from gate.core.rows.calls import ReasonCount
from gate.daemon.opening import open_folder
from gate.errors import UsageError
from gate.operations.calls.calls import CallsReasons
from gate.operations.calls.screening import Decide
from gate.operations.operation import Caller
from tests.support.asking import Asking
from tests.support.commands import dialgate
from tests.support.example import make_example

LISTED, UNLISTED = "020 7946 0101", "020 7946 0123"


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Asking]:
    make_example(tmp_path / "gate")
    with ExitStack() as stack:
        yield Asking(open_folder(load(tmp_path / "gate" / "config.toml"), stack), "http:dialler@127.0.0.1")


def test_attempts_are_counted_by_caller_and_reason(gate: Asking, tmp_path: Path) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    for number in (LISTED, LISTED, UNLISTED, "no number"):
        carry_out(gate.folder, Decide(number=number), Caller(gate.actor))
    counts = {(each.verdict, each.reason): each.attempts for each in gate.ask(CallsReasons(since=before)).items}
    assert counts["block", "listed_tps"] == 2
    assert sum(counts.values()) == 4
    assert gate.ask(CallsReasons(since=before)).items[0] == ReasonCount(
        claimed_by=gate.actor, verdict="block", reason="listed_tps", attempts=2
    )
    assert gate.ask(CallsReasons(since=before, claimed_by="account:nobody")).items == []
    assert gate.ask(CallsReasons(since=before, until=before + timedelta(microseconds=1))).items == []
    with pytest.raises(UsageError, match="ends before it begins"):
        gate.ask(CallsReasons(since=before, until=before))


def test_the_command_shows_them(tmp_path: Path) -> None:
    make_example(tmp_path / "gate")
    config = str(tmp_path / "gate" / "config.toml")
    with ExitStack() as stack:
        folder = open_folder(load(Path(config)), stack)
        carry_out(folder, Decide(number=LISTED), Caller("user:ann(1000)"))
    shown = json.loads(dialgate("calls", "reasons", "--since", "today", "--json", "-c", config).out)
    row = {"claimed_by": "user:ann(1000)", "verdict": "block", "reason": "listed_tps", "attempts": 1}
    assert shown == {"items": [row]}
    assert "listed_tps" in dialgate("calls", "reasons", "--since", "today", "-c", config).out
    assert dialgate("calls", "reasons", "-c", config).code == 2
