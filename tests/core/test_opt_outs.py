"""A CRM's own opt-outs: which columns they are, and what in them is one. Doubt blocks."""

from __future__ import annotations

import pytest

from gate.core.cells import opt_out_columns, opts_out


@pytest.mark.parametrize(
    "name",
    [
        *("DoNotCall", "Do Not Call", "do_not_call", "DoNotCall__c", "DNC"),
        *("donotphone", "Do not allow Phone Calls", "Opted out of calls", "hs_do_not_call", "Do Not Contact"),
    ],
)
def test_columns_of_the_usual_crms_are_known(name: str) -> None:
    assert opt_out_columns(["id", "phone", name]) == [2]


@pytest.mark.parametrize("name", ["HasOptedOutOfEmail", "Email Opt Out", "Call", "Last call", "Phone", "Opt In", ""])
def test_other_columns_are_none(name: str) -> None:
    assert opt_out_columns([name]) == []
    assert opt_out_columns(["x", "Keine  Anrufe"], ["keine anrufe"]) == [1]


@pytest.mark.parametrize(
    "value", ["TRUE", "true", "1", "yes", "Y", "x", "Do Not Allow", "opted out", "02/03/2026", "?", "True ", "wahr"]
)
def test_every_value_that_does_not_plainly_say_no_is_an_objection(value: str) -> None:
    assert opts_out(value)


@pytest.mark.parametrize("value", ["", " ", "FALSE", "0", "No", "Allow", " n/a", "-", "null"])
def test_what_says_no_is_none(value: str) -> None:
    assert not opts_out(value)
