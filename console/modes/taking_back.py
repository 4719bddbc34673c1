"""Undo of what took something away: another entry like the one that was, its texts as they were, not as shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from console import words
from gate.core.terms import Scope
from gate.errors import RefusedError, UsageError
from gate.operations.calls.calls import Kind, Reveal
from gate.operations.lists.objections import ObjectionAdd
from gate.operations.retention.holds import HoldAdd, HoldAdded, HoldList, HoldRelease

if TYPE_CHECKING:
    from console.feed import Feed
    from gate.core.rows.lists import ObjectionRow
    from gate.core.rows.retention import HoldRow
    from gate.operations.operation import Page, Request

R = TypeVar("R", "HoldRow", "ObjectionRow")
_TEXTS: Final = ("note", "source", "reference", "reason")
_HIDDEN: Final = "*"
"""Stands in a text in which a number was hidden."""


async def whole(feed: Feed, row: R, find: Callable[[str], Request[Page[R]]]) -> R:
    """The row with its texts in full: asked for again where its list has hidden a number in one. Raises ``GateError``.

    ``find``: id -> request for a page of its list in which it is.
    """
    if not any(_HIDDEN in str(getattr(row, name, "")) for name in _TEXTS):
        return row
    page = await feed.ask(find(row.id))
    found = next((each for each in page.items if each.id == row.id), None)
    if found is None:
        raise UsageError("its texts cannot be had any more", hint="Add it anew by hand.")
    return found


async def objection_again(feed: Feed, row: ObjectionRow) -> None:
    """An objection that was removed, with its own date: its number is asked for, which the log keeps."""
    why = "to undo the removal of this objection"
    shown = await feed.ask(Reveal(kind=Kind.OBJECTION, id=row.id, why=why))
    await feed.ask(
        ObjectionAdd(
            number=shown.number,
            source=row.source or "told",
            note=row.note or "",
            scope=Scope(row.scope or Scope.MARKETING),
            made_at=datetime.fromisoformat(row.made_at),
        )
    )


async def hold_again(feed: Feed, row: HoldRow, field: str) -> HoldAdded:
    """A new hold like one that was released; ``field`` of ``hold_add`` says what it is on. A number is asked for, which
    the log keeps. Raises ``GateError``."""
    row = await whole(feed, row, lambda ident: HoldList(text=ident, limit=1000, released=True))
    value = row.call_id if field == "call_id" else row.recording_id
    if field == "number":
        why = "to undo the release of this hold"
        value = (await feed.ask(Reveal(kind=Kind.HOLD, id=row.id, why=why))).number
    held: dict[str, Any] = {field: value}
    return await feed.ask(
        HoldAdd(
            **held,
            reason=row.reason or "",
            reference=row.reference or "",
            restriction=row.kind == "restriction",
            ground=row.ground,
            law=row.law or "",
        )
    )


async def release_again(feed: Feed, hold_id: str) -> None:
    """A hold that was put on a moment ago is released. Raises ``GateError``; ``RefusedError`` where that waits for a
    second person."""
    answer = await feed.ask(HoldRelease(hold_id=hold_id, reason="held by mistake: undone"))
    if said := words.waits(answer):
        raise RefusedError(said, reason="second_person_needed")
