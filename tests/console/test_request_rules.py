"""What may be done with a request is what the gate says, under the keys of the console; texts of forms."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from console.modes.request_forms import REQUESTS, call_time, day, form, numbers, opening, searching, values
from console.modes.request_rules import ACTS, offers
from console.modes.request_shown import clock_of, in_part, left, sections
from console.words import it_is
from gate.core import request_words as events
from gate.core.days import LONDON
from gate.core.deadlines import Clock
from gate.core.request_steps import Act
from gate.core.request_words import Asks, Event, Ground, Request, State
from gate.core.requests import forbidden, handle, opened, possible
from gate.core.rows.calls import FactRow
from gate.core.rows.requests import RequestRow
from gate.errors import UsageError
from gate.operations.requests.listing import Shown
from gate.operations.requests.standing import standing_of
from tests.console.day import NOW

TODAY = date(2026, 7, 15)
ROW: dict[str, Any] = {
    "asks": "access",
    "received": "2026-07-09",
    "carrying_at": None,
    "carried_at": None,
    "held": None,
    "state": "received",
    "id": "q-1",
    "reference": "DSR-2026-0001",
    "channel": "email",
    "opened_at": "2026-07-09T08:00:00+00:00",
    "written": True,
    "name": "Ann Example",
    "contact": "ann@example.org",
    "numbers": ["+442079460123"],
    "about": "",
    "since": None,
    "until": None,
    "checked": None,
    "found": None,
}


def shown(request: Request, **more: Any) -> Shown:
    """As the gate shows it."""
    standing = standing_of(RequestRow(**ROW | more), [], request, TODAY)
    reasons = {act.value: forbidden(request, act, TODAY) for act in Act}
    return Shown(
        **{name: getattr(standing, name) for name in standing.__struct_fields__},
        facts=[],
        steps=list(possible(request, TODAY)),
        forbidden={act: why for act, why in reasons.items() if why},
    )


def came(asks: Asks, *steps: Event) -> Request:
    """A request after these steps."""
    request, _ = opened(asks, TODAY - timedelta(days=6))
    for each in steps:
        request, _ = handle(request, each)
    return request


PROVEN = (events.IdentityProven(TODAY), events.Searched(TODAY, 3))
COURSES: dict[str, Request] = {
    "received": came(Asks.ACCESS),
    "identity asked": came(Asks.ERASURE, events.IdentityAsked(TODAY)),
    "in hand": came(Asks.ACCESS, *PROVEN),
    "clarifying": came(Asks.ACCESS, *PROVEN, events.ClarificationAsked(TODAY)),
    "to be packed": came(Asks.ACCESS, *PROVEN, events.Granted(TODAY)),
    "to be erased": came(Asks.ERASURE, *PROVEN, events.Granted(TODAY)),
    "erased": came(Asks.ERASURE, *PROVEN, events.Granted(TODAY), events.Erased(TODAY)),
    "erased, to be told": came(Asks.ERASURE, *PROVEN, events.Granted(TODAY), events.Erased(TODAY, 0, ("k-1", "k-2"))),
    "restricted": came(Asks.RESTRICTION, events.Granted(TODAY)),
    "complaint": came(Asks.COMPLAINT),
    "refused": came(Asks.ACCESS, events.Refused(TODAY, Ground.LEGAL_CLAIMS), events.PersonTold(TODAY)),
    "withdrawn": came(Asks.OBJECTION, events.Withdrawn(TODAY)),
}


@pytest.mark.parametrize("course", COURSES)
def test_offered_is_what_the_gate_says_and_nothing_else(course: str) -> None:
    request = shown(COURSES[course])
    found = {each.name: each for each in offers(request)}
    names = dict.fromkeys(name for name, _, _ in ACTS.values())
    if not COURSES[course].untold:
        del names["told_recipient"]  # most requests have none, and say nothing of it
    assert list(found) == [*names, "restrict"]
    possible_now = {ACTS[step.act][0] for step in request.steps}
    assert {name for name, each in found.items() if not each.why_not} - {"restrict"} == possible_now
    for name, each in found.items():
        if name != "restrict":
            assert (each.step is None) == bool(each.why_not)
            assert each.step is None or (name, each.op, each.says) == ACTS[each.step.act]


def test_under_one_key_is_what_can_be_done_or_would_come() -> None:
    says = {course: {each.name: each.says for each in offers(shown(request))} for course, request in COURSES.items()}
    assert says["in hand"]["clarify"].startswith("ask what is meant")
    assert says["clarifying"]["clarify"].startswith("the answer came")
    assert says["received"]["fulfil"] == says["to be packed"]["fulfil"] == "make the pack"
    assert says["identity asked"]["fulfil"] == says["erased"]["fulfil"] == "erase what was found"


def test_why_not_is_said_in_words() -> None:
    why = {course: {each.name: each.why_not for each in offers(shown(request))} for course, request in COURSES.items()}
    assert why["received"]["search"] == "the identity is not proven"
    assert why["received"]["grant"] == "the identity is not proven"
    assert why["received"]["told"] == "its state is received"
    assert why["to be erased"]["told"] == "it is granted, but not done yet"
    assert why["erased"]["fulfil"] == "it is done"
    assert why["refused"]["told"] == "that was noted"
    assert why["withdrawn"]["restrict"] == "it is over"
    assert {each.name: each.why_not for each in offers(shown(COURSES["received"], numbers=[]))}["restrict"]
    objection = {each.name: each.why_not for each in offers(shown(came(Asks.OBJECTION)))}
    assert "absolute" in objection["refuse"]


@pytest.mark.parametrize("course", COURSES)
def test_every_step_that_is_offered_has_its_form_and_its_request(course: str) -> None:
    for step in shown(COURSES[course]).steps:
        if step.act is Act.SEARCH:
            assert [each.name for each in form(step)] == [
                "numbers",
                "call",
                "everything",
                "line_since",
                "line_until",
            ]
        elif step.act is not Act.MAKE_PACK:
            known = set(REQUESTS[step.act].__struct_fields__)
            assert {each.name for each in form(step)} <= known
            assert {each.name for each in step.fields} <= known


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"days_left": 12, "warning": ""}, "due in 12 d"),
        ({"days_left": 4, "warning": "25 days have passed"}, "soon: 4 d"),
        ({"days_left": -2, "warning": "overdue"}, "OVERDUE 2 d"),
        ({"days_left": 9, "warning": "", "paused_on": date(2026, 7, 10)}, "paused, 9 d"),
        ({"days_left": None, "warning": "", "state": State.IDENTITY_ASKED}, "waits for proof"),
        ({"days_left": 9, "warning": "overdue"}, "ack. OVERDUE"),
        ({"days_left": None, "warning": "", "state": State.DONE}, "done"),
    ],
)
def test_days_left_are_a_word(more: dict[str, Any], says: str) -> None:
    standing = standing_of(RequestRow(**ROW), [], COURSES["in hand"], TODAY)
    assert left(msgspec.structs.replace(standing, **{"late": False, **more}))[0] == says


def test_who_asks_is_hidden_in_part() -> None:
    assert in_part("Ann Example") == "A** E******"
    assert in_part("ann.o'neil@example.org") == "a**.o'n***@e******.o**"
    assert in_part(None) == ""


def test_when_a_call_was() -> None:
    it_is(NOW)
    at = datetime(2026, 3, 2, tzinfo=LONDON)
    assert call_time("") == (None, None)
    assert call_time("2026-03-02") == (at, at + timedelta(days=1))
    assert call_time("2026-03-02 14:30") == (at + timedelta(hours=13.5), at + timedelta(hours=15.5))
    assert call_time("2026-03-02 14:30 45m") == (at + timedelta(hours=13.75), at + timedelta(hours=15.25))
    assert call_time("2026-03-02 to 2026-03-03") == (at, at + timedelta(days=2))
    for wrong in ("someday", "2026-03-02 25:00", "14:30", "2026-03-02 14:30 45m more", "2026-03-02 to now"):
        with pytest.raises(UsageError, match="does not say when"):
            call_time(wrong)


def test_what_is_filled_in_becomes_the_fields_of_an_operation() -> None:
    it_is(NOW)
    assert numbers(" 020 7946 0123, 07700900123;") == ["020 7946 0123", "07700900123"]
    assert day(" ") is None and day("2026-03-02") == date(2026, 3, 2)
    with pytest.raises(UsageError, match="is not a day"):
        day("2 Brumaire")
    assert values({"checked": " seen ", "numbers": "", "on": ""}) == {"checked": "seen", "numbers": [], "on": None}
    earlier = values({"on": "25/11/2025, RN 1234 5678 9GB"})
    assert earlier == {"on": date(2025, 11, 25), "evidence": "RN 1234 5678 9GB"}
    told = {"name": "Ann", "contact": "", "numbers": "", "about": "", "call": "2026-03-02", "received": "2026-03-03"}
    assert opening(told)["received"] == date(2026, 3, 3) and opening(told)["until"] is not None
    found = searching({"numbers": "", "call": "", "everything": "yes", "line_since": "2025-11-25", "line_until": ""})
    assert found["everything"] is True
    assert (found["line_since"], found["line_until"]) == (date(2025, 11, 25), None)


def test_what_an_erasure_left_is_shown() -> None:
    gone: dict[str, Any] = {"calls": 2, "recordings": 1, "facts": 9, "whole": True, "held_back": 1, "held_calls": 1}
    gone |= {"backups_until": "2026-10-13", "held_by": ["hold 17 (h1)"], "open_requests": []}
    left = {"open_requests": ["DSR-2026-0002"], "mentions": ["consent c1"]}
    request = COURSES["erased"]

    def pairs(receipt: dict[str, Any]) -> dict[str, Any]:
        fact = FactRow(
            leaf_index=1, kind="request_carried", subject="q-1", at=ROW["opened_at"], actor="x", body=receipt
        )
        row = standing_of(RequestRow(**ROW), [fact], request, TODAY)
        return dict(pair for section in sections(row) for pair in section.pairs)

    found = pairs(gone | left)
    assert found["Held, stays"][0] == "hold 17 (h1)"
    assert found["Kept by"][0] == "open requests DSR-2026-0002"
    assert found["Mentioned in"][0] == "somebody else's consent c1"
    assert "Mentioned in" not in pairs(gone)  # a receipt of before it was noted


def test_a_paused_and_an_extended_clock_come_back_from_how_they_stand() -> None:
    request = Request(Asks.ACCESS, date(2026, 7, 1), State.IN_HAND, Clock(date(2026, 7, 1), 9, True), True)
    assert clock_of(shown(request)) == request.clock
