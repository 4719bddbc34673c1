"""Lists sorted, rows marked and acted on together, searches that are kept; and what a screen reader is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.app import ConsoleApp
from console.modes.finding import FindDialog
from console.spoken import Speech, text_of
from console.widgets.ask import Ask
from console.widgets.pages import PagedTable
from console.widgets.rows import field_of
from gate.client.files import KeptSearches
from gate.errors import UsageError
from tests.console.conftest import SMALL, answered, app_of, screen_text, shows, typed, undone, until
from tests.console.opener import PASSPHRASE, MadeUpOpener
from tests.console.served import Served


def table(app: ConsoleApp) -> PagedTable:
    found: PagedTable = app.screen.table  # type: ignore[attr-defined]
    return found


def column(app: ConsoleApp, name: str) -> list[Any]:
    rows = (table(app).row_at(at) for at in range(15))
    return [field_of(row, name) for row in rows if row]


async def sorted_by(pilot: Any, key: str, *keys: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: table(pilot.app).complete)
    await pilot.press("S")
    await until(pilot, shows(pilot, "Sort by"))
    await pilot.press(*keys, "enter")
    await until(pilot, answered(pilot))


async def test_calls_are_sorted_marked_and_held_together(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await sorted_by(pilot, "4", *"jjjjjj")
        await until(pilot, lambda: column(app, "seconds") and column(app, "seconds")[0])
        lengths = column(app, "seconds")
        assert lengths == sorted(lengths, reverse=True) and len(set(lengths)) > 5
        await pilot.press("space", "space")
        await until(pilot, shows(pilot, "2 marked"))
        ids = list(table(app).marked)  # type: ignore[attr-defined]
        assert ids == [table(app).row_at(at).call_id for at in (0, 1)]  # type: ignore[index]
        assert screen_text(app).count("●") == 2
        await pilot.press("slash", *"listed", "enter")  # a mark stays when the list is filtered
        await until(pilot, shows(pilot, "filter: listed", "2 marked"))
        assert [fields["sort"] for fields in served.rows("calls_list", text="listed")][-1] == "-seconds"
        await pilot.press("h")
        await until(pilot, shows(pilot, "Hold 2 calls?"))
        await typed(pilot, "a complaint")
        await typed(pilot, "case 17")
        await pilot.press("c", "enter", "enter")
        await until(pilot, shows(pilot, "Held: case 17, 2 calls"))
        assert sorted(
            fact["body"]["call_id"] for fact in served.facts("hold") if fact["body"]["reference"] == "case 17"
        ) == sorted(ids)
        assert not table(app).marked  # type: ignore[attr-defined]
        await undone(pilot)
        await until(pilot, shows(pilot, "Undone"))
        assert len([fact for fact in served.facts("hold_released") if "undone" in fact["body"]["reason"]]) == 2


async def test_marked_recordings_are_exported_for_one_purpose(shared: Served, tmp_path: Path) -> None:
    opener = MadeUpOpener(tmp_path)
    app = app_of(shared, opener=opener, exports=tmp_path / "out")
    (tmp_path / "out").mkdir()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await sorted_by(pilot, "5", *"jj")
        await until(pilot, shows(pilot, "Length▼"))
        await pilot.press("space", "j", "space", "space", "k", "space")  # the last mark is taken away again
        await until(pilot, shows(pilot, "2 marked"))
        marked = list(table(app).marked)  # type: ignore[attr-defined]
        await pilot.press("e")
        await until(pilot, shows(pilot, "Export 2 recordings as WAVs?"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "What is it opened for?"))
        await typed(pilot, "complaint 17")
        await typed(pilot, PASSPHRASE)
        await until(pilot, shows(pilot, "Written: 2 recordings of 2"))
        exported = [asked[1:3] for asked in opener.asked if asked[0] == "export"]
        assert exported == [(each, "complaint 17") for each in marked]
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
            f"{each[:12]}.wav" for each in marked
        )
        await pilot.press("escape")
        await pilot.press("e")  # of what is not marked, the row under the cursor
        await until(pilot, shows(pilot, "Export 1 recording as WAVs?"))


async def test_a_search_is_kept_found_again_and_kept_no_longer(shared: Served, tmp_path: Path) -> None:
    kept = KeptSearches(tmp_path / "config" / "searches.json")
    app = app_of(shared, searches=kept)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        await pilot.press("F")
        await until(pilot, lambda: isinstance(app.screen, FindDialog))
        await pilot.press(*"ali", "ctrl+s")
        await until(pilot, lambda: kept.all() == [("calls", "ali")])
        await pilot.press("tab", "right", "shift+tab", *"ce", "ctrl+s")
        await until(pilot, shows(pilot, "recordings   alice"))
        assert kept.all() == [("recordings", "alice"), ("calls", "ali")]
        assert kept.path.stat().st_mode & 0o777 == 0o600
        await pilot.press("escape", "F")
        await until(pilot, shows(pilot, "recordings   alice"))
        await pilot.press("tab", "tab", "j", "ctrl+s")
        await until(pilot, lambda: kept.all() == [("recordings", "alice")])
        await until(pilot, lambda: "calls        ali" not in screen_text(app))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "[recordings]", "filter: alice"))
        kept.path.write_text("[")
        await pilot.press("F")
        await until(pilot, shows(pilot, "cannot be read"))


def test_searches_are_bounded_and_a_strange_file_is_refused(tmp_path: Path) -> None:
    kept = KeptSearches(tmp_path / "searches.json")
    for place in range(60):
        kept.keep("calls", f"case {place}")
    assert len(kept.all()) == 50 and kept.all()[0] == ("calls", "case 59")
    kept.path.write_text(" " * 100_000)
    with pytest.raises(UsageError, match="too large"):
        kept.all()


async def test_what_is_said_is_what_its_user_did(shared: Served) -> None:
    app, speech = app_of(shared), Speech()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: table(app).complete)
        said = speech.news(app)
        row = table(app).row
        assert row is not None and said.startswith("Calls: calls. Asked 15 Jul")
        assert "Reason not listed" in said and "***" in said  # as it is shown: the number hidden in part
        assert speech.news(app) == ""
        table(app).renew()
        await until(pilot, answered(pilot))
        assert speech.news(app) == ""  # what changes by itself is not said
        await pilot.press("space")
        await pilot.press("k")
        assert speech.news(app).startswith("Marked: Asked")
        await pilot.press("h")
        await until(pilot, shows(pilot, "Hold 1 call?"))
        said = speech.news(app)
        assert said.startswith("Hold 1 call?") and said.endswith("Reason, needed:")
        lines = text_of(app.screen)
        assert "Hold 1 call?" in lines and not any("Verdict" in line or "│" in line for line in lines)
        await typed(pilot, "a complaint")
        assert speech.news(app) == "Where the matter is kept, needed: case 17/2026"
        await pilot.press("escape")
        app.push_screen(Ask("Really?", (), ready=True))
        assert "Really?" not in speech.news(app)  # it is not drawn yet
        await until(pilot, shows(pilot, "Really?"))
        assert speech.news(app).startswith("Really?")
        await pilot.press("escape")
        app.notify("Something was written.")
        await until(pilot, lambda: app.screen.query("Toast"))
        assert "Something was written" in speech.news(app)
        await pilot.press("7")
        await until(pilot, shows(pilot, "There is no request."))
        said = speech.news(app)
        assert "Requests" in said and "There is no request" in said
        await pilot.press("6")
        await until(pilot, shows(pilot, "July 2026"))
        assert "Wednesday 15 July 2026" in speech.news(app)
        await pilot.press("l")
        assert speech.news(app).startswith("Thursday 16 July 2026, ")
