"""Undo takes back the last act and nothing else: what it would change besides is not offered."""

from __future__ import annotations

from typing import Any

from gate.control.client import ControlClient
from tests.console.conftest import app_of, shows, typed, undone, until
from tests.console.served import Served

UNLISTED = "020 7946 0777"
NOTE = "call her son instead: 020 7946 0555, ref. 7"


async def objection_added(pilot: Any, rows: int = 15) -> None:
    await pilot.press("2", "tab", "tab")
    await until(pilot, shows(pilot, f"{rows - 1} rows"))
    await pilot.press("a")
    await until(pilot, shows(pilot, "Somebody does not want calls"))
    for text in ("020 7946 0778", "", "on the phone", ""):
        await typed(pilot, text)
    await until(pilot, shows(pilot, f"{rows} rows"))


async def consent_added(pilot: Any) -> None:
    await pilot.press("a")
    await until(pilot, shows(pilot, "A subscriber agrees", "It cannot be undone"))
    for text in (UNLISTED, "Pat", "phone", "you may call me", "tape 7", *[""] * 8):
        await typed(pilot, text)
    await until(pilot, shows(pilot, "Consent added", "10 rows"))


async def test_a_consent_is_not_undone_by_a_withdrawal_that_would_block_the_number(served: Served) -> None:
    call = ControlClient(served.socket).call
    before = call("check", number=UNLISTED)
    assert before["verdict"] == "allow"
    withdrawn = len(served.facts("consent_withdrawn"))
    app = app_of(served)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await pilot.press("2", "shift+tab")
        await until(pilot, shows(pilot, "[consents]", "rows"))
        await consent_added(pilot)
        await pilot.press("z")
        await until(pilot, shows(pilot, "There is nothing to undo."))
    assert call("check", number=UNLISTED)["verdict"] == "allow"
    assert len(served.facts("consent_withdrawn")) == withdrawn


async def test_what_was_done_before_the_last_act_is_not_undone(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await objection_added(pilot)
        await pilot.press("tab")
        await until(pilot, shows(pilot, "[consents]"))
        await consent_added(pilot)
        await pilot.press("z")
        await until(pilot, shows(pilot, "There is nothing to undo."))
    assert not [fact for fact in served.facts("objection_removed") if "undone" in fact["body"]["reason"]]


async def test_an_objection_comes_back_with_its_note_as_it_was(served: Served) -> None:
    call = ControlClient(served.socket).call
    call("objection_add", number=UNLISTED, note=NOTE)
    app = app_of(served)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await pilot.press("2", "tab", "tab")
        await until(pilot, shows(pilot, "15 rows"))
        await pilot.press("d")
        await until(pilot, shows(pilot, "Remove this objection?"))
        await typed(pilot, "typing mistake")
        await until(pilot, shows(pilot, "14 rows"))
        await undone(pilot)
        await until(pilot, shows(pilot, "15 rows", "Undone"))
    assert [row["note"] for row in call("objection_list", number=UNLISTED)["items"]] == [NOTE]
    assert served.facts("number_shown")[-1]["body"]["why"] == "to undo the removal of this objection"


async def test_a_hold_comes_back_with_its_reason_as_it_was(served: Served) -> None:
    call = ControlClient(served.socket).call
    call("hold_add", number=UNLISTED, reason=NOTE, reference=f"case of {UNLISTED}")
    app = app_of(served)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await pilot.press("6", "tab")
        await until(pilot, shows(pilot, "[holds]", "case of"))
        await pilot.press("d")
        await until(pilot, shows(pilot, "Release this hold?"))
        await typed(pilot, "a mistake")
        await until(pilot, shows(pilot, "Released"))
        await undone(pilot)
        await until(pilot, shows(pilot, "Undone"))
    (held,) = call("hold_list", number=UNLISTED)["items"]
    assert (held["reason"], held["reference"]) == (NOTE, f"case of {UNLISTED}")
