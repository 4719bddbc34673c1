"""Grounds of refusals in the letters, through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.moved import Moved


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moved:
    return Moved(tmp_path / "gate", monkeypatch)


def letters(firm: Moved, asks: str, ground: str) -> tuple[str, str]:
    """The letters to the person and to the authority."""
    firm.on("2027-01-05")
    reference = firm.open(asks)
    firm("request", "decide", reference, "--refuse", ground, "--reasons", "as we wrote")
    person, authority = (firm("request", "letter", reference, kind).out for kind in ("refusal", "authority"))
    return " ".join(person.split()), " ".join(authority.split())


@pytest.mark.parametrize("asks", ["access", "erasure"])
def test_the_policy_of_telling_the_authority_is_named_for_erasures_alone(firm: Moved, asks: str) -> None:
    person, authority = letters(firm, asks, "manifestly_unfounded")
    of_policy = asks == "erasure"
    assert ("Our policy is to tell the" in person) == of_policy
    assert ("We will also tell the" in person) == (not of_policy)
    assert ("when we refuse to erase" in authority) == of_policy
    assert ("We are telling you that we refused" in authority) == (not of_policy)


@pytest.mark.parametrize(
    ("ground", "says"),
    [
        ("not_living", "The person has died"),
        ("cannot_identify", "We cannot tell which data is about you (Article 11(2) of the UK GDPR)"),
        ("representative", "You ask for somebody else, and we have not seen that you may"),
        ("fee", "you have not paid our fee (Article 12(5) of the UK GDPR)"),
    ],
)
def test_each_ground_is_in_the_letter(firm: Moved, ground: str, says: str) -> None:
    assert says in letters(firm, "access", ground)[0]


@pytest.mark.parametrize("ground", ["cannot_identify", "representative"])
def test_who_is_known_is_not_refused_for_being_unknown(firm: Moved, ground: str) -> None:
    firm.on("2027-01-05")
    reference = firm.open("access")
    firm("request", "verify-identity", reference, "--checked", "bill seen")
    refused = firm("request", "decide", reference, "--refuse", ground, "--reasons", "as we wrote", code=3)
    assert "the identity is proven" in refused.err
