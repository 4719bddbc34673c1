"""Data-subject requests over the desk, on a real data folder: every step, every forbidden one, the clocks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import pytest

from gate.config import load
from gate.control.messages import parsed
from gate.core import request_words as events
from gate.core.request_words import Asks, Event, Ground, LetterKind, State
from gate.core.requests import UnexpectedEvent, handle
from gate.daemon.opening import open_folder
from gate.errors import RefusedError, UsageError
from gate.operations.calls.calls import Kind, Reveal
from gate.operations.calls.screening import Check
from gate.operations.data_folder import DataFolder
from gate.operations.erasure.eraser import CarryOut
from gate.operations.lists.consents import ConsentAdd
from gate.operations.operation import Request
from gate.operations.requests import standing
from gate.operations.requests.course import (
    Acknowledge,
    AnswerSent,
    AskIdentity,
    Clarified,
    Clarify,
    Decide,
    Extend,
    Open,
    VerifyIdentity,
    Withdraw,
)
from gate.operations.requests.letters import WriteLetter
from gate.operations.requests.listing import ListOf, Show
from gate.operations.requests.searching import ContentsOf, PackMade, Search
from gate.operations.requests.standing import RequestWatch, replay
from gate.operations.requests.steps import load as load_request
from gate.operations.retention.holds import HoldList
from gate.operations.status.glance import Status
from tests.support.asking import ask
from tests.support.databases import query
from tests.support.example import make_example
from tests.support.keeping import SetClock
from tests.support.written import written

R = TypeVar("R")
ANN = "user:ann(1000)"
TODAY = date(2026, 9, 3)
VECTORS = [
    vector
    for name in ("deadlines.json", "deadlines-2.json")
    for vector in json.loads((Path(__file__).parents[1] / "data/vectors" / name).read_text())
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFolder]:
    folder = tmp_path_factory.mktemp("requests") / "gate"
    make_example(folder)
    with ExitStack() as stack:
        yield open_folder(load(folder / "config.toml"), stack)


@pytest.fixture
def clock(data: DataFolder) -> SetClock:
    """The data folder's clock, at noon of ``TODAY``."""
    set_clock = SetClock(datetime(2026, 9, 3, 12, tzinfo=UTC))
    data.clock = set_clock
    return set_clock


def opened(data: DataFolder, asks: Asks = Asks.ACCESS, **more: Any) -> str:
    fields: dict[str, Any] = {"channel": "email", "name": "Ann Example", "contact": "ann@example.org"}
    fields["numbers"] = ("020 7946 0123",)
    return str(ask(data, Open(asks=asks, **fields | more), ANN).reference)


def state(data: DataFolder, reference: str) -> str:
    """As the rules have it, and as the table has it: they agree."""
    shown = ask(data, Show(request=reference), ANN)
    (row,) = data.store.call(lambda tx: query(tx, "SELECT state FROM requests WHERE reference = ?", (reference,)))
    assert row["state"] == shown.state
    return str(shown.state)


def do(data: DataFolder, request: Request[R]) -> R:
    asked: Any = request
    if isinstance(asked, Decide) and ask(data, Show(request=asked.request), ANN).asks == "complaint":
        # marketing waits while it is open: whether it goes on is said
        asked = msgspec.structs.replace(asked, calls=asked.calls or "resume")
    return cast(R, ask(data, asked, ANN))


PROOF = "IC-301234-X9Y8"

STEPS: dict[type[Event], Callable[[DataFolder, str], Any]] = {
    events.IdentityAsked: lambda h, r: do(h, AskIdentity(request=r, note="a bill")),
    events.IdentityProven: lambda h, r: do(h, VerifyIdentity(request=r, checked="passport seen")),
    events.ClarificationAsked: lambda h, r: do(h, Clarify(request=r, question="Which call?")),
    events.Clarified: lambda h, r: do(h, Clarified(request=r, answer="that of March")),
    events.Extended: lambda h, r: do(h, Extend(request=r, reasons="many recordings")),
    events.Searched: lambda h, r: do(h, Search(request=r)),
    events.Acknowledged: lambda h, r: do(h, Acknowledge(request=r)),
    events.Granted: lambda h, r: do(h, Decide(request=r, grant=True, reasons="we looked into it")),
    events.Refused: lambda h, r: do(h, Decide(request=r, grant=False, ground=Ground.LEGAL_CLAIMS, reasons="a claim")),
    events.AuthorityTold: lambda h, r: do(h, AnswerSent(request=r, who="authority", evidence=PROOF)),
    events.Withdrawn: lambda h, r: do(h, Withdraw(request=r, reason="settled")),
}
PROVEN = (events.IdentityProven, events.Searched)
REACHED: dict[State, tuple[type[Event], ...]] = {
    State.RECEIVED: (),
    State.IDENTITY_ASKED: (events.IdentityAsked,),
    State.IN_HAND: PROVEN,
    State.CLARIFYING: (*PROVEN, events.ClarificationAsked),
    State.GRANTED: (*PROVEN, events.Granted),
    State.REFUSED: (*PROVEN, events.Refused),
    State.CLOSED: (events.Withdrawn,),
}
MADE: dict[type[Event], dict[str, Any]] = {
    events.Searched: {"found": 0},
    events.Refused: {"ground": events.Ground.LEGAL_CLAIMS},
}


@pytest.mark.parametrize("asks", [Asks.ACCESS, Asks.COMPLAINT])
@pytest.mark.parametrize("event", STEPS)
@pytest.mark.parametrize("before", REACHED)
def test_each_step_is_taken_or_refused_as_the_rules_say(
    data: DataFolder, clock: SetClock, before: State, event: type[Event], asks: Asks
) -> None:
    reference = opened(data, asks, numbers=["07700 900321"])
    for step in REACHED[before]:
        STEPS[step](data, reference)
    assert state(data, reference) == before
    request = replay(data.store.call(lambda tx: load_request(tx, reference)[1]))
    facts = len(ask(data, Show(request=reference), ANN).facts)
    try:
        after = handle(request, event(TODAY, **MADE.get(event, {})))[0].state
    except UnexpectedEvent:
        with pytest.raises(RefusedError) as refused:
            STEPS[event](data, reference)
        assert refused.value.reason in ("request_not_ready", "identity_not_proven")
        assert reference in refused.value.message
        assert state(data, reference) == before
        now = ask(data, Show(request=reference), ANN)
        assert len(now.facts) == facts, "nothing says it happened"
    else:
        STEPS[event](data, reference)
        assert state(data, reference) == after


def test_told_ends_what_was_granted_and_both_end_a_refusal(data: DataFolder, clock: SetClock) -> None:
    granted, refused = opened(data, numbers=["07700 900322"]), opened(data, Asks.RESTRICTION)
    with pytest.raises(RefusedError):
        do(data, AnswerSent(request=granted))
    for step in REACHED[State.GRANTED]:
        STEPS[step](data, granted)
    assert do(data, AnswerSent(request=granted)).state == "done"
    STEPS[events.Refused](data, refused)
    assert do(data, AnswerSent(request=refused)).next == [
        f"dialgate request told {refused} authority --reference REFERENCE"
    ]
    assert do(data, AnswerSent(request=refused, who="authority", evidence=PROOF)).state == "closed"
    with pytest.raises(RefusedError):
        do(data, AnswerSent(request=refused))


SHA = "5e" * 32


@pytest.mark.parametrize(
    ("proof", "why"),
    [
        ({}, "needs a proof"),
        ({"evidence": "  "}, "needs a proof"),
        ({"evidence_sha256": SHA}, "needs a proof"),
        ({"evidence": "sent"}, "is a word and no reference"),
        ({"evidence": "scan.pdf", "evidence_sha256": "abc"}, "is no SHA-256"),
        ({"evidence": "letter 7 of Ann"}, "name or number is in it"),
        ({"evidence": "mail about 020 7946 0123"}, "name or number is in it"),
        ({"evidence": "ann-example.pdf", "evidence_sha256": SHA}, "name or number is in it"),
    ],
)
def test_no_word_proves_that_the_authority_was_told(
    data: DataFolder, clock: SetClock, proof: dict[str, Any], why: str
) -> None:
    refused = opened(data, Asks.RESTRICTION)
    STEPS[events.Refused](data, refused)
    with pytest.raises(UsageError, match=why):
        do(data, AnswerSent(request=refused, who="authority", **proof))
    assert do(data, Show(request=refused)).told == []


def test_the_proof_that_the_authority_was_told_is_kept_with_the_step(data: DataFolder, clock: SetClock) -> None:
    proofs: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({"evidence": PROOF}, {"evidence": PROOF, "evidence_kind": "reference"}),
        (
            {"evidence": "posted.pdf", "evidence_sha256": SHA},
            {"evidence": "posted.pdf", "evidence_kind": "file", "evidence_sha256": SHA},
        ),
    ]
    for given, kept in proofs:
        refused = opened(data, Asks.RESTRICTION)
        STEPS[events.Refused](data, refused)
        with pytest.raises(UsageError, match="needs a proof"):
            do(data, AnswerSent(request=refused, who="authority"))
        do(data, AnswerSent(request=refused, who="authority", **given))
        (told,) = [f for f in do(data, Show(request=refused)).facts if f.kind == "request_authority_told"]
        assert told.body == {"on": TODAY.isoformat()} | kept


def test_what_was_told_before_proofs_were_kept_stays_as_it_is(data: DataFolder, clock: SetClock) -> None:
    refused = opened(data, Asks.RESTRICTION)
    STEPS[events.Refused](data, refused)
    row = do(data, Show(request=refused))
    written(data, "request_authority_told", row.id, ANN, {"on": TODAY.isoformat()})
    assert do(data, Show(request=refused)).told == ["authority"]
    assert do(data, AnswerSent(request=refused)).state == "closed"


def test_nothing_is_searched_counted_or_shown_before_the_identity_is_proven(data: DataFolder, clock: SetClock) -> None:
    for asks in (Asks.ACCESS, Asks.ERASURE):
        reference = opened(data, asks)
        leaves = data.store.call(lambda tx: tx.head()[0])
        acts: list[Request[Any]] = [
            Search(request=reference),
            Search(request=reference, numbers=("07700 900200",)),
            Search(request=reference, since=datetime(2026, 1, 1, tzinfo=UTC)),
            Search(request=reference, calls=("no such call",)),
            ContentsOf(request=reference),
            CarryOut(request=reference),
            CarryOut(request=reference, execute=True),
            Decide(request=reference, grant=True),
            PackMade(request=reference, sha256="", calls=0, recordings=0, left_out=0),
        ]
        for act in acts:
            with pytest.raises(RefusedError) as refused:
                do(data, act)
            if isinstance(act, Search):
                assert refused.value.reason == "identity_not_proven"
        assert data.store.call(lambda tx: tx.head()[0]) == leaves
        assert ask(data, Show(request=reference), ANN).found is None


def test_of_two_who_take_the_same_step_at_once_one_does(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, Asks.COMPLAINT)

    def decide(_: int) -> bool:
        try:
            do(data, Decide(request=reference, grant=True, reasons="done"))
        except RefusedError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(decide, range(4))) == [False, False, False, True]
    kinds = [fact.kind for fact in do(data, Show(request=reference)).facts]
    assert kinds.count("request_granted") == 1


def test_references_are_of_the_year_and_in_order(data: DataFolder, clock: SetClock) -> None:
    first, second = opened(data), opened(data)
    assert first.startswith("DSR-2026-")
    assert int(second[-4:]) == int(first[-4:]) + 1
    assert opened(data, received=date(2025, 12, 31)) == "DSR-2025-0001"
    assert do(data, Show(request=first.lower())).reference == first
    with pytest.raises(UsageError, match="no request DSR-2026-9999"):
        do(data, Show(request="DSR-2026-9999"))


# --- clocks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS, ids=[each["received"] for each in VECTORS])
def test_the_vectors_through_the_interface(data: DataFolder, clock: SetClock, vector: dict[str, str]) -> None:
    def day(name: str) -> date:
        return date.fromisoformat(vector[name])

    received = day("received")
    clock.time = datetime(received.year, received.month, received.day, 12, tzinfo=UTC)
    shown = do(data, Show(request=opened(data, received=received)))
    assert (shown.due, shown.ico_due) == (day("due"), day("ico_date_england"))
    assert shown.policy_due == day("plus_30")
    if "complaint_acknowledged_by" in vector:
        complaint = do(data, Show(request=opened(data, Asks.COMPLAINT, received=received)))
        assert complaint.acknowledge_by == day("complaint_acknowledged_by")
    assert shown.days_left == (day("due") - received).days


def test_the_clock_starts_with_the_proof_pauses_and_is_extended(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, received=TODAY)
    assert do(data, AskIdentity(request=reference)).due is None
    clock.time += timedelta(days=10)
    assert do(data, VerifyIdentity(request=reference, checked="bill seen")).due == date(2026, 10, 13)
    assert do(data, Clarify(request=reference, question="Which?")).paused_on == date(2026, 9, 13)
    clock.time += timedelta(days=7)
    assert do(data, Show(request=reference)).due == date(2026, 10, 20)
    assert do(data, Clarified(request=reference, answer="all")).due == date(2026, 10, 20)
    extended = do(data, Extend(request=reference, reasons="many"))
    assert (extended.due, extended.policy_due) == (date(2026, 12, 20), date(2026, 10, 3)), (
        "the policy's day stays visible"
    )


def test_pauses_that_are_entered_late_put_off_nothing(data: DataFolder, clock: SetClock) -> None:
    """Nor does a mistyped day (LAW 4.2)."""
    reference = opened(data, received=date(2026, 9, 3))
    clock.time += timedelta(days=30)
    do(data, VerifyIdentity(request=reference, checked="passport seen", on=date(2026, 9, 4), evidence=PROOF))
    do(data, Clarify(request=reference, question="Which?", on=date(2026, 9, 10), evidence=PROOF))
    with pytest.raises(UsageError, match=f"{reference}: 2026-09-09 is before the clarification was asked for"):
        do(data, Clarified(request=reference, answer="all", on=date(2026, 9, 9), evidence=PROOF))
    do(data, Clarified(request=reference, answer="all", on=date(2026, 9, 20), evidence=PROOF))
    with pytest.raises(UsageError, match="2026-09-11 is before the last answer came"):
        do(data, Clarify(request=reference, question="All?", on=date(2026, 9, 11), evidence=PROOF))
    do(data, Clarify(request=reference, question="All?", on=date(2026, 9, 21), evidence=PROOF))
    do(data, Clarified(request=reference, answer="yes", on=date(2026, 9, 25), evidence=PROOF))
    assert do(data, Show(request=reference)).due == date(2026, 10, 3)


def test_no_pause_begins_before_the_clock(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, received=date(2026, 9, 3))
    do(data, AskIdentity(request=reference))
    clock.time += timedelta(days=22)
    do(data, VerifyIdentity(request=reference, checked="passport seen"))
    with pytest.raises(UsageError, match="2026-09-03 is before the clock started"):
        do(data, Clarify(request=reference, question="Which?", on=date(2026, 9, 3), evidence=PROOF))
    assert do(data, Show(request=reference)).due == date(2026, 10, 25)


def test_warnings_and_the_order_of_the_list(data: DataFolder, clock: SetClock) -> None:
    old, young = opened(data, received=TODAY), opened(data, Asks.COMPLAINT, received=TODAY)
    for days, warning in ((19, ""), (20, "20 days have passed"), (25, "25 days have passed"), (31, "overdue")):
        clock.time = datetime(2026, 9, 3, 12, tzinfo=UTC) + timedelta(days=days)
        assert do(data, Show(request=old)).warning == warning
    do(data, Acknowledge(request=young))
    items = ask(data, ListOf(), ANN).items
    dues = [each.due for each in items if each.due]
    assert dues == sorted(dues)
    now = ask(data, Status(), ANN).requests
    assert now.open == len(items) and now.overdue >= 2
    assert RequestWatch(data).look() == now
    page = ask(data, ListOf(everything=True, limit=2), ANN)
    assert len(page.items) == 2
    following = ask(data, ListOf(everything=True, limit=2, after=page.next), ANN)
    assert not {each.id for each in page.items} & {each.id for each in following.items}
    assert {each.state for each in ask(data, ListOf(state=State.CLOSED), ANN).items} == {"closed"}


def test_a_complaint_is_acknowledged_within_thirty_days(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, Asks.COMPLAINT, received=TODAY)
    assert do(data, Show(request=reference)).acknowledge_by == date(2026, 10, 2)
    assert do(data, Acknowledge(request=reference)).acknowledge_by is None


def test_days_that_cannot_be(data: DataFolder, clock: SetClock) -> None:
    with pytest.raises(UsageError, match="in the future"):
        opened(data, received=TODAY + timedelta(days=1))
    reference = opened(data, received=TODAY)
    with pytest.raises(UsageError, match="before the request came"):
        do(data, VerifyIdentity(request=reference, checked="bill seen", on=TODAY - timedelta(days=1)))


def test_each_command_of_the_rules_yields_its_letter_once(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, Asks.ERASURE, channel="phone")

    def due() -> list[str]:
        return list(do(data, Show(request=reference)).letters)

    assert due() == ["acknowledgement", "writing"]
    do(data, WriteLetter(request=reference, kind=LetterKind.ACKNOWLEDGEMENT))
    STEPS[events.IdentityAsked](data, reference)
    assert due() == ["writing", "identity"]
    do(data, WriteLetter(request=reference, kind=LetterKind.IDENTITY))
    STEPS[events.IdentityProven](data, reference)
    STEPS[events.ClarificationAsked](data, reference)
    STEPS[events.Clarified](data, reference)
    assert due() == ["writing"], "what was asked is answered: no letter asks again"
    STEPS[events.Extended](data, reference)
    STEPS[events.Refused](data, reference)
    assert due() == ["writing", "extension", "refusal", "authority"]
    for kind in due():
        made = do(data, WriteLetter(request=reference, kind=LetterKind(kind)))
        facts = do(data, Show(request=reference)).facts
        told: Any = facts[-1].body
        assert (told["kind"], told["sha256"]) == (kind, made.sha256)
        assert {len(told[form]) for form in ("html_sha256", "text_sha256")} == {64}
    assert due() == []
    granted = opened(data, Asks.ACCESS, numbers=["07700 900360"])
    for step in REACHED[State.GRANTED]:
        STEPS[step](data, granted)
    assert do(data, Show(request=granted)).letters == ["acknowledgement", "response"]


def test_who_is_due_is_logged_once_a_day(data: DataFolder, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    late = opened(data, received=TODAY - timedelta(days=25))
    said: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(standing.log, "warning", lambda event, **facts: said.append((event, facts)), raising=False)
    watch = RequestWatch(data)
    watch.look()
    (found,) = [facts for event, facts in said if event == "request_due" and facts["request"] == late]
    assert (found["warning"], found["days_left"]) == ("25 days have passed", 5)
    assert "Ann" not in str(said) and "+44" not in str(said)
    count = len(said)
    watch.look()
    assert len(said) == count
    clock.time += timedelta(days=1)
    watch.look()
    assert len(said) > count


# --- what is kept -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "checked",
    [
        "passport 123456789",
        "born 12 03 1970",
        "mail from ann@example.org",
        " ",
        "Miss EXAMPLE's passport",
        "Ann's bill",
    ],
)
def test_what_was_checked_is_kept_never_the_document(data: DataFolder, clock: SetClock, checked: str) -> None:
    with pytest.raises(UsageError, match="check"):
        do(data, VerifyIdentity(request=opened(data), checked=checked))


@pytest.mark.parametrize(
    ("name", "checked"),
    [("Mr Zoë O'Brien-Li", "zoe known"), ("Mr Zoe O'Brien-Li", "O’Brien known"), ("Mr Zoe O'Brien-Li", "li known")],
)
def test_a_name_is_seen_in_any_writing(data: DataFolder, clock: SetClock, name: str, checked: str) -> None:
    with pytest.raises(UsageError, match="their name is in it"):
        do(data, VerifyIdentity(request=opened(data, name=name), checked=checked))


def test_a_kind_of_proof_is_nobodys_name(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, name="Mr Bill Person")
    assert do(data, VerifyIdentity(request=reference, checked="bill of Mr P. seen in person")).state == "in_hand"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "", "numbers": []}, "comes from somebody"),
        ({"asks": "objection", "numbers": []}, "kept by number"),
        ({"numbers": ["12"]}, "not a number"),
        ({"since": datetime(2026, 3, 2, tzinfo=UTC), "until": datetime(2026, 3, 1, tzinfo=UTC)}, "ends before"),
    ],
)
def test_a_request_that_cannot_be(data: DataFolder, clock: SetClock, wrong: dict[str, Any], message: str) -> None:
    before = data.store.call(lambda tx: tx.head()[0])
    with pytest.raises(UsageError, match=message):
        opened(data, **wrong)
    assert data.store.call(lambda tx: tx.head()[0]) == before


def test_a_channel_that_is_none_and_nobody_to_tell_are_wrong_usage() -> None:
    with pytest.raises(UsageError, match="pigeon"):
        parsed("request_open", {"asks": "access", "channel": "pigeon"})
    with pytest.raises(UsageError, match="postman"):
        parsed("request_told", {"request": "DSR-2026-0001", "who": "postman"})


def test_an_objection_holds_from_the_next_call(data: DataFolder, clock: SetClock) -> None:
    ask(data, ConsentAdd(number="07700 900330", how="phone", wording="yes", who="B", evidence="note 1"), ANN)
    clock.time += timedelta(seconds=1)
    reference = opened(data, Asks.OBJECTION, channel="phone", numbers=["07700 900330", "+447700900331"])
    assert state(data, reference) == "granted"
    for number in ("07700900330", "07700900331"):
        assert ask(data, Check(number=number), ANN).reason == "objected"
    assert do(data, AnswerSent(request=reference)).state == "done"


def test_a_restriction_closes_and_keeps_the_recordings(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, Asks.RESTRICTION, numbers=["07700 900340"])
    do(data, Decide(request=reference, grant=True))
    (hold,) = ask(data, HoldList(number="07700 900340"), ANN).items
    assert (hold.kind, hold.reference) == ("restriction", reference)
    nobody = opened(data, Asks.RESTRICTION, numbers=[])
    with pytest.raises(UsageError, match="which number"):
        do(data, Decide(request=nobody, grant=True))
    assert state(data, nobody) == "received"


def test_the_course_holds_nothing_personal(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, Asks.ACCESS, about="about my aunt", numbers=["07700 900350"])
    STEPS[events.IdentityProven](data, reference)
    STEPS[events.ClarificationAsked](data, reference)
    do(data, Clarified(request=reference, answer="my aunt", numbers=("07700 900351",)))
    STEPS[events.Searched](data, reference)
    STEPS[events.Refused](data, reference)
    facts = do(data, Show(request=reference)).facts
    personal = ("request_person", "request_words")
    course = json.dumps([fact.body for fact in facts if fact.kind not in personal])
    assert [
        word for word in ("Ann", "example.org", "7700900350", "aunt", "Which call", "a claim") if word in course
    ] == []
    said = json.dumps([fact.body for fact in facts if fact.kind in personal])
    assert "aunt" in said and "+447700900351" in said and "a claim" in said


def test_the_log_verifies_with_all_of_it(data: DataFolder) -> None:
    report = data.log.verify()
    assert report.ok, report.first_fault


def test_the_list_is_searched_by_what_people_know_of_a_request(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, Asks.ERASURE, name="Zebedee Example", numbers=["020 7946 0987"])

    def found(text: str, **more: Any) -> list[str]:
        return [each.reference for each in ask(data, ListOf(text=text, **more), ANN).items]

    for text in ("zebedee", reference.lower(), "020 7946 098", "+442079460987"):
        assert found(text) == [reference] == found(text, everything=True)
    assert found("no such thing") == [] == found("zebedee", state="closed")
    assert reference in found("received") and reference in found("")


def test_who_asks_is_shown_for_a_reason_where_there_is_no_number(data: DataFolder, clock: SetClock) -> None:
    opened_id = ask(data, Open(asks=Asks.ACCESS, channel="email", name="Nan Onumber"), ANN).id
    shown = ask(data, Reveal(kind=Kind.REQUEST, id=opened_id, why="to write to her"), ANN)
    assert shown.number == "Nan Onumber"
