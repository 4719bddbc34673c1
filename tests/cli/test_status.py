"""``dialgate status``: what is told at a glance, and when its exit code says that somebody must look."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gate.cli.status import NOT_RUNNING, _used
from gate.config.write import amend
from gate.converting import convert
from gate.core.allowances import ENDLESS
from gate.core.rows.audit import LogNow
from gate.core.rows.calls import UsageRow
from gate.core.rows.lists import RegisterInForce
from gate.operations.requests.standing import OpenRequests
from gate.operations.status.glance import GateStatus, attention
from tests.support.commands import Done, dialgate
from tests.support.example import go_live, make_example
from tests.support.example_values import example as an_example
from tests.support.vault import new_key


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("status") / "gate"
    make_example(folder)
    return folder


def status(folder: Path, *more: str) -> Done:
    return dialgate("status", "-c", str(folder / "config.toml"), *more)


def test_at_a_glance_and_the_exit_code(example: Path) -> None:
    alone = status(example)
    assert alone.code == 1
    assert "TPS: ok, 27 days left" in alone.out and "never verified" in alone.out and "requests: open 0" in alone.out
    assert "ATTENTION: recordings can be opened with the key of" in alone.out
    assert alone.out.startswith("gate: NOT RUNNING\n") and f"ATTENTION: {NOT_RUNNING}" in alone.out
    _, recipient = new_key("Carol", "escrow", "correct horse battery", datetime.now(UTC))
    (example / "carol.recipient").write_text(recipient.to_text())
    config = ("-c", str(example / "config.toml"))
    assert dialgate("key", "add", str(example / "carol.recipient"), *config).code == 0
    assert dialgate("audit", "verify", *config).code == 0
    well = status(example, "--json")
    assert (well.code, well.json["running"], well.json["attention"]) == (1, False, [NOT_RUNNING])
    assert well.json["log"]["verified"]["ok"] is True
    assert {row["name"] for row in well.json["registers"]} == {"tps", "ctps"}
    _tamper(example / "data" / "gate.db")
    assert dialgate("audit", "verify", *config).code == 1
    bad = status(example)
    assert bad.code == 1
    assert "ATTENTION: The log did not hold on" in bad.out and "it did NOT hold" in bad.out


def _tamper(database: Path) -> None:
    connection = sqlite3.connect(database)
    connection.execute("UPDATE facts SET actor = 'user:nobody(1)' WHERE leaf_index = 1")
    connection.commit()
    connection.close()


TRUNK: dict[str, Any] = {"name": "first", "up": None, "registered": None, "code": 0}
USAGE: dict[str, Any] = dict.fromkeys(UsageRow.__struct_fields__, 0) | {
    "claimed_by": "account:alice",
    "refused": None,
    "many_service_calls": False,
    "listed_service_today": 25,
    "listed_percent_today": 40,
    "listed_percent_before": 19,
    "many_listed_service_calls": False,
}
EMPTY = ("alarms", "acknowledged", "calls", "usage", "trunks", "trunk_tests", "redirects")
WELL: dict[str, Any] = {
    "registers": [{"name": "tps", "state": "ok", "days_left": 6}],
    "requests": {"open": 2, "warned": 1, "overdue": 0},
    "log": {"verified": None},
    "warnings": [],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"registers": [{"name": "tps", "state": "ok", "days_left": 5}]}, "TPS supports calls for 5 days more"),
        ({"registers": [{"name": "tps", "state": "ok", "days_left": -1}]}, "TPS supports no calls: its days are over"),
        ({"registers": [{"name": "ctps", "state": "missing", "days_left": None}]}, "CTPS supports no calls: missing"),
        ({"registers": [{"name": "tps", "state": "damaged", "days_left": 9, "problem": "cut"}]}, "no calls: cut"),
        ({"requests": {"open": 2, "overdue": 1}}, "Requests overdue: 1"),
        (
            {"log": {"verified": {"at": "2026-03-02T09:00:00.000000Z", "actor": "a", "ok": False}}},
            "did not hold on 2026-03-02 09:00",
        ),
        ({"warnings": ["one key alone"]}, "one key alone"),
        ({"trunks": [TRUNK | {"up": False}]}, "The trunk first is down"),
        ({"trunks": [TRUNK | {"registered": False}]}, "The trunk first does not take the gate's registration"),
        ({"trunks": [TRUNK]}, None),
        ({"usage": [USAGE]}, None),
        ({"usage": [USAGE | {"many_listed_service_calls": True}]}, "account:alice: 25 service calls today to numbers"),
    ],
)
def test_what_needs_attention(change: dict[str, Any], said: str | None) -> None:
    made = {**an_example(GateStatus), **{name: [] for name in EMPTY}, **WELL, **change}
    registers = [an_example(RegisterInForce) | {"problem": ""} | each for each in made["registers"]]
    requests = an_example(OpenRequests) | {"stuck": 0} | made["requests"]
    log = convert({"size": 1, "checkpoint": None} | made["log"], LogNow)
    answer = convert(made | {"registers": registers, "requests": requests}, GateStatus)
    found = list(attention(answer, log))
    assert (found == []) if said is None else (len(found) == 1 and said in found[0]), found


def test_a_live_gate_asks_until_it_is_decided_how_emergency_calls_go(tmp_path: Path) -> None:
    config = make_example(tmp_path / "gate") / "config.toml"

    def asks() -> bool:
        told = dialgate("status", "--json", "-c", str(config)).json
        return any("how emergency calls go" in each for each in told["attention"])

    assert not asks(), "a gate that dials nobody"
    go_live(config)
    amend(config, {"emergency": {"elsewhere": False}})
    assert asks()
    assert dialgate("status", "-c", str(config)).code == 1
    for decided in ({"elsewhere": True}, {"elsewhere": False, "trunk": "192.0.2.20:5060"}):
        amend(config, {"emergency": decided})
        assert not asks()
    amend(config, {"emergency": {"elsewhere": True}})
    done = dialgate("config", "show", "-c", str(config))
    assert done.code and "they go by the gate, or by another line" in done.err


def test_whoever_only_asks_has_no_calls_in_hand_and_no_bound_of_a_thousand_million() -> None:
    """``0 of 1,000,000,000 calls at once``."""
    values = an_example(UsageRow) | {
        "claimed_by": "token:crm", "calls_now": 0, "calls_at_once": ENDLESS, "calls_last_minute": 3,
        "calls_a_minute": 6000, "seconds_today": 0, "seconds_a_day": ENDLESS, "calls_today": 1,
        "service_percent_today": 0, "listed_service_today": 0,
    }  # fmt: skip
    used = convert(values, UsageRow)
    assert list(_used(used)) == [
        "3 of 6,000 in the last minute",
        "0 % of 1 call today were service calls",
        "0 of these to numbers that are listed or have objected",
    ]
    bounded = replace(used, calls_at_once=20, seconds_a_day=36000)
    assert next(iter(_used(bounded))) == "0 of 20 calls at once"
