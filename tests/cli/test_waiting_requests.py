"""Requests that wait for what no clock counts: a proof of identity, the telling of a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_two_dates import in_report
from tests.support.moved import Moved


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moved:
    return Moved(tmp_path / "gate", monkeypatch)


def warned(firm: Moved, reference: str) -> str:
    items: list[dict[str, Any]] = firm("request", "list", "--json").json["items"]
    return next(str(each["warning"]) for each in items if each["reference"] == reference)


def attention(firm: Moved) -> list[str]:
    return [
        each for each in firm("status", "--json", code=1).json["attention"] if each.startswith("Requests that wait")
    ]


def test_a_proof_of_identity_that_does_not_come_is_warned_of(firm: Moved) -> None:
    firm.on("2027-01-05")
    reference = firm.open("access")
    firm("request", "ask-identity", reference)
    firm.on("2027-01-24")
    assert warned(firm, reference) == "" and attention(firm) == []
    firm.on("2027-01-25")
    says = "a proof of identity is waited for since 05 Jan 2027: ask again, or refuse"
    assert warned(firm, reference) == says
    assert f"WARNING: {says}" in firm("request", "show", reference).out
    what = "a proof of identity, or that a refusal is told"
    assert attention(firm) == [f"Requests that wait too long for {what}: 1. dialgate request list"]
    firm.on("2027-06-01")
    assert warned(firm, reference) == says
    assert in_report(firm, "2027-05", reference)["warning"] == says
    page = firm.folder / "may.html"
    firm("report", "--month", "2027-05", "-o", str(page))
    assert says in page.read_text()
    firm("request", "verify-identity", reference, "--checked", "bill seen")
    assert warned(firm, reference) == "" and attention(firm) == []


@pytest.mark.parametrize("asked", [True, False])
def test_a_refusal_that_nobody_is_told_of_is_warned_of(firm: Moved, asked: bool) -> None:
    firm.on("2027-01-05")
    reference = firm.open("access")
    if asked:
        firm("request", "ask-identity", reference)
        firm.on("2027-03-01")
    firm("request", "decide", reference, "--refuse", "identity_not_proven", "--reasons", "nothing came")
    day = "01 Mar 2027" if asked else "05 Jan 2027"
    firm.on("2027-03-07" if asked else "2027-01-11")
    assert warned(firm, reference) == ""
    firm.on("2027-03-08" if asked else "2027-01-12")
    assert warned(firm, reference) == f"refused on {day}, and the person and the authority not told"
    assert len(attention(firm)) == 1
    firm("request", "told", reference, "authority", "--reference", "IC-301234-X9Y8")
    assert warned(firm, reference) == f"refused on {day}, and the person not told"
    firm.on("2027-04-01" if asked else "2027-02-05")
    assert warned(firm, reference) == "overdue", "a month after the refusal, where the clock had not started before"
    firm("request", "told", reference, "person")
    assert firm("request", "show", reference, "--json").json["late"]
