"""Somebody wants no more calls: noted from the call in which they said so, or from its recording."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from console import words
from console.modes.request_forms import filled
from console.widgets.ask import Field
from gate.core.numbers import mask
from gate.core.terms import Scope
from gate.errors import UsageError
from gate.operations.calls.calls import CallsShow
from gate.operations.lists.objections import ObjectionAdd, ObjectionAdded, ObjectionRemove

if TYPE_CHECKING:
    from console.feed import Feed
    from console.modes.base import GateScreen

STOPS = Field.from_request(ObjectionAdd, "scope")
FIELDS = (Field.from_request(ObjectionAdd, "source"), Field.from_request(ObjectionAdd, "note"), STOPS)
ADDED = "Objection added: it holds from the next call"


async def add(feed: Feed, number: str, told: Mapping[str, str]) -> ObjectionAdded:
    """The objection that was filled in. Raises ``GateError``."""
    source, note = told["source"].strip(), told["note"].strip()
    return await feed.ask(ObjectionAdd(number=number, source=source, note=note, scope=Scope(told["scope"])))


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
