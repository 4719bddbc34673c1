"""Data-subject requests over the desk, on a real data folder: every step, every forbidden one, the clocks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gate.config import load
from gate.control.messages import parsed
from gate.core import request_words as events
from gate.core.request_words import Asks, Event, State
from gate.core.requests import UnexpectedEvent, handle
from gate.daemon.opening import open_folder
from gate.errors import RefusedError, UsageError
from gate.operations.data_folder import DataFolder
from gate.operations.requests import standing
from gate.operations.requests.standing import RequestWatch, replay
from gate.operations.requests.steps import load as load_request
from tests.support.asking import ByName
from tests.support.example import make_example
from tests.support.keeping import SetClock
from tests.support.written import written

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


def opened(data: DataFolder, asks: str = "access", **more: Any) -> str:
    fields = {"channel": "email", "name": "Ann Example", "contact": "ann@example.org", "numbers": ["020 7946 0123"]}
    return str(ByName(data).request_open(asks=asks, actor=ANN, **(fields | more))["reference"])


def state(data: DataFolder, reference: str) -> str:
    """As the rules have it, and as the table has it: they agree."""
    shown = ByName(data).request_show(request=reference, actor=ANN)
    (row,) = data.store.call(lambda tx: tx.query("SELECT state FROM requests WHERE reference = ?", (reference,)))
    assert row["state"] == shown["state"]
    return str(shown["state"])


def do(data: DataFolder, name: str, reference: str, **fields: Any) -> dict[str, Any]:
    if name == "decide" and ByName(data).request_show(request=reference, actor=ANN)["asks"] == "complaint":
        fields.setdefault("calls", "resume")  # marketing waits while it is open: whether it goes on is said
    return dict(getattr(ByName(data), f"request_{name}")(request=reference, actor=ANN, **fields))


PROOF = "IC-301234-X9Y8"

STEPS: dict[type[Event], Callable[[DataFolder, str], Any]] = {
    events.IdentityAsked: lambda h, r: do(h, "ask_identity", r, note="a bill"),
    events.IdentityProven: lambda h, r: do(h, "verify_identity", r, checked="passport seen"),
    events.ClarificationAsked: lambda h, r: do(h, "clarify", r, question="Which call?"),
    events.Clarified: lambda h, r: do(h, "clarified", r, answer="that of March"),
    events.Extended: lambda h, r: do(h, "extend", r, reasons="many recordings"),
    events.Searched: lambda h, r: do(h, "search", r),
    events.Acknowledged: lambda h, r: do(h, "acknowledge", r),
    events.Granted: lambda h, r: do(h, "decide", r, grant=True, reasons="we looked into it"),
    events.Refused: lambda h, r: do(h, "decide", r, grant=False, ground="legal_claims", reasons="a claim"),
    events.AuthorityTold: lambda h, r: do(h, "told", r, who="authority", evidence=PROOF),
    events.Withdrawn: lambda h, r: do(h, "withdraw", r, reason="settled"),
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
MADE = {events.Searched: {"found": 0}, events.Refused: {"ground": events.Ground.LEGAL_CLAIMS}}


@pytest.mark.parametrize("asks", [Asks.ACCESS, Asks.COMPLAINT])
@pytest.mark.parametrize("event", STEPS)
@pytest.mark.parametrize("before", REACHED)
def test_each_step_is_taken_or_refused_as_the_rules_say(
    data: DataFolder, clock: SetClock, before: State, event: type[Event], asks: Asks
) -> None:
    reference = opened(data, asks.value, numbers=["07700 900321"])
    for step in REACHED[before]:
        STEPS[step](data, reference)
    assert state(data, reference) == before
    request = replay(data.store.call(lambda tx: load_request(tx, reference)[1]))
    facts = len(ByName(data).request_show(request=reference, actor=ANN)["facts"])
    try:
        after = handle(request, event(TODAY, **MADE.get(event, {})))[0].state
    except UnexpectedEvent:
        with pytest.raises(RefusedError) as refused:
            STEPS[event](data, reference)
        assert refused.value.reason in ("request_not_ready", "identity_not_proven")
        assert reference in refused.value.message
        assert state(data, reference) == before
        now = ByName(data).request_show(request=reference, actor=ANN)
        assert len(now["facts"]) == facts, "nothing says it happened"
    else:
        STEPS[event](data, reference)
        assert state(data, reference) == after


def test_told_ends_what_was_granted_and_both_end_a_refusal(data: DataFolder, clock: SetClock) -> None:
    granted, refused = opened(data, numbers=["07700 900322"]), opened(data, "restriction")
    with pytest.raises(RefusedError):
        do(data, "told", granted)
    for step in REACHED[State.GRANTED]:
        STEPS[step](data, granted)
    assert do(data, "told", granted)["state"] == "done"
    STEPS[events.Refused](data, refused)
    assert do(data, "told", refused)["next"] == [f"dialgate request told {refused} authority --reference REFERENCE"]
    assert do(data, "told", refused, who="authority", evidence=PROOF)["state"] == "closed"
    with pytest.raises(RefusedError):
        do(data, "told", refused)


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
    data: DataFolder, clock: SetClock, proof: dict[str, str], why: str
) -> None:
    refused = opened(data, "restriction")
    STEPS[events.Refused](data, refused)
    with pytest.raises(UsageError, match=why):
        do(data, "told", refused, who="authority", **proof)
    assert do(data, "show", refused)["told"] == []


def test_the_proof_that_the_authority_was_told_is_kept_with_the_step(data: DataFolder, clock: SetClock) -> None:
    proofs = [
        ({"evidence": PROOF}, {"evidence": PROOF, "evidence_kind": "reference"}),
        (
            {"evidence": "posted.pdf", "evidence_sha256": SHA},
            {"evidence": "posted.pdf", "evidence_kind": "file", "evidence_sha256": SHA},
        ),
    ]
    for given, kept in proofs:
        refused = opened(data, "restriction")
        STEPS[events.Refused](data, refused)
        with pytest.raises(UsageError, match="needs a proof"):
            do(data, "told", refused, who="authority")
        do(data, "told", refused, who="authority", **given)
        (told,) = [f for f in do(data, "show", refused)["facts"] if f["kind"] == "request_authority_told"]
        assert told["body"] == {"on": TODAY.isoformat()} | kept


def test_what_was_told_before_proofs_were_kept_stays_as_it_is(data: DataFolder, clock: SetClock) -> None:
    refused = opened(data, "restriction")
    STEPS[events.Refused](data, refused)
    row = do(data, "show", refused)
    written(data, "request_authority_told", row["id"], ANN, {"on": TODAY.isoformat()})
    assert do(data, "show", refused)["told"] == ["authority"]
    assert do(data, "told", refused)["state"] == "closed"


def test_nothing_is_searched_counted_or_shown_before_the_identity_is_proven(data: DataFolder, clock: SetClock) -> None:
    for asks in ("access", "erasure"):
        reference = opened(data, asks)
        leaves = data.store.call(lambda tx: tx.head()[0])
        acts: list[tuple[str, dict[str, Any]]] = [
            ("search", {}),
            ("search", {"numbers": ["07700 900200"]}),
            ("search", {"since": datetime(2026, 1, 1, tzinfo=UTC)}),
            ("search", {"calls": ["no such call"]}),
            ("contents", {}),
            ("carry_out", {}),
            ("carry_out", {"execute": True}),
            ("decide", {"grant": True}),
            ("pack_made", {"sha256": "", "calls": 0, "recordings": 0, "left_out": 0}),
        ]
        for name, fields in acts:
            with pytest.raises(RefusedError) as refused:
                do(data, name, reference, **fields)
            if name == "search":
                assert refused.value.reason == "identity_not_proven"
        assert data.store.call(lambda tx: tx.head()[0]) == leaves
        assert ByName(data).request_show(request=reference, actor=ANN)["found"] is None


def test_of_two_who_take_the_same_step_at_once_one_does(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, "complaint")

    def decide(_: int) -> bool:
        try:
            do(data, "decide", reference, grant=True, reasons="done")
        except RefusedError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(decide, range(4))) == [False, False, False, True]
    kinds = [fact["kind"] for fact in do(data, "show", reference)["facts"]]
    assert kinds.count("request_granted") == 1


def test_references_are_of_the_year_and_in_order(data: DataFolder, clock: SetClock) -> None:
    first, second = opened(data), opened(data)
    assert first.startswith("DSR-2026-")
    assert int(second[-4:]) == int(first[-4:]) + 1
    assert opened(data, received=date(2025, 12, 31)) == "DSR-2025-0001"
    assert do(data, "show", first.lower())["reference"] == first
    with pytest.raises(UsageError, match="no request DSR-2026-9999"):
        do(data, "show", "DSR-2026-9999")


# --- clocks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS, ids=[each["received"] for each in VECTORS])
def test_the_vectors_through_the_interface(data: DataFolder, clock: SetClock, vector: dict[str, str]) -> None:
    received = date.fromisoformat(vector["received"])
    clock.time = datetime(received.year, received.month, received.day, 12, tzinfo=UTC)
    shown = do(data, "show", opened(data, received=received))
    assert (shown["due"], shown["ico_due"]) == (vector["due"], vector["ico_date_england"])
    assert shown["policy_due"] == vector["plus_30"]
    if acknowledged := vector.get("complaint_acknowledged_by"):
        complaint = do(data, "show", opened(data, "complaint", received=received))
        assert complaint["acknowledge_by"] == acknowledged
    assert shown["days_left"] == (date.fromisoformat(vector["due"]) - received).days


def test_the_clock_starts_with_the_proof_pauses_and_is_extended(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, received=TODAY)
    assert do(data, "ask_identity", reference)["due"] is None
    clock.time += timedelta(days=10)
    assert do(data, "verify_identity", reference, checked="bill seen")["due"] == "2026-10-13"
    assert do(data, "clarify", reference, question="Which?")["paused_on"] == "2026-09-13"
    clock.time += timedelta(days=7)
    assert do(data, "show", reference)["due"] == "2026-10-20"
    assert do(data, "clarified", reference, answer="all")["due"] == "2026-10-20"
    extended = do(data, "extend", reference, reasons="many")
    assert (extended["due"], extended["policy_due"]) == ("2026-12-20", "2026-10-03"), "the policy's day stays visible"


def test_pauses_that_are_entered_late_put_off_nothing(data: DataFolder, clock: SetClock) -> None:
    """Nor does a mistyped day (LAW 4.2)."""
    reference = opened(data, received=date(2026, 9, 3))
    clock.time += timedelta(days=30)
    do(data, "verify_identity", reference, checked="passport seen", on=date(2026, 9, 4), evidence=PROOF)
    do(data, "clarify", reference, question="Which?", on=date(2026, 9, 10), evidence=PROOF)
    with pytest.raises(UsageError, match=f"{reference}: 2026-09-09 is before the clarification was asked for"):
        do(data, "clarified", reference, answer="all", on=date(2026, 9, 9), evidence=PROOF)
    do(data, "clarified", reference, answer="all", on=date(2026, 9, 20), evidence=PROOF)
    with pytest.raises(UsageError, match="2026-09-11 is before the last answer came"):
        do(data, "clarify", reference, question="All?", on=date(2026, 9, 11), evidence=PROOF)
    do(data, "clarify", reference, question="All?", on=date(2026, 9, 21), evidence=PROOF)
    do(data, "clarified", reference, answer="yes", on=date(2026, 9, 25), evidence=PROOF)
    assert do(data, "show", reference)["due"] == "2026-10-03"


def test_no_pause_begins_before_the_clock(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, received=date(2026, 9, 3))
    do(data, "ask_identity", reference)
    clock.time += timedelta(days=22)
    do(data, "verify_identity", reference, checked="passport seen")
    with pytest.raises(UsageError, match="2026-09-03 is before the clock started"):
        do(data, "clarify", reference, question="Which?", on=date(2026, 9, 3), evidence=PROOF)
    assert do(data, "show", reference)["due"] == "2026-10-25"


def test_warnings_and_the_order_of_the_list(data: DataFolder, clock: SetClock) -> None:
    old, young = opened(data, received=TODAY), opened(data, "complaint", received=TODAY)
    for days, warning in ((19, ""), (20, "20 days have passed"), (25, "25 days have passed"), (31, "overdue")):
        clock.time = datetime(2026, 9, 3, 12, tzinfo=UTC) + timedelta(days=days)
        assert do(data, "show", old)["warning"] == warning
    do(data, "acknowledge", young)
    items = ByName(data).request_list(actor=ANN)["items"]
    dues = [each["due"] for each in items if each["due"]]
    assert dues == sorted(dues)
    now = ByName(data).status(actor=ANN)["requests"]
    assert now["open"] == len(items) and now["overdue"] >= 2
    assert msgspec.to_builtins(RequestWatch(data).look()) == now
    page = ByName(data).request_list(everything=True, limit=2, actor=ANN)
    assert len(page["items"]) == 2
    following = ByName(data).request_list(everything=True, limit=2, after=page["next"], actor=ANN)
    assert not {each["id"] for each in page["items"]} & {each["id"] for each in following["items"]}
    assert {each["state"] for each in ByName(data).request_list(state="closed", actor=ANN)["items"]} == {"closed"}


def test_a_complaint_is_acknowledged_within_thirty_days(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, "complaint", received=TODAY)
    assert do(data, "show", reference)["acknowledge_by"] == "2026-10-02"
    assert do(data, "acknowledge", reference)["acknowledge_by"] is None


def test_days_that_cannot_be(data: DataFolder, clock: SetClock) -> None:
    with pytest.raises(UsageError, match="in the future"):
        opened(data, received=TODAY + timedelta(days=1))
    reference = opened(data, received=TODAY)
    with pytest.raises(UsageError, match="before the request came"):
        do(data, "verify_identity", reference, checked="bill seen", on=TODAY - timedelta(days=1))


def test_each_command_of_the_rules_yields_its_letter_once(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, "erasure", channel="phone")

    def due() -> list[str]:
        return list(do(data, "show", reference)["letters"])

    assert due() == ["acknowledgement", "writing"]
    do(data, "letter", reference, kind="acknowledgement")
    STEPS[events.IdentityAsked](data, reference)
    assert due() == ["writing", "identity"]
    do(data, "letter", reference, kind="identity")
    STEPS[events.IdentityProven](data, reference)
    STEPS[events.ClarificationAsked](data, reference)
    STEPS[events.Clarified](data, reference)
    assert due() == ["writing"], "what was asked is answered: no letter asks again"
    STEPS[events.Extended](data, reference)
    STEPS[events.Refused](data, reference)
    assert due() == ["writing", "extension", "refusal", "authority"]
    for kind in due():
        made = do(data, "letter", reference, kind=kind)
        facts = do(data, "show", reference)["facts"]
        told = facts[-1]["body"]
        assert (told["kind"], told["sha256"]) == (kind, made["sha256"])
        assert {len(told[form]) for form in ("html_sha256", "text_sha256")} == {64}
    assert due() == []
    granted = opened(data, "access", numbers=["07700 900360"])
    for step in REACHED[State.GRANTED]:
        STEPS[step](data, granted)
    assert do(data, "show", granted)["letters"] == ["acknowledgement", "response"]


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
        do(data, "verify_identity", opened(data), checked=checked)


@pytest.mark.parametrize(
    ("name", "checked"),
    [("Mr Zoë O'Brien-Li", "zoe known"), ("Mr Zoe O'Brien-Li", "O’Brien known"), ("Mr Zoe O'Brien-Li", "li known")],
)
def test_a_name_is_seen_in_any_writing(data: DataFolder, clock: SetClock, name: str, checked: str) -> None:
    with pytest.raises(UsageError, match="their name is in it"):
        do(data, "verify_identity", opened(data, name=name), checked=checked)


def test_a_kind_of_proof_is_nobodys_name(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, name="Mr Bill Person")
    assert do(data, "verify_identity", reference, checked="bill of Mr P. seen in person")["state"] == "in_hand"


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
    ByName(data).consent_add(number="07700 900330", how="phone", wording="yes", who="B", evidence="note 1", actor=ANN)
    clock.time += timedelta(seconds=1)
    reference = opened(data, "objection", channel="phone", numbers=["07700 900330", "+447700900331"])
    assert state(data, reference) == "granted"
    for number in ("07700900330", "07700900331"):
        assert ByName(data).check(number=number, actor=ANN)["reason"] == "objected"
    assert do(data, "told", reference)["state"] == "done"


def test_a_restriction_closes_and_keeps_the_recordings(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, "restriction", numbers=["07700 900340"])
    do(data, "decide", reference, grant=True)
    (hold,) = ByName(data).hold_list(number="07700 900340", actor=ANN)["items"]
    assert (hold["kind"], hold["reference"]) == ("restriction", reference)
    nobody = opened(data, "restriction", numbers=[])
    with pytest.raises(UsageError, match="which number"):
        do(data, "decide", nobody, grant=True)
    assert state(data, nobody) == "received"


def test_the_course_holds_nothing_personal(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, "access", about="about my aunt", numbers=["07700 900350"])
    STEPS[events.IdentityProven](data, reference)
    STEPS[events.ClarificationAsked](data, reference)
    do(data, "clarified", reference, answer="my aunt", numbers=["07700 900351"])
    STEPS[events.Searched](data, reference)
    STEPS[events.Refused](data, reference)
    facts = do(data, "show", reference)["facts"]
    personal = ("request_person", "request_words")
    course = json.dumps([fact["body"] for fact in facts if fact["kind"] not in personal])
    assert [
        word for word in ("Ann", "example.org", "7700900350", "aunt", "Which call", "a claim") if word in course
    ] == []
    said = json.dumps([fact["body"] for fact in facts if fact["kind"] in personal])
    assert "aunt" in said and "+447700900351" in said and "a claim" in said


def test_the_log_verifies_with_all_of_it(data: DataFolder) -> None:
    report = data.log.verify()
    assert report.ok, report.first_fault


def test_the_list_is_searched_by_what_people_know_of_a_request(data: DataFolder, clock: SetClock) -> None:
    reference = opened(data, "erasure", name="Zebedee Example", numbers=["020 7946 0987"])
    found = lambda text, **more: [  # noqa: E731 - said five times
        each["reference"] for each in ByName(data).request_list(text=text, actor=ANN, **more)["items"]
    ]
    for text in ("zebedee", reference.lower(), "020 7946 098", "+442079460987"):
        assert found(text) == [reference] == found(text, everything=True)
    assert found("no such thing") == [] == found("zebedee", state="closed")
    assert reference in found("received") and reference in found("")


def test_who_asks_is_shown_for_a_reason_where_there_is_no_number(data: DataFolder, clock: SetClock) -> None:
    opened_id = ByName(data).request_open(asks="access", channel="email", name="Nan Onumber", actor=ANN)["id"]
    shown = ByName(data).reveal(kind="request", id=opened_id, why="to write to her", actor=ANN)
    assert shown["number"] == "Nan Onumber"
