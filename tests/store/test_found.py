"""A line finds the rows that show its words, and no other: each word of the screen is asked of a day's calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from console import words
from gate.core.days import LONDON
from gate.core.finding import sought
from gate.core.rows.calls import CallRow
from gate.ports import Fact
from gate.store import search
from gate.store.store import EvidenceStore
from tests.support.evidence import decision, open_store, put

TODAY = date(2026, 3, 3)
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
NUMBERS = ("+442079460123", "+441614960999", "+447700900123")
CALLERS = ("account:alice", "account:bilal", "trunk:pbx1")
REASONS = (
    ("allow", "not_listed"), ("block", "listed_tps"), ("block", "listed_ctps"), ("allow", "consented"),
    ("allow", "service_call"), ("block", "objected"), ("block", "outside_hours"), ("block", "destination_not_allowed"),
    ("block", "too_many_calls"), ("block", "pensions_not_authorised"), ("allow", "emergency_call"),
)  # fmt: skip


def day_of_calls(store: EvidenceStore) -> None:
    """66 attempts of two days: allowed ones rung, answered, talked, recorded or given up."""
    for at_number in range(66):
        verdict, reason = REASONS[at_number % len(REASONS)]
        call, at = f"{at_number:02x}aa{at_number:02}cc", START + timedelta(minutes=31 * at_number)
        purpose = "service" if "service" in reason else "marketing"
        topic = "pensions" if at_number % 7 == 3 else "claims" if at_number % 7 == 5 else "general"
        put(store, decision(
            call, NUMBERS[at_number % 3], at=at, reason=reason, verdict=verdict, purpose=purpose, topic=topic,
            claimed_by=CALLERS[at_number // 11 % 3],
        ))  # fmt: skip
        if verdict == "block":
            continue
        ended = {"by": "callee", "cause": "hung_up", "code": 200, "seconds": 30.0, "bridged": True}
        if at_number % 3:
            put(store, Fact("answered", call, at + timedelta(seconds=5), "gate", {"codec": "PCMU"}))
            put(store, Fact("connected", call, at + timedelta(seconds=9), "gate", {"recorded": at_number % 2 == 0}))
        if at_number % 4:
            put(store, Fact("ended", call, at + timedelta(seconds=40), "gate", ended))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("found")
    opened = open_store(folder)
    day_of_calls(opened)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def calls(store: EvidenceStore) -> list[CallRow]:
    return store.call(lambda tx: search.calls_window(tx, limit=1000)).items


def found(store: EvidenceStore, line: str, **named: Any) -> list[str]:
    read = sought(line, TODAY)
    page = store.call(
        lambda tx: search.calls_window(tx, limit=1000, text=read.text, since=read.since, until=read.until, **named)
    )
    return [row.call_id for row in page.items]


def london(row: CallRow) -> datetime:
    return datetime.fromisoformat(row.at).astimezone(LONDON)


def shown(row: CallRow) -> dict[str, str]:
    """What the console shows of a row, column by column."""
    return {
        "From": words.caller(row.claimed_by)[0],
        "Purpose": words.text(row.purpose)[0],
        "Verdict": words.verdict(row.verdict)[0],
        "Reason": words.reason(row.reason)[0],
        "State": words.state(row.state)[0],
        "Topic": row.topic or "",
    }


def test_each_word_on_the_screen_finds_the_rows_that_show_it(store: EvidenceStore, calls: list[CallRow]) -> None:
    """In each column, alone, in capitals, denied, and with a day."""
    asked = 0
    days = {london(row).date() for row in calls}
    for column in shown(calls[0]):
        for word in sorted({shown(row)[column] for row in calls}):
            if (column, word) in (("State", "answered"), ("State", "refused")):
                continue  # wider than the state: see below
            rows = [row for row in calls if shown(row)[column] == word]
            assert set(found(store, word)) == {row.call_id for row in rows}, (column, word)
            assert found(store, word.upper()) == found(store, word), (column, word)
            denied = {row.call_id for row in calls if shown(row)[column] != word}
            if word != "not listed":  # "not not listed" is nobody's question
                assert set(found(store, f"without {word}")) == denied, (column, word)
            for day in days:
                of_day = {row.call_id for row in rows if london(row).date() == day}
                assert set(found(store, f"{day:%d %b} {word}")) == of_day, (column, word, day)
            asked += 3 + len(days)
    assert asked >= 110


QUESTIONS: list[tuple[str, Callable[[CallRow], bool]]] = [
    ("yesterday allowed", lambda row: london(row).date() == date(2026, 3, 2) and row.verdict == "allow"),
    ("yesterday refused", lambda row: london(row).date() == date(2026, 3, 2) and row.verdict == "block"),
    ("refused", lambda row: row.verdict == "block"),
    ("answered", lambda row: row.answered_at is not None),
    ("unanswered", lambda row: row.answered_at is None),
    ("allowed unanswered", lambda row: row.verdict == "allow" and row.answered_at is None),
    ("recorded", lambda row: bool(row.recorded)),
    ("answered not recorded", lambda row: row.answered_at is not None and not row.recorded),
    ("listed", lambda row: row.reason in ("listed_tps", "listed_ctps")),
    ("not listed", lambda row: row.reason == "not_listed"),
    ("not alice", lambda row: row.claimed_by != "account:alice"),
    ("alice or bilal", lambda row: row.claimed_by in CALLERS[:2]),
    ("not alice or bilal", lambda row: row.claimed_by == "trunk:pbx1"),
    ("alice bilal", lambda row: False),
    ("alice not alice", lambda row: False),
    ("alice listed 0161", lambda row: row.claimed_by == "account:alice" and row.reason in ("listed_tps", "listed_ctps")
        and str(row.number).startswith("+44161")),
    ("not 0161", lambda row: not str(row.number).startswith("+44161")),
    ("0161 or 0207", lambda row: str(row.number).startswith(("+44161", "+4420"))),
    ("tps 10:00-14:00 yesterday", lambda row: row.reason == "listed_tps" and london(row).date() == date(2026, 3, 2)
        and 10 <= london(row).hour < 14),
    ("since 3/3 blocked", lambda row: london(row).date() >= date(2026, 3, 3) and row.verdict == "block"),
    ("last monday", lambda row: london(row).date() == date(2026, 3, 2)),
    ("2 Mar 0161", lambda row: london(row).date() == date(2026, 3, 2) and str(row.number).startswith("+44161")),
    ("2/3 0161", lambda row: london(row).date() == date(2026, 3, 2) and str(row.number).startswith("+44161")),
    ("not allowed", lambda row: row.verdict == "block"),
    ("not blocked", lambda row: row.verdict == "allow"),
    ("pensions not authorised", lambda row: row.reason == "pensions_not_authorised"),
    ("00aa", lambda row: row.call_id.startswith("00aa")),
    ("frobnicate", lambda row: False),
    ("not frobnicate", lambda row: False),
    ("alice frobnicate", lambda row: False),
    ("not", lambda row: False),
]  # fmt: skip


@pytest.mark.parametrize(("line", "fits"), QUESTIONS, ids=[line for line, _ in QUESTIONS])
def test_a_question_is_answered_truly(
    store: EvidenceStore, calls: list[CallRow], line: str, fits: Callable[[CallRow], bool]
) -> None:
    wanted = [row.call_id for row in calls if fits(row)]
    assert found(store, line) == wanted
    assert sorted(found(store, line, sort="-seconds")) == sorted(wanted)
    read = sought(line, TODAY)
    *each, (_, count) = store.call(lambda tx: search.calls_counted(tx, read.text, read.since, read.until))
    assert count == len(wanted)
    assert all(many == 0 for word, many in each if word is not None and not word.known)
