"""What holds for every attempt whatsoever: the screening is total, and what it allows may be dialled."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from gate.core.hours import Hours
from gate.core.numbers import Number, is_emergency_or_short, parse, presentable
from gate.core.screening import covering, decide, decision_fact, expired, last_consent, live_consents
from gate.core.terms import ALLOWING, Attempt, Consent, Objection, Purpose, Reason, RegisterView, Scope, Stop, Topic
from tests.support.examples import examples
from tests.support.screening import ATTEMPT, CTPS, LONDON, NOON, OWN, RULES, TPS, number_of
from tests.support.spellings import drama_numbers, spellings

pytestmark = pytest.mark.deep

near = st.datetimes(datetime(2026, 2, 1), datetime(2026, 4, 30), timezones=st.just(UTC))
anywhen = st.datetimes(timezones=st.just(UTC))
raws = st.one_of(
    drama_numbers().flatmap(spellings),
    st.sampled_from(["999", "14102079460000", "+12025550123", "09098790123", "anonymous", ""]),
    st.text(max_size=30),
)
attempts = st.builds(
    Attempt,
    raw_number=raws,
    purpose=st.sampled_from(Purpose),
    topic=st.sampled_from(Topic),
    presentation=st.sampled_from([OWN, OWN, OWN, "", "+442079460001", "+449098790123"]) | st.text(max_size=15),
    withheld=st.sampled_from([False, False, False, True]),
    claimed_by=st.text(max_size=20),
)
STOPPING = (Reason.REQUEST_PENDING, Reason.RESTRICTED)
ids = st.text(min_size=1, max_size=4)


def views(days: st.SearchStrategy[date]) -> st.SearchStrategy[list[RegisterView]]:
    view = st.builds(
        RegisterView,
        name=st.sampled_from(["tps", "ctps"]),
        state=st.sampled_from(["ok", "ok", "ok", "missing", "damaged"]),
        as_of=st.none() | days,
        covered=st.booleans(),
        listed=st.booleans(),
    )
    sound = st.builds(
        lambda tps, ctps: [replace(TPS, as_of=tps), replace(CTPS, as_of=ctps)],
        st.dates(date(2026, 3, 1), date(2026, 3, 28)),
        st.dates(date(2026, 3, 1), date(2026, 3, 28)),
    )
    return sound | st.lists(view, max_size=4)


def consents(times: st.SearchStrategy[datetime]) -> st.SearchStrategy[list[Consent]]:
    places = st.integers(0, 9)
    consent = st.builds(
        Consent,
        id=ids,
        given_at=times,
        withdrawn_at=st.none() | times,
        learnt=places,
        withdrawn_learnt=places,
        after_objection=st.booleans(),
        topics=st.frozensets(st.sampled_from(Topic), min_size=1),
        proven=st.booleans(),
    )
    return st.lists(consent, max_size=3)


def objections(times: st.SearchStrategy[datetime]) -> st.SearchStrategy[list[Objection]]:
    return st.lists(
        st.builds(Objection, id=ids, made_at=times, learnt=st.integers(0, 9), scope=st.sampled_from(Scope)), max_size=2
    )


rules = st.builds(
    lambda live, hours, age, stops, months: replace(
        RULES,
        live=live,
        hours=hours,
        max_age_days=age,
        objection_stops_service=stops,
        consent_months=months,
        authorised=frozenset(Topic) if stops else frozenset(),
    ),
    live=st.sampled_from([False, False, True]),
    hours=st.sampled_from([Hours(), Hours.always()]),
    age=st.sampled_from([27, 27, 0, 5]),
    stops=st.booleans(),
    months=st.sampled_from([24, 1]),
)


def world(times: st.SearchStrategy[datetime], days: st.SearchStrategy[date]) -> dict[str, st.SearchStrategy[Any]]:
    """Strategies for the arguments of ``decide`` beside the number."""
    return {
        "registers": views(days),
        "consents": st.just([]) | consents(times),
        "objections": st.just([]) | objections(times),
        "stops": st.just([]) | st.lists(st.builds(Stop, st.sampled_from(STOPPING), ids), max_size=2),
        "last_unattended": st.none() | times,
        "rules": rules,
        "now": times,
    }


@settings(max_examples=examples(500), deadline=None)
@given(attempts, st.fixed_dictionaries(world(near, st.dates(date(2026, 1, 1), date(2026, 4, 30)))))
def test_total_and_what_is_allowed_may_be_dialled(attempt: Attempt, given_: dict[str, Any]) -> None:
    number = number_of(attempt.raw_number)
    decision = decide(attempt, number=number, **given_)
    event(decision.reason.value)
    assert decision.reason is not Reason.INTERNAL_ERROR
    assert decision.allowed is (decision.reason in ALLOWING)
    assert decision.explanation
    json.dumps(decision_fact(decision, attempt).values(), ensure_ascii=False).encode()
    assert decide(attempt, number=number, **given_) == decision
    if not decision.allowed:
        return
    assert isinstance(number, Number)
    assert parse(decision.number).e164 == decision.number == number.e164
    assert number.jurisdiction in given_["rules"].allowed_countries
    assert not is_emergency_or_short(attempt.raw_number)
    assert not given_["rules"].live, "every number here is of the drama ranges, or abroad"
    assert not attempt.withheld
    assert attempt.presentation in RULES.own_numbers
    assert presentable(attempt.presentation)
    if attempt.purpose is Purpose.SERVICE:
        assert decision.reason is Reason.SERVICE_CALL
        assert not any(objection.scope is Scope.ALL for objection in given_["objections"])
        return
    assert not given_["stops"]
    now, held = given_["now"], covering(live_consents(given_["consents"], given_["now"]), attempt.topic)
    holding = [each for each in held if not expired(each, now, given_["rules"].consent_months, LONDON)]
    consent = last_consent(holding)
    today = given_["now"].astimezone(LONDON).date()
    assert given_["rules"].hours.open_at(given_["now"].astimezone(LONDON))
    if consent:
        assert decision.consent_id == consent.id
        for objection in given_["objections"]:
            assert consent.after_objection
            assert objection.learnt < consent.learnt
        return
    assert not given_["objections"]
    assert not held, "an old consent blocks"
    assert all(each.withdrawn_at is None for each in given_["consents"])
    assert attempt.topic is Topic.GENERAL
    assert {view.name for view in given_["registers"]} == {"tps", "ctps"}
    for view in given_["registers"]:
        assert view.state == "ok"
        assert view.covered
        assert not view.listed
        assert view.as_of is not None
        assert timedelta(0) <= today - view.as_of <= timedelta(days=27)


@settings(max_examples=examples(300), deadline=None)
@given(attempts, st.fixed_dictionaries(world(anywhen, st.dates())))
def test_total_at_the_ends_of_the_calendar_too(attempt: Attempt, given_: dict[str, Any]) -> None:
    decision = decide(attempt, number=number_of(attempt.raw_number), **given_)
    assert decision.allowed is (decision.reason in ALLOWING)
    if decision.reason is Reason.INTERNAL_ERROR:
        assert given_["now"].year in (1, 9999) or given_["last_unattended"].year == 9999


anything = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.none() | st.integers(), max_size=2)


@settings(max_examples=examples(200), deadline=None)
@given(anything, anything, anything, anything, anything, anything, anything)
def test_total_on_nonsense(
    number: Any, registers: Any, consents: Any, objections: Any, last: Any, rules: Any, now: Any
) -> None:
    decision = decide(
        ATTEMPT,
        number=number,
        registers=registers,
        consents=consents,
        objections=objections,
        stops=[],
        last_unattended=last,
        rules=rules,
        now=now,
    )
    assert decision.reason is Reason.INTERNAL_ERROR
    assert not decision.allowed


gone = consents(near).filter(lambda held: not live_consents(held, NOON))
"""Consents of which none is live. Made once: to make a strategy costs more than to draw from it."""
objecting = objections(near)


@settings(max_examples=examples(500), deadline=None)
@given(st.data(), st.sets(drama_numbers(), min_size=1, max_size=5), st.sampled_from(["tps", "ctps"]), gone, objecting)
def test_a_listed_number_is_never_allowed_in_any_spelling(
    data: st.DataObject, listed: set[str], name: str, held: list[Consent], objected: list[Objection]
) -> None:
    """The whole way from the raw text: parsed, looked up, decided. No consent, hours open."""
    raw = data.draw(spellings(data.draw(st.sampled_from(sorted(listed)))))
    number = number_of(raw)
    found = isinstance(number, Number) and number.e164 in listed
    decision = decide(
        replace(ATTEMPT, raw_number=raw),
        number=number,
        registers=tuple(replace(view, listed=found and view.name == name) for view in (TPS, CTPS)),
        consents=held,
        objections=objected,
        stops=[],
        last_unattended=None,
        rules=RULES,
        now=NOON,
    )
    assert not decision.allowed
    assert decision.number in listed


@settings(max_examples=examples(300), deadline=None)
@given(st.data(), drama_numbers(), drama_numbers())
def test_an_unlisted_number_is_not_refused_for_its_spelling(data: st.DataObject, e164: str, other: str) -> None:
    """The property above holds not because everything is refused."""
    assume(e164 not in (other, RULES.test_number))
    number = number_of(data.draw(spellings(e164)))
    assert isinstance(number, Number)
    decision = decide(
        ATTEMPT,
        number=number,
        registers=tuple(replace(view, listed=number.e164 == other) for view in (TPS, CTPS)),
        consents=[],
        objections=[],
        stops=[],
        last_unattended=None,
        rules=RULES,
        now=NOON,
    )
    assert decision.allowed
    assert decision.number == e164
