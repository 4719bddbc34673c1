"""Two dates: when a step happened, as is claimed, and when it was entered. Lateness goes by the entry."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.config import load
from gate.daemon.opening import open_data_folder
from tests.support.databases import query
from tests.support.examples import examples
from tests.support.moved import Moved


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moved:
    return Moved(tmp_path / "gate", monkeypatch)


PROOF = ("--reference", "RN 1234 5678 9GB")


def in_report(firm: Moved, month: str, reference: str) -> Any:
    rows = firm("report", "--month", month, "--json").json["requests"]
    return next(row for row in rows if row["reference"] == reference)


def dated(day: str) -> tuple[str, ...]:
    return ("--dated", day, *PROOF) if day else ()


@pytest.mark.parametrize("days", [("", "", "", ""), ("2027-01-05", "2027-01-06", "2027-01-08", "2027-01-09")])
def test_claimed_days_make_no_late_answer_one_in_time(firm: Moved, days: tuple[str, str, str, str]) -> None:
    firm.on("2027-02-20")
    reference = firm.open("access", "--received", "2027-01-05")
    asked, proven, granted, told = days
    firm("request", "ask-identity", reference, *dated(asked))
    firm("request", "verify-identity", reference, "--checked", "bill seen", *dated(proven))
    firm("request", "search", reference)
    firm("request", "decide", reference, "--grant", *dated(granted))
    firm("request", "told", reference, "person", *dated(told))
    row = in_report(firm, "2027-02", reference)
    assert (row["days"], row["late"], row["over_on"]) == (46, True, "2027-02-20")
    assert row["claimed_on"] == (told or None)
    assert in_report(firm, "2027-01", reference)["outcome"] == "open", "nothing was entered until the end of January"


@pytest.mark.parametrize(
    ("order", "claimed"),
    [
        (order, claimed)
        for order in itertools.permutations(("ask-identity", "acknowledge", "extend"))
        for claimed in ("", "2027-01-07")
        if order.index("extend") < order.index("ask-identity")
    ],
)
def test_the_order_in_which_a_complaint_is_entered_changes_nothing(
    firm: Moved, order: tuple[str, ...], claimed: str
) -> None:
    firm.on("2027-01-06")
    reference = firm.open("complaint", "--received", "2027-01-05")
    firm.on("2027-02-04")
    more = {"extend": ("--reasons", "many calls to hear")}
    for name in order:
        firm("request", name, reference, *more.get(name, ()), *dated(claimed))
    firm("request", "verify-identity", reference, "--checked", "bill seen", *dated(claimed))
    shown = firm("request", "show", reference, "--json").json
    assert (shown["due"], shown["late"], shown["warning"]) == ("2027-04-05", True, "overdue")


def test_identity_that_was_asked_for_on_day_29_moves_no_clock_whatever_day_is_claimed(firm: Moved) -> None:
    firm.on("2027-01-05")
    reference = firm.open("access")
    firm.on("2027-02-03")
    firm("request", "ask-identity", reference, "--dated", "2027-01-07", *PROOF)
    firm.on("2027-02-05")
    proven = firm("request", "verify-identity", reference, "--checked", "bill seen", "--json").json
    assert (proven["due"], proven["late"]) == ("2027-02-04", True)


def test_a_complaint_that_was_acknowledged_late_keeps_its_warning(firm: Moved) -> None:
    firm.on("2027-01-05")
    reference = firm.open("complaint")
    firm.on("2027-02-20")
    firm("request", "acknowledge", reference, "--dated", "2027-01-20", *PROOF)
    assert firm("request", "show", reference, "--json").json["warning"] == "overdue"


def test_the_claimed_day_needs_a_proof_and_is_shown_beside_the_entry(firm: Moved, tmp_path: Path) -> None:
    firm.on("2027-01-05")
    reference = firm.open("complaint")
    firm.on("2027-01-20")
    refused = firm("request", "acknowledge", reference, "--dated", "2027-01-10", code=2)
    assert "2027-01-10 is before today, and nothing proves it" in refused.err
    assert "acknowledged" not in firm("request", "show", reference).out
    receipt = tmp_path / "receipt.pdf"
    receipt.write_bytes(b"posted on 10 January")
    firm("request", "acknowledge", reference, "--dated", "2027-01-10", "--file", str(receipt))
    (line,) = (each for each in firm("request", "show", reference).out.splitlines() if "acknowledged" in each)
    assert line.strip().startswith("2027-01-20 12:00:00 GMT  acknowledged (claimed: 2027-01-10) (file receipt.pdf, SHA")
    firm("request", "withdraw", reference)
    assert "withdrawn" in firm("request", "show", reference).out, "a step of today needs no proof"


def test_a_request_that_was_entered_late_says_so(firm: Moved) -> None:
    firm.on("2027-01-20")
    reference = firm.open("access", "--received", "2027-01-05")
    assert "came: 2027-01-05 by email, entered 2027-01-20" in firm("request", "show", reference).out


def test_an_answer_that_came_earlier_than_it_was_entered_starts_the_clock_when_it_came(firm: Moved) -> None:
    """The stricter of the two days: a firm that enters the proof late has no more time for it."""
    firm.on("2027-01-05")
    reference = firm.open("access")
    firm("request", "ask-identity", reference)
    firm.on("2027-02-20")
    proven = firm(
        "request", "verify-identity", reference, "--checked", "bill seen", *dated("2027-01-10"), "--json"
    ).json
    assert (proven["due"], proven["late"]) == ("2027-02-09", True)


def test_that_somebody_was_told_before_a_restriction_ended_needs_a_proof_of_an_earlier_day(firm: Moved) -> None:
    firm.on("2027-01-05")
    reference = firm.open("restriction")
    firm("request", "decide", reference, "--grant")
    (hold,) = firm("hold", "list", "--json").json["items"]
    firm.on("2027-02-20")
    release = ("hold", "release", hold["id"], "--reason", "settled")
    refused = firm(*release, "--told", "2027-01-10", code=2)
    assert "2027-01-10 is before today, and nothing proves it" in refused.err
    named = firm(*release, "--told", "2027-01-10", "--reference", "letter 4 to Pat Person", code=2)
    assert "their name or number is in it" in named.err
    proof = ("--reference", "RN 1234 5678 9GB")
    assert len(firm("hold", "list", "--json").json["items"]) == 1, "nothing is released"
    firm(*release, "--told", "2027-01-10", *proof)
    with open_data_folder(load(firm.config)) as house:
        (fact,) = house.read(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = 'hold_released'"))
    told = {"told_on": "2027-01-10", "evidence": "RN 1234 5678 9GB", "evidence_kind": "reference"}
    assert told.items() <= json.loads(fact["body"]).items()


def test_whoever_was_told_today_needs_no_proof(firm: Moved) -> None:
    firm.on("2027-01-05")
    reference = firm.open("restriction")
    firm("request", "decide", reference, "--grant")
    (hold,) = firm("hold", "list", "--json").json["items"]
    firm("hold", "release", hold["id"], "--reason", "settled", "--told", "2027-01-05")
    assert firm("hold", "list", "--json").json["items"] == []


RECEIVED = date(2027, 1, 5)
STEPS: dict[str, tuple[str, ...]] = {
    "acknowledge": (),
    "extend": ("--reasons", "many calls to hear"),
    "ask-identity": (),
    "verify-identity": ("--checked", "bill seen"),
}
SEEN: dict[tuple[int, bool], set[tuple[Any, ...]]] = {}


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    """One folder for many requests, which stand beside one another."""
    with pytest.MonkeyPatch.context() as patch:
        yield Moved(tmp_path_factory.mktemp("years") / "gate", patch)


def entered(firm: Moved, order: list[str], claims: dict[str, int], day: date) -> tuple[Any, ...] | None:
    """How late a complaint is whose steps are all entered on one day, in this order, with these claimed days (counted
    from its receipt); None where the gate takes no such order."""
    reference = firm.open("complaint", "--received", f"{RECEIVED}")
    for name in order:
        claimed = RECEIVED + timedelta(days=claims[name]) if name in claims else None
        words = dated(f"{claimed}") if claimed and claimed < day else ()
        if firm("request", name, reference, *STEPS[name], *words, code=None).code:
            firm("request", "withdraw", reference)
            return None
    shown = firm("request", "show", reference, "--json").json
    firm("request", "withdraw", reference)
    return shown["due"], shown["late"], shown["warning"]


@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(
    order=st.permutations(["acknowledge", "extend", "ask-identity", "verify-identity"]),
    claims=st.dictionaries(st.sampled_from(["acknowledge", "extend", "ask-identity"]), st.integers(0, 60)),
    after=st.sampled_from([3, 20, 29, 30, 31, 60]),
)
def test_in_whatever_order_and_with_whatever_claims_a_complaint_is_as_late(
    years: Moved, order: list[str], claims: dict[str, int], after: int
) -> None:
    """The same facts, entered on one day: no claimed day makes a difference, and of their order that alone whether the
    extension was told before the identity was asked for: then the clock goes on from the receipt."""
    day = RECEIVED + timedelta(days=after)
    years.on(f"{day}")
    found = entered(years, order, claims, day)
    if found is not None:
        plain = entered(years, order, {}, day)
        assert found == plain
        known = SEEN.setdefault((after, order.index("extend") < order.index("ask-identity")), set())
        known.add(plain)
        assert len(known) == 1, "another order of the same facts came to something else"


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(claimed=st.integers(0, 45), asked=st.integers(0, 45), after=st.sampled_from([20, 31, 46]))
def test_a_claimed_day_of_the_proof_never_makes_an_answer_less_late(
    years: Moved, claimed: int, asked: int, after: int
) -> None:
    """It may bring the due day forward, as the stricter reading; it never puts it off."""
    day = RECEIVED + timedelta(days=after)
    years.on(f"{day}")
    order = ["acknowledge", "ask-identity", "verify-identity"]
    found = entered(years, order, {"verify-identity": claimed, "ask-identity": asked}, day)
    plain = entered(years, order, {}, day)
    assert found is not None and plain is not None
    assert found[0] <= plain[0] and found[1] >= plain[1]
