"""Complaints (DPA 2018 s.164A), through the command line with the clock moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.moved import Moved


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moved:
    return Moved(tmp_path / "gate", monkeypatch)


def test_a_complaint_is_granted_with_its_outcome_which_the_letter_tells(firm: Moved) -> None:
    firm.on("2027-01-05")
    reference = firm.open("complaint")
    firm("request", "acknowledge", reference)
    firm.on("2027-01-15")
    for nothing in ((), ("--reasons", "  ")):
        refused = firm("request", "decide", reference, "--grant", *nothing, code=2)
        assert "this needs the outcome, which goes into the letter" in refused.err
    assert "complaint, received" in firm("request", "show", reference).out, "nothing was granted"
    outcome = "We rang you twice by mistake. Your number is blocked now."
    firm("request", "decide", reference, "--grant", "--reasons", outcome)
    letter = " ".join(firm("request", "letter", reference, "response").out.split())
    assert outcome in letter


def test_the_report_counts_complaints(firm: Moved) -> None:
    firm.on("2027-01-05")
    granted, refused, forgotten = (firm.open("complaint") for _ in range(3))
    firm("request", "acknowledge", granted)
    firm("request", "decide", granted, "--grant", "--reasons", "We rang by mistake.")
    firm("request", "told", granted, "person")
    firm.on("2027-02-20")
    firm("request", "acknowledge", refused, "--dated", "2027-01-10", "--reference", "RN 1234 5678 9GB")
    firm("request", "decide", refused, "--refuse", "manifestly_unfounded", "--reasons", "there was no such call")
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
