"""The ladder of a call: a rung for what a fact proves, and none for what none does."""

from __future__ import annotations

from typing import Any

import pytest

from gate.core import ladder
from gate.core.ladder import ACT, CARRIER, GATE, HTTP, PHONES, RTP, SIP, rungs
from gate.core.rows.calls import FactRow

AT = "2026-07-03T10:00:05.000000Z"
ENDED = {"by": "callee", "cause": "hung_up", "code": 200, "seconds": 4.0, "bridged": True}
ALLOWED = {"verdict": "allow", "reason": "not_listed", "source": "192.0.2.15:5062"}


def fact(index: int, kind: str, body: dict[str, Any] | None) -> FactRow:
    return FactRow(leaf_index=index, kind=kind, subject="c", at=AT, actor="gate", body=body)


def drawn(*facts: tuple[str, dict[str, Any] | None]) -> list[tuple[str, str, str, str]]:
    made = rungs([fact(index, kind, body) for index, (kind, body) in enumerate(facts)])
    return [(each.source, each.target, each.protocol, each.label) for each in made]


def test_a_call_to_its_end_has_the_messages_that_its_facts_prove_and_no_other() -> None:
    shown = drawn(
        ("decision", ALLOWED),
        ("answered", {"codec": "PCMU", "trunk": "carrier"}),
        ("announced", {"completed": True, "started": "2026-07-03T10:00:05Z", "ended": "2026-07-03T10:00:13.400000Z"}),
        ("connected", {"recorded": True}),
        ("recording_paused", {"call_id": "c"}),
        ("recording_resumed", {"call_id": "c", "why": "the card is paid"}),
        ("recording_closed", {"seconds": 4.0, "gaps": [[1.0, 2.5]]}),
        ("ended", ENDED),
    )
    assert shown == [
        (PHONES, GATE, SIP, "INVITE"),
        (GATE, GATE, ACT, "allowed: not listed"),
        (CARRIER, GATE, SIP, "200 OK PCMU"),
        (GATE, CARRIER, RTP, "announcement 8.4 s"),
        (PHONES, CARRIER, RTP, "joined, recorded"),
        (PHONES, GATE, RTP, "keys: recording paused"),
        (GATE, GATE, ACT, "recording resumed"),
        (GATE, GATE, ACT, "recording closed: 4.0 s, 1.5 s paused"),
        (CARRIER, GATE, SIP, "BYE"),
    ]


@pytest.mark.parametrize(
    ("ended", "rung"),
    [
        ({"by": "caller", "cause": "cancelled", "code": 0}, (PHONES, GATE, SIP, "CANCEL")),
        ({"by": "caller", "cause": "hung_up", "code": 0}, (PHONES, GATE, SIP, "BYE")),
        ({"by": "trunk", "cause": "busy", "code": 486}, (CARRIER, GATE, SIP, "486 busy")),
        ({"by": "gate", "cause": "time_limit", "code": 0}, (GATE, GATE, ACT, "ended by gate: time limit")),
        ({"by": "caller", "cause": "call_unknown", "code": 0}, (GATE, GATE, ACT, "ended by caller: call unknown")),
        ({"by": "trunk", "cause": "no_trunk", "code": 0}, (GATE, GATE, ACT, "ended by trunk: no trunk")),
    ],
)
def test_an_end_is_a_message_where_a_party_sent_one(ended: dict[str, Any], rung: tuple[str, str, str, str]) -> None:
    assert drawn(("ended", ended)) == [rung]


def test_a_refused_call_ends_with_the_decision_and_a_question_is_no_invite() -> None:
    refused = {"verdict": "block", "reason": "listed_tps", "source": "192.0.2.15:5062"}
    assert drawn(("decision", refused)) == [(PHONES, GATE, SIP, "INVITE"), (GATE, GATE, ACT, "REFUSED: listed tps")]
    asked = drawn(("decision", refused | {"source": "ask"}))
    assert asked[0] == (PHONES, GATE, HTTP, "may it be called?") and len(asked) == 2
    for source in ("ingest", "siprec", None):
        assert drawn(("decision", refused | {"source": source})) == [(GATE, GATE, ACT, "REFUSED: listed tps")]


def test_a_call_in_comes_from_the_carrier_and_an_erased_fact_says_so() -> None:
    shown = drawn(
        ("call_in", ALLOWED), ("answered", {"codec": "PCMA"}), ("announced", {"completed": False, "to": "caller"})
    )
    assert [each[:2] for each in shown] == [(CARRIER, GATE), (GATE, GATE), (PHONES, GATE), (GATE, CARRIER)]
    assert shown[-1][3] == "announcement CUT SHORT"
    assert drawn(("decision", None)) == [(GATE, GATE, ACT, f"decision: {ladder.WITHHELD}")]
    assert drawn(("objection", {"source": "keypad"})) == [(CARRIER, GATE, RTP, "key: no more calls")]
    assert drawn(("objection", {"source": "letter"})) == [(GATE, GATE, ACT, "objection")]


@pytest.mark.parametrize("room", [22, 23, 40, 60])
def test_every_rung_is_as_wide_as_the_three_lines_and_stands_on_them(room: int) -> None:
    facts = [
        fact(0, "decision", ALLOWED | {"reason": "x" * 200}),
        fact(1, "answered", {"codec": "PCMU" * 50}),
        fact(2, "announced", {"completed": True}),
        fact(3, "connected", {"recorded": False}),
        fact(4, "ended", ENDED),
        fact(5, "ended", ENDED | {"by": "caller"}),
    ]
    assert len(ladder.heading(room)) == 2 * room + 3
    for rung in rungs(facts):
        line = ladder.line(rung, room)
        assert len(line) == 2 * room + 3, line
        ends = {0: line[0], 1: line[room + 1], 2: line[-1]}
        touched = {ladder.COLUMNS.index(rung.source), ladder.COLUMNS.index(rung.target)}
        crossed = range(min(touched) + 1, max(touched))
        assert all(ends[at] in "│●" for at in range(3) if at not in crossed), line
    right, left = (ladder.line(rungs([facts[at]])[0], room) for at in (5, 4))
    assert right[room] == "►" and right[1] == "─" and left[room + 2] == "◄"
