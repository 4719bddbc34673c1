"""May this attempt be dialled? One test or more for each rule, named by its number in the law's summary."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any, cast

import pytest

from gate.core.hours import Hours
from gate.core.rules import AttemptLimits, Rules, days_left
from gate.core.screening import decision_fact, last_consent, live_consents
from gate.core.terms import (
    NOBODY_KNOWN,
    TOPICS,
    Consent,
    Objection,
    Purpose,
    Reason,
    RegisterView,
    Scope,
    Stop,
    Subscriber,
    SubscriberKind,
    Topic,
    TopicRule,
    Tried,
    Verdict,
    date_text,
    topic_rule,
)
from tests.support.screening import ATTEMPT, CTPS, LONDON, NOON, OWN, RULES, TPS, allowed, blocked, screen

INDIVIDUAL, CORPORATE = Subscriber(SubscriberKind.INDIVIDUAL), Subscriber(SubscriberKind.CORPORATE)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
CONSENT = Consent("c1", given_at=NOON - 30 * DAY, learnt=7)
LISTED = (replace(TPS, listed=True), CTPS)


def test_an_ordinary_call_is_allowed() -> None:
    decision = screen()
    assert decision.allowed
    assert decision.reason is Reason.NOT_LISTED
    assert decision.number == "+442079460000"
    assert decision.registers == (TPS, CTPS)
    assert decision.consent_id is decision.objection_id is None


# --- 1. calling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"withheld": True}, {"presentation": ""}])
def test_law_1_1_the_line_identity_is_never_withheld(changes: dict[str, Any]) -> None:
    blocked(Reason.IDENTITY_WITHHELD, **changes)
    blocked(Reason.IDENTITY_WITHHELD, consents=[CONSENT], **changes)
    blocked(Reason.IDENTITY_WITHHELD, purpose=Purpose.SERVICE, **changes)


def test_law_1_2_an_objection_holds_from_the_next_call() -> None:
    """No 28 days' grace: not even a second's."""
    decision = screen(objections=[Objection("o1", made_at=NOON)])
    assert decision.reason is Reason.OBJECTED
    assert decision.objection_id == "o1"


def test_law_1_2_the_newest_objection_is_named() -> None:
    decision = screen(objections=[Objection("new", NOON - HOUR), Objection("old", NOON - DAY)])
    assert decision.objection_id == "new"


def test_law_1_2_an_objection_from_a_clock_ahead_counts() -> None:
    blocked(Reason.OBJECTED, objections=[Objection("o1", NOON + DAY)])


def test_law_1_3_both_registers_are_screened() -> None:
    assert "Telephone Preference Service (list of 2 March 2026)" in blocked(Reason.LISTED_TPS, registers=LISTED)
    assert "Corporate" in blocked(Reason.LISTED_CTPS, registers=(TPS, replace(CTPS, listed=True)))
    blocked(Reason.LISTED_TPS, registers=tuple(replace(view, listed=True) for view in (TPS, CTPS)))
    blocked(Reason.LISTED_CTPS, registers=(replace(CTPS, listed=True), TPS))


def test_law_1_3_a_register_that_is_not_there() -> None:
    assert "Corporate" in blocked(Reason.REGISTER_MISSING, registers=(TPS,))
    assert "The Telephone" in blocked(Reason.REGISTER_MISSING, registers=(replace(TPS, state="missing"), CTPS))
    blocked(Reason.REGISTER_MISSING, registers=())


def test_law_1_3_a_register_that_is_not_required_still_blocks_what_it_lists() -> None:
    only_tps: dict[str, Any] = {"rules": replace(RULES, registers=("tps",)), "subscriber": INDIVIDUAL}
    allowed(**only_tps, registers=(TPS,))
    blocked(Reason.LISTED_CTPS, **only_tps, registers=(TPS, replace(CTPS, listed=True)))


@pytest.mark.parametrize("configured", ["tps", "ctps"])
def test_law_1_3_the_register_on_which_a_line_may_be_is_looked_at_whatever_is_configured(configured: str) -> None:
    views = {"tps": TPS, "ctps": CTPS}
    for subscriber, needed in ((INDIVIDUAL, {"tps"}), (CORPORATE, {"ctps"}), (NOBODY_KNOWN, {"tps", "ctps"})):
        asked: dict[str, Any] = {"rules": replace(RULES, registers=(configured,)), "subscriber": subscriber}
        for name in {*needed, configured}:
            others = tuple(view for key, view in views.items() if key != name)
            blocked(Reason.REGISTER_MISSING, **asked, registers=others)
            stale = replace(views[name], as_of=NOON.date() - timedelta(days=28))
            blocked(Reason.REGISTER_STALE, **asked, registers=(stale, *others))
            blocked(Reason.OUTSIDE_COVERAGE, **asked, registers=(replace(views[name], covered=False), *others))
        allowed(**asked, registers=tuple(views[name] for name in {*needed, configured}))


def test_law_1_5a_a_consent_of_an_earlier_subscriber_is_none_and_every_objection_stands() -> None:
    given = NOON - timedelta(days=40)
    consent = Consent("c", given, learnt=3)
    listed = (replace(TPS, listed=True), CTPS)
    for days, reason in (
        (41, Reason.CONSENTED),
        (40, Reason.CONSENTED),
        (39, Reason.LISTED_TPS),
        (0, Reason.LISTED_TPS),
    ):
        subscriber = Subscriber(SubscriberKind.INDIVIDUAL, NOON.date() - timedelta(days=days))
        decision = screen(consents=(consent,), registers=listed, subscriber=subscriber)
        assert decision.reason is reason
    new = Subscriber(since=NOON.date())
    lifting = replace(consent, after_objection=True)
    blocked(Reason.OBJECTED, consents=(lifting,), objections=(Objection("o", given, 1),), subscriber=new)
    withdrawn = replace(consent, withdrawn_at=given, withdrawn_learnt=4)
    blocked(Reason.CONSENT_WITHDRAWN, consents=(withdrawn,), subscriber=new)
    blocked(
        Reason.TOPIC_NEEDS_CONSENT,
        topic=Topic.CLAIMS,
        subscriber=new,
        consents=(replace(consent, topics=frozenset({Topic.CLAIMS})),),
    )


def test_law_1_3_a_second_view_of_a_register_cannot_hide_the_first() -> None:
    blocked(Reason.LISTED_TPS, registers=(TPS, replace(TPS, listed=True), CTPS))
    blocked(Reason.REGISTER_DAMAGED, registers=(TPS, replace(TPS, state="missing"), CTPS))


@pytest.mark.parametrize(
    "trouble",
    [
        {"state": "damaged"},
        {"state": "unheard-of"},
        {"state": ""},
        {"as_of": None},
    ],
)
def test_invariant_2_a_damaged_register_blocks(trouble: dict[str, Any]) -> None:
    blocked(Reason.REGISTER_DAMAGED, registers=(replace(TPS, **trouble), CTPS))
    blocked(Reason.REGISTER_DAMAGED, registers=(TPS, replace(CTPS, **trouble)))


def test_invariant_2_a_list_of_a_later_day_clears_nobody_and_is_not_called_damaged() -> None:
    later = {"as_of": date(2026, 3, 4)}
    for registers in ((replace(TPS, **later), CTPS), (TPS, replace(CTPS, **later)), (replace(TPS, **later), CTPS)):
        said = blocked(Reason.REGISTER_MISSING, registers=registers)
        assert "from 4 March 2026" in said and "says nothing of 3 March 2026" in said


def at(text: str) -> datetime:
    """Wall time in London -> the instant, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=LONDON).astimezone(UTC)


@pytest.mark.parametrize(
    ("as_of", "last_day"),
    [
        (date(2026, 2, 3), "2026-03-02"),
        (date(2026, 3, 10), "2026-04-06"),  # across 29 March, clocks forward
        (date(2026, 3, 29), "2026-04-25"),  # from the day itself
        (date(2026, 3, 2), "2026-03-29"),  # to the day itself
        (date(2026, 10, 10), "2026-11-06"),  # across 25 October, clocks back
        (date(2026, 10, 25), "2026-11-21"),
        (date(2026, 9, 28), "2026-10-25"),
        (date(2028, 2, 2), "2028-02-29"),
        (date(2026, 12, 5), "2027-01-01"),
    ],
)
def test_law_1_4_the_27th_day_and_the_28th(as_of: date, last_day: str) -> None:
    """Days are London's days: the last second of D+27 is good, the first of D+28 is not, whatever UTC says."""
    views = (replace(TPS, as_of=as_of), replace(CTPS, as_of=as_of))
    rules = replace(RULES, hours=Hours.always())
    midnight = at(last_day + "T00:00:00")
    next_midnight = at((date.fromisoformat(last_day) + DAY).isoformat() + "T00:00:00")
    allowed(registers=views, rules=rules, now=midnight)
    allowed(registers=views, rules=rules, now=next_midnight - timedelta(microseconds=1))
    for now in (next_midnight, next_midnight + HOUR, next_midnight + 400 * DAY):
        said = blocked(Reason.REGISTER_STALE, registers=views, rules=rules, now=now)
        assert str(as_of.year) in said
    assert days_left(as_of, date.fromisoformat(last_day)) == 0


def test_law_1_4_one_stale_register_is_enough() -> None:
    blocked(Reason.REGISTER_STALE, registers=(TPS, replace(CTPS, as_of=NOON.date() - 28 * DAY)))


def test_law_1_4_the_grace_is_never_applied_to_a_number() -> None:
    """Listed since today's file is listed."""
    blocked(Reason.LISTED_TPS, registers=(replace(TPS, listed=True, as_of=NOON.date()), CTPS))


def test_law_1_4_the_date_is_londons_whatever_zone_now_bears() -> None:
    views = (replace(TPS, as_of=date(2026, 6, 2)), replace(CTPS, as_of=date(2026, 6, 2)))
    rules = replace(RULES, hours=Hours.always())
    late = datetime(2026, 6, 29, 22, 59, tzinfo=UTC)  # 23:59 in London
    for zone in (UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=12)), LONDON):
        allowed(registers=views, rules=rules, now=late.astimezone(zone))
        blocked(Reason.REGISTER_STALE, registers=views, rules=rules, now=(late + timedelta(minutes=1)).astimezone(zone))


def test_law_1_5_a_live_consent_allows_a_listed_number() -> None:
    decision = screen(registers=LISTED, consents=[CONSENT])
    assert decision.allowed
    assert decision.reason is Reason.CONSENTED
    assert decision.consent_id == "c1"


def test_law_1_5_a_consent_that_is_withdrawn_blocks_even_an_unlisted_number() -> None:
    withdrawn = replace(CONSENT, withdrawn_at=NOON - DAY)
    decision = screen(consents=[withdrawn])
    assert decision.reason is Reason.CONSENT_WITHDRAWN
    assert decision.consent_id == "c1"
    blocked(Reason.CONSENT_WITHDRAWN, consents=[replace(CONSENT, withdrawn_at=NOON + DAY)])


def test_law_1_5_a_consent_after_the_withdrawal_counts_and_one_before_it_does_not() -> None:
    withdrawn = Consent("w", NOON - 20 * DAY, withdrawn_at=NOON - 10 * DAY, learnt=3, withdrawn_learnt=5)
    again = Consent("again", given_at=NOON - 5 * DAY, learnt=6)
    decision = screen(registers=LISTED, consents=[withdrawn, again])
    assert (decision.reason, decision.consent_id) == (Reason.CONSENTED, "again")
    for given_at in (NOON - 15 * DAY, NOON - 25 * DAY, NOON - 10 * DAY):
        blocked(Reason.CONSENT_WITHDRAWN, consents=[withdrawn, Consent("other", given_at, learnt=6)])
    for learnt in (0, 3, 5):  # known before the withdrawal was: it is the last word
        blocked(Reason.CONSENT_WITHDRAWN, registers=LISTED, consents=[withdrawn, replace(again, learnt=learnt)])


def test_law_1_7a_the_last_word_is_by_the_order_in_which_it_was_learnt() -> None:
    """An objection that is entered today blocks today, whatever date it bears, and whatever date a consent bears."""
    for made_at in (NOON - 900 * DAY, CONSENT.given_at, NOON, NOON + DAY):
        for consent in (CONSENT, replace(CONSENT, given_at=NOON, after_objection=True)):
            late = Objection("o1", made_at, learnt=8)
            decision = screen(consents=[consent], objections=[late], registers=LISTED)
            assert (decision.reason, decision.objection_id) == (Reason.OBJECTED, "o1")


def test_law_1_7a_only_a_consent_by_name_that_is_entered_after_it_lifts_an_objection() -> None:
    objection = Objection("o1", NOON - 2 * DAY, learnt=6)
    named = replace(CONSENT, given_at=NOON - DAY, after_objection=True)
    allowed(Reason.CONSENTED, consents=[named], objections=[objection], registers=LISTED)
    blocked(Reason.OBJECTED, consents=[replace(named, after_objection=False)], objections=[objection])
    blocked(Reason.OBJECTED, consents=[replace(named, learnt=6)], objections=[objection])
    blocked(Reason.OBJECTED, consents=[replace(named, given_at=NOON + HOUR)], objections=[objection])
    blocked(Reason.CONSENT_WITHDRAWN, consents=[replace(named, withdrawn_at=NOON, withdrawn_learnt=9)])
    blocked(Reason.OBJECTED, consents=[replace(named, withdrawn_at=NOON)], objections=[objection])
    blocked(Reason.OBJECTED, consents=[named], objections=[objection, Objection("o2", NOON - 9 * DAY, learnt=8)])
    decision = screen(consents=[replace(CONSENT, id="other", given_at=NOON), named], objections=[objection])
    assert (decision.reason, decision.consent_id) == (Reason.CONSENTED, "c1"), "the one that lifts it is named"


def test_law_1_7a_who_wants_no_calls_at_all_gets_no_service_call_either() -> None:
    every = Objection("o1", NOON - DAY, learnt=3, scope=Scope.ALL)
    some = replace(every, id="o2", scope=Scope.MARKETING, learnt=4)
    service: dict[str, Any] = {"purpose": Purpose.SERVICE}
    blocked(Reason.OBJECTED, objections=[every], **service)
    assert screen(objections=[some, every], **service).objection_id == "o1"
    allowed(Reason.SERVICE_CALL, objections=[some], **service)
    blocked(Reason.OBJECTED, objections=[every])
    lifting = replace(CONSENT, given_at=NOON, after_objection=True)
    blocked(Reason.OBJECTED, objections=[every], consents=[lifting], **service)
    blocked(Reason.OBJECTED, objections=[every], consents=[lifting])
    blocked(Reason.OBJECTED, objections=[every, some], consents=[lifting])
    allowed(Reason.CONSENTED, objections=[some], consents=[lifting])


def test_law_1_7a_a_service_call_names_the_objection_to_marketing_that_stands() -> None:
    some = Objection("o1", NOON - DAY, learnt=3)
    lifting = replace(CONSENT, given_at=NOON, after_objection=True)
    decision = screen(purpose=Purpose.SERVICE, objections=[some])
    assert (decision.reason, decision.objection_id, decision.listed_service) == (Reason.SERVICE_CALL, "o1", True)
    lifted = screen(purpose=Purpose.SERVICE, objections=[some], consents=[lifting])
    assert (lifted.reason, lifted.objection_id, lifted.listed_service) == (Reason.SERVICE_CALL, None, False)
    assert screen(purpose=Purpose.SERVICE, registers=LISTED).listed_service
    assert not screen(registers=LISTED, consents=[CONSENT]).listed_service, "no service call"


@pytest.mark.parametrize("reason", [Reason.REQUEST_PENDING, Reason.RESTRICTED])
def test_law_1_7a_requests_and_restrictions_stop_marketing_at_once(reason: Reason) -> None:
    stop = [Stop(reason, "DSR-2026-0007")]
    for held in ([], [CONSENT], [replace(CONSENT, after_objection=True)]):
        assert "(DSR-2026-0007): do not call" in blocked(reason, stops=stop, consents=held)
    assert "(" not in blocked(reason, stops=[Stop(reason, "")])
    allowed(Reason.SERVICE_CALL, purpose=Purpose.SERVICE, stops=stop)
    blocked(Reason.OBJECTED, stops=stop, objections=[Objection("o1", NOON)])
    blocked(Reason.REQUEST_PENDING, stops=[Stop(Reason.RESTRICTED, "a"), Stop(Reason.REQUEST_PENDING, "b")])
    blocked(Reason.INTERNAL_ERROR, stops=[Stop(Reason.NOT_LISTED, "")])


def test_law_1_5_a_consent_from_the_future_is_none() -> None:
    blocked(Reason.LISTED_TPS, registers=LISTED, consents=[replace(CONSENT, given_at=NOON + timedelta(seconds=1))])
    allowed(Reason.CONSENTED, registers=LISTED, consents=[replace(CONSENT, given_at=NOON)])


def test_law_1_5_the_newest_live_consent_is_relied_on() -> None:
    newest = Consent("new", NOON - DAY)
    assert live_consents([CONSENT, newest], NOON) == live_consents([newest, CONSENT], NOON) == [newest, CONSENT]
    assert last_consent([newest, CONSENT]) == newest
    assert last_consent(live_consents([], NOON)) is None
    assert live_consents([replace(newest, withdrawn_at=NOON + DAY), CONSENT], NOON) == [CONSENT]


AUTHORISED = frozenset(Topic)


@pytest.mark.parametrize("topic", [row.topic for row in TOPICS if row.consent])
def test_law_1_6_claims_and_pensions_are_opt_in_only(topic: Topic) -> None:
    named, firm = replace(CONSENT, topics=frozenset({topic})), {"authorised": AUTHORISED}
    blocked(Reason.TOPIC_NEEDS_CONSENT, topic=topic, **firm)
    blocked(Reason.TOPIC_NEEDS_CONSENT, topic=topic, registers=LISTED, **firm)
    blocked(Reason.TOPIC_NEEDS_CONSENT, topic=topic, registers=(), **firm)
    allowed(Reason.CONSENTED, topic=topic, consents=[named], **firm)
    blocked(Reason.OBJECTED, topic=topic, consents=[named], objections=[Objection("o1", NOON)], **firm)
    blocked(Reason.CONSENT_WITHDRAWN, topic=topic, consents=[replace(named, withdrawn_at=NOON)], **firm)


def test_law_1_5_a_general_yes_is_none_to_claims_or_pensions_nor_theirs_to_general_calls() -> None:
    for given in Topic:
        consent = replace(CONSENT, topics=frozenset({given}))
        for topic in Topic:
            decision = screen(registers=LISTED, topic=topic, consents=[consent], authorised=AUTHORISED)
            assert decision.allowed is (topic is given), (given, topic)
    both = replace(CONSENT, topics=frozenset({Topic.GENERAL, Topic.CLAIMS}))
    allowed(Reason.CONSENTED, registers=LISTED, consents=[both])
    allowed(Reason.CONSENTED, registers=LISTED, topic=Topic.CLAIMS, consents=[both])
    objection = [Objection("o1", NOON - 90 * DAY, learnt=1)]
    lifted = replace(CONSENT, after_objection=True)
    allowed(Reason.CONSENTED, consents=[lifted], objections=objection)
    blocked(Reason.OBJECTED, consents=[lifted], objections=objection, topic=Topic.CLAIMS)


def test_law_1_6_only_an_authorised_firm_calls_about_pensions() -> None:
    consent = replace(CONSENT, topics=frozenset({Topic.PENSIONS}))
    blocked(Reason.PENSIONS_NOT_AUTHORISED, topic=Topic.PENSIONS, consents=[consent])
    allowed(Reason.CONSENTED, topic=Topic.PENSIONS, consents=[consent], authorised=AUTHORISED)
    plans = replace(CONSENT, topics=frozenset({Topic.FUNERAL_PLANS}))
    blocked(Reason.TOPIC_NOT_AUTHORISED, topic=Topic.FUNERAL_PLANS, consents=[plans], authorised={Topic.PENSIONS})
    allowed(Reason.CONSENTED, topic=Topic.FUNERAL_PLANS, consents=[plans], authorised={Topic.FUNERAL_PLANS})


def test_law_1_6_every_topic_has_its_row_with_the_day_from_which_it_binds() -> None:
    assert [row.topic for row in TOPICS] == list(Topic)
    for row in TOPICS:
        assert topic_rule(row.topic, row.since) is row
        before = topic_rule(row.topic, row.since - timedelta(days=1))
        assert before is TOPICS[0], f"{row.name}: before its day the rule of general calls holds"
        assert (not row.consent) or row.spoken, "a consent has to speak of it"


@pytest.mark.parametrize(
    "row", [row for row in TOPICS if row.consent], ids=[row.topic for row in TOPICS if row.consent]
)
def test_law_1_6_a_refusal_names_the_row_that_refused_and_no_other_does(row: TopicRule) -> None:
    day = datetime.combine(row.since, time(12), tzinfo=LONDON)
    fresh = [replace(view, as_of=row.since) for view in (TPS, CTPS)]
    refused = screen(topic=row.topic, now=day, registers=fresh)
    assert (refused.reason, refused.topic_rule) == (Reason.TOPIC_NEEDS_CONSENT, row.name)
    assert f"({row.law}, since {date_text(row.since)})" in refused.explanation
    earlier = [replace(view, as_of=row.since - DAY) for view in (TPS, CTPS)]
    assert screen(topic=row.topic, now=day - DAY, registers=earlier, hours=Hours.always()).allowed
    assert not screen(registers=LISTED).topic_rule


def test_law_1_6_what_is_no_topic_is_refused() -> None:
    decision = screen(topic=cast("Topic", "shares"), authorised=AUTHORISED, consents=[CONSENT])
    assert (decision.verdict, decision.reason) == (Verdict.BLOCK, Reason.TOPIC_NEEDS_CONSENT)
    assert decision.explanation == "No rule is known for calls about this topic: do not call."


@pytest.mark.parametrize(
    ("given", "months", "last_day"),
    [
        ("2024-02-29T10:00:00", 24, "2026-02-27"),
        ("2024-03-03T00:00:00", 24, "2026-03-02"),
        ("2024-10-27T23:59:59", 24, "2026-10-26"),  # across both changes of the clock
        ("2026-01-31T12:00:00", 1, "2026-02-27"),
    ],
)
def test_law_1_5_a_consent_holds_so_many_months_and_blocks_when_it_is_older(
    given: str, months: int, last_day: str
) -> None:
    consent = Consent("old", at(given))
    rules = {"rules": replace(RULES, hours=Hours.always(), consent_months=months)}
    first = at((date.fromisoformat(last_day) + DAY).isoformat() + "T00:00:00")
    allowed(Reason.CONSENTED, consents=[consent], registers=(), now=first - timedelta(microseconds=1), **rules)
    for registers in ((TPS, CTPS), LISTED):
        said = blocked(Reason.CONSENT_EXPIRED, consents=[consent], registers=registers, now=first, **rules)
        assert f"{months} months" in said
    newer = Consent("new", first - DAY)
    allowed(Reason.CONSENTED, consents=[consent, newer], registers=(), now=first, **rules)
    blocked(Reason.TOPIC_NEEDS_CONSENT, consents=[consent], topic=Topic.CLAIMS, now=first, **rules)


def test_law_1_5_a_consent_without_evidence_is_none() -> None:
    unproven = replace(CONSENT, proven=False)
    blocked(Reason.LISTED_TPS, registers=LISTED, consents=[unproven])
    allowed(Reason.NOT_LISTED, consents=[unproven])
    blocked(Reason.TOPIC_NEEDS_CONSENT, topic=Topic.CLAIMS, consents=[replace(unproven, topics=frozenset(Topic))])


STEPS: list[tuple[Reason, dict[str, Any]]] = [
    (Reason.NUMBER_INVALID, {"raw_number": "anonymous"}),
    (Reason.IDENTITY_WITHHELD, {"withheld": True}),
    (Reason.OBJECTED, {"objections": [Objection("o1", NOON)]}),
    (Reason.CONSENT_WITHDRAWN, {"consents": [replace(CONSENT, withdrawn_at=NOON)]}),
    (Reason.REQUEST_PENDING, {"stops": [Stop(Reason.REQUEST_PENDING, "r")]}),
    (Reason.TOPIC_NEEDS_CONSENT, {"topic": Topic.CLAIMS}),
    (Reason.REGISTER_MISSING, {"missing": True}),
    (Reason.REGISTER_DAMAGED, {"state": "damaged"}),
    (Reason.REGISTER_STALE, {"as_of": date(2026, 1, 1)}),
    (Reason.OUTSIDE_COVERAGE, {"covered": False}),
    (Reason.LISTED_CTPS, {"listed": True}),
    (Reason.OUTSIDE_HOURS, {"hours": Hours(week=(None,) * 7)}),
    (Reason.REDIAL_TOO_SOON, {"last_unattended": NOON - HOUR}),
    (Reason.BUSY_WITH_CALL, {"tried": Tried(in_hand=1)}),
]


@pytest.mark.parametrize("first", range(len(STEPS)), ids=lambda i: STEPS[i][0].value)
@pytest.mark.parametrize("second", range(len(STEPS)), ids=lambda i: STEPS[i][0].value)
def test_law_1_7_order_of_checks(first: int, second: int) -> None:
    """With two faults in one attempt the earlier rule gives the answer, whichever pair it is."""
    changes: dict[str, Any] = {}
    views = {"tps": TPS, "ctps": CTPS}
    for step in sorted({first, second}, reverse=True):  # so that the damage to a view cannot undo an earlier one
        for name, value in STEPS[step][1].items():
            if name == "missing":
                del views["tps"]
            elif name in RegisterView.__dataclass_fields__:
                views["ctps"] = replace(views["ctps"], **{name: value})
            else:
                changes[name] = value
    assert screen(registers=tuple(views.values()), **changes).reason is STEPS[min(first, second)][0]


def test_law_1_7_a_live_consent_needs_no_fresh_register() -> None:
    stale = replace(TPS, as_of=date(2020, 1, 1))
    for views in (
        (),
        (stale, CTPS),
        (replace(TPS, state="damaged"), CTPS),
        (replace(TPS, covered=False), CTPS),
        LISTED,
    ):
        allowed(Reason.CONSENTED, registers=views, consents=[CONSENT])


def test_law_1_7_service_calls_skip_registers_consents_and_hours() -> None:
    decision = screen(
        purpose=Purpose.SERVICE,
        topic=Topic.CLAIMS,
        registers=(replace(TPS, listed=True, state="damaged"),),
        consents=[replace(CONSENT, withdrawn_at=NOON)],
        objections=[Objection("o1", NOON)],
        last_unattended=NOON,
        hours=Hours(week=(None,) * 7),
    )
    assert decision.allowed
    assert decision.reason is Reason.SERVICE_CALL
    assert decision_fact(decision, replace(ATTEMPT, purpose=Purpose.SERVICE)).values()["claimed_by"] == "account:alice"


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        (Reason.NUMBER_INVALID, {"raw_number": "020 7946"}),
        (Reason.DESTINATION_NOT_ALLOWED, {"raw_number": "09098 790123"}),
        (Reason.DESTINATION_NOT_ALLOWED, {"raw_number": "+1 202 555 0123"}),
        (Reason.DESTINATION_NOT_ALLOWED, {"live": True}),
        (Reason.IDENTITY_WITHHELD, {"withheld": True}),
        (Reason.CLI_NOT_OWNED, {"presentation": "+442079460001"}),
    ],
)
def test_law_1_7_service_calls_never_skip_destination_and_identity(reason: Reason, changes: dict[str, Any]) -> None:
    blocked(reason, purpose=Purpose.SERVICE, **changes)


def test_a_firm_may_let_an_objection_stop_its_service_calls() -> None:
    objection = [Objection("o1", NOON)]
    blocked(Reason.OBJECTED, purpose=Purpose.SERVICE, objections=objection, objection_stops_service=True)
    allowed(Reason.SERVICE_CALL, purpose=Purpose.SERVICE, objection_stops_service=True)


# --- 2.4 coverage ----------------------------------------------------------------------------------------------------


def test_law_2_4_outside_the_coverage_absence_is_no_clearance() -> None:
    blocked(Reason.OUTSIDE_COVERAGE, registers=(replace(TPS, covered=False), CTPS))
    blocked(Reason.OUTSIDE_COVERAGE, registers=(TPS, replace(CTPS, covered=False, listed=True)))
    asked: dict[str, Any] = {"rules": replace(RULES, registers=("tps",)), "subscriber": INDIVIDUAL}
    allowed(**asked, registers=(TPS, replace(CTPS, covered=False)))


# --- 3. identity, hours, conduct -------------------------------------------------------------------------------------


def test_law_3_1_the_number_shown_is_the_firms_own() -> None:
    for presentation in ("+442079460001", "+44 20 7946 0999", "02079460999", "anonymous", "+447000000000", "0"):
        blocked(Reason.CLI_NOT_OWNED, presentation=presentation)


@pytest.mark.parametrize("raw", ["14102079460000", "#31#02079460000"])
def test_law_3_2_a_prefix_that_hides_is_refused(raw: str) -> None:
    assert "141" in blocked(Reason.IDENTITY_WITHHELD, raw_number=raw)
    assert screen(raw_number=raw).number == ""


def test_law_3_3_marketing_waits_for_decent_hours() -> None:
    sunday = datetime(2026, 3, 8, 12, tzinfo=UTC)
    said = blocked(Reason.OUTSIDE_HOURS, now=sunday)
    assert said == "Marketing calls wait because it is Sunday: call from Monday 9 March at 08:00."
    blocked(Reason.OUTSIDE_HOURS, now=sunday, registers=LISTED, consents=[CONSENT])
    assert "No marketing calls" in blocked(Reason.OUTSIDE_HOURS, hours=Hours(week=(None,) * 7))


def test_law_3_3_hours_are_londons_wall_time() -> None:
    views = tuple(replace(view, as_of=date(2026, 6, 1)) for view in (TPS, CTPS))
    allowed(registers=views, now=datetime(2026, 6, 2, 7, 0, tzinfo=UTC))
    blocked(Reason.OUTSIDE_HOURS, registers=views, now=datetime(2026, 6, 2, 6, 59, tzinfo=UTC))
    blocked(Reason.OUTSIDE_HOURS, registers=views, now=datetime(2026, 6, 2, 20, 0, tzinfo=UTC))


def test_law_3_4_no_redial_for_72_hours_after_a_call_without_an_agent() -> None:
    for since in (timedelta(0), HOUR, timedelta(hours=72) - timedelta(microseconds=1), -HOUR):
        blocked(Reason.REDIAL_TOO_SOON, last_unattended=NOON - since)
        blocked(Reason.REDIAL_TOO_SOON, last_unattended=NOON - since, consents=[CONSENT], registers=LISTED)
    allowed(last_unattended=NOON - timedelta(hours=72))
    assert "6 March 2026 11:00" in blocked(Reason.REDIAL_TOO_SOON, last_unattended=NOON - HOUR)


def test_law_7_8_a_service_call_of_a_campaign_waits_72_hours_too_unless_an_agent_is_at_hand() -> None:
    service = {"purpose": Purpose.SERVICE, "last_unattended": NOON - HOUR}
    blocked(Reason.REDIAL_TOO_SOON, campaign="spring", **service)
    allowed(Reason.SERVICE_CALL, campaign="spring", dedicated_agent=True, **service)
    allowed(Reason.SERVICE_CALL, campaign="spring", **{**service, "last_unattended": NOON - timedelta(hours=72)})
    allowed(Reason.SERVICE_CALL, **service)


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("who", [{}, {"consents": [CONSENT], "registers": LISTED}, {"purpose": Purpose.SERVICE}])
def test_law_3_6_one_attempt_at_a_number_at_a_time(who: dict[str, Any]) -> None:
    tried = Tried(in_hand=1, times=(NOON - 5 * HOUR,))
    assert "wait until it is over" in blocked(Reason.BUSY_WITH_CALL, tried=tried, **who)
    allowed(screen(**who).reason, tried=replace(tried, in_hand=0), **who)
    allowed(screen(**who).reason, tried=tried, attempts=AttemptLimits(at_once=2), **who)


@pytest.mark.parametrize("who", [{}, {"consents": [CONSENT], "registers": LISTED}, {"purpose": Purpose.SERVICE}])
@pytest.mark.parametrize(
    ("most", "span", "said"),
    [
        (2, MINUTE, "2 times in a minute, as often as may be: call after 3 March 2026 12:00"),
        (3, HOUR, "3 times in an hour, as often as may be: call after 3 March 2026 12:00"),
        (6, DAY, "6 times in a day, as often as may be: call after 3 March 2026 12:00"),
    ],
)
def test_law_3_6_attempts_in_a_minute_an_hour_and_a_day(
    most: int, span: timedelta, said: str, who: dict[str, Any]
) -> None:
    step = span / most
    oldest = NOON - span + timedelta(seconds=1)
    times = (*(NOON - n * step for n in range(most - 1)), oldest)
    assert said in blocked(Reason.TOO_MANY_ATTEMPTS, tried=Tried(0, times), **who)
    fine = screen(**who).reason
    allowed(fine, tried=Tried(0, times[:-1]), **who)
    allowed(fine, tried=Tried(0, (*times[:-1], NOON - span)), **who)
    allowed(fine, tried=Tried(9, times), attempts=AttemptLimits(0, 0, 0, 0), **who)


def test_law_3_6_the_clock_that_was_set_back_forgets_no_attempt() -> None:
    blocked(Reason.TOO_MANY_ATTEMPTS, tried=Tried(0, (NOON + HOUR, NOON + MINUTE)))


@pytest.mark.parametrize("raw", ["999", "112", "101", "111", "118500", "sip:999@example.invalid", "+44999"])
@pytest.mark.parametrize("purpose", list(Purpose))
def test_law_3_5_emergency_and_short_numbers_are_refused_with_advice(raw: str, purpose: Purpose) -> None:
    assert "direct line" in blocked(Reason.DESTINATION_NOT_ALLOWED, raw_number=raw, purpose=purpose)


# --- 6. numbers ------------------------------------------------------------------------------------------------------


def test_law_6_2_what_is_no_single_number_is_refused_with_its_own_sentence() -> None:
    assert "extension" in blocked(Reason.NUMBER_INVALID, raw_number="07700900123 ext 5")
    assert screen(raw_number="anonymous").number == ""


@pytest.mark.parametrize("raw", ["01534 000000", "01481 000000", "01624 000000", "07624 000000"])
def test_law_6_3_islands_are_screened_the_same(raw: str) -> None:
    allowed(raw_number=raw)
    blocked(Reason.LISTED_TPS, raw_number=raw, registers=LISTED)
    blocked(Reason.DESTINATION_NOT_ALLOWED, raw_number=raw, allowed_countries=frozenset({"GB"}))


def test_law_6_4_other_countries_and_premium_ranges() -> None:
    assert "country" in blocked(Reason.DESTINATION_NOT_ALLOWED, raw_number="+1 202 555 0123")
    allowed_countries = frozenset({"GB", "US"})
    decision = screen(raw_number="+1 202 555 0123", allowed_countries=allowed_countries)
    assert (decision.allowed, decision.number) == (True, "+12025550123")
    assert "Premium" in blocked(Reason.DESTINATION_NOT_ALLOWED, raw_number="09098 790123", consents=[CONSENT])
    blocked(Reason.DESTINATION_NOT_ALLOWED, raw_number="+1 900 555 0123", allowed_countries=allowed_countries)


def test_law_6_5_a_live_gate_does_not_dial_the_drama_ranges() -> None:
    assert "films" in blocked(Reason.DESTINATION_NOT_ALLOWED, live=True)
    assert Rules(own_numbers=frozenset({OWN}), hours=Hours(), timezone=LONDON).live


# --- evidence that cannot be relied on


@pytest.mark.parametrize("wrong", [Reason.EVIDENCE_ROLLED_BACK, Reason.EVIDENCE_UNAVAILABLE, Reason.EVIDENCE_UNSIGNED])
def test_no_marketing_call_rests_on_evidence_that_cannot_be_relied_on(wrong: Reason) -> None:
    blocked(wrong, evidence=wrong)
    blocked(wrong, consents=[CONSENT], evidence=wrong)
    blocked(Reason.LISTED_TPS, registers=LISTED, evidence=wrong)
    allowed(Reason.SERVICE_CALL, purpose=Purpose.SERVICE, evidence=wrong)


def test_a_lost_objection_stops_service_calls_where_an_objection_does() -> None:
    stops = {"purpose": Purpose.SERVICE, "objection_stops_service": True}
    for wrong in (Reason.EVIDENCE_ROLLED_BACK, Reason.EVIDENCE_UNAVAILABLE):
        blocked(wrong, evidence=wrong, **stops)
    allowed(Reason.SERVICE_CALL, evidence=Reason.EVIDENCE_UNSIGNED, **stops)


def test_a_rule_names_nothing_else_as_wrong_with_the_evidence() -> None:
    with pytest.raises(ValueError, match="too_many_calls"):
        replace(RULES, evidence=Reason.TOO_MANY_CALLS)
