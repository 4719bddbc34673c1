"""The gate as of a moment: each list, asked later, answers what it answered then; what was erased since is said."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gate.config import load
from gate.core.evidence import stamp
from gate.core.facts.lists import ObjectionRemoved
from gate.core.request_words import Asks
from gate.core.retention import HoldGround
from gate.daemon.opening import open_folder
from gate.errors import UsageError
from gate.operations.audit.checkpoints import AuditCheckpoint
from gate.operations.audit.leaves import MomentShow
from gate.operations.calls.calls import CallsList, CallsShow
from gate.operations.calls.recordings import RecordingList
from gate.operations.calls.screening import Decide
from gate.operations.catalogue import OPERATIONS
from gate.operations.data_folder import DataFolder
from gate.operations.erasure.eraser import CarryOut
from gate.operations.lists.consents import ConsentAdd, ConsentList, ConsentWithdraw
from gate.operations.lists.objections import ObjectionAdd, ObjectionList, ObjectionRemove
from gate.operations.operation import Page, Request, knows_past
from gate.operations.registers.importing import RegisterImport
from gate.operations.registers.in_force import RegisterStatus
from gate.operations.requests.course import Withdraw
from gate.operations.requests.listing import ListOf
from gate.operations.retention.holds import HoldAdd, HoldList, HoldRelease
from tests.support.asking import ask
from tests.support.evidence import decision
from tests.support.keeping import SetClock, plant
from tests.support.requesting import ANN, OTHER, PERSON, asked, granted, key_of, sound

HOUR = timedelta(hours=1)
REGISTERS = str(RegisterStatus())
BEGAN = datetime.now(UTC).replace(microsecond=0) + HOUR  # after the example was made


@pytest.fixture
def clock() -> SetClock:
    return SetClock(BEGAN)


@pytest.fixture
def data(folder: Path, clock: SetClock) -> Iterator[DataFolder]:
    with ExitStack() as stack:
        yield open_folder(load(folder / "config.toml"), stack, clock)


def called(data: DataFolder, name: str, number: str = PERSON) -> None:
    """A call now, recorded and sealed, in ten seconds."""
    place, recipient = data.config.data / "recordings", key_of(data.config.data.parent).recipient
    plant(data.store, data.keys, place, recipient, name, data.clock.now(), number, sound=sound())


def questions(moment: datetime) -> list[Request[Any]]:
    """Every operation that the log can answer as of a moment, and some with their filters."""
    fields: dict[str, dict[str, Any]] = {
        "calls_show": {"call_id": "call-first"},
        "calls_reasons": {"since": BEGAN},
        "calls_trend": {"since": BEGAN},
        "retention_day": {"day": moment.date() + timedelta(days=20)},
        "request_show": {"request": f"DSR-{BEGAN:%Y}-0001"},
        "audit_leaf": {"index": 0},
        "report_month": {"month": f"{moment:%Y-%m}"},
        "find_meant": {"where": "calls", "text": "refused"},
        "breach_show": {"breach": f"BR-{BEGAN:%Y}-0001"},
    }
    found = [
        msgspec.convert(fields.get(name, {}), each.request)
        for name, each in OPERATIONS.items()
        if knows_past(each.request)
    ]
    return [*found, CallsList(text="alice", sort="-seconds"), HoldList(released=True), ListOf(everything=True)]


def answers(data: DataFolder, moment: datetime, *, later: bool = False) -> dict[str, Any]:
    """What each of them is answered; ``later``: as of that moment."""
    found: dict[str, Any] = {}
    for question in questions(moment):
        asked_as = msgspec.structs.replace(question, as_of=moment) if later else question
        try:
            found[str(question)] = msgspec.to_builtins(ask(data, asked_as, ANN))
        except UsageError as error:
            found[str(question)] = str(error)
    return found


def acts(data: DataFolder) -> Iterator[Callable[[], Any]]:
    """A week of a firm: what is entered and taken back, held and let go, called and closed."""
    given: dict[str, Any] = {"how": "phone", "wording": "you may call", "who": "Pat Person", "evidence": "note 1"}
    yield lambda: called(data, "first")
    objection = ask(data, ObjectionAdd(number=PERSON, note="angry"), ANN)
    yield lambda: ask(data, Decide(number=PERSON), ANN)
    yield lambda: ask(data, ObjectionRemove(target=objection.id, reason="a slip of the pen"), ANN)
    consent = ask(data, ConsentAdd(number=OTHER, **given), ANN)
    yield lambda: ask(data, ConsentWithdraw(target=consent.id, reason="by letter"), ANN)
    hold = ask(data, HoldAdd(ground=HoldGround.CLAIM, number=PERSON, reason="a claim", reference="17"), ANN)
    yield lambda: called(data, "second", OTHER)
    yield lambda: ask(data, HoldRelease(hold_id=hold.id, reason="it is settled"), ANN)
    reference = asked(data, Asks.ACCESS)
    yield lambda: ask(data, Withdraw(request=reference, reason="they rang"), ANN)
    yield lambda: data.store.call(lambda tx: tx.append(decision("late", OTHER, at=data.clock.now(), reason="objected")))
    yield lambda: ask(data, AuditCheckpoint(), ANN)


def test_every_list_answers_later_what_it_answered_then(data: DataFolder, clock: SetClock) -> None:
    then: list[tuple[datetime, dict[str, Any]]] = []
    for act in acts(data):
        clock.time += HOUR
        then.append((clock.time, answers(data, clock.time)))
        clock.time += HOUR
        act()
    clock.time += HOUR
    assert len({str(each) for _, each in then}) == len(then), "each act has changed an answer"
    for moment, before in then:
        after = answers(data, moment, later=True)
        for each in (*after[REGISTERS]["registers"], *before[REGISTERS]["registers"]):
            assert each.pop("imported_at")  # the log has it of its own time: a moment after the file was written
        assert {name: after[name] for name in before if after[name] != before[name]} == {}, moment


def test_what_was_erased_since_stays_erased_and_the_act_is_named(data: DataFolder, clock: SetClock) -> None:
    called(data, "hers")
    called(data, "his", OTHER)
    clock.time += HOUR
    moment = clock.time
    before = ask(data, RecordingList(), ANN).items
    clock.time += HOUR
    reference = granted(data)
    digest = str(ask(data, CarryOut(request=reference), ANN).digest)
    clock.time += HOUR
    ask(data, CarryOut(request=reference, execute=True, digest=digest), ANN)
    erased_at = clock.time
    clock.time += HOUR

    calls = {row.call_id: row for row in ask(data, CallsList(as_of=moment), ANN).items}
    assert calls["call-hers"].number is None
    assert calls["call-his"].number == OTHER
    assert calls["call-hers"].state == calls["call-his"].state == "ended"
    shown = ask(data, CallsShow(call_id="call-hers", as_of=moment), ANN)
    assert [fact.body for fact in shown.facts if fact.kind == "decision"] == [None]
    (act,) = shown.erased
    assert (act.why, act.actor, act.at) == (reference, ANN, stamp(erased_at))
    recordings = ask(data, RecordingList(as_of=moment), ANN).items
    assert [row.state for row in recordings] == [row.state for row in before] == ["closed", "closed"]
    assert {row.number for row in recordings} == {None, OTHER}
    assert {row.state for row in ask(data, RecordingList(), ANN).items} == {"closed", "erased"}

    since = ask(data, MomentShow(moment), ANN).erased
    assert {(each.why, each.actor, each.at[:16]) for each in since if each.facts} == {
        (reference, ANN, f"{erased_at:%Y-%m-%dT%H:%M}")
    }
    assert [(each.why, each.recordings) for each in since if each.recordings] == [(f"request {reference}", 1)]
    assert ask(data, MomentShow(erased_at), ANN).erased == []


def test_what_was_entered_later_was_not_known_then_and_both_times_are_said(data: DataFolder, clock: SetClock) -> None:
    moment = clock.time
    clock.time += HOUR
    given: dict[str, Any] = {"how": "phone", "wording": "you may call", "who": "Pat Person", "evidence": "note 1"}
    early = moment - 2 * HOUR
    consent = ask(data, ConsentAdd(number=PERSON, given_at=early, **given), ANN)
    objection = ask(data, ObjectionAdd(number=OTHER, made_at=early), ANN)
    ask(data, ObjectionAdd(number=PERSON), ANN)
    lists: list[Request[Page[Any]]] = [
        ConsentList(number=PERSON),
        ObjectionList(number=OTHER),
        ObjectionList(number=PERSON),
    ]
    for question in lists:
        assert len(ask(data, question, ANN).items) == 1
        assert ask(data, msgspec.structs.replace(question, as_of=moment), ANN).items == []
    late = ask(data, MomentShow(moment), ANN).late
    assert {(each.kind, each.id) for each in late} == {("consent", consent.id), ("objection", objection.id)}
    assert {each.dated for each in late} == {stamp(early)}
    assert {each.entered for each in late} == {stamp(clock.time)}


def test_an_edition_that_came_later_was_not_in_force(data: DataFolder, clock: SetClock, tmp_path: Path) -> None:
    moment = clock.time
    earlier = ask(data, RegisterStatus(), ANN).registers[0]
    clock.time += timedelta(days=3)
    file = tmp_path / "tps.txt"
    file.write_text("".join(f"0207946{n:04}\n" for n in range(400)))
    ask(data, RegisterImport(name="tps", path=str(file), as_of=clock.time.date()), ANN)
    now = ask(data, RegisterStatus(), ANN).registers[0]
    then = ask(data, RegisterStatus(as_of=moment), ANN).registers[0]
    assert now.sha256 != earlier.sha256 == then.sha256
    assert (then.as_of, then.days_left, then.count) == (earlier.as_of, earlier.days_left, earlier.count)
    clock.time += timedelta(days=40)
    assert ask(data, RegisterStatus(as_of=clock.time), ANN).registers[0].state == "stale"
    assert ask(data, RegisterStatus(as_of=moment), ANN).registers[0].state == "ok"


def test_a_moment_that_the_log_cannot_know_is_refused(data: DataFolder, clock: SetClock) -> None:
    with pytest.raises(UsageError, match=r"the log knows nothing of .* it began on "):
        ask(data, CallsList(as_of=BEGAN - timedelta(days=400)), ANN)
    with pytest.raises(UsageError, match="is in the future"):
        ask(data, MomentShow(clock.time + timedelta(seconds=1)), ANN)
    with pytest.raises(UsageError, match="as_of"):
        ask(data, CallsList(as_of=BEGAN.replace(tzinfo=None)), ANN)


def test_the_checkpoint_that_proves_a_moment_is_the_first_over_all_of_it(data: DataFolder, clock: SetClock) -> None:
    ask(data, AuditCheckpoint(), ANN)
    clock.time += HOUR
    ask(data, ObjectionAdd(number=PERSON), ANN)
    moment = clock.time
    assert ask(data, MomentShow(moment), ANN).checkpoint is None
    clock.time += HOUR
    first = ask(data, AuditCheckpoint(), ANN)
    ask(data, ObjectionAdd(number=OTHER), ANN)
    ask(data, AuditCheckpoint(), ANN)
    shown = ask(data, MomentShow(moment), ANN)
    assert shown.checkpoint is not None
    assert shown.size <= shown.checkpoint.size == first.size


def test_a_clock_that_was_set_back_passes_a_moment_twice(data: DataFolder, clock: SetClock) -> None:
    moment = clock.time + HOUR
    clock.time += 2 * HOUR
    ask(data, ObjectionAdd(number=PERSON), ANN)
    assert not ask(data, MomentShow(moment), ANN).twice
    clock.time -= 2 * HOUR
    data.trust.look()
    data.keep(ObjectionRemoved(reason="none"), "nothing", ANN)
    clock.time += 3 * HOUR
    shown = ask(data, MomentShow(moment), ANN)
    assert shown.twice
    assert [row.number for row in ask(data, ObjectionList(number=PERSON, as_of=moment), ANN).items] == [PERSON]


def test_nothing_can_be_written_as_of_a_moment(data: DataFolder, clock: SetClock) -> None:
    then = data.as_of(clock.time)
    with pytest.raises(AttributeError):
        then.keep(ObjectionRemoved(reason="none"), "nothing", ANN)
    assert not [name for name, each in OPERATIONS.items() if knows_past(each.request) and each.second_person]
    with then.reader() as reader, pytest.raises(sqlite3.OperationalError):
        own = "main" if isinstance(data.place, Path) else data.place.schemas[1]
        reader.connection.execute(f"DELETE FROM {own}.facts")  # noqa: S608 - one of two
