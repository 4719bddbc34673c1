"""Terms of what is personal beside recordings: what goes, what stays, and when somebody has to look first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from gate.core.facts.derived import ALONE
from gate.core.facts.fact import CATALOGUE, Body, Person, Subject, Term, fact
from gate.core.request_words import Asks
from gate.core.retention import HoldGround
from gate.core.terms import Purpose, Topic
from gate.errors import RefusedError, UsageError
from gate.operations.audit.checkpoints import AuditClock, AuditVerify
from gate.operations.calls.calls import CallsShow, Kind, Reveal
from gate.operations.calls.screening import Check
from gate.operations.contacts.list_import import ContactsImport
from gate.operations.contacts.pages import ContactsForget
from gate.operations.data_folder import DataFolder
from gate.operations.erasure.terms import RetentionTermsShow, RetentionTermsSweep, TermSweep
from gate.operations.lists.consents import ConsentAdd
from gate.operations.lists.objections import ObjectionAdd
from gate.operations.reports.article30 import record_of
from gate.operations.requests.course import Open, Withdraw
from gate.operations.retention.holds import HoldAdd, HoldList, HoldRelease
from gate.operations.status.glance import Status
from gate.ports import Fact
from gate.store import contacts
from tests.support.asking import ask
from tests.support.databases import query
from tests.support.evidence import decision
from tests.support.keeping import SetClock, plant
from tests.support.requesting import ANN, PERSON, asked, key_of, opened
from tests.support.requesting import prepared as folder_of
from tests.support.written import written

NOW = datetime(2027, 3, 2, 12, tzinfo=UTC)
NUMBERS = [f"+4420794601{n:02}" for n in range(60, 70)]


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataFolder]:
    folder_of(tmp_path / "gate", recordings=0)
    with opened(tmp_path / "gate") as made:
        made.clock = SetClock(NOW)
        yield made


def call(data: DataFolder, name: str, number: str, at: datetime, **said: Any) -> None:
    facts = [decision(name, number, at=at, **said)]
    if said.get("reason", "not_listed") == "not_listed":
        facts.append(Fact("answered", name, at, "gate", {"codec": "PCMU"}))
        facts.append(Fact("ended", name, at + timedelta(seconds=9), "gate", {"by": "callee", "seconds": 9.0}))
    data.store.call(lambda tx: [tx.append(fact) for fact in facts])


def numbers(data: DataFolder) -> dict[str, str | None]:
    rows = data.read(lambda tx: query(tx, "SELECT call_id, number FROM calls"))
    return {row["call_id"]: row["number"] for row in rows}


def months_ago(months: int, days: int = 0) -> datetime:
    year, month = divmod(2027 * 12 + 2 - months, 12)
    return NOW.replace(year=year, month=month + 1) - timedelta(days=days)


def counts(data: DataFolder) -> dict[str, int]:
    return {each.name: each.due for each in ask(data, RetentionTermsShow(), ANN).terms}


def holds(data: DataFolder) -> bool:
    return bool(ask(data, AuditVerify(), ANN).ok)


def test_call_records_go_at_the_end_of_their_term_and_the_log_holds(data: DataFolder) -> None:
    call(data, "due", NUMBERS[0], months_ago(24))
    call(data, "young", NUMBERS[1], months_ago(24) + timedelta(days=1))
    call(data, "refused-due", NUMBERS[2], months_ago(12), reason="listed_tps")
    call(data, "refused-young", NUMBERS[3], months_ago(12) + timedelta(days=1), reason="listed_tps")
    assert counts(data) == {"calls": 1, "refused": 1, "requests": 0, "lists": 0, "contacts": 0}
    size = data.store.call(lambda tx: tx.head()[0])
    done = ask(data, RetentionTermsSweep(), ANN)
    assert {each.name: each.due for each in done.terms} == {
        **{"calls": 1, "refused": 1, "requests": 0, "lists": 0},
        "contacts": 0,
    }
    left = numbers(data)
    assert (left["due"], left["young"], left["refused-due"], left["refused-young"]) == (
        *(None, NUMBERS[1], None),
        NUMBERS[3],
    )
    (fact,) = data.read(
        lambda tx: query(tx, "SELECT salt, body FROM facts WHERE subject = 'due' AND kind = 'decision'")
    )
    assert (fact["salt"], fact["body"]) == (None, None), "value and salt are gone"
    assert data.store.call(lambda tx: tx.head()[0]) > size, "no leaf has gone"
    assert NUMBERS[0][3:].encode() not in (data.config.data / "gate.db").read_bytes()
    assert holds(data)
    again = ask(data, RetentionTermsSweep(), ANN)
    assert sum(each.due for each in again.terms) == 0, "twice is harmless"
    shown = ask(data, CallsShow(call_id="due"), ANN)
    assert shown is not None
    assert holds(data)


def test_what_is_held_recorded_or_asked_about_stays(data: DataFolder) -> None:
    at = months_ago(30)
    for name, number in (("held", NUMBERS[0]), ("held-number", NUMBERS[1]), ("asked", PERSON), ("free", NUMBERS[2])):
        call(data, name, number, at)
    key = key_of(data.config.data.parent)
    plant(data.store, data.keys, data.config.data / "recordings", key.recipient, "kept", at, NUMBERS[4])
    ask(data, HoldAdd(ground=HoldGround.CLAIM, call_id="held", reason="a claim", reference="1/27"), ANN)
    ask(data, HoldAdd(ground=HoldGround.CLAIM, number=NUMBERS[1], reason="a claim", reference="2/27"), ANN)
    asked(data, Asks.ACCESS)
    done = ask(data, RetentionTermsSweep(), ANN)
    assert done.held == 4
    left = numbers(data)
    assert left["free"] is None
    assert None not in (left["held"], left["held-number"], left["asked"], left["call-kept"])
    data.retention.erase_asked(["kept"], basis="test", actor=ANN)
    ask(data, RetentionTermsSweep(), ANN)
    assert numbers(data)["call-kept"] is None, "it goes once its recording has gone"
    assert holds(data)


def test_a_request_that_is_over_forgets_who_asked(data: DataFolder) -> None:
    data.clock = SetClock(months_ago(36))
    reference = asked(data, Asks.ACCESS)
    ask(data, Withdraw(request=reference, reason="not needed"), ANN)
    data.clock = SetClock(NOW - timedelta(days=1))
    ask(data, RetentionTermsSweep(), ANN)
    (row,) = data.read(lambda tx: query(tx, "SELECT name, numbers, state FROM requests"))
    assert row["name"] is not None, "a day too early"
    data.clock = SetClock(NOW)
    assert counts(data)["requests"] == 1
    ask(data, RetentionTermsSweep(), ANN)
    (row,) = data.read(lambda tx: query(tx, "SELECT name, contact, numbers, state FROM requests"))
    assert (row["name"], row["contact"], row["numbers"], row["state"]) == (None, None, None, "closed")
    assert b"Pat Person" not in b"".join(
        body["body"].encode()
        for body in data.read(lambda tx: query(tx, "SELECT body FROM facts WHERE kind LIKE 'request%' AND body <> ''"))
    )
    assert holds(data)


def test_contacts_neither_imported_nor_called_go(data: DataFolder) -> None:
    def imported(tx: Any) -> None:
        made = contacts.new_list(tx, at=months_ago(13).isoformat(), actor=ANN, source_name="a.csv", topic="general")
        tx.write("INSERT INTO contact_outcomes VALUES (1, 'allow', 'not_listed')")
        for number in NUMBERS[:3]:
            tx.write("INSERT INTO contacts VALUES (?, ?, 'ref', 1, 0, NULL)", (made, int(number[1:])))
        contacts.put_in_force(
            tx, made, at=f"{months_ago(13):%Y-%m-%dT%H:%M:%S.%fZ}", sha256="", contacts=3, bad_rows=0, leaf=0
        )

    data.store.call(imported)
    call(data, "lately", NUMBERS[1], months_ago(1))
    assert counts(data)["contacts"] == 2
    ask(data, RetentionTermsSweep(), ANN)
    assert [row["number"] for row in data.read(lambda tx: query(tx, "SELECT number FROM contacts"))] == [
        int(NUMBERS[1][1:])
    ]


def test_the_daily_one_waits_for_somebody_at_the_first_time_and_where_a_term_became_shorter(data: DataFolder) -> None:
    call(data, "due", NUMBERS[0], months_ago(24))
    body = {"day": "2027-03-02", "complete": True, "terms": {"months": 12, "years": {}}}
    written(data, "retention_swept", "retention", "gate", body)
    with pytest.raises(RefusedError, match="never swept"):
        data.one(TermSweep).daily()
    assert any("terms waits" in each for each in ask(data, Status(), ANN).warnings)
    ask(data, RetentionTermsSweep(), ANN)
    assert data.one(TermSweep).daily() is None, "done today"
    data.clock = SetClock(NOW + timedelta(days=1))
    call(data, "next", NUMBERS[1], months_ago(24) + timedelta(days=1))
    done = data.one(TermSweep).daily()
    assert done is not None and done.gone["calls"] == 1
    data.clock = SetClock(NOW + timedelta(days=2))
    data.one(TermSweep).months["calls"] = 6
    with pytest.raises(RefusedError, match="shorter"):
        data.one(TermSweep).daily()


def test_screening_needs_nothing_that_goes(data: DataFolder) -> None:
    data.clock = SetClock(NOW)
    call(data, "unattended", NUMBERS[0], NOW - timedelta(hours=5))
    fact = Fact("ended", "lost", NOW - timedelta(hours=3), "gate", {"by": "us", "seconds": 0.0, "bridged": False})
    at = NOW - timedelta(hours=3)
    facts = [decision("lost", NUMBERS[5], at=at), Fact("answered", "lost", at, "gate", {"codec": "PCMU"}), fact]
    data.store.call(lambda tx: [tx.append(each) for each in facts])
    ask(data, ObjectionAdd(number=NUMBERS[6]), ANN)
    before = [data.store.call(lambda tx, n=n: (tx.last_unattended(n), tx.objections(n))) for n in NUMBERS]
    ask(data, RetentionTermsSweep(), ANN)
    after = [data.store.call(lambda tx, n=n: (tx.last_unattended(n), tx.objections(n))) for n in NUMBERS]
    assert before == after and before[5][0] is not None and before[6][1]


def test_the_record_of_processing_shows_every_term(data: DataFolder) -> None:
    shown = json.dumps(record_of(data.config, [], NOW).terms)
    for words in (
        "24 calendar months from the call, 12 where",
        "36 calendar months after they are over",
        "keyed hashes",
    ):
        assert words in shown
    assert "12 calendar months after they were imported or called last" in shown


def _declared(body: type[Body]) -> type[Body]:
    """A new kind that is kept with its call, and not in the catalogue of the other tests."""
    declared = fact("named", "{actor} did it", Subject.CALL, term=Term.CALLS)(body)
    del CATALOGUE["named"]
    return declared


def test_the_record_of_processing_names_what_the_facts_of_a_term_hold(
    data: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def described() -> str:
        return next(each.data for each in record_of(data.config, [], NOW).activities if each.term == Term.CALLS.value)

    assert "telephone number" in described() and "written about them" in described() and "name" not in described()
    named = msgspec.defstruct("Named", [("who", Person)], bases=(Body,), frozen=True)
    monkeypatch.setattr("gate.core.facts.derived.CATALOGUE", CATALOGUE | {"named": _declared(cast(type[Body], named))})
    assert "name and how they are reached" in described()


def test_what_was_written_about_a_call_goes_at_its_end(data: DataFolder) -> None:
    for name, at in (("due", months_ago(24)), ("young", months_ago(23))):
        call(data, name, NUMBERS[0], at)
        ask(data, Reveal(kind=Kind.CALL, id=name, why="Mr Quill asked"), ANN)
        hold = ask(
            data, HoldAdd(ground=HoldGround.CLAIM, call_id=name, reason="the Quill claim", reference="17"), ANN
        ).id
        ask(data, HoldRelease(hold_id=hold, reason="settled"), ANN)
    ask(data, RetentionTermsSweep(), ANN)
    left = data.read(lambda tx: query(tx, "SELECT subject FROM facts WHERE kind = 'number_shown' AND body IS NOT NULL"))
    assert [row["subject"] for row in left] == ["young"]
    reasons = {each.call_id: each.reason for each in ask(data, HoldList(released=True), ANN).items}
    assert reasons == {"due": None, "young": "the Quill claim"}
    assert holds(data)


def test_why_a_contacts_number_was_shown_goes_with_the_contact(data: DataFolder, tmp_path: Path) -> None:
    crm = tmp_path / "crm.csv"
    crm.write_text(f"id,phone\nA-1,{NUMBERS[0]}\nB-1,{NUMBERS[1]}\n", encoding="utf-8")
    ask(data, ContactsImport(path=str(crm), reference="id"), ANN)
    for reference in ("A-1", "B-1"):
        ask(data, Reveal(kind=Kind.CONTACT, id=reference, why=f"a callback, {reference}"), ANN)
    ask(data, ContactsForget(number=NUMBERS[0]), ANN)
    ask(data, RetentionTermsSweep(), ANN)
    shown = data.read(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = 'number_shown' AND body IS NOT NULL"))
    assert [json.loads(row["body"])["reference"] for row in shown] == ["B-1"]
    assert holds(data)


def test_no_marketing_by_a_clock_behind_the_log_until_it_is_right_or_accepted(data: DataFolder) -> None:

    def reason() -> str:
        return str(ask(data, Check(number=NUMBERS[1], purpose=Purpose.MARKETING, topic=Topic.GENERAL), ANN).reason)

    words: dict[str, Any] = {"how": "phone", "wording": "Yes, call me.", "who": "Mr Lee", "evidence": "note 17"}
    given = NOW - timedelta(days=90)
    ask(data, ConsentAdd(number=NUMBERS[1], given_at=given, **words), ANN)
    call(data, "today", NUMBERS[0], NOW)
    data.clock = right = SetClock(NOW + timedelta(minutes=5))
    data.trust.look()
    assert reason() == "consented"
    with pytest.raises(UsageError, match="nothing to accept"):
        ask(data, AuditClock(reason="to be sure"), ANN)
    data.clock = SetClock(NOW - timedelta(days=1))
    assert reason() == "clock_behind"
    assert [each for each in ask(data, Status(), ANN).warnings if "behind the log" in each]
    data.clock = right
    assert reason() == "consented"
    call(data, "ahead", NUMBERS[0], NOW + timedelta(days=365))
    data.trust.look()
    assert reason() == "clock_behind"
    done = ask(data, AuditClock(reason="it was a year ahead"), ANN)
    assert not done.clock_behind and done.latest.startswith("2028-03")
    assert reason() == "consented"
    data.clock = SetClock(NOW - timedelta(hours=1))
    assert reason() == "clock_behind", "what was accepted is as old as the entry that says so"
    assert holds(data)


def test_a_released_hold_and_reasons_go_at_the_end_of_the_term_of_requests(data: DataFolder) -> None:
    data.clock = SetClock(months_ago(36, days=1))
    why: dict[str, Any] = {"reason": "the claim of Mrs Old", "reference": "Old 17"}
    released, standing = (
        ask(data, HoldAdd(ground=HoldGround.CLAIM, number=number, **why), ANN).id for number in NUMBERS[:2]
    )
    ask(data, HoldRelease(hold_id=released, reason="Mrs Old settled"), ANN)
    for kind, field in ALONE.items():
        written(data, kind, "log", ANN, {field: "for Mrs Old"})
    data.clock = SetClock(NOW)
    assert counts(data)["requests"] == 1
    ask(data, RetentionTermsSweep(), ANN)
    assert counts(data)["requests"] == 0
    left = data.read(
        lambda tx: query(tx, "SELECT id, number, reason, released_at FROM holds ORDER BY number NULLS FIRST")
    )
    assert [(row["id"], row["number"], row["reason"]) for row in left] == [
        (released, None, None),
        (standing, NUMBERS[1], "the claim of Mrs Old"),
    ]
    assert left[0]["released_at"]
    bodies = data.read(lambda tx: query(tx, "SELECT body FROM facts WHERE body LIKE '%Mrs Old%'"))
    assert len(bodies) == 1
    assert holds(data)


PERSONAL_WITHOUT_TERM = {"objections", "consents"}
"""They have no term while they hold (the manual's page on retention)."""


@pytest.mark.engine("sqlite")
def test_of_every_table_it_is_known_what_becomes_of_a_number_in_it(data: DataFolder) -> None:
    """Twelve years on, with everything past its term, no table but those two and the facts of theirs has one."""
    long_ago = months_ago(36, days=1)
    data.clock = SetClock(long_ago)
    call(data, "called", NUMBERS[0], long_ago)
    call(data, "refused-then", NUMBERS[0], long_ago, reason="listed_tps")
    data.store.call(
        lambda tx: [
            tx.append(
                Fact("receipt", "r-1", long_ago, "gate", {"call_id": "called", "code": "4K7X2Q9RMR", "decision": 1})
            ),
        ]
    )
    ask(data, Reveal(kind=Kind.CALL, id="called", why=f"{NUMBERS[0]} asked"), ANN)
    hold = ask(data, HoldAdd(ground=HoldGround.CLAIM, number=NUMBERS[0], reason="a claim", reference="17"), ANN).id
    ask(data, HoldRelease(hold_id=hold, reason=f"{NUMBERS[0]} settled"), ANN)
    asks = ask(data, Open(asks=Asks.ACCESS, channel="post", name="Zeb Quill", numbers=(NUMBERS[0],)), ANN)
    ask(data, Withdraw(request=asks.reference, reason=f"{NUMBERS[0]} rang"), ANN)
    ask(data, ObjectionAdd(number=NUMBERS[1], source="letter", note=""), ANN)
    words: dict[str, Any] = {"how": "phone", "wording": "Yes", "who": "Mr Lee", "evidence": "note 17"}
    ask(data, ConsentAdd(number=NUMBERS[2], **words), ANN)
    data.clock = SetClock(NOW)
    ask(data, RetentionTermsSweep(), ANN)
    tables = data.read(lambda tx: query(tx, "SELECT name FROM sqlite_schema WHERE type = 'table'"))
    shown = set()
    for table in (row["name"] for row in tables):
        for row in data.read(lambda tx, table=table: query(tx, f"SELECT * FROM {table}")):  # noqa: S608
            text = repr([value for value in row.values() if isinstance(value, str)])
            shown |= {(table, row.get("kind")) for number in NUMBERS if number.removeprefix("+44") in text}
            assert "Zeb Quill" not in text, table
    assert {table for table, _ in shown} <= PERSONAL_WITHOUT_TERM | {"facts"}
    assert {kind for table, kind in shown if table == "facts"} <= {"objection", "consent"}, shown
    assert holds(data)
