"""The life of a data-subject request."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import date, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gate.core.request_steps import FIELDS, Act, FieldKind
from gate.core.request_words import (
    AT_ONCE,
    LETTER_OF,
    NEEDS_IDENTITY,
    OVER,
    Acknowledged,
    Asks,
    AuthorityTold,
    ClarificationAsked,
    Clarified,
    Do,
    Erased,
    Extended,
    Fulfilled,
    Granted,
    Ground,
    IdentityAsked,
    IdentityProven,
    LetterKind,
    LetterMade,
    PackMade,
    PartTold,
    PersonTold,
    RecipientTold,
    Rectified,
    Refused,
    Request,
    Searched,
    State,
    Withdrawn,
    missing,
)
from gate.core.requests import (
    TABLE,
    UnexpectedEvent,
    forbidden,
    handle,
    misdated,
    opened,
    possible,
    replayed,
    telling,
    why_not,
)
from tests.support.examples import examples
from tests.support.transitions import diagram, edges

START = date(2026, 9, 3)
EVENTS = {
    IdentityAsked: {},
    IdentityProven: {},
    ClarificationAsked: {},
    Clarified: {},
    Extended: {},
    Searched: {"found": 2},
    Acknowledged: {},
    Granted: {},
    Refused: {"ground": Ground.LEGAL_CLAIMS},
    PackMade: {},
    Erased: {},
    Rectified: {},
    PartTold: {"who": "person"},
    RecipientTold: {"recipient": "r1"},
    LetterMade: {"kind": LetterKind.ACKNOWLEDGEMENT},
    PersonTold: {},
    AuthorityTold: {},
    Fulfilled: {},
    Withdrawn: {},
}


def day(n):
    return START + timedelta(days=n)


def event(kind, on=0, entered=None):
    return kind(on=day(on), entered=None if entered is None else day(entered), **EVENTS.get(kind, {}))


def walk(asks, *steps):
    """The request after (event, day) steps, and all commands."""
    request, commands = opened(asks, START)
    for kind, on in steps:
        request, more = handle(request, event(kind, on))
        commands = commands + more
    return request, commands


def held_by_one(on, entered=None):
    """An erasure that a hold stops in part."""
    return Erased(on, held=1, entered=entered)


# How each state is reached by an access request, for the table.
REACHED = {
    State.RECEIVED: [],
    State.IDENTITY_ASKED: [(IdentityAsked, 1)],
    State.IN_HAND: [(IdentityProven, 1), (Searched, 1)],
    State.CLARIFYING: [(IdentityProven, 1), (ClarificationAsked, 2)],
    State.GRANTED: [(IdentityProven, 1), (Searched, 1), (Granted, 2)],
    State.PARTLY_DONE: [(IdentityProven, 1), (Searched, 1), (Granted, 2), (held_by_one, 3)],
    State.REFUSED: [(Refused, 2)],
    State.DONE: [(IdentityProven, 1), (Searched, 1), (Granted, 2), (PackMade, 2), (Fulfilled, 3)],
    State.CLOSED: [(Withdrawn, 1)],
}


def test_access_from_end_to_end():
    steps = ((IdentityProven, 1), (Searched, 2), (Granted, 3), (PackMade, 3), (Fulfilled, 4))
    request, commands = walk(Asks.ACCESS, *steps)
    assert request.state is State.DONE
    assert commands == [Do.ACKNOWLEDGE, Do.SEARCH, Do.MAKE_PACK, Do.ANSWER, Do.FORGET]


def test_erasure_keeps_the_objection_before_it_erases():
    _, commands = walk(Asks.ERASURE, (IdentityProven, 1), (Searched, 2), (Granted, 3))
    assert commands[-3:] == [Do.KEEP_OBJECTION, Do.ERASE, Do.CONFIRM]
    _, spoken = opened(Asks.ERASURE, START, written=False)
    assert spoken == [Do.ACKNOWLEDGE, Do.ASK_FOR_WRITING]


@pytest.mark.parametrize("asks", sorted(NEEDS_IDENTITY))
def test_nothing_is_granted_without_identity_and_search(asks):
    for steps in ([], [(IdentityProven, 1)]):
        request, _ = walk(asks, *steps)
        with pytest.raises(UnexpectedEvent, match=r"identity is not proven|nothing was searched"):
            handle(request, event(Granted, 2))
    asked, _ = walk(asks, (IdentityAsked, 1))
    for kind in (Searched, Granted):
        with pytest.raises(UnexpectedEvent):
            handle(asked, event(kind, 2))


@pytest.mark.parametrize("asks", sorted(set(Asks) - NEEDS_IDENTITY))
def test_the_others_need_no_proof(asks):
    done = [(Rectified, 0)] if asks is Asks.RECTIFICATION else []
    assert walk(asks, (Granted, 0), *done, (Fulfilled, 0))[0].state is State.DONE


def test_an_objection_to_marketing_cannot_be_refused():
    with pytest.raises(UnexpectedEvent, match="absolute"):
        walk(Asks.OBJECTION, (Refused, 1))


def test_a_refusal_is_over_when_both_were_told_in_either_order():
    for first, second in ((PersonTold, AuthorityTold), (AuthorityTold, PersonTold)):
        request, commands = walk(Asks.ERASURE, (Refused, 5), (first, 6))
        assert request.state is State.REFUSED
        assert commands[-2:] == [Do.TELL_REFUSAL, Do.NOTIFY_AUTHORITY]
        assert request.due(day(6)) == date(2026, 10, 3), "until both are told it is not answered"
        assert handle(request, event(second, 7))[0].state is State.CLOSED


def test_telling_one_twice_is_not_telling_both():
    request, _ = walk(Asks.ERASURE, (Refused, 5), (PersonTold, 6))
    with pytest.raises(UnexpectedEvent, match="that was noted"):
        handle(request, event(PersonTold, 7))
    assert replayed(request, event(PersonTold, 7)).state is State.REFUSED, "a log that has it twice is read as it is"


def test_who_is_known_cannot_be_refused_for_being_unknown():
    request, _ = walk(Asks.ACCESS, (IdentityProven, 1))
    with pytest.raises(UnexpectedEvent, match="identity is proven"):
        handle(request, Refused(day(2), Ground.IDENTITY_NOT_PROVEN))
    asked, _ = walk(Asks.ACCESS, (IdentityAsked, 1))
    assert handle(asked, Refused(day(40), Ground.IDENTITY_NOT_PROVEN))[0].state is State.REFUSED


# --- clocks -------------------------------------------------------------------------------------------------------


def test_the_clock_starts_with_the_request_or_with_the_proof_that_was_asked_for():
    assert walk(Asks.ACCESS)[0].due(START) == date(2026, 10, 3)
    assert walk(Asks.ACCESS, (IdentityProven, 10))[0].due(day(10)) == date(2026, 10, 3)
    asked, _ = walk(Asks.ACCESS, (IdentityAsked, 1))
    assert asked.due(day(5)) is None
    proven, _ = handle(asked, event(IdentityProven, 10))
    assert proven.due(day(10)) == date(2026, 10, 13)


def test_identity_that_is_asked_for_late_does_not_start_the_clock_again():
    in_time, _ = walk(Asks.ACCESS, (IdentityAsked, 7))
    assert in_time.due(day(7)) is None
    late, _ = walk(Asks.ACCESS, (IdentityAsked, 8), (IdentityProven, 25))
    assert late.due(day(25)) == date(2026, 10, 3), "the clock runs from the receipt"
    assert not late.late
    sooner, _ = handle(opened(Asks.ACCESS, START)[0], IdentityAsked(day(3), within=2))
    assert sooner.due(day(3)) == date(2026, 10, 3)


def test_identity_that_is_asked_for_after_an_extension_was_told_moves_no_day():
    extended, _ = walk(Asks.COMPLAINT, (Extended, 0))
    proven, _ = walk(Asks.COMPLAINT, (Extended, 0), (IdentityAsked, 1), (IdentityProven, 3))
    assert proven.due(day(3)) == extended.due(day(3)) == date(2026, 12, 3)


def test_late_stays_late_whatever_is_asked_or_extended_afterwards():
    overdue, _ = walk(Asks.ACCESS, (IdentityAsked, 40), (IdentityProven, 45))
    assert overdue.late and overdue.due(day(45)) == date(2026, 10, 3)
    backdated, _ = handle(opened(Asks.ACCESS, START)[0], event(IdentityAsked, 5, entered=31))
    assert backdated.late and backdated.due(day(31)) == date(2026, 10, 3)
    proven, _ = walk(Asks.ACCESS, (IdentityProven, 1), (Searched, 1))
    paused, _ = handle(proven, event(ClarificationAsked, 20, entered=31))
    assert paused.late
    with pytest.raises(UnexpectedEvent, match="could be told until 2026-10-03"):
        handle(proven, event(Extended, 20, entered=31))
    extended = replayed(proven, event(Extended, 20, entered=31))
    assert extended.late and extended.due(day(31)) == date(2026, 12, 3)
    answered, _ = handle(handle(extended, event(Granted, 32))[0], event(PackMade, 32))
    assert handle(answered, event(Fulfilled, 33))[0].late


def test_an_answer_counts_on_the_day_on_which_it_was_entered_whenever_it_is_said_to_have_been_given():
    made, _ = walk(Asks.ACCESS, (IdentityProven, 1), (Searched, 1), (Granted, 2), (PackMade, 29))
    told, _ = handle(made, event(Fulfilled, 30, entered=33))
    assert told.late and (told.over_on, told.over_claimed) == (day(33), day(30))
    assert handle(made, event(Fulfilled, 31))[0].late
    assert not handle(made, event(Fulfilled, 30))[0].late
    letter, _ = handle(made, event(LetterMade, 31))
    assert not letter.late, "a letter that was printed again is no answer"


def test_what_the_person_did_counts_on_the_day_on_which_they_did_it():
    """The earlier day is the stricter: the clock starts with the proof, and goes on with the answer."""
    asked, _ = walk(Asks.ACCESS, (IdentityAsked, 1))
    proven, _ = handle(asked, event(IdentityProven, 10, entered=20))
    assert proven.due(day(20)) == date(2026, 10, 13)
    assert handle(asked, event(IdentityProven, 10, entered=41))[0].late, "the month was over when it was entered"
    paused, _ = handle(proven, event(ClarificationAsked, 11, entered=20))
    assert (paused.paused_on, paused.asked_on) == (day(20), day(11))
    assert handle(paused, event(Clarified, 23, entered=40))[0].due(day(40)) == date(2026, 10, 16)
    assert handle(paused, event(Clarified, 12, entered=40))[0].due(day(40)) == date(2026, 10, 13), (
        "no pause is negative"
    )


@pytest.mark.parametrize("asks", [Asks.ERASURE, Asks.COMPLAINT])
def test_only_an_access_request_is_paused_by_a_question(asks):
    request, _ = walk(asks, (IdentityProven, 1), (ClarificationAsked, 5))
    assert request.stands_still is None
    assert request.due(day(12)) == date(2026, 10, 3)
    assert handle(request, event(Clarified, 12))[0].due(day(12)) == date(2026, 10, 3)
    assert walk(asks, (IdentityProven, 1), (ClarificationAsked, 5), (Refused, 9))[0].due(day(9)) == date(2026, 10, 3)


def test_a_clarification_stops_the_clock_from_asking_to_answer():
    request, _ = walk(Asks.ACCESS, (IdentityProven, 1), (Searched, 1), (ClarificationAsked, 5))
    assert [request.due(day(n)) for n in (5, 6, 12)] == [date(2026, 10, 3), date(2026, 10, 4), date(2026, 10, 10)]
    answered, commands = handle(request, event(Clarified, 12))
    assert answered.due(day(20)) == date(2026, 10, 10)
    assert commands == [Do.SEARCH]
    assert not answered.searched, "what is meant is known only now"
    twice, _ = handle(handle(answered, event(ClarificationAsked, 14))[0], event(Clarified, 16))
    assert twice.due(day(20)) == date(2026, 10, 12)


def test_a_pause_begins_after_the_clock_and_after_the_pause_before_it():
    late, _ = walk(Asks.ACCESS, (IdentityAsked, 1), (IdentityProven, 22))
    assert misdated(late, event(ClarificationAsked, 0)) == "2026-09-03 is before the clock started (2026-09-25)"
    assert misdated(late, event(ClarificationAsked, 22)) == ""
    asked, _ = walk(Asks.ACCESS, (IdentityProven, 1), (ClarificationAsked, 7))
    assert "before the clarification was asked for (2026-09-10)" in misdated(asked, event(Clarified, 6))
    assert misdated(asked, event(Clarified, 7)) == ""
    answered, _ = handle(asked, event(Clarified, 17))
    assert "before the last answer came (2026-09-20)" in misdated(answered, event(ClarificationAsked, 8))
    assert misdated(answered, event(ClarificationAsked, 17)) == ""


def test_a_course_with_such_a_day_is_replayed_as_it_was_kept():
    steps = ((IdentityProven, 1), (ClarificationAsked, 7), (Clarified, 17), (ClarificationAsked, 8), (Clarified, 22))
    request, _ = walk(Asks.ACCESS, *steps)
    assert request.clock is not None and request.clock.paused_days == 24


def test_a_refusal_ends_the_pause():
    request, _ = walk(Asks.ACCESS, (IdentityProven, 1), (ClarificationAsked, 5), (Refused, 12))
    assert request.due(day(20)) == date(2026, 10, 10)


def test_an_extension_is_told_within_the_first_month_and_once():
    request, commands = walk(Asks.ACCESS, (IdentityProven, 1), (Extended, 30))
    assert request.due(day(31)) == date(2026, 12, 3)
    assert commands[-1] is Do.TELL_EXTENSION
    with pytest.raises(UnexpectedEvent, match="extended already"):
        handle(request, event(Extended, 30))
    with pytest.raises(UnexpectedEvent, match="could be told until 2026-10-03"):
        walk(Asks.ACCESS, (IdentityProven, 1), (Extended, 31))


def test_a_complaint_is_acknowledged_in_its_time():
    request, _ = opened(Asks.COMPLAINT, START)
    assert request.acknowledge_by() == date(2026, 10, 2)
    assert handle(request, event(Acknowledged, 2))[0].acknowledge_by() is None
    assert not handle(request, event(Acknowledged, 29))[0].late
    assert handle(request, event(Acknowledged, 30))[0].late
    assert opened(Asks.ACCESS, START)[0].acknowledge_by() is None
    with pytest.raises(UnexpectedEvent, match="only a complaint"):
        walk(Asks.ACCESS, (Acknowledged, 1))


def test_a_rectification_is_over_when_what_is_right_is_kept_and_recipients_are_told():
    granted, commands = walk(Asks.RECTIFICATION, (Granted, 1))
    assert commands == [Do.ACKNOWLEDGE, Do.RECTIFY, Do.CONFIRM]
    with pytest.raises(UnexpectedEvent, match="not done yet"):
        handle(granted, event(Fulfilled, 2))
    assert why_not(granted, LetterMade(day(2), LetterKind.CONFIRMATION))
    once, _ = handle(granted, Rectified(day(2), ("r1",)))
    twice, _ = handle(once, Rectified(day(2), ("r2",)))
    assert (once.todo, twice.untold) == ((Do.ACKNOWLEDGE, Do.CONFIRM), {"r1", "r2"})
    over, _ = handle(twice, event(Fulfilled, 3))
    assert handle(over, RecipientTold(day(4), "r1"))[0].untold == {"r2"}
    with pytest.raises(UnexpectedEvent, match="it is for erasure"):
        handle(walk(Asks.ERASURE, (IdentityProven, 1), (Searched, 1), (Granted, 2))[0], event(Rectified, 3))


def test_what_is_wrong_is_put_right_whatever_it_is_needed_for():
    request, _ = opened(Asks.RECTIFICATION, START)
    left = (Ground.ACCURATE, Ground.MANIFESTLY_UNFOUNDED, Ground.IDENTITY_NOT_PROVEN, Ground.CANNOT_IDENTIFY)
    left += (Ground.REPRESENTATIVE, Ground.NOT_LIVING, Ground.FEE)
    assert tuple(each for each in Ground if not why_not(request, Refused(day(1), each))) == tuple(
        each for each in Ground if each in left
    )
    for asks in set(Asks) - {Asks.RECTIFICATION}:
        assert why_not(opened(asks, START)[0], Refused(day(1), Ground.ACCURATE))


# --- the table ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", EVENTS)
def test_every_pair_leads_where_the_table_says_or_is_forbidden(state, kind):
    asks = Asks.COMPLAINT if kind is Acknowledged and state is not State.PARTLY_DONE else Asks.ACCESS
    asks = Asks.ERASURE if state is State.PARTLY_DONE else asks
    request, _ = walk(asks, *(step for step in REACHED[state] if asks is not Asks.COMPLAINT or step[0] is not PackMade))
    assert request.state is state
    transition = TABLE.get((state, kind))
    if transition is None:
        with pytest.raises(UnexpectedEvent) as refused:
            handle(request, event(kind, 4))
        assert (refused.value.state, refused.value.event) == (state, kind)
    elif why_not(request, event(kind, 4)):
        with pytest.raises(UnexpectedEvent) as refused:
            handle(request, event(kind, 4))
        assert refused.value.why == why_not(request, event(kind, 4))
        assert kind in (Granted, Fulfilled, Erased, Extended, LetterMade, Searched, PartTold, RecipientTold, Rectified)
    else:
        assert handle(request, event(kind, 4))[0].state in transition.leads_to


def test_an_erasure_that_a_hold_stops_in_part_stays_open_until_it_is_whole():
    request, commands = walk(Asks.ERASURE, *REACHED[State.PARTLY_DONE])
    assert commands[-2:] == [Do.NOTIFY_AUTHORITY, Do.CONFIRM], "the person and the authority are told of that part"
    due = [step.letter for step in possible(request, day(3)) if step.letter and step.suggested]
    assert due == [LetterKind.ACKNOWLEDGEMENT, LetterKind.AUTHORITY, LetterKind.CONFIRMATION]
    assert request.due(day(3)) == date(2026, 10, 3), "until both are told it is not answered"
    with pytest.raises(UnexpectedEvent):
        handle(request, event(Fulfilled, 4))
    request, _ = handle(request, telling(request, "person", day(4)))
    request, _ = handle(request, telling(request, "authority", day(4)))
    assert request.state is State.PARTLY_DONE and request.due(day(90)) is None
    assert not request.was_late(day(400)), "what is left waits for the hold"
    again, commands = handle(request, held_by_one(day(200)))
    assert again.state is State.PARTLY_DONE and commands == []
    whole, commands = handle(again, Erased(day(400)))
    assert whole.state is State.GRANTED and commands == [Do.CONFIRM]
    over, commands = handle(whole, telling(whole, "person", day(401)))
    assert over.state is State.DONE and commands == [Do.FORGET] and not over.late


def test_an_authority_that_was_not_told_of_the_part_is_told_before_it_is_over():
    request, _ = walk(Asks.ERASURE, *REACHED[State.PARTLY_DONE])
    whole, _ = handle(request, Erased(day(5)))
    with pytest.raises(UnexpectedEvent, match="authority has not been told of the part"):
        handle(whole, event(Fulfilled, 6))
    told, _ = handle(whole, telling(whole, "authority", day(6)))
    assert handle(told, event(Fulfilled, 6))[0].state is State.DONE


def test_every_state_is_reached_and_the_end_is_an_end():
    assert {target for _, _, target in edges(TABLE)} == set(State) - {State.RECEIVED}
    assert {event for source, event in TABLE if source in OVER} == {LetterMade, RecipientTold}
    assert not any(source in OVER for source, _, _ in edges(TABLE))


def test_the_diagram_is_the_table():
    lines = diagram(TABLE, State.RECEIVED, [State.DONE, State.CLOSED]).splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> received"]
    drawn = {
        (source.strip(), name, target.strip())
        for line in lines[2:-2]
        for source, rest in [line.split("-->")]
        for target, names in [rest.split(":")]
        for name in names.strip().split(", ")
    }
    assert drawn == {(str(source), name, str(target)) for source, name, target in edges(TABLE)}


steps = st.lists(st.tuples(st.sampled_from(list(EVENTS)), st.integers(0, 3)), max_size=14)


@settings(deadline=None, max_examples=examples(200))
@given(st.sampled_from(Asks), steps)
def test_whatever_comes_nothing_is_done_for_a_stranger_and_no_clock_runs_backwards(asks, steps):
    request, commands = opened(asks, START)
    on, due = 0, request.due(START)
    for kind, later in steps:
        on += later
        try:
            request, more = handle(request, event(kind, on))
        except UnexpectedEvent:
            continue
        commands = commands + more
        assert request.identified or not {Do.SEARCH, Do.MAKE_PACK, Do.ERASE} & set(commands)
        now_due = request.due(day(on))
        if due is not None and now_due is not None:
            assert now_due >= due
        due = now_due or due
        assert (request.paused_on is not None) == (request.state is State.CLARIFYING)


# --- what may be done next ----------------------------------------------------------------------------------------

ACTS = {
    IdentityProven: Act.VERIFY_IDENTITY,
    IdentityAsked: Act.ASK_IDENTITY,
    Searched: Act.SEARCH,
    Granted: Act.GRANT,
    Refused: Act.REFUSE,
    ClarificationAsked: Act.CLARIFY,
    Clarified: Act.CLARIFIED,
    Extended: Act.EXTEND,
    PackMade: Act.MAKE_PACK,
    Erased: Act.ERASE,
    Rectified: Act.RECTIFY,
    Fulfilled: Act.TELL_PERSON,
    PersonTold: Act.TELL_PERSON,
    AuthorityTold: Act.TELL_AUTHORITY,
    PartTold: Act.TELL_PERSON,
    RecipientTold: Act.TELL_RECIPIENT,
    Acknowledged: Act.ACKNOWLEDGE,
    LetterMade: Act.LETTER,
    Withdrawn: Act.WITHDRAW,
}


def accepted(request, event):
    try:
        handle(request, event)
    except UnexpectedEvent:
        return False
    return True


def everything(on):
    """Every event that there can be on a day."""
    for kind in EVENTS:
        if kind is Refused:
            yield from (Refused(day(on), ground) for ground in Ground)
        elif kind is PartTold:
            yield from (PartTold(day(on), who) for who in ("person", "authority"))
        elif kind is Erased:
            yield from (Erased(day(on), held, tell) for held in (0, 1) for tell in ((), ("r1",), ("r1", "r2")))
        elif kind is RecipientTold:
            yield from (RecipientTold(day(on), recipient) for recipient in ("", "r1", "r2"))
        elif kind is LetterMade:
            yield from (LetterMade(day(on), letter) for letter in LetterKind)
        else:
            yield event(kind, on)


def act_of(event):
    return Act.TELL_AUTHORITY if isinstance(event, PartTold) and event.who == "authority" else ACTS[type(event)]


def check_possible(request, on):
    taken = [each for each in everything(on) if accepted(request, each)]
    steps = possible(request, day(on))
    assert {step.act for step in steps} == {act_of(each) for each in taken}
    assert {step.letter for step in steps if step.act is Act.LETTER} == {
        each.kind for each in taken if isinstance(each, LetterMade)
    }
    for act in Act:
        assert (forbidden(request, act, day(on)) == "") == (act in {step.act for step in steps})
    refuse = next((step for step in steps if step.act is Act.REFUSE), None)
    grounds = next(each.choices for each in refuse.fields if each.kind is FieldKind.CHOICE) if refuse else ()
    assert set(grounds) == {each.ground for each in taken if isinstance(each, Refused)}
    tell = next((step for step in steps if step.act is Act.TELL_RECIPIENT), None)
    choices = next(each.choices for each in tell.fields if each.name == "recipient") if tell else ()
    assert set(choices) == {each.recipient for each in taken if isinstance(each, RecipientTold)} == request.untold
    told = [each for each in taken if act_of(each) is Act.TELL_PERSON]
    assert told in ([], [telling(request, "person", day(on))])
    acts = [step.act for step in steps if step.act is not Act.LETTER]
    assert acts == [act for act in Act if act in acts], "each once, in order"


walks = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=12)


@pytest.mark.deep
@settings(deadline=None, max_examples=examples(300))
@given(st.sampled_from(Asks), st.booleans(), st.booleans(), walks)
def test_what_is_possible_is_what_the_rules_accept(asks, written, forgotten, walk):
    """Walks of events that the rules accept, so that the late states are reached as well."""
    request, _ = opened(asks, START, written=written)
    on = 0
    check_possible(request, on)
    for choice, later in walk:
        on += later
        taken = [each for each in everything(on) if accepted(request, each)]
        if not taken:
            break
        request, commands = handle(request, taken[choice % len(taken)])
        assert not AT_ONCE & set(request.todo)
        assert set(commands) - AT_ONCE <= set(request.todo) or request.state in OVER
        check_possible(request, on)
        check_possible(dataclasses.replace(request, forgotten=forgotten), on)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("asks", Asks)
def test_what_is_possible_is_what_the_rules_accept_in_each_state(asks, state):
    """Whatever the request knows, reached or not."""
    for identified, searched, todo in itertools.product((True, False), (True, False), [(), tuple(Do)]):
        clock = opened(asks, START)[0].clock
        told = frozenset({"person"}) if identified else frozenset()
        paused = day(1) if state is State.CLARIFYING else None
        request = Request(
            asks,
            START,
            state,
            clock,
            identified,
            paused,
            searched=searched,
            todo=todo,
            told=told,
            acknowledged=searched,
        )
        check_possible(request, 3)


def test_recipients_of_what_is_erased_are_told_each_once_also_when_it_is_over():
    request, _ = walk(Asks.ERASURE, (IdentityProven, 1), (Searched, 1), (Granted, 2))
    assert forbidden(request, Act.TELL_RECIPIENT, day(2)) == "nobody else is known to have got what is erased"
    request, _ = handle(request, Erased(day(3), 0, ("r1", "r2")))
    request, _ = handle(request, RecipientTold(day(4), "r1"))
    with pytest.raises(UnexpectedEvent, match="all were told"):
        handle(request, RecipientTold(day(4), "r1"))
    done, _ = handle(request, Fulfilled(day(5)))
    for after in (done, dataclasses.replace(done, forgotten=True)):
        steps = possible(after, day(40))
        assert [step.letter for step in steps if step.suggested and step.letter] == [LetterKind.RECIPIENT]
        assert [step.act for step in steps if step.suggested and not step.letter] == [Act.TELL_RECIPIENT]
    told, _ = handle(done, RecipientTold(day(90), "r2"))
    assert told.state is State.DONE and not told.late and not told.untold
    assert LetterMade(day(90), LetterKind.RECIPIENT) in [each for each in everything(90) if accepted(told, each)]
    assert not [step for step in possible(told, day(90)) if step.suggested]


def test_recipients_are_told_again_of_what_a_hold_had_kept():
    request, _ = walk(Asks.ERASURE, (IdentityProven, 1), (Searched, 1), (Granted, 2))
    request, _ = handle(request, Erased(day(3), 1, ("r1",)))
    request, _ = handle(request, RecipientTold(day(3), "r1"))
    request, _ = handle(request, Erased(day(9), 0, ("r1", "r2")))
    assert request.untold == {"r1", "r2"}


SUGGESTED = {
    (Asks.ACCESS, State.RECEIVED): ["verify_identity", "ask_identity"],
    (Asks.ACCESS, State.IDENTITY_ASKED): ["verify_identity", "refuse"],
    (Asks.ACCESS, State.IN_HAND): ["grant", "clarify", "extend"],
    (Asks.ACCESS, State.CLARIFYING): ["clarified"],
    (Asks.ACCESS, State.GRANTED): ["make_pack"],
    (Asks.ACCESS, State.REFUSED): ["tell_person", "tell_authority"],
    (Asks.ACCESS, State.DONE): [],
    (Asks.ACCESS, State.CLOSED): [],
    (Asks.COMPLAINT, State.RECEIVED): ["grant", "extend", "acknowledge"],
    (Asks.ERASURE, State.GRANTED): ["erase"],
    (Asks.RESTRICTION, State.GRANTED): ["tell_person"],
}


@pytest.mark.parametrize(("asks", "state"), SUGGESTED)
def test_what_brings_a_request_forward(asks, state):
    reached = [(Granted, 1)] if (asks, state) == (Asks.RESTRICTION, State.GRANTED) else REACHED[state]
    request, _ = walk(asks, *reached)
    found = [step.act.value for step in possible(request, day(3)) if step.suggested and step.act is not Act.LETTER]
    assert found == SUGGESTED[asks, state]


def test_an_access_to_nothing_needs_no_pack():
    request, _ = walk(Asks.ACCESS, (IdentityProven, 1))
    request, _ = handle(request, Searched(day(1), 0, 0))
    request, commands = handle(request, Granted(day(2)))
    assert commands == [Do.ANSWER]
    assert accepted(request, Fulfilled(day(2)))
    listed, _ = handle(walk(Asks.ACCESS, (IdentityProven, 1))[0], Searched(day(1), 0, 1))
    assert handle(listed, Granted(day(2)))[1] == [Do.MAKE_PACK, Do.ANSWER], "an entry of a list is something, too"


def test_nothing_is_granted_where_all_that_is_held_lies_outside_the_search():
    for asks in NEEDS_IDENTITY:
        request, _ = walk(asks, (IdentityProven, 1))
        narrow, _ = handle(request, Searched(day(1), 0, 0, outside=2))
        with pytest.raises(UnexpectedEvent, match="at other times than were searched for: 2"):
            handle(narrow, event(Granted, 2))
        found = [step.act for step in possible(narrow, day(2)) if step.suggested and step.letter is None]
        assert Act.SEARCH in found and Act.GRANT not in found
        assert handle(handle(narrow, event(Searched, 2))[0], event(Granted, 2))[0].state is State.GRANTED
        some, _ = handle(request, Searched(day(1), 1, 0, outside=2))
        assert handle(some, event(Granted, 2))[0].state is State.GRANTED, "these calls alone are answered"


def test_an_access_that_was_granted_to_nothing_is_searched_for_again():
    request, _ = walk(Asks.ACCESS, (IdentityProven, 1))
    request, _ = handle(handle(request, Searched(day(1), 0))[0], event(Granted, 2))
    request, _ = handle(request, event(LetterMade, 2).__class__(day(2), LetterKind.RESPONSE))
    again, commands = handle(request, event(Searched, 3))
    assert again.state is State.GRANTED and commands == [Do.MAKE_PACK, Do.ANSWER]
    with pytest.raises(UnexpectedEvent, match="it is granted"):
        handle(again, event(Searched, 4))


def test_what_is_missing_is_asked_for():
    assert missing(Asks.ACCESS, (), None) == ("number", "date and time")
    assert missing(Asks.ERASURE, ("+442079460123",), None) == ("date and time",)
    assert missing(Asks.RESTRICTION, (), "2026-03-02T14:30:00+00:00") == ("number",)
    assert missing(Asks.COMPLAINT, (), None) == missing(Asks.OBJECTION, (), None) == ()


def test_a_letter_is_due_until_it_is_made_and_while_it_says_what_is_so():
    request, _ = walk(Asks.ERASURE, (IdentityProven, 1), (Searched, 1), (Extended, 2), (Granted, 2))

    def due():
        return [step.letter for step in possible(request, day(3)) if step.letter and step.suggested]

    assert due() == [LetterKind.ACKNOWLEDGEMENT, LetterKind.EXTENSION]
    request, _ = handle(request, Erased(day(3)))
    assert due() == [LetterKind.ACKNOWLEDGEMENT, LetterKind.EXTENSION, LetterKind.CONFIRMATION]
    for kind in due():
        request, _ = handle(request, LetterMade(day(3), kind))
    assert due() == [] and request.todo == ()
    assert accepted(request, LetterMade(day(4), LetterKind.CONFIRMATION)), "it may be made again"


def test_every_act_has_its_fields_and_every_letter_its_command():
    assert set(FIELDS) == set(Act)
    others = {LetterKind.RECIPIENT, LetterKind.PROGRESS, LetterKind.WITHDRAWAL}
    assert set(LETTER_OF.values()) == set(LetterKind) - others, "due by recipient, by days, and of no request"


# --- two dates ----------------------------------------------------------------------------------------------------

PERSONS = (IdentityProven, Clarified)
LIVES = st.lists(
    st.tuples(st.sampled_from(list(EVENTS)), st.integers(0, 25), st.integers(0, 60)), min_size=1, max_size=10
)
"""Events, with days since the one before and how much earlier each is claimed to have happened."""


def lived(asks, steps):
    """The request after (event, entered, claimed) steps that its table takes, and those."""
    request, _ = opened(asks, START)
    taken = []
    for kind, entered, claimed in steps:
        try:
            request = replayed(request, event(kind, claimed, entered=entered))
        except UnexpectedEvent:
            continue
        taken.append((kind, entered, claimed))
    return request, taken


def entered_on(life):
    entered = itertools.accumulate(later for _, later, _ in life)
    return [(kind, on, max(0, on - before)) for (kind, _, before), on in zip(life, entered, strict=True)]


@settings(deadline=None, max_examples=examples(400))
@given(st.sampled_from(Asks), LIVES)
def test_no_claimed_day_shortens_a_delay(asks, life):
    claimed, steps = lived(asks, entered_on(life))
    plain, _ = lived(asks, [(kind, on, on) for kind, on, _ in steps])
    ours, _ = lived(asks, [(kind, on, on if kind in PERSONS else before) for kind, on, before in steps])
    end = day(steps[-1][1] if steps else 0)
    for later in (0, 20, 100):
        at = end + timedelta(days=later)
        assert ours.was_late(at) == plain.was_late(at), "a claim about what the firm did changes nothing"
        assert claimed.was_late(at) or not plain.was_late(at), "one about what the person did is the stricter"
        assert ours.due(at) == plain.due(at)
    assert claimed.over_on == ours.over_on == plain.over_on


@settings(deadline=None, max_examples=examples(400))
@given(st.sampled_from(Asks), LIVES, st.randoms(use_true_random=False))
def test_the_order_of_entering_the_same_facts_on_the_same_days_changes_no_lateness(asks, life, chance):
    request, steps = lived(asks, entered_on(life))
    days = [list(group) for _, group in itertools.groupby(steps, key=lambda step: step[1])]
    for group in days:
        kinds = [kind for kind, _, _ in group]
        assume(not {IdentityAsked, Extended} <= set(kinds))  # an extension before the question is another course
        chance.shuffle(group)
    again, taken = lived(asks, [step for group in days for step in group])
    assume(len(taken) == len(steps))
    end = day(steps[-1][1] if steps else 0)
    assert again.was_late(end) == request.was_late(end)
    assert again.over_on == request.over_on
