"""Calls on behalf of other firms: whose objections and consents count for which calls (LAW 1.8a)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.moved import Moved

ACME = """
[[instigator]]
name = "acme"
legal_name = "Acme Windows Ltd"
trading_name = "Acme"
address = "1 Pane Street, Leeds"
announcement_text = "Hello, we call for Acme. This call is recorded. Press 9 not to be called again."

[[instigator]]
name = "brill"
legal_name = "Brill Doors Ltd"
trading_name = "Brill"
address = "2 Hinge Road, Hull"
announcement_text = "Hello, we call for Brill. This call is recorded. Press 9 not to be called again."
"""
NUMBER = "07700 900417"


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moved:
    made = Moved(tmp_path / "gate", monkeypatch)
    with made.config.open("a", encoding="utf-8") as file:
        file.write(ACME)
    return made


def verdict(firm: Moved, on_behalf_of: str = "", *more: str) -> tuple[str, str]:
    for_whom = ("--on-behalf-of", on_behalf_of) if on_behalf_of else ()
    shown = firm("check", NUMBER, *for_whom, *more, "--json", code=None).json
    return shown["verdict"], shown["reason"]


def consent(firm: Moved, on_behalf_of: str = "", *more: str, names: str = "", code: int = 0) -> str:
    for_whom = ("--on-behalf-of", on_behalf_of) if on_behalf_of else ()
    wording = f"Yes, {names or 'you'} may call me"
    given = ("--how", "paper", "--who", "Pat Person", "--wording", wording, "--evidence", "form 17")
    return firm("consent", "add", NUMBER, *given, *for_whom, *more, code=code).err


OBJECTED, CONSENTED, WITHDRAWN = ("block", "objected"), ("allow", "consented"), ("block", "consent_withdrawn")


@pytest.mark.parametrize("days", [0, 30])
@pytest.mark.parametrize(
    ("entry", "own", "acme", "brill"),
    [
        (("objection", ""), OBJECTED, OBJECTED, OBJECTED),
        (("objection", "acme"), None, OBJECTED, None),
        (("consent", ""), CONSENTED, None, None),
        (("consent", "acme"), None, CONSENTED, None),
        (("withdrawn", ""), WITHDRAWN, WITHDRAWN, WITHDRAWN),
        (("withdrawn", "acme"), None, WITHDRAWN, None),
    ],
)
def test_what_stops_which_calls(
    firm: Moved,
    entry: tuple[str, str],
    own: tuple[str, str] | None,
    acme: tuple[str, str] | None,
    brill: tuple[str, str] | None,
    days: int,
) -> None:
    """Where an entry says nothing of a call, it stands as it did before; whatever day it is."""
    firm.on("2027-03-02")
    kind, to = entry
    for_whom = ("--on-behalf-of", to) if to else ()
    if kind == "objection":
        firm("objection", "add", NUMBER, *for_whom)
    else:
        consent(firm, to, names="Acme" if to else "")
        if kind == "withdrawn":
            firm("consent", "withdraw", NUMBER)
    firm.on("2027-04-01" if days else "2027-03-02")
    before = verdict(firm, "", "--at", "2027-03-02 12:00")
    nothing = ("block", "register_stale")
    for who, expected in (("", own), ("acme", acme), ("brill", brill)):
        assert verdict(firm, who) == (expected or nothing), (entry, who, before)


def test_a_consent_lifts_an_objection_for_the_calls_alone_that_it_is_to(firm: Moved) -> None:
    firm.on("2027-03-02")
    firm("objection", "add", NUMBER, "--made-at", "2027-03-01")
    consent(firm, "acme", "--after-objection", names="Acme")
    assert (verdict(firm), verdict(firm, "acme"), verdict(firm, "brill")) == (OBJECTED, CONSENTED, OBJECTED)
    firm("objection", "add", NUMBER, "--on-behalf-of", "acme")
    assert verdict(firm, "acme") == OBJECTED


def test_who_wants_no_calls_at_all_for_one_firm_gets_the_service_calls_of_others(firm: Moved) -> None:
    firm.on("2027-03-02")
    firm("objection", "add", NUMBER, "--scope", "all", "--on-behalf-of", "acme")
    service = ("--purpose", "service")
    assert verdict(firm, "acme", *service) == OBJECTED
    assert verdict(firm, "brill", *service) == verdict(firm, "", *service) == ("allow", "service_call")


def test_a_firm_that_is_not_configured_is_called_for_by_nobody(firm: Moved) -> None:
    firm.on("2027-03-02")
    consent(firm)
    for purpose in ("marketing", "service"):
        assert verdict(firm, "nobody", "--purpose", purpose) == ("block", "instigator_unknown")
    refused = firm("objection", "add", NUMBER, "--on-behalf-of", "nobody", code=2)
    assert '"nobody" is no firm that this one calls for' in refused.err and "acme, brill" in refused.err
    assert '"nobody" is no firm that this one calls for' in consent(firm, "nobody", names="Nobody", code=2)
    text = firm.config.read_text(encoding="utf-8").replace("purpose = ", 'on_behalf_of = "nobody"\npurpose = ', 1)
    firm.config.write_text(text, encoding="utf-8")
    assert '"nobody" is no [[instigator]] of this file; known: acme, brill' in firm("check", NUMBER, code=2).err


def test_a_consent_to_one_firm_is_none_to_another(firm: Moved) -> None:
    firm.on("2027-03-02")
    assert "do not name Acme" in consent(firm, "acme", code=2)
    assert "these words name Brill" in consent(firm, "acme", names="Acme and the calls from Brill", code=2)
    assert "acme is Acme (Acme Windows Ltd)" in consent(firm, "acme", "--caller", "Brill", names="Acme", code=2)
    assert "name Acme" in consent(firm, names="Acme", code=2)


def test_lists_of_others_go_through_files_and_an_unknown_firm_stops_every_call(firm: Moved, tmp_path: Path) -> None:
    firm.on("2027-03-02")
    entries = tmp_path / "objections.csv"
    entries.write_text("number,on_behalf_of\n07700 900417,acme\n07700 900418,who knows\n", encoding="utf-8")
    firm("objection", "import", str(entries))
    assert (verdict(firm, "acme"), verdict(firm, "brill")[1]) == (OBJECTED, "register_stale")
    shown = firm("check", "07700 900418", "--json", code=3).json
    assert shown["reason"] == "objected", "nobody knows to whom: it stops every call"
    written = firm("objection", "export").out.splitlines()
    assert written[0] == "number,made_at,source,note,scope,on_behalf_of"
    assert sorted(line.rpartition(",")[2] for line in written[1:] if "+4477009004" in line) == ["", "acme"]
