"""Look-ups by number are counted by account, and an unusual count is told, without the numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from gate.control import authorisation
from gate.control.authorisation import Lookups
from gate.control.messages import parsed
from tests.support.accounts import ME
from tests.support.commands import dialgate
from tests.support.running_gate import RunningGate

ANN, BEN = "user:ann(1000)", "user:ben(1001)"


class Counted:
    """A count with what it told."""

    def __init__(self, usual: int) -> None:
        self.told: list[tuple[str, int, Mapping[str, int]]] = []
        self._lookups = Lookups(usual, lambda *unusual: self.told.append(unusual))

    def ask(self, op: str, actor: str = ANN, times: int = 1, **fields: Any) -> None:
        for _ in range(times):
            asyncio.run(self._lookups.note(actor, op, parsed(op, fields)))


def test_more_than_usual_is_told_once_and_again_when_it_has_doubled() -> None:
    counted = Counted(10)
    counted.ask("check", times=10, number="02079460123")
    counted.ask("check", BEN, times=10, number="02079460123")
    assert counted.told == []
    counted.ask("calls_list", text="020 7946 01")
    assert counted.told == [(ANN, 11, {"check": 10, "calls_list": 1})]
    counted.ask("reveal", times=11, kind="call", id="c", why="x")
    assert len(counted.told) == 1
    counted.ask("reveal", kind="call", id="c", why="x")
    assert counted.told[1][:2] == (ANN, 23)
    counted.ask("rehearse", times=22, operation="contacts_forget", request={"id": "a contact's"})
    assert len(counted.told) == 2
    counted.ask("rehearse", times=24, operation="contacts_forget", request={"number": "02079460123"})
    assert counted.told[2][:2] == (ANN, 47)


def test_only_the_last_hour_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(10)
    now = 1000.0
    monkeypatch.setattr(authorisation.time, "monotonic", lambda: now)
    for _ in range(10):
        counted.ask("check", times=10, number="02079460123")
        now += authorisation.SECONDS + 1
    assert counted.told == []


@pytest.mark.parametrize(
    ("op", "fields"),
    [
        ("calls_list", {"text": "listed"}),
        ("calls_list", {"text": None, "number": None}),
        ("calls_list", {"text": "6f2c9e01"}),
        ("objection_add", {"number": "02079460123"}),
        ("hold_add", {"number": "02079460123", "reason": "a claim", "reference": "17"}),
        ("status", {}),
        ("calls_show", {"call_id": "c"}),
    ],
)
def test_what_asks_for_no_number_is_no_look_up(op: str, fields: dict[str, Any]) -> None:
    counted = Counted(0)
    counted.ask(op, **fields)
    assert counted.told == []


def test_it_is_a_leaf_and_a_warning_of_the_gate(tmp_path: Any) -> None:
    gate = RunningGate(tmp_path / "gate")
    gate.set("control", lookups_an_hour=5)
    try:
        client = gate.start().client
        for number in range(6):
            client.call("check", number=f"0207946010{number}")
        ((row),) = gate.rows("SELECT actor, body FROM facts WHERE kind = 'many_lookups'")
        assert row["actor"] == ME
        assert row["body"] == '{"count":6,"operations":{"check":6}}'
        (told,) = [each for each in client.call("status")["warnings"] if "looked up" in each]
        assert f"{ME} looked up 6 numbers within an hour" in told
        assert told in dialgate("status", "-c", str(gate.config), "--json").json["attention"]
    finally:
        gate.stop()
