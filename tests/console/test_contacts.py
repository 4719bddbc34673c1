"""Contacts in the console: found, explained, imported, changed, exported, forgotten."""

from __future__ import annotations

import csv
import itertools
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Button, Input

from console.modes.contact_shown import change, standing
from console.modes.contacts import Mode
from console.widgets.choice import Choice
from gate.control.client import ControlClient
from gate.core.rows.lists import ContactChange
from gate.errors import UsageError
from gate.operations import data_folder
from gate.operations.contacts.list_import import ListImport
from gate.operations.contacts.pages import ContactsNow
from tests.console.conftest import LARGE, SMALL, app_of, screen_text, shows, steps, typed, until
from tests.console.served import Served
from tests.support.waiting import PATIENCE

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
LISTED = "020 7946 0101"
"""On the TPS of the samples."""
TOWNS = ("0113 496 0{:03}", "01632 960{:03}", "07700 900{:03}")


def rows(count: int) -> list[str]:
    """Lines of a CRM's file."""
    return [f"C-{1000 + n},{TOWNS[n % 3].format(100 + n)},{'[b]notes[/b]' if n % 2 else ''}" for n in range(count)]


def crm(folder: Path, *lines: str) -> Path:
    path = folder / "crm.csv"
    path.write_text("\n".join(["id,phone,notes", *lines]) + "\n", encoding="utf-8")
    return path


def kept(served: Served) -> Served:
    """Contacts since yesterday, three of which came to be blocked since then."""
    now = served.clock.time
    served.clock.time = now - timedelta(days=1)
    path = crm(served.folder, *rows(57), f"C-2000,{LISTED},", "C-2001,020 7946 0102,", "C-2002,12,", "C-2003,,")
    client = ControlClient(served.socket)
    client.call("contacts_import", path=str(path), reference="id", columns=["phone"])
    served.clock.time = now - timedelta(minutes=9)
    for number in (TOWNS[0].format(103), TOWNS[1].format(104), TOWNS[2].format(105)):
        client.call("objection_add", number=number)
    served.follow()
    served.clock.time = now
    return served


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with contacts."""
    with pytest.MonkeyPatch.context() as patch:
        ids = itertools.count(1)
        patch.setattr(data_folder, "new_id", lambda: f"{next(ids):08x}" * 4)  # the same pictures on every run
        served = kept(Served(tmp_path_factory.mktemp("contacts")).start())
        served.stop()
    return served.config.data


@pytest.fixture(scope="module")
def full(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Contacts, for tests that change nothing."""
    served = Served(tmp_path_factory.mktemp("shared"), data=data).start()
    yield served
    served.stop()


@pytest.fixture
def mine(data: Path, tmp_path: Path) -> Iterator[Served]:
    """Contacts, for a test that changes something."""
    served = Served(tmp_path, data=data).start()
    yield served
    served.stop()


class Disk:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written: dict[Path, bytes] = {}

    def write(self, path: Path, data: bytes) -> None:
        if path in self.written:
            raise UsageError(f"{path} is there already", hint="give another name")
        self.written[path] = data


async def fill(pilot: Any, **values: str) -> None:
    """Fill in the dialog's fields and answer."""
    for name, value in values.items():
        pilot.app.screen.query_one(f"#{name}", Input).value = value
    await pilot.pause()
    pilot.app.screen.query_one("#dialog-ok", Button).press()


async def confirm(pilot: Any, phrase: str, reason: str = "") -> None:
    """Type what the danger dialog asks for, and do it."""
    await until(pilot, shows(pilot, f"Type: {phrase}"))
    assert pilot.app.focused.id == "danger-phrase"
    button = pilot.app.screen.query_one("#danger-do", Button)
    assert button.disabled
    pilot.app.screen.query_one("#danger-phrase", Input).value = phrase
    if reason:
        pilot.app.screen.query_one("#danger-reason", Input).value = reason
    await until(pilot, lambda: not button.disabled and not button.has_class("-active"))  # as after the last click
    await pilot.click("#danger-do")


def mode(app: Any) -> Mode:
    assert isinstance(app.screen, Mode)
    return app.screen


# --- pictures -----------------------------------------------------------------------------------------------------


@SIZES
def test_picture_of_the_contacts(full: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("3", "j", then=("59 contacts", "Up to date", "59 rows"))
    assert snap_compare(app_of(full), terminal_size=size, run_before=before)


@SIZES
def test_picture_of_the_changes(full: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("3", "tab", then=("[changes]", "newly blocked", "7 rows", "Up to date"))
    assert snap_compare(app_of(full), terminal_size=size, run_before=before)


def test_picture_of_bad_rows(full: Served, snap_compare: Any) -> None:
    before = steps("3", "shift+tab", then=("[bad rows]", "C-2002", "2 rows", "Up to date"))
    assert snap_compare(app_of(full), terminal_size=SMALL, run_before=before)


@SIZES
def test_picture_of_a_contact(full: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("3", "tab", "enter", then=("As it was screened", "A check now", "objected"))
    assert snap_compare(app_of(full), terminal_size=size, run_before=before)


def test_picture_of_the_import(full: Served, snap_compare: Any) -> None:
    before = steps("3", "i", then=("Import the CRM's list", "Phone columns"))
    assert snap_compare(app_of(full), terminal_size=SMALL, run_before=before)


@SIZES
def test_picture_of_forgetting(full: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("3", "x", then=("Forget a number", "Type: forget 1"))
    assert snap_compare(app_of(full), terminal_size=size, run_before=before)


def test_picture_without_colour(full: Served, snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    before = steps("3", "tab", then=("[changes]", "newly blocked", "7 rows", "Up to date"))
    assert snap_compare(app_of(full), terminal_size=SMALL, run_before=before)


# --- looking ------------------------------------------------------------------------------------------------------


async def test_contacts_are_found_as_one_types(full: Served) -> None:
    app = app_of(full)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("3")
        await until(pilot, shows(pilot, "59 rows"))
        assert "0113 496" not in screen_text(app)
        await pilot.press("slash")
        for typed, found in (("listed tps", 2), ("block", 7), ("c-101", 10), ("0113 496", 19), ("nobody", 0)):
            app.screen.query_one(Input).value = typed
            await until(pilot, lambda found=found: mode(app).table.complete and mode(app).table.total == found)
            assert full.rows("contacts_list", text=typed)
        await until(pilot, shows(pilot, "Nothing fits “nobody”"))


async def test_a_contact_is_explained_without_a_leaf(full: Served) -> None:
    app = app_of(full)
    before = len(full.facts())
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("3")
        await until(pilot, shows(pilot, "59 rows"))
        await pilot.press("slash", *"2000", "enter")
        await until(pilot, lambda: mode(app).table.total == 1)
        await pilot.press("enter")
        await until(pilot, shows(pilot, "As it was screened", "listed tps", "A check now", "TPS", "14 Jul 14:32:10"))
        asked = len(full.rows("contacts_show"))
        await pilot.press("n")
        await until(pilot, lambda: len(full.rows("contacts_show")) > asked)
        await pilot.press("escape")
        await until(pilot, shows(pilot, "[contacts]"))
    assert len(full.facts()) == before


async def test_changes_are_since_yesterday_or_a_day(full: Served) -> None:
    app = app_of(full)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await pilot.press("3", "tab")
        await until(pilot, shows(pilot, "7 rows", "came blocked", "Since 14 Jul: 3 newly blocked"))
        await pilot.press("d")
        await until(pilot, shows(pilot, "What has changed since when?"))
        await fill(pilot, since="2026-07-15")
        await until(pilot, shows(pilot, "3 rows", "Since 15 Jul: 3 newly blocked"))
        await pilot.press("d")
        await until(pilot, shows(pilot, "What has changed since when?"))
        await fill(pilot, since="soon")
        await until(pilot, shows(pilot, "'soon' is not a day"))


async def test_a_number_is_shown_for_a_reason(mine: Served) -> None:
    app = app_of(mine)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("3", "tab")
        await until(pilot, shows(pilot, "7 rows"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "A check now"))
        await pilot.press("u")
        await until(pilot, shows(pilot, "Show this number in full?"))
        await fill(pilot, why="callback")
        await until(pilot, shows(pilot, "0113 496 0103"))
    (shown,) = mine.facts("number_shown")
    assert (shown["body"]["why"], shown["body"]["reference"]) == ("callback", "C-1003")


# --- files --------------------------------------------------------------------------------------------------------


async def test_a_list_is_imported_with_what_was_no_contact(mine: Served) -> None:
    app = app_of(mine)
    path = crm(mine.folder, *rows(58), "C-9,nobody,")
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("3", "i")
        await until(pilot, shows(pilot, "Import the CRM's list"))
        await fill(pilot, path=str(path), reference="id", columns="phone")
        await until(pilot, shows(pilot, "58 contacts in force", "58 rows", "1 bad row"), seconds=PATIENCE)
    assert mine.facts("contacts_imported")[-1]["body"]["columns"] == ["phone"]


async def test_an_import_is_stopped_and_the_contacts_stay(mine: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_of(mine)
    path = crm(mine.folder, *rows(200))
    monkeypatch.setattr("gate.operations.contacts.list_import.BATCH", 2)
    report = ListImport._report
    monkeypatch.setattr(ListImport, "_report", lambda *said: (time.sleep(0.05), report(*said)))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("3", "i")
        await until(pilot, shows(pilot, "Import the CRM's list"))
        await fill(pilot, path=str(path), reference="id", columns="phone")
        await until(pilot, lambda: "Importing" in screen_text(app) and "Begun" not in screen_text(app))
        await pilot.press("escape")
        await until(pilot, shows(pilot, "was stopped by", "59 contacts"), seconds=PATIENCE)
    assert len(mine.facts("contacts_imported")) == 1


async def test_a_list_that_shrinks_is_shown_before_it_is_taken(mine: Served) -> None:
    app = app_of(mine)
    path = crm(mine.folder, *rows(5))
    async with app.run_test(size=(100, 36), notifications=True) as pilot:
        await pilot.press("3", "i")
        await until(pilot, shows(pilot, "Import the CRM's list"))
        await fill(pilot, path=str(path), reference="id", columns="phone")
        await until(pilot, shows(pilot, "fewer than half of the 59", "54 contacts", "Type: keep 5"), seconds=PATIENCE)
        assert len(mine.facts("contacts_imported")) == 1
        crm(mine.folder, *rows(4))
        await confirm(pilot, "keep 5")
        await until(pilot, shows(pilot, "It is not what was shown", "Type: keep 4"), seconds=PATIENCE)
        await confirm(pilot, "keep 4")
        await until(pilot, shows(pilot, "4 contacts in force", "4 rows"), seconds=PATIENCE)
    assert mine.rows("contacts_import")[-1]["only"] == mine.facts("contacts_imported")[-1]["body"]["sha256"]


async def test_a_file_that_is_not_there_is_told(mine: Served) -> None:
    app = app_of(mine)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("3", "i")
        await until(pilot, shows(pilot, "Import the CRM's list"))
        await fill(pilot, path=str(mine.folder / "none.csv"))
        await until(pilot, shows(pilot, "Not taken:", "cannot be read", "59 contacts"), seconds=PATIENCE)


async def test_all_are_screened_again(mine: Served) -> None:
    app = app_of(mine)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("3")
        await until(pilot, shows(pilot, "oldest screening 14 Jul"))
        await pilot.press("s")
        await until(pilot, shows(pilot, "Screen all contacts now?"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "59 contacts screened", "oldest screening 15 Jul"), seconds=PATIENCE)


async def test_changes_are_written_for_the_crm_and_that_is_logged(mine: Served) -> None:
    disk = Disk()
    app = app_of(mine, files=disk, exports=Path("/srv/out"))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("3", "tab", "e")
        await until(pilot, shows(pilot, "Export what has changed since 14 Jul 2026"))
        await fill(pilot)
        await until(pilot, shows(pilot, "Written:", "7 changes"))
        await pilot.press("e")
        await until(pilot, shows(pilot, "Export what has changed"))
        await fill(pilot)
        await until(pilot, shows(pilot, "is there already"))
    ((path, data),) = disk.written.items()
    assert path == Path("/srv/out/changes_since_2026-07-14.csv")
    lines = list(csv.DictReader(data.decode().splitlines()))
    found = {line["reference"]: (line["number"], line["change"]) for line in lines}
    assert found["C-1003"] == ("+441134960103", "newly_blocked")
    assert found["C-2000"] == ("+442079460101", "first_blocked")
    assert [fact["body"]["list"] for fact in mine.facts("list_exported")] == ["contacts", "contacts"]


# --- forgetting ---------------------------------------------------------------------------------------------------


async def test_a_number_is_forgotten_after_it_was_shown(mine: Served) -> None:
    app = app_of(mine)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("3", "tab")
        await until(pilot, shows(pilot, "7 rows"))
        await pilot.press("x")
        await until(pilot, shows(pilot, "Forget a number", "1 contact"))
        assert "496 0103" not in screen_text(app)
        await confirm(pilot, "forget 1", "erasure request 7")
        await until(pilot, shows(pilot, "1 contact forgotten", "6 rows", "58 contacts"))
    (gone,) = mine.facts("contacts_forgotten")
    assert gone["body"] == {"contacts": 1, "reason": "erasure request 7"}
    assert mine.rows("contacts_forget")[-1]["execute"]
    assert len(mine.facts("objection")) == 17, "objections stay"


async def test_one_contact_is_forgotten_from_its_own_screen(mine: Served) -> None:
    app = app_of(mine)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("3")
        await until(pilot, shows(pilot, "59 rows"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "A check now"))
        await pilot.press("x")
        await confirm(pilot, "forget 1", "asked to")
        await until(pilot, shows(pilot, "[contacts]", "58 contacts"))
        await pilot.press("space", "space", "x")
        await until(pilot, shows(pilot, "Forget the numbers of 2 contacts", "Type: forget 2"))
        await typed(pilot, "forget 2")
        await typed(pilot, "asked to")
        await until(pilot, shows(pilot, "2 contacts forgotten", "56 contacts"))
        assert len({fields["execute"] for fields in mine.rows("contacts_forget", dry_run=False)}) == 3


async def test_an_account_that_may_not_is_shown_that(full: Served) -> None:
    app = app_of(full)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("3")
        await until(pilot, lambda: app.feed.session.can)
        object.__setattr__(app.feed.session, "can", frozenset({"contacts_list", "contacts_status"}))
        screen = mode(app)
        await pilot.press("tab")
        acts = ("import", "rescreen", "export", "forget", "reveal")
        assert [screen.check_action(name, ()) for name in acts] == [None] * 5
        await pilot.press("i", "s", "e", "x", "u")
        await pilot.pause()
        assert app.screen is screen


# --- words --------------------------------------------------------------------------------------------------------


def test_no_contacts_and_a_register_that_has_changed_are_told(full: Served) -> None:
    since = full.clock.time
    none = ContactsNow(contacts=0, verdicts={}, reasons={}, bad_rows=0, imported_at=None, registers=[])
    assert standing(none, since) == [("No contacts are kept: i imports the CRM's list.", "warn")]
    behind = ContactsNow(
        contacts=1,
        verdicts={"allow": 1},
        reasons={"not_listed": 1},
        bad_rows=0,
        imported_at="2026-07-13T10:00:00Z",
        registers=[],
        source_name="c.csv",
        screened_at="2026-07-13T10:00:00Z",
        up_to_date=False,
    )
    lines = standing(behind, since)
    assert ("BEHIND" in lines[2][0], lines[2][1]) == (True, "warn")
    came = ContactChange(
        id="c", reference="", number="", verdict="block", reason="", since="2026-07-15", change="first_blocked"
    )
    assert change(came)[0] == "came blocked"


async def test_contacts_are_sorted_by_a_column(full: Served) -> None:
    app = app_of(full, mode="contacts")
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, shows(pilot, "59 rows"))
        await pilot.press("S")
        await until(pilot, shows(pilot, "Sort by", "Since"))
        await pilot.press("j", "j", "enter")
        await until(pilot, shows(pilot, "by Verdict▼", "Verdict▼"))
        await until(pilot, lambda: app.screen.table.row_at(0))
        rows = [app.screen.table.row_at(at).verdict for at in range(9)]
        assert rows == ["block"] * 7 + ["allow"] * 2


async def test_whose_line_it_is_is_noted_in_the_contacts_pane(mine: Served) -> None:
    app = app_of(mine)
    day = mine.clock.time.date() - timedelta(days=1)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await pilot.press("3")
        await until(pilot, shows(pilot, "59 rows"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "A check now"))
        await pilot.press("w")
        await until(pilot, shows(pilot, "Whose line is it?"))
        choice = pilot.app.screen.query_one("#kind", Choice)
        while choice.value != "corporate":
            choice.action_choose(1)
        await fill(pilot, since="soon", source="Companies House")
        await until(pilot, shows(pilot, "'soon' is not a day"))
        await fill(pilot, since=f"{day:%d/%m/%Y}")
        await until(pilot, shows(pilot, "Line of", "corporate, theirs since"))
    (noted,) = mine.facts("subscriber")
    said = noted["body"]
    assert (said["kind"], said["since"], said["source"]) == ("corporate", day.isoformat(), "Companies House")
