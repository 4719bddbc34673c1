"""Terms of what is personal beside recordings: what goes, what stays, and when somebody has to look first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gate.core.facts.derived import ALONE
from gate.core.facts.fact import CATALOGUE, Body, Person, Subject, Term, fact
from gate.errors import RefusedError, UsageError
from gate.handed_over_file import open_file
from gate.operations.data_folder import DataFolder
from gate.operations.erasure.terms import TermSweep
from gate.operations.reports.article30 import record_of
from gate.ports import Fact
from gate.store import contacts
from tests.support.asking import ByName
from tests.support.evidence import decision
from tests.support.keeping import SetClock, plant
from tests.support.requesting import ANN, PERSON, asked, key_of, opened
from tests.support.requesting import prepared as folder_of
from tests.support.written import written

NOW = datetime(2027, 3, 2, 12, tzinfo=UTC)
NUMBERS = [f"+4420794601{n:02}" for n in range(60, 70)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[DataFolder]:
    folder_of(tmp_path / "gate", recordings=0)
    with opened(tmp_path / "gate") as made:
        made.clock = SetClock(NOW)
        yield made


def call(house: DataFolder, name: str, number: str, at: datetime, **said: Any) -> None:
    facts = [decision(name, number, at=at, **said)]
    if said.get("reason", "not_listed") == "not_listed":
        facts.append(Fact("answered", name, at, "gate", {"codec": "PCMU"}))
        facts.append(Fact("ended", name, at + timedelta(seconds=9), "gate", {"by": "callee", "seconds": 9.0}))
    house.store.call(lambda tx: [tx.append(fact) for fact in facts])


def numbers(house: DataFolder) -> dict[str, str | None]:
    rows = house.read(lambda tx: tx.query("SELECT call_id, number FROM calls"))
    return {row["call_id"]: row["number"] for row in rows}


def months_ago(months: int, days: int = 0) -> datetime:
    year, month = divmod(2027 * 12 + 2 - months, 12)
    return NOW.replace(year=year, month=month + 1) - timedelta(days=days)


def counts(house: DataFolder) -> dict[str, int]:
    return {each["name"]: each["due"] for each in ByName(house).retention_terms(actor=ANN)["terms"]}


def holds(house: DataFolder) -> bool:
    return bool(ByName(house).audit_verify(actor=ANN)["ok"])


def test_call_records_go_at_the_end_of_their_term_and_the_log_holds(house: DataFolder) -> None:
    call(house, "due", NUMBERS[0], months_ago(24))
    call(house, "young", NUMBERS[1], months_ago(24) + timedelta(days=1))
    call(house, "refused-due", NUMBERS[2], months_ago(12), reason="listed_tps")
    call(house, "refused-young", NUMBERS[3], months_ago(12) + timedelta(days=1), reason="listed_tps")
    assert counts(house) == {"calls": 1, "refused": 1, "requests": 0, "lists": 0, "contacts": 0}
    size = house.store.call(lambda tx: tx.head()[0])
    done = ByName(house).retention_terms_sweep(actor=ANN)
    assert {each["name"]: each["due"] for each in done["terms"]} == {
        **{"calls": 1, "refused": 1, "requests": 0, "lists": 0},
        "contacts": 0,
    }
    left = numbers(house)
    assert (left["due"], left["young"], left["refused-due"], left["refused-young"]) == (
        *(None, NUMBERS[1], None),
        NUMBERS[3],
    )
    (fact,) = house.read(
        lambda tx: tx.query("SELECT salt, body FROM facts WHERE subject = 'due' AND kind = 'decision'")
    )
    assert (fact["salt"], fact["body"]) == (None, None), "value and salt are gone"
    assert house.store.call(lambda tx: tx.head()[0]) > size, "no leaf has gone"
    assert NUMBERS[0][3:].encode() not in (house.config.data / "gate.db").read_bytes()
    assert holds(house)
    again = ByName(house).retention_terms_sweep(actor=ANN)
    assert sum(each["due"] for each in again["terms"]) == 0, "twice is harmless"
    shown = ByName(house).calls_show(call_id="due", actor=ANN)
    assert shown is not None
    assert holds(house)


def test_what_is_held_recorded_or_asked_about_stays(house: DataFolder) -> None:
    at = months_ago(30)
    for name, number in (("held", NUMBERS[0]), ("held-number", NUMBERS[1]), ("asked", PERSON), ("free", NUMBERS[2])):
        call(house, name, number, at)
    key = key_of(house.config.data.parent)
    plant(house.store, house.keys, house.config.data / "recordings", key.recipient, "kept", at, NUMBERS[4])
    desk = ByName(house)
    desk.hold_add(ground="claim", call_id="held", reason="a claim", reference="1/27", actor=ANN)
    desk.hold_add(ground="claim", number=NUMBERS[1], reason="a claim", reference="2/27", actor=ANN)
    asked(house, "access")
    done = desk.retention_terms_sweep(actor=ANN)
    assert done["held"] == 4
    left = numbers(house)
    assert left["free"] is None
    assert None not in (left["held"], left["held-number"], left["asked"], left["call-kept"])
    house.retention.erase_asked(["kept"], basis="test", actor=ANN)
    desk.retention_terms_sweep(actor=ANN)
    assert numbers(house)["call-kept"] is None, "it goes once its recording has gone"
    assert holds(house)


def test_a_request_that_is_over_forgets_who_asked(house: DataFolder) -> None:
    house.clock = SetClock(months_ago(36))
    reference = asked(house, "access")
    ByName(house).request_withdraw(request=reference, reason="not needed", actor=ANN)
    house.clock = SetClock(NOW - timedelta(days=1))
    ByName(house).retention_terms_sweep(actor=ANN)
    (row,) = house.read(lambda tx: tx.query("SELECT name, numbers, state FROM requests"))
    assert row["name"] is not None, "a day too early"
    house.clock = SetClock(NOW)
    assert counts(house)["requests"] == 1
    ByName(house).retention_terms_sweep(actor=ANN)
    (row,) = house.read(lambda tx: tx.query("SELECT name, contact, numbers, state FROM requests"))
    assert (row["name"], row["contact"], row["numbers"], row["state"]) == (None, None, None, "closed")
    assert b"Pat Person" not in b"".join(
        body["body"].encode()
        for body in house.read(lambda tx: tx.query("SELECT body FROM facts WHERE kind LIKE 'request%' AND body <> ''"))
    )
    assert holds(house)


def test_contacts_neither_imported_nor_called_go(house: DataFolder) -> None:
    def imported(tx: Any) -> None:
        made = contacts.new_list(tx, at=months_ago(13).isoformat(), actor=ANN, source_name="a.csv", topic="general")
        tx.write("INSERT INTO contact_outcomes VALUES (1, 'allow', 'not_listed')")
        for number in NUMBERS[:3]:
            tx.write("INSERT INTO contacts VALUES (?, ?, 'ref', 1, 0, NULL)", (made, int(number[1:])))
        contacts.put_in_force(
            tx, made, at=f"{months_ago(13):%Y-%m-%dT%H:%M:%S.%fZ}", sha256="", contacts=3, bad_rows=0, leaf=0
        )

    house.store.call(imported)
    call(house, "lately", NUMBERS[1], months_ago(1))
    assert counts(house)["contacts"] == 2
    ByName(house).retention_terms_sweep(actor=ANN)
    assert [row["number"] for row in house.read(lambda tx: tx.query("SELECT number FROM contacts"))] == [
        int(NUMBERS[1][1:])
    ]


def test_the_daily_one_waits_for_somebody_at_the_first_time_and_where_a_term_became_shorter(house: DataFolder) -> None:
    call(house, "due", NUMBERS[0], months_ago(24))
    body = {"day": "2027-03-02", "complete": True, "terms": {"months": 12, "years": {}}}
    written(house, "retention_swept", "retention", "gate", body)
    with pytest.raises(RefusedError, match="never swept"):
        house.one(TermSweep).daily()
    assert any("terms waits" in each for each in ByName(house).status(actor=ANN)["warnings"])
    ByName(house).retention_terms_sweep(actor=ANN)
    assert house.one(TermSweep).daily() is None, "done today"
    house.clock = SetClock(NOW + timedelta(days=1))
    call(house, "next", NUMBERS[1], months_ago(24) + timedelta(days=1))
    done = house.one(TermSweep).daily()
    assert done is not None and done.gone["calls"] == 1
    house.clock = SetClock(NOW + timedelta(days=2))
    house.one(TermSweep).months["calls"] = 6
    with pytest.raises(RefusedError, match="shorter"):
        house.one(TermSweep).daily()


def test_screening_needs_nothing_that_goes(house: DataFolder) -> None:
    house.clock = SetClock(NOW)
    call(house, "unattended", NUMBERS[0], NOW - timedelta(hours=5))
    fact = Fact("ended", "lost", NOW - timedelta(hours=3), "gate", {"by": "us", "seconds": 0.0, "bridged": False})
    at = NOW - timedelta(hours=3)
    facts = [decision("lost", NUMBERS[5], at=at), Fact("answered", "lost", at, "gate", {"codec": "PCMU"}), fact]
    house.store.call(lambda tx: [tx.append(each) for each in facts])
    ByName(house).objection_add(number=NUMBERS[6], actor=ANN)
    before = [house.store.call(lambda tx, n=n: (tx.last_unattended(n), tx.objections(n))) for n in NUMBERS]
    ByName(house).retention_terms_sweep(actor=ANN)
    after = [house.store.call(lambda tx, n=n: (tx.last_unattended(n), tx.objections(n))) for n in NUMBERS]
    assert before == after and before[5][0] is not None and before[6][1]


def test_the_record_of_processing_shows_every_term(house: DataFolder) -> None:
    shown = json.dumps(record_of(house.config, [], NOW).terms)
    for words in (
        "24 calendar months from the call, 12 where",
        "36 calendar months after they are over",
        "keyed hashes",
    ):
        assert words in shown
    assert "12 calendar months after they were imported or called last" in shown


def _declared(body: type[Body]) -> type[Body]:
    """A new kind that is kept with its call, and not in the catalogue of the other tests."""
    declared = fact("named", Subject.CALL, term=Term.CALLS)(body)
    del CATALOGUE["named"]
    return declared


def test_the_record_of_processing_names_what_the_facts_of_a_term_hold(
    house: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def data() -> str:
        return next(each.data for each in record_of(house.config, [], NOW).activities if each.term == Term.CALLS.value)

    assert "telephone number" in data() and "written about them" in data() and "name" not in data()
    named = msgspec.defstruct("Named", [("who", Person)], bases=(Body,), frozen=True)
    monkeypatch.setattr("gate.core.facts.derived.CATALOGUE", CATALOGUE | {"named": _declared(named)})
    assert "name and how they are reached" in data()


def test_what_was_written_about_a_call_goes_at_its_end(house: DataFolder) -> None:
    desk = ByName(house)
    for name, at in (("due", months_ago(24)), ("young", months_ago(23))):
        call(house, name, NUMBERS[0], at)
        desk.reveal(kind="call", id=name, why="Mr Quill asked", actor=ANN)
        hold = desk.hold_add(ground="claim", call_id=name, reason="the Quill claim", reference="17", actor=ANN)["id"]
        desk.hold_release(hold_id=hold, reason="settled", actor=ANN)
    desk.retention_terms_sweep(actor=ANN)
    left = house.read(lambda tx: tx.query("SELECT subject FROM facts WHERE kind = 'number_shown' AND body IS NOT NULL"))
    assert [row["subject"] for row in left] == ["young"]
    reasons = {each["call_id"]: each["reason"] for each in desk.hold_list(released=True, actor=ANN)["items"]}
    assert reasons == {"due": None, "young": "the Quill claim"}
    assert holds(house)


def test_why_a_contacts_number_was_shown_goes_with_the_contact(house: DataFolder, tmp_path: Path) -> None:
    desk = ByName(house)
    crm = tmp_path / "crm.csv"
    crm.write_text(f"id,phone\nA-1,{NUMBERS[0]}\nB-1,{NUMBERS[1]}\n", encoding="utf-8")
    desk.contacts_import(file=open_file(crm), reference="id", actor=ANN)
    for reference in ("A-1", "B-1"):
        desk.reveal(kind="contact", id=reference, why=f"a callback, {reference}", actor=ANN)
    desk.contacts_forget(number=NUMBERS[0], actor=ANN)
    desk.retention_terms_sweep(actor=ANN)
    shown = house.read(lambda tx: tx.query("SELECT body FROM facts WHERE kind = 'number_shown' AND body IS NOT NULL"))
    assert [json.loads(row["body"])["reference"] for row in shown] == ["B-1"]
    assert holds(house)


def test_no_marketing_by_a_clock_behind_the_log_until_it_is_right_or_accepted(house: DataFolder) -> None:
    desk = ByName(house)

    def reason() -> str:
        return str(desk.check(number=NUMBERS[1], purpose="marketing", topic="general", actor=ANN)["reason"])

    words = {"how": "phone", "wording": "Yes, call me.", "who": "Mr Lee", "evidence": "note 17"}
    given = (NOW - timedelta(days=90)).isoformat()
    desk.consent_add(number=NUMBERS[1], given_at=given, **words, actor=ANN)
    call(house, "today", NUMBERS[0], NOW)
    house.clock = right = SetClock(NOW + timedelta(minutes=5))
    house.trust.look()
    assert reason() == "consented"
    with pytest.raises(UsageError, match="nothing to accept"):
        desk.audit_clock(reason="to be sure", actor=ANN)
    house.clock = SetClock(NOW - timedelta(days=1))
    assert reason() == "clock_behind"
    assert [each for each in desk.status(actor=ANN)["warnings"] if "behind the log" in each]
    house.clock = right
    assert reason() == "consented"
    call(house, "ahead", NUMBERS[0], NOW + timedelta(days=365))
    house.trust.look()
    assert reason() == "clock_behind"
    done = desk.audit_clock(reason="it was a year ahead", actor=ANN)
    assert not done["clock_behind"] and done["latest"].startswith("2028-03")
    assert reason() == "consented"
    house.clock = SetClock(NOW - timedelta(hours=1))
    assert reason() == "clock_behind", "what was accepted is as old as the entry that says so"
    assert holds(house)


def test_a_released_hold_and_reasons_go_at_the_end_of_the_term_of_requests(house: DataFolder) -> None:
    desk = ByName(house)
    house.clock = SetClock(months_ago(36, days=1))
    why = {"reason": "the claim of Mrs Old", "reference": "Old 17", "actor": ANN}
    released, standing = (desk.hold_add(ground="claim", number=number, **why)["id"] for number in NUMBERS[:2])
    desk.hold_release(hold_id=released, reason="Mrs Old settled", actor=ANN)
    for kind, field in ALONE.items():
        written(house, kind, "log", ANN, {field: "for Mrs Old"})
    house.clock = SetClock(NOW)
    assert counts(house)["requests"] == 1
    desk.retention_terms_sweep(actor=ANN)
    assert counts(house)["requests"] == 0
    left = house.read(lambda tx: tx.query("SELECT id, number, reason, released_at FROM holds ORDER BY number"))
    assert [(row["id"], row["number"], row["reason"]) for row in left] == [
        (released, None, None),
        (standing, NUMBERS[1], "the claim of Mrs Old"),
    ]
    assert left[0]["released_at"]
    bodies = house.read(lambda tx: tx.query("SELECT body FROM facts WHERE body LIKE '%Mrs Old%'"))
    assert len(bodies) == 1
    assert holds(house)


PERSONAL_WITHOUT_TERM = {"objections", "consents"}
"""They have no term while they hold (the manual's page on retention)."""


def test_of_every_table_it_is_known_what_becomes_of_a_number_in_it(house: DataFolder) -> None:
    """Twelve years on, with everything past its term, no table but those two and the facts of theirs has one."""
    desk = ByName(house)
    long_ago = months_ago(36, days=1)
    house.clock = SetClock(long_ago)
    call(house, "called", NUMBERS[0], long_ago)
    call(house, "refused-then", NUMBERS[0], long_ago, reason="listed_tps")
    house.store.call(
        lambda tx: [
            tx.append(
                Fact("receipt", "r-1", long_ago, "gate", {"call_id": "called", "code": "4K7X2Q9RMR", "decision": 1})
            ),
        ]
    )
    desk.reveal(kind="call", id="called", why=f"{NUMBERS[0]} asked", actor=ANN)
    hold = desk.hold_add(ground="claim", number=NUMBERS[0], reason="a claim", reference="17", actor=ANN)["id"]
    desk.hold_release(hold_id=hold, reason=f"{NUMBERS[0]} settled", actor=ANN)
    asks = desk.request_open(asks="access", channel="post", name="Zeb Quill", numbers=[NUMBERS[0]], actor=ANN)
    desk.request_withdraw(request=asks["reference"], reason=f"{NUMBERS[0]} rang", actor=ANN)
    desk.objection_add(number=NUMBERS[1], source="letter", note="", actor=ANN)
    words = {"how": "phone", "wording": "Yes", "who": "Mr Lee", "evidence": "note 17"}
    desk.consent_add(number=NUMBERS[2], **words, actor=ANN)
    house.clock = SetClock(NOW)
    desk.retention_terms_sweep(actor=ANN)
    tables = house.read(lambda tx: tx.query("SELECT name FROM sqlite_schema WHERE type = 'table'"))
    shown = set()
    for table in (row["name"] for row in tables):
        for row in house.read(lambda tx, table=table: tx.query(f"SELECT * FROM {table}")):  # type: ignore[misc]  # noqa: S608
            text = repr([value for value in row.values() if isinstance(value, str)])
            shown |= {(table, row.get("kind")) for number in NUMBERS if number.removeprefix("+44") in text}
            assert "Zeb Quill" not in text, table
    assert {table for table, _ in shown} <= PERSONAL_WITHOUT_TERM | {"facts"}
    assert {kind for table, kind in shown if table == "facts"} <= {"objection", "consent"}, shown
    assert holds(house)
