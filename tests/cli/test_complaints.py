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
