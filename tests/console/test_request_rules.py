"""What may be done with a request is what the rules' table says, for every kind in every state; texts of forms."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from console.modes.request_forms import call_time, day, numbers, opening, searching, step
from console.modes.request_rules import acts, request_of
from console.modes.request_shown import in_part, left, told
from gate.core import request_words as events
from gate.core.deadlines import Clock
from gate.core.request_words import Asks, Event, Ground, State
from gate.core.requests import Request, UnexpectedEvent, handle, opened
from gate.core.showing import LONDON
from gate.errors import UsageError

TODAY = date(2026, 7, 15)
EVENTS: dict[str, Event] = {
    "ask_identity": events.IdentityAsked(TODAY),
    "verify": events.IdentityProven(TODAY),
    "extend": events.Extended(TODAY),
    "search": events.Searched(TODAY, 3),
    "grant": events.Granted(TODAY),
    "refuse": events.Refused(TODAY, Ground.LEGAL_CLAIMS),
    "withdraw": events.Withdrawn(TODAY),
}
MORE = (
    events.ClarificationAsked(TODAY - timedelta(days=2)),
    events.Clarified(TODAY),
    events.PersonTold(TODAY),
    events.AuthorityTold(TODAY),
    events.Fulfilled(TODAY),
    events.Acknowledged(TODAY),
)


def reachable(asks: Asks) -> list[Request]:
    """Every request that a course of events can make, each once."""
    found = [opened(asks, TODAY - timedelta(days=6))[0]]
    for request in found:
        for event in (*EVENTS.values(), *MORE):
            try:
                after, _ = handle(request, event)
            except UnexpectedEvent:
                continue
            if after not in found and len(found) < 300:
                found.append(after)
    return found


def row(request: Request) -> dict[str, Any]:
    """As the gate shows it (``gate.operations.requests.request_base.shown``)."""
    clock = request.clock_on(TODAY)
    return {
        "asks": request.asks.value,
        "state": request.state.value,
        "received": request.received.isoformat(),
        "started": clock.started.isoformat() if clock else None,
        "due": clock.due.isoformat() if clock else None,
        "extended": bool(clock and clock.extended),
        "paused_on": request.paused_on.isoformat() if request.paused_on else None,
        "identified": request.identified,
        "searched": request.searched,
        "acknowledge_by": "2026-08-14" if request.acknowledge_by() else None,
        "told": sorted(request.told),
        "ground": request.ground.value if request.ground else None,
        "lines": ["+442079460123"],
        "next": [],
    }


@pytest.mark.parametrize("asks", list(Asks))
def test_offered_is_what_the_table_allows_and_nothing_else(asks: Asks) -> None:
    requests = reachable(asks)
    assert len({each.state for each in requests}) >= (3 if asks is Asks.OBJECTION else 6)
    for request in requests:
        offered = {each.name: each.why_not for each in acts(row(request), TODAY)}
        for name, event in EVENTS.items():
            try:
                handle(request, event)
            except UnexpectedEvent:
                assert offered[name], (request, name)
            else:
                assert not offered[name], (request, name)


def test_a_paused_and_an_extended_clock_come_back_from_how_they_stand() -> None:
    request = Request(Asks.ACCESS, date(2026, 7, 1), State.IN_HAND, Clock(date(2026, 7, 1), 9, True), True)
    assert request_of(row(request)).clock == request.clock


def test_why_not_is_said_in_words() -> None:
    fresh = {each.name: each.why_not for each in acts(row(opened(Asks.ACCESS, TODAY)[0]), TODAY)}
    assert fresh["search"] == "the identity is not proven"
    assert fresh["grant"] == "the identity is not proven"
    assert fresh["told"] == "it is received"
    objection = {each.name: each.why_not for each in acts(row(opened(Asks.OBJECTION, TODAY)[0]), TODAY)}
    assert "absolute" in objection["refuse"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"days_left": 12, "warning": ""}, "due in 12 d"),
        ({"days_left": 4, "warning": "25 days have passed"}, "soon: 4 d"),
        ({"days_left": -2, "warning": "overdue"}, "OVERDUE 2 d"),
        ({"days_left": 9, "warning": "", "paused_on": "2026-07-10"}, "paused, 9 d"),
        ({"days_left": None, "warning": "", "state": "identity_asked"}, "waits for proof"),
        ({"days_left": 9, "warning": "overdue"}, "ack. OVERDUE"),
        ({"days_left": None, "warning": "", "state": "done"}, "done"),
    ],
)
def test_days_left_are_a_word(more: dict[str, Any], says: str) -> None:
    assert left({"state": "in_hand"} | more)[0] == says


def test_who_asks_is_hidden_in_part() -> None:
    assert in_part("Ann Example") == "A** E******"
    assert in_part("ann.o'neil@example.org") == "a**.o'n***@e******.o**"
    assert in_part(None) == ""


def test_when_a_call_was() -> None:
    at = datetime(2026, 3, 2, tzinfo=LONDON)
    assert call_time("") == (None, None)
    assert call_time("2026-03-02") == (at, at + timedelta(days=1))
    assert call_time("2026-03-02 14:30") == (at + timedelta(hours=13.5), at + timedelta(hours=15.5))
    assert call_time("2026-03-02 14:30 45m") == (at + timedelta(hours=13.75), at + timedelta(hours=15.25))
    assert call_time("2026-03-02 to 2026-03-03") == (at, at + timedelta(days=2))
    for wrong in ("yesterday", "2026-03-02 25:00", "14:30", "2026-03-02 14:30 45m more", "2026-03-02 to now"):
        with pytest.raises(UsageError, match="does not say when"):
            call_time(wrong)


def test_what_is_filled_in_becomes_the_fields_of_an_operation() -> None:
    assert numbers(" 020 7946 0123, 07700900123;") == ["020 7946 0123", "07700900123"]
    assert day(" ") is None and day("2026-03-02") == date(2026, 3, 2)
    with pytest.raises(UsageError, match="is not a day"):
        day("2 March")
    assert step({"checked": " seen ", "numbers": "", "on": ""}) == {"checked": "seen", "numbers": [], "on": None}
    told = {"name": "Ann", "contact": "", "numbers": "", "about": "", "call": "2026-03-02", "received": "2026-03-03"}
    assert opening(told)["received"] == date(2026, 3, 3) and opening(told)["until"] is not None
    assert searching({"numbers": "", "call": "", "everything": "yes"})["everything"] is True


def test_what_an_erasure_left_is_shown() -> None:
    gone = {"calls": 2, "recordings": 1, "backups_until": "2026-10-13", "held_by": ["hold 17 (h1)"]}
    gone |= {"open_requests": ["DSR-2026-0002"], "mentions": ["consent c1"]}
    shown = dict(
        pair for section in told(row(reachable(Asks.ERASURE)[0]) | {"carried_out": gone}) for pair in section.pairs
    )
    assert shown["Held, stays"][0] == "hold 17 (h1)"
    assert shown["Kept by"][0] == "open requests DSR-2026-0002"
    assert shown["Mentioned in"][0] == "somebody else's consent c1"
    del gone["mentions"]  # a receipt of before it was noted
    assert told(row(reachable(Asks.ERASURE)[0]) | {"carried_out": gone})
