"""Complaints (DPA 2018 s.164A), through the command line with the clock moved."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support.moved import Moved
from tests.support.plain import faults


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moved:
    return Moved(tmp_path / "gate", monkeypatch)


def test_a_complaint_is_granted_with_its_outcome_which_the_letter_tells(firm: Moved) -> None:
    firm.on("2027-01-05")
    reference = firm.open("complaint")
    firm("request", "acknowledge", reference)
    firm.on("2027-01-15")
    for nothing in ((), ("--reasons", "  ")):
        refused = firm("request", "decide", reference, "--grant", "--calls", "stop", *nothing, code=2)
        assert "this needs the outcome, which goes into the letter" in refused.err
    assert "complaint, received" in firm("request", "show", reference).out, "nothing was granted"
    outcome = "We rang you twice by mistake. Your number is blocked now."
    firm("request", "decide", reference, "--grant", "--reasons", outcome, "--calls", "stop")
    letter = " ".join(firm("request", "letter", reference, "response").out.split())
    assert outcome in letter


def test_the_report_counts_complaints(firm: Moved) -> None:
    firm.on("2027-01-05")
    granted, refused, forgotten = (firm.open("complaint") for _ in range(3))
    firm("request", "acknowledge", granted)
    firm("request", "decide", granted, "--grant", "--reasons", "We rang by mistake.", "--calls", "resume")
    firm("request", "told", granted, "person")
    firm.on("2027-02-20")
    firm("request", "acknowledge", refused, "--dated", "2027-01-10", "--reference", "RN 1234 5678 9GB")
    why = ("--reasons", "there was no such call", "--calls", "resume")
    firm("request", "decide", refused, "--refuse", "manifestly_unfounded", *why)
    firm("request", "told", refused, "person")
    firm("request", "told", refused, "authority", "--reference", "IC-301234-X9Y8")

    def figures(month: str) -> dict[str, int]:
        return dict(firm("report", "--month", month, "--json").json["complaints"])

    assert figures("2027-01") == {"received": 3, "acknowledged_late": 0, "granted": 1, "refused": 0, "open": 2}
    assert figures("2027-02") == {"received": 0, "acknowledged_late": 2, "granted": 0, "refused": 1, "open": 1}
    page = firm.folder / "month.html"
    firm("report", "--month", "2027-02", "-o", str(page))
    assert "Complaints: 0 received, 2 acknowledged late, 0 granted, 1 refused, 1 open." in page.read_text()
    assert forgotten in page.read_text()


def test_marketing_to_whoever_complains_waits(firm: Moved) -> None:
    firm("request", "open", "complaint", "--by", "email", "--name", "Pat Person", "--number", "020 7946 0123")
    assert firm("check", "020 7946 0123", "--json", code=3).json["reason"] == "request_pending"


def test_a_complaint_without_news_for_three_weeks_is_warned_of_until_a_letter_says_how_it_goes(firm: Moved) -> None:
    firm.on("2027-01-05")
    reference = firm.open("complaint")
    firm("request", "acknowledge", reference)
    firm.on("2027-01-25")
    assert firm("request", "show", reference, "--json").json["warning"] == "20 days have passed"
    firm.on("2027-01-26")
    shown = firm("request", "show", reference, "--json").json
    assert shown["warning"].startswith("no answer and no news since 2027-01-05") and shown["stuck"]
    assert "progress" in shown["letters"]
    assert "Requests that wait too long" in firm("status", code=None).out
    done = ("--note", "We have listened to both calls.")
    assert "has no note" in firm("request", "letter", reference, "acknowledgement", *done, code=2).err
    letter = " ".join(firm("request", "letter", reference, "progress", *done).out.split())
    assert "We are still looking into it" in letter and "We have listened to both calls." in letter
    assert "While your complaint is open, we do not call 07700 900123 for marketing." in letter
    assert not firm("request", "show", reference, "--json").json["stuck"]
    firm("request", "decide", reference, "--grant", "--reasons", "A mistake.", "--calls", "resume")
    late = firm("request", "letter", reference, "progress", code=3)
    assert "there is no progress letter to write" in late.err


@pytest.mark.parametrize("decision", [("--grant",), ("--refuse", "manifestly_unfounded")])
def test_whoever_decides_a_complaint_decides_whether_marketing_goes_on(firm: Moved, decision: tuple[str, ...]) -> None:
    reasons = ("--reasons", "We rang by mistake.")

    def reason() -> str:
        return str(firm("check", "07700 900123", "--json", code=None).json["reason"])

    before = reason()
    first, second = firm.open("complaint"), firm.open("complaint")
    assert reason() == "request_pending"
    undecided = firm("request", "decide", first, *decision, *reasons, code=2)
    assert "marketing to the number of this complaint waits: is it to go on?" in undecided.err
    firm("request", "decide", first, *decision, *reasons, "--calls", "resume")
    letter = "response" if decision == ("--grant",) else "refusal"
    assert "From now on we may call 07700 900123 for marketing again" in " ".join(
        firm("request", "letter", first, letter).out.split()
    )
    firm("request", "told", first, "person")
    if letter == "refusal":
        firm("request", "told", first, "authority", "--reference", "IC-301234-X9Y8")
    assert reason() == "request_pending", "the other complaint is open"
    firm("request", "decide", second, *decision, *reasons, "--calls", "stop")
    assert "We will not call 07700 900123 for marketing again" in " ".join(
        firm("request", "letter", second, letter).out.split()
    )
    explained = firm("letters", "explain", second).out
    assert "complaint.stopped" in explained or "We will not call {numbers}" in explained
    firm("request", "told", second, "person")
    if letter == "refusal":
        firm("request", "told", second, "authority", "--reference", "IC-301235-X9Y8")
    assert reason() == "objected" != before
    third = firm.open("complaint")
    stays = firm("request", "decide", third, *decision, *reasons, "--calls", "resume", code=2)
    assert "they have objected to our calls" in stays.err


def test_a_withdrawn_consent_is_confirmed_from_the_log(firm: Moved, tmp_path: Path) -> None:
    firm.on("2027-01-05")
    words = ("--how", "phone", "--wording", "Yes, call me about offers", "--who", "Pat Person")
    consent = firm("consent", "add", "07700 900123", *words, "--evidence", "form-8812", "--json").json["id"]
    assert "no consent" in firm("consent", "letter", consent, code=2).err, "it is not withdrawn"
    firm.on("2027-02-02")
    firm("consent", "withdraw", consent, "--reason", "asked by email")
    to = ("--to", "pat@example.org")
    letter = firm("consent", "letter", consent, *to).out
    text = " ".join(letter.split())
    assert "Dear Pat Person," in text and "You withdrew your consent to our calls to 07700 900123." in text
    assert "You had given it on Tuesday 5 January 2027." in text and consent[:8] not in text
    assert "Since Tuesday 2 February 2027 we do not call you for marketing." in text
    assert "Our reference" not in text and faults(letter) == []
    explained = firm("letters", "explain", consent, "--json").json["letters"]
    rests = {each["name"]: each["rests"] for each in explained[0]["sentences"]}
    assert [each["kind"] for each in rests["withdrawal.since"]] == ["consent_withdrawn"]
    assert rests["withdrawal.given"][0]["kind"] == "consent" and all(rests.values())
    file = tmp_path / "letter.eml"
    firm("consent", "letter", consent, *to, "-o", str(file))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert firm("letters", "explain", digest, "--json").json["letters"][-1]["sha256"] == digest
    firm.on("2027-03-02")
    firm("consent", "add", "07700 900123", *words, "--evidence", "form-8999")
    assert "agreed to calls again" in firm("consent", "letter", consent, code=2).err
    assert firm("audit", "verify", "--json").json["ok"]
