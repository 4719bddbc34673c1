"""Undo takes back the last act and nothing else: what it would change besides is not offered."""

from __future__ import annotations

from typing import Any

from console.widgets.rows import RowsTable
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
    for text in ("020 7946 0778", "", "on the phone", "", ""):
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
    call("hold_add", ground="claim", number=UNLISTED, reason=NOTE, reference=f"case of {UNLISTED}")
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


async def test_who_complains_of_a_call_is_never_called_again_from_the_list_the_call_and_its_recording(
    served: Served,
) -> None:
    client = ControlClient(served.socket)
    app = app_of(served)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: app.screen.query_one(RowsTable).complete)
        row = app.screen.query_one(RowsTable).row
        assert row is not None
        call = client.call("calls_show", call_id=row.call_id)["call"]
        for ways in (
            ("4", "slash", *row.call_id, "enter"),
            ("enter",),
            ("o",),
        ):  # the list, the call, its recording
            await pilot.press(*ways)
            await until(pilot, shows(pilot, "a never again"))
            await pilot.press("a")
            await until(pilot, shows(pilot, "Never call this number again?", "called on"))
            for text in ("rang to complain", "", ""):
                await typed(pilot, text)
            await until(pilot, shows(pilot, "Objection added: it holds from the next call"))
            fact = served.facts("objection")[-1]["body"]
            assert (fact["number"], fact["source"], fact["note"]) == (
                call["number"],
                "told",
                "rang to complain",
            )
            assert client.call("check", number=call["number"])["reason"] == "objected"
            await undone(pilot)
            await until(pilot, lambda: client.call("check", number=call["number"])["reason"] != "objected")


async def test_a_call_without_a_number_has_nobody_to_note(served: Served) -> None:
    bare = next(
        row for row in ControlClient(served.socket).call("calls_list", limit=1000)["items"] if not row["number"]
    )
    app = app_of(served)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await pilot.press("4", "slash", *bare["call_id"], "enter")
        await until(pilot, shows(pilot, "1 row"))
        await pilot.press("a")
        await until(pilot, shows(pilot, "this call has no number"))


async def test_what_belongs_to_a_call_has_the_requests_and_holds_of_its_number(served: Served) -> None:
    client = ControlClient(served.socket)
    calls = client.call("calls_list", limit=1000)["items"]
    call = next(row for row in calls if row["number"])
    client.call("request_open", asks="access", channel="phone", numbers=[call["number"]], name="Pat Example")
    client.call("hold_add", ground="claim", number=call["number"], reason="a claim", reference="case 17/2026")
    app = app_of(served)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("4", "slash", *call["call_id"], "enter")
        await until(pilot, shows(pilot, "1 row"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Facts, each with its leaf"))
        await pilot.press("t")
        await until(pilot, shows(pilot, "Go to", "DSR-2026-", "case 17/2026"))
