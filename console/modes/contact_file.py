"""Files of contacts: the CRM's list in, what has changed out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from console import words
from console.modes.request_forms import filled
from console.theme import BAD, PLAIN, WARN
from console.widgets.ask import YES, Field
from console.widgets.danger import Danger, Plan, danger
from console.widgets.working import worked
from gate.core.cells import csv_text
from gate.errors import RefusedError
from gate.operations.contacts.list_import import ContactsCancel, ContactsImport, ContactsImported
from gate.operations.contacts.pages import CHANGE_COLUMNS, ContactsChanges
from gate.types import Progress

if TYPE_CHECKING:
    from console.feed import Feed
    from console.modes.base import GateScreen

PAGE = 1000
_FIELDS = ("path", "reference", "columns", "on_behalf_of", "topic", "add")
SHRINKS = "contacts_shrink"
"""Reason of the gate's refusal of a list with fewer than half of the contacts before."""


async def import_list(screen: GateScreen) -> None:
    """Ask for a file and import it; one that shrinks is shown first. Call it in a worker."""

    async def send(told: Mapping[str, str]) -> str:
        return await _import(screen, _request(told))

    done = await filled(
        screen,
        "Import the CRM's list",
        (*(Field.from_request(ContactsImport, name) for name in _FIELDS),),
        send,
        said="The file is the whole list of a firm: contacts that are not in it are gone, unless it is merged.",
        act="Import",
    )
    if done:
        screen.app.done(done)


def _request(told: Mapping[str, str]) -> ContactsImport:
    typed: dict[str, Any] = {
        "path": told["path"].strip(),
        "reference": told["reference"].strip(),
        "columns": [name.strip() for name in told["columns"].split(",") if name.strip()],
        "on_behalf_of": told["on_behalf_of"].strip(),
        "topic": told["topic"],
        "add": told["add"] == YES,
    }
    return ContactsImport(**typed)


async def _import(screen: GateScreen, asked: ContactsImport) -> str:
    """What was done; empty where it was left. Raises ``GateError``."""
    name = Path(asked.path).name
    try:
        answer = await worked(
            screen.app,
            f"Importing {name}",
            lambda progress: screen.feed.ask(asked, progress=progress),
            lambda: screen.feed.ask(ContactsCancel()),
        )
    except RefusedError as error:
        if error.reason != SHRINKS:
            raise
        return await danger(screen, _shrinking(screen.feed, asked, error)) or ""
    return _import_summary(answer) if answer is not None else ""


def _import_summary(done: ContactsImported) -> str:
    bad = f"; {words.many(done.bad_rows, 'row')} held no number" if done.bad_rows else ""
    return f"{words.many(done.contacts, 'contact')} in force, {done.in_file:,} of this file{bad}"


def _shrinking(feed: Feed, asked: ContactsImport, refused: RefusedError) -> Danger:
    """What is asked before a list is taken that shrinks: the gate's own words, and a dry run of the same file."""

    async def dry_run() -> Plan:
        would = await feed.ask(replace(asked, dry_run=True))
        return Plan(
            digest=would.sha256,
            counts=[
                ("Keep", (words.many(would.contacts, "contact"), PLAIN)),
                ("In place of", (words.many(would.before, "contact"), WARN)),
                ("Lose", (words.many(max(0, would.before - would.contacts), "contact"), BAD)),
                ("No contact", (words.many(would.bad_rows, "row"), PLAIN)),
                ("File", words.ident(would.sha256[:16])),
            ],
            phrase=f"keep {would.contacts}",
        )

    async def act(digest: str, _reason: str, progress: Progress) -> str:
        return _import_summary(await feed.ask(replace(asked, accept_shrink=True, only=digest), progress=progress))

    warning = f"{refused.message}. Objections and consents are not touched."
    return Danger("Take a list that shrinks?", warning, "Take it", dry_run, act, reason=False)


async def changes_file(feed: Feed, since: datetime, progress: Callable[[float, str], None]) -> tuple[bytes, int]:
    """What has changed since then as a CSV, and in how many lines; the gate logs who takes it. Raises ``GateError``."""
    pieces = [csv_text([CHANGE_COLUMNS])]
    count = 0
    after: str | None = None
    while True:
        page = await feed.ask(ContactsChanges(since=since, after=after, limit=PAGE, export=True))
        pieces.append(csv_text([getattr(item, name) for name in CHANGE_COLUMNS] for item in page.items))
        count, after = count + len(page.items), page.next
        progress(0.5, f"{count:,} changes")
        if after is None:
            return "".join(pieces).encode(), count
