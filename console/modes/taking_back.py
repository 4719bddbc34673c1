"""Undo of what took something away: another entry like the one that was, its texts as they were, not as shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from console import words
from gate.core.retention import HoldGround
from gate.core.terms import Scope
from gate.errors import RefusedError, UsageError
from gate.operations.calls.calls import Kind, Reveal
from gate.operations.lists.objections import ObjectionAdd
from gate.operations.retention.holds import HoldAdd, HoldAdded, HoldList, HoldRelease

if TYPE_CHECKING:
    from console.feed import Feed
    from console.widgets.rows import Row
    from gate.operations.operation import Page, Request

_TEXTS: Final = ("note", "source", "reference", "reason")
_HIDDEN: Final = "*"
"""Stands in a text in which a number was hidden."""


async def whole(feed: Feed, row: Row, find: Callable[[str], Request[Page[Any]]]) -> Row:
    """The row with its texts in full: asked for again where its list has hidden a number in one. Raises ``GateError``.

    ``find``: id -> request for a page of its list in which it is.
    """
    if not any(_HIDDEN in str(row.get(name) or "") for name in _TEXTS):
        return row
    page = await feed.ask(find(str(row["id"])))
    found: Row | None = next((msgspec.to_builtins(each) for each in page.items if each.id == row["id"]), None)
    if found is None:
        raise UsageError("its texts cannot be had any more", hint="Add it anew by hand.")
    return found


async def objection_again(feed: Feed, row: Row) -> None:
    """An objection that was removed, with its own date: its number is asked for, which the log keeps."""
    why = "to undo the removal of this objection"
    shown = await feed.ask(Reveal(kind=Kind.OBJECTION, id=str(row["id"]), why=why))
    await feed.ask(
        ObjectionAdd(
            number=shown.number,
            source=str(row.get("source") or "told"),
            note=str(row.get("note") or ""),
            scope=Scope(row.get("scope") or Scope.MARKETING),
            made_at=datetime.fromisoformat(row["made_at"]),
        )
    )


async def hold_again(feed: Feed, row: Row, field: str) -> HoldAdded:
    """A new hold like one that was released; ``field`` of ``hold_add`` says what it is on. A number is asked for, which
    the log keeps. Raises ``GateError``."""
    row = await whole(feed, row, lambda ident: HoldList(text=ident, limit=1000, released=True))
    value = row.get(field)
    if field == "number":
        why = "to undo the release of this hold"
        value = (await feed.ask(Reveal(kind=Kind.HOLD, id=str(row["id"]), why=why))).number
    held: dict[str, Any] = {field: value}
    return await feed.ask(
        HoldAdd(
            **held,
            reason=str(row["reason"]),
            reference=str(row["reference"]),
            restriction=row.get("kind") == "restriction",
            ground=HoldGround(row["ground"]) if row.get("ground") else None,
            law=str(row.get("law") or ""),
        )
    )


async def release_again(feed: Feed, hold_id: str) -> None:
    """A hold that was put on a moment ago is released. Raises ``GateError``; ``RefusedError`` where that waits for a
    second person."""
    answer = await feed.ask(HoldRelease(hold_id=hold_id, reason="held by mistake: undone"))
    if said := words.waits(answer):
        raise RefusedError(said, reason="second_person_needed")
