"""The CRM's contacts on a real data folder: imported, followed, reported, forgotten; and no call decided by them."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.config import load
from gate.core.rows.lists import ContactRow
from gate.daemon.opening import open_folder
from gate.errors import GateError, RefusedError, UsageError
from gate.operations.calls.calls import Kind, Reveal
from gate.operations.calls.screening import Check, Decide
from gate.operations.contacts.list_import import ContactsCancel, ContactsImport, ContactsImported
from gate.operations.contacts.pages import (
    ContactsChanges,
    ContactsFaults,
    ContactsForget,
    ContactsForgotten,
    ContactsList,
    ContactsShow,
    ContactsStatus,
)
from gate.operations.contacts.rescreening import Contacts, ContactsRescreen
from gate.operations.data_folder import DataFolder
from gate.operations.lists.consents import ConsentAdd, ConsentWithdraw
from gate.operations.lists.objections import ObjectionAdd, ObjectionRemove
from gate.operations.operation import Caller
from gate.operations.parsing import Findable, FindMeant, find_meant
from gate.operations.registers.importing import ContactsListed, RegisterImport, RegisterImported, RegisterName
from gate.types import Progress
from tests.support.asking import ask
from tests.support.databases import query
from tests.support.example import make_example
from tests.support.registers import write

ACTOR = "user:ann(1000)"
TPS = ["02079460101", "01632960202"]
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as ``init --example`` makes it, with this TPS; each test has a copy."""
    place = tmp_path_factory.mktemp("contacts")
    make_example(place / "gate")
    with ExitStack() as stack:
        put(open_folder(load(place / "gate" / "config.toml"), stack), place, TPS)
    return place / "gate"


def put(data: DataFolder, tmp_path: Path, numbers: list[str], name: RegisterName = "tps") -> RegisterImported:
    source = write(tmp_path / f"{name}_ns.txt", numbers)
    return ask(data, RegisterImport(name=name, path=str(source), accept_shrink=True), ACTOR)


def crm(tmp_path: Path, *rows: str, header: str = "id,phone") -> str:
    path = tmp_path / "crm.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return str(path)


def load_list(data: DataFolder, path: str, *, progress: Progress | None = None, **options: Any) -> ContactsImported:
    return ask(data, ContactsImport(**{"path": path, "reference": "id"} | options), ACTOR, progress=progress)


def held(data: DataFolder) -> dict[str, tuple[str, str]]:
    """Reference -> number and reason."""
    page = ask(data, ContactsList(limit=1000), ACTOR)
    assert page.next is None
    return {row.reference: (row.number, row.reason) for row in page.items}


def changes(data: DataFolder, since: datetime = BEGINNING) -> dict[str, str]:
    page = ask(data, ContactsChanges(since=since, limit=1000), ACTOR)
    return {row.reference: row.change for row in page.items}


def kinds(data: DataFolder) -> list[str]:
    rows = data.store.call(
        lambda tx: query(tx, "SELECT kind FROM facts WHERE subject = 'contacts' ORDER BY leaf_index")
    )
    return [row["kind"] for row in rows]


def test_a_list_is_kept_and_screened(data: DataFolder, tmp_path: Path) -> None:
    path = crm(
        tmp_path, "a,020 7946 0101", "b,07700 900417", "c,", "d,nonsense", "e,1,2", "f,+44 (0)1632 960202", "g,999"
    )
    answer = load_list(data, path)
    assert (answer.contacts, answer.rows, answer.bad_rows, answer.new) == (3, 7, 4, 3)
    assert answer.reasons == {"listed_tps": 1, "not_listed": 1, "consented": 1}
    assert [(each.line, each.reference) for each in answer.faults] == [(6, ""), (4, "c"), (5, "d"), (8, "g")]
    assert held(data) == {
        "a": ("+442079460101", "listed_tps"),
        "b": ("+447700900417", "not_listed"),
        "f": ("+441632960202", "consented"),
    }
    status = ask(data, ContactsStatus(), ACTOR)
    assert (status.contacts, status.verdicts, status.bad_rows) == (3, {"allow": 2, "block": 1}, 4)
    assert [each.name for each in status.registers] == ["tps", "ctps"]
    assert status.up_to_date is True
    faults = ask(data, ContactsFaults(limit=2), ACTOR)
    assert [row.line for row in faults.items] == [4, 5]
    assert len(ask(data, ContactsFaults(after=faults.next, limit=10), ACTOR).items) == 2
    assert kinds(data) == ["contacts_imported"]


def test_no_number_is_in_the_log(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, "a,020 7946 0101", "b,07700 900417"))
    ask(data, ContactsForget(number="07700 900417"), ACTOR)
    put(data, tmp_path, [*TPS, "07700900999"])
    rows = data.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE subject = 'contacts'"))
    assert len(rows) == 3
    assert not any("7700900417" in row["body"] or "2079460101" in row["body"] for row in rows)


def test_several_phone_columns_and_an_empty_one_is_no_fault(data: DataFolder, tmp_path: Path) -> None:
    path = crm(tmp_path, "a;020 7946 0101;07700900417", "b;;07700900418", header="id;phone;mobile")
    answer = load_list(data, path)
    assert (answer.contacts, answer.bad_rows) == (3, 0)
    numbers = [(row.reference, row.number) for row in ask(data, ContactsList(), ACTOR).items]
    assert numbers == [("a", "+442079460101"), ("a", "+447700900417"), ("b", "+447700900418")]


def test_a_full_list_replaces_and_keeps_the_time_of_verdicts_that_stay(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, "a,020 7946 0101", "b,07700 900417", "c,07700 900418"))
    data.store.call(lambda tx: tx.write("UPDATE contacts SET since = 1000000000"))
    answer = load_list(data, crm(tmp_path, "b2,07700 900417", "a,020 7946 0101", "d,01632 960001"))
    assert (answer.contacts, answer.new, answer.before) == (3, 1, 3)
    assert set(held(data)) == {"a", "b2", "d"}
    since = {row.reference: row.since[:4] for row in ask(data, ContactsList(), ACTOR).items}
    assert (since["a"], since["b2"]) == ("2001", "2001")
    assert since["d"] > "2001"
    assert len(data.store.call(lambda tx: query(tx, "SELECT * FROM contact_lists"))) == 1, "the old one is gone"
    assert len(data.store.call(lambda tx: query(tx, "SELECT * FROM contacts"))) == 3


def test_add_merges_by_reference(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, "a,020 7946 0101", "b,07700 900417", "c,07700 900418"))
    answer = load_list(data, crm(tmp_path, "b,07700 900777", "d,07700 900418"), add=True)
    assert answer.contacts == 4
    assert held(data) == {
        "a": ("+442079460101", "listed_tps"),
        "b": ("+447700900777", "not_listed"),
        "c": ("+447700900418", "not_listed"),
        "d": ("+447700900418", "not_listed"),
    }


def test_a_list_without_numbers_or_of_less_than_half_is_refused(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, *(f"{n},07700 900{n:03}" for n in range(10))))
    with pytest.raises(UsageError, match="no telephone number"):
        load_list(data, crm(tmp_path, "a,none", "b,"))
    with pytest.raises(UsageError, match="not there"):
        load_list(data, crm(tmp_path, "a,07700 900001"), columns=["mobile"])
    with pytest.raises(RefusedError) as refused:
        load_list(data, crm(tmp_path, "a,07700 900001"))
    assert refused.value.reason == "contacts_shrink"
    assert len(held(data)) == 10
    load_list(data, crm(tmp_path, "a,07700 900001"), accept_shrink=True)
    assert set(held(data)) == {"a"}


def test_a_register_that_changes_is_followed_and_told_of(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, "a,020 7946 0101", "b,07700 900417", "c,07700 900417", "d,07700 900418"))
    started = datetime.now(UTC) - timedelta(seconds=1)
    report = put(data, tmp_path, ["07700900417", "01632960202"])
    assert report.contacts == ContactsListed(newly_listed=2, no_longer_listed=1)
    fact = data.store.call(
        lambda tx: query(tx, "SELECT body FROM facts WHERE kind = 'register_imported' ORDER BY leaf_index DESC LIMIT 1")
    )
    assert '"newly_listed":2' in fact[0]["body"]
    assert changes(data, started) == {"a": "newly_allowed", "b": "newly_blocked", "c": "newly_blocked"}
    status = ask(data, ContactsStatus(since=started), ACTOR)
    assert (status.newly_blocked, status.newly_allowed, status.first_blocked) == (2, 1, 0)
    assert changes(data, datetime.now(UTC) + timedelta(hours=1)) == {}
    assert kinds(data) == ["contacts_imported", "contacts_screened"]
    assert held(data)["b"][1] == "listed_tps"


def test_the_same_register_again_changes_nothing_and_screens_nothing_twice(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, "a,020 7946 0101"))
    put(data, tmp_path, TPS)  # a new edition of the same numbers
    before = kinds(data)
    for _ in range(3):
        assert data.one(Contacts).follow() == []
    assert kinds(data) == before


def test_a_screening_that_was_cut_off_is_made_up_for(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, "a,020 7946 0101", "b,07700 900417"))
    data.one(Contacts).background = True
    put(data, tmp_path, ["07700900417", "01632960202"])

    def cut(_done: float, _what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        data.one(Contacts).follow(cut)
    assert ask(data, ContactsStatus(), ACTOR).up_to_date is False
    assert data.one(Contacts).follow()
    assert ask(data, ContactsStatus(), ACTOR).up_to_date is True
    assert changes(data) == {"a": "newly_allowed", "b": "newly_blocked"}
    assert data.one(Contacts).follow() == []


def test_a_gate_that_stops_leaves_the_list_before(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, "a,020 7946 0101"))

    def stop(_done: float, _what: str) -> None:
        data.one(Contacts).stop()

    with pytest.raises(GateError, match="stopping"):
        ask(data, ContactsImport(path=str(crm(tmp_path, "b,07700 900417")), reference="id"), ACTOR, progress=stop)
    assert [row.number for row in ask(data, ContactsList(), ACTOR).items] == ["+442079460101"]


@pytest.mark.parametrize("background", [False, True])
def test_an_objection_and_a_consent_change_that_number_alone(
    data: DataFolder, tmp_path: Path, background: bool
) -> None:
    load_list(data, crm(tmp_path, "a,020 7946 0101", "b,07700 900417", "c,07700 900418"))
    data.one(Contacts).background = background
    ask(data, ObjectionAdd(number="07700 900417"), ACTOR)
    words: dict[str, Any] = {"how": "phone", "wording": "you may call me", "who": "Jo", "evidence": "note 1"}
    consent = ask(data, ConsentAdd(number="020 7946 0101", **words), ACTOR)
    if background:
        assert held(data)["b"][1] == "not_listed"
        data.one(Contacts).follow()
    assert {ref: reason for ref, (_, reason) in held(data).items()} == {
        "a": "consented",
        "b": "objected",
        "c": "not_listed",
    }
    ask(data, ConsentWithdraw(target=consent.id), ACTOR)
    ask(data, ObjectionRemove(target="07700 900417", reason="a mistake"), ACTOR)
    data.one(Contacts).follow()
    assert {ref: reason for ref, (_, reason) in held(data).items()} == {
        "a": "consent_withdrawn",
        "b": "not_listed",
        "c": "not_listed",
    }
    assert changes(data) == {"a": "newly_blocked", "b": "newly_allowed"}
    assert kinds(data) == ["contacts_imported"], "only the register is a reason to screen all"


def test_another_reason_for_the_same_verdict_is_no_change(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, "a,020 7946 0101"))
    data.store.call(lambda tx: tx.write("UPDATE contacts SET since = 1000000000, was = 'allow'"))
    ask(data, ObjectionAdd(number="020 7946 0101"), ACTOR)
    (row,) = ask(data, ContactsList(), ACTOR).items
    assert (row.reason, row.since[:4]) == ("objected", "2001")
    put(data, tmp_path, ["07700900417", "01632960202"])
    assert changes(data) == {}
    assert changes(data, datetime(2001, 1, 1, tzinfo=UTC)) == {"a": "newly_blocked"}


def test_an_objection_while_the_list_comes_in_is_not_lost(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, "b,07700 900417"))
    objected = threading.Event()

    def progress(_done: float, what: str) -> None:
        if not objected.is_set() and "contact" in what:
            objected.set()
            ask(data, ObjectionAdd(number="07700 900417"), ACTOR)

    data.one(Contacts).background = True
    ask(data, ContactsImport(path=str(crm(tmp_path, "b,07700 900417")), reference="id"), ACTOR, progress=progress)
    assert objected.is_set()
    assert held(data)["b"] == ("+447700900417", "objected")


def test_a_stale_register_blocks_in_the_report_too(data: DataFolder, tmp_path: Path) -> None:
    source = write(tmp_path / "tps_old.txt", TPS)
    old = (datetime.now(UTC) - timedelta(days=40)).date()
    load_list(data, crm(tmp_path, "b,07700 900417"))
    ask(data, RegisterImport(name="tps", path=str(source), as_of=old, accept_older=True), ACTOR)
    assert held(data)["b"][1] == "register_stale"


def test_a_call_is_never_decided_by_what_is_kept(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, "a,020 7946 0101", "b,07700 900417"))

    def turn(tx: Any) -> None:
        outcomes = {row["verdict"]: row["outcome"] for row in query(tx, "SELECT * FROM contact_outcomes")}
        tx.write("UPDATE contacts SET outcome = ? WHERE reference = 'a'", (outcomes["allow"],))
        tx.write("UPDATE contacts SET outcome = ? WHERE reference = 'b'", (outcomes["block"],))

    data.store.call(turn)
    assert held(data) == {"a": ("+442079460101", "not_listed"), "b": ("+447700900417", "listed_tps")}
    assert ask(data, Decide(number="020 7946 0101"), "dialler").reason == "listed_tps"
    assert ask(data, Decide(number="07700 900417"), "dialler").verdict == "allow"


def test_a_number_is_forgotten_and_stays_objected(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, "ref-of-jo,07700 900417", "c,07700 900418"))
    ask(data, ObjectionAdd(number="07700 900417"), ACTOR)
    assert ask(data, ContactsForget(number="07700 900 417"), ACTOR) == ContactsForgotten(
        number="+447700900417", forgotten=1
    )
    assert set(held(data)) == {"c"}
    files = data.config.data
    assert b"ref-of-jo" not in (files / "gate.db").read_bytes() + (files / "gate.db-wal").read_bytes()
    assert ask(data, Check(number="07700 900417"), ACTOR).reason == "objected"
    with pytest.raises(UsageError, match="no contact"):
        ask(data, ContactsForget(number="07700 900417"), ACTOR)


def test_one_import_at_a_time(data: DataFolder, tmp_path: Path) -> None:
    path = crm(tmp_path, "a,020 7946 0101")
    refused: list[Exception] = []

    def progress(_done: float, _what: str) -> None:
        try:
            ask(data, ContactsRescreen(), ACTOR)
        except RefusedError as error:
            refused.append(error)

    ask(data, ContactsImport(path=str(path), reference="id"), ACTOR, progress=progress)
    assert {error.reason for error in refused} == {"contacts_busy"}  # type: ignore[attr-defined]


def test_taking_the_changes_out_leaves_a_leaf(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, *(f"{n},020 7946 0101" for n in range(5))))
    page = ask(data, ContactsChanges(since=BEGINNING, limit=2, export=True), ACTOR)
    again = ask(data, ContactsChanges(since=BEGINNING, limit=2, export=True, after=page.next), ACTOR)
    assert len(again.items) == 2
    facts = data.store.call(lambda tx: query(tx, "SELECT actor, body FROM facts WHERE kind = 'list_exported'"))
    assert [(fact["actor"], '"list":"contacts"' in fact["body"]) for fact in facts] == [(ACTOR, True)]


def test_a_page_can_end_at_the_longest_reference(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, *(f"{'é' * 300}{n},07700 90041{n}" for n in range(3))))
    seen, after = [], None
    while True:
        page = ask(data, ContactsList(limit=1, after=after), ACTOR)
        seen += [row.number for row in page.items]
        after = page.next
        if after is None:
            break
    assert seen == ["+447700900410", "+447700900411", "+447700900412"]


def test_without_contacts_everything_answers(data: DataFolder, tmp_path: Path) -> None:
    assert ask(data, ContactsStatus(), ACTOR).contacts == 0
    assert ask(data, ContactsList(), ACTOR).items == []
    assert changes(data) == {}
    with pytest.raises(UsageError, match="no contacts"):
        ask(data, ContactsRescreen(), ACTOR)
    assert put(data, tmp_path, TPS).contacts is None


def test_the_log_still_verifies(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, "a,020 7946 0101", "b,07700 900417"))
    put(data, tmp_path, ["07700900417"])
    ask(data, ContactsForget(number="07700 900417"), ACTOR)
    assert data.log.verify().ok


def test_a_contact_has_an_id_in_which_no_number_stands(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, "r,020 7946 0101,07700 900417", ",020 7946 0102,", header="id,phone,mobile"))
    rows = ask(data, ContactsList(), ACTOR).items
    assert len({row.id for row in rows}) == len(rows) == 3
    for row in rows:
        shown = ask(data, ContactsShow(id=row.id), ACTOR)
        assert (shown.contact.number, shown.contact.reference) == (row.number, row.reference)
        assert shown.contact.same_number == 1
        assert (shown.now.number, shown.now.verdict) == (row.number, row.verdict)
        assert row.number[-6:] not in row.id
        told = ask(data, Reveal(kind=Kind.CONTACT, id=row.id, why="callback"), ACTOR)
        assert told.number == row.number, "one reference may have several numbers"
    for nobody in ("0" * 32, "r", ""):
        with pytest.raises(UsageError):
            ask(data, ContactsShow(id=nobody), ACTOR)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("020 7946", ["a-1", "c_1"]),
        ("07700900417", ["b%1"]),
        ("+44 7700", ["b%1"]),
        ("A-", ["a-1"]),
        ("%", ["b%1"]),
        ("block", ["a-1"]),
        ("listed tps", ["a-1"]),
        ("not_listed", ["c_1", "b%1"]),
        ("nothing of the kind", []),
        ("0207946010100000000000", []),
        ("00000", []),
        ("  ", ["a-1", "c_1", "b%1"]),
    ],
)
def test_contacts_are_found_by_what_is_typed(data: DataFolder, tmp_path: Path, typed: str, found: list[str]) -> None:
    load_list(data, crm(tmp_path, "a-1,020 7946 0101", "c_1,020 7946 0102", "b%1,07700 900417"))
    references: list[str] = []
    after = None
    while True:
        page = ask(data, ContactsList(text=typed, after=after, limit=1), ACTOR)
        references += [row.reference for row in page.items]
        if (after := page.next) is None:
            break
    assert references == found


def test_what_is_counted_is_what_the_list_shows(data: DataFolder, tmp_path: Path) -> None:
    """Each word and the whole line; contacts and requests are not counted for who may not read them."""
    load_list(data, crm(tmp_path, "a-1,020 7946 0101", "c_1,020 7946 0102", "b%1,07700 900417"))
    who = Caller(actor=ACTOR)
    for line, counts, all_of_it in (
        ("not blocked", [2], 2), ("020 7946 blocked", [2, 1], 1), ("zebra", [0], 0), ("", [], 3), ("not zebra", [3], 3),
    ):  # fmt: skip
        found = find_meant(data, FindMeant(where=Findable.CONTACTS, text=line), who)
        assert ([word.count for word in found.words], found.count) == (counts, all_of_it), line
        listed = ask(data, ContactsList(text=line, limit=50), ACTOR).items
        assert len(listed) == found.count, line
    viewer = Caller(actor="user:vera", roles=frozenset({"viewer"}))
    for where in (Findable.CONTACTS, Findable.REQUESTS):
        with pytest.raises(RefusedError, match="may not look for"):
            find_meant(data, FindMeant(where=where, text="zebra"), viewer)
    assert find_meant(data, FindMeant(where=Findable.CALLS, text="zebra"), viewer).count == 0


def test_forgetting_is_bound_to_what_was_shown(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, "a,07700 900417", "b,07700 900418"))
    ident = ask(data, ContactsList(), ACTOR).items[0].id
    plan = ask(data, ContactsForget(id=ident, dry_run=True), ACTOR)
    assert (plan.number, plan.forgotten) == ("+447700900417", 1)
    load_list(data, crm(tmp_path, "c,07700 900417"), add=True)
    with pytest.raises(RefusedError) as refused:
        ask(data, ContactsForget(id=ident, execute=plan.digest), ACTOR)
    assert refused.value.reason == "plan_changed"
    again = ask(data, ContactsForget(number="07700 900417", dry_run=True), ACTOR)
    done = ask(data, ContactsForget(id=ident, execute=again.digest, reason="asked to"), ACTOR)
    assert done == ContactsForgotten(number="+447700900417", forgotten=2)
    wrongs: tuple[dict[str, Any], ...] = ({}, {"number": "07700 900418", "id": ident}, {"id": ident})
    for wrong in wrongs:
        with pytest.raises(UsageError):
            ask(data, ContactsForget(**wrong), ACTOR)


def test_an_import_is_stopped_and_the_contacts_stay(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, "a,07700 900417"))
    with pytest.raises(UsageError, match="no import"):
        ask(data, ContactsCancel(), ACTOR)
    path = crm(tmp_path, *(f"n{n},07700 9{n:05}" for n in range(500)))

    def stop(done: float, what: str) -> None:
        ask(data, ContactsCancel(), "user:bob(2)")

    with pytest.raises(GateError, match=r"stopped by user:bob\(2\)"):
        load_list(data, path, progress=stop)
    assert [row.reference for row in ask(data, ContactsList(), ACTOR).items] == ["a"]
    load_list(data, path)
    assert ask(data, ContactsStatus(), ACTOR).contacts == 500


def test_a_dry_run_of_an_import_keeps_nothing_and_binds_the_file(data: DataFolder, tmp_path: Path) -> None:
    load_list(data, crm(tmp_path, *(f"n{n},07700 90000{n}" for n in range(5))))
    path = crm(tmp_path, "a,020 7946 0101")
    shown = load_list(data, path, dry_run=True)
    assert (shown.contacts, shown.before, shown.shrinks) == (1, 5, True)
    assert shown.reasons == {"listed_tps": 1}
    assert ask(data, ContactsStatus(), ACTOR).contacts == 5
    crm(tmp_path, "b,020 7946 0102")
    with pytest.raises(RefusedError) as refused:
        load_list(data, path, accept_shrink=True, only=shown.sha256)
    assert refused.value.reason == "plan_changed"
    crm(tmp_path, "a,020 7946 0101")
    assert load_list(data, path, accept_shrink=True, only=shown.sha256).contacts == 1


@pytest.mark.parametrize("sort", ["reference", "-reference", "reason", "-reason", "-verdict", "since"])
def test_contacts_by_a_column_come_page_by_page(data: DataFolder, tmp_path: Path, sort: str) -> None:
    load_list(data, crm(tmp_path, *(f"C-{n % 5},0207946010{n}" for n in range(8)), "C-0,01632 960202"))
    ask(data, ObjectionAdd(number="020 7946 0107"), ACTOR)
    data.one(Contacts).follow()
    whole = ask(data, ContactsList(sort=sort), ACTOR).items
    name, down = sort.removeprefix("-"), sort.startswith("-")
    by_number = sorted(whole, key=lambda row: (row.number, row.reference))
    assert whole == sorted(by_number, key=lambda row: getattr(row, name), reverse=down) and len(whole) == 9
    pages: list[ContactRow] = []
    after = None
    while not pages or after is not None:
        page = ask(data, ContactsList(sort=sort, limit=2, after=after), ACTOR)
        pages += page.items
        after = page.next
    assert pages == whole
    with pytest.raises(UsageError, match="not sorted by 'number'"):
        ask(data, ContactsList(sort="-number"), ACTOR)
