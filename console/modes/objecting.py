"""Somebody wants no more calls: noted from the call in which they said so, or from its recording."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from console import words
from console.modes.request_forms import filled
from console.widgets.ask import Field
from gate.core.days import HOW_WITH_TIME, moment_of
from gate.core.numbers import mask
from gate.core.terms import Scope
from gate.errors import UsageError
from gate.operations.calls.calls import CallsShow
from gate.operations.lists.objections import ObjectionAdd, ObjectionAdded, ObjectionRemove

if TYPE_CHECKING:
    from console.feed import Feed
    from console.modes.base import GateScreen

STOPS = Field.from_request(ObjectionAdd, "scope")
FIELDS = (
    *(Field.from_request(ObjectionAdd, name) for name in ("source", "note")),
    Field.from_request(ObjectionAdd, "made_at", hint="25/11, or 25/11 14:30; empty: now"),
    STOPS,
)
ADDED = "Objection added: it holds from the next call"


async def add(feed: Feed, number: str, told: Mapping[str, str]) -> ObjectionAdded:
    """The objection that was filled in. Raises ``GateError``."""
    source, note, made = told["source"].strip(), told["note"].strip(), told["made_at"].strip()
    try:
        made_at = moment_of(made, words.today()) if made else None
    except (ValueError, OverflowError):
        raise UsageError(f"{made!r} is no day and no time", hint=HOW_WITH_TIME) from None
    return await feed.ask(
        ObjectionAdd(number=number, source=source, note=note, scope=Scope(told["scope"]), made_at=made_at)
    )


def back(feed: Feed, added: ObjectionAdded) -> Callable[[], Awaitable[object]]:
    """How it is taken back."""
    return lambda: feed.ask(ObjectionRemove(target=added.id, reason="added by mistake: undone"))


async def never_again(screen: GateScreen, call_id: str) -> None:
    """Ask how the party of a call said it, and keep that they want no more. Call it in a worker."""
    shown = await screen.ask(CallsShow(call_id=call_id), hidden=False)
    if shown is None:
        return
    number = shown.call.number
    if not number:
        screen.complain(UsageError("this call has no number: it was erased, or never was one"))
        return
    who = words.number(mask(number))[0]

    async def send(told: Mapping[str, str]) -> ObjectionAdded:
        return await add(screen.feed, number, told)

    added = await filled(
        screen,
        "Never call this number again?",
        FIELDS,
        send,
        said=f"{who}, called on {words.minute(shown.call.at)}. It holds from the next call, whatever was agreed to.",
        act="Add",
    )
    if added is not None:
        screen.app.done(added.notice or ADDED, back=back(screen.feed, added))
