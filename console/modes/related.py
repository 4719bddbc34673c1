"""What belongs to a call: its recording, holds, requests and contact, each a key away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console import words
from console.late import open_detail
from console.widgets.pick import Pick
from console.widgets.rows import Column
from gate.errors import GateError
from gate.operations.calls.calls import CallsShow
from gate.operations.contacts.pages import ContactsList
from gate.operations.operation import Page, Request, operation_of
from gate.operations.requests.listing import ListOf
from gate.operations.retention.holds import HoldList

if TYPE_CHECKING:
    from console.modes.base import GateScreen

MOST = 20
"""How many of each kind are shown at most."""


class _Thing(NamedTuple):
    """Something to go to."""

    key: str
    kind: str
    id: str
    said: str
    thing: Any = None


COLUMNS: Sequence[Column[_Thing]] = (
    Column("What", 10, lambda row: words.text(row.kind)),
    Column("Which", 40, lambda row: words.text(row.said), grows=True),
)


async def go_to(screen: GateScreen, call_id: str, here: str = "") -> None:
    """Show what belongs to a call, and go to what is picked; ``here``: the id of what is on the screen already. Call it
    in a worker."""
    shown = await screen.ask(CallsShow(call_id=call_id), hidden=False)
    if shown is None:
        return
    number = shown.call.number or ""
    rows = [_row("call", call_id, f"{words.moment(shown.call.at)[0]}, {words.caller(shown.call.claimed_by)[0]}")]
    rows += [
        _row("recording", each.recording_id, f"{each.state}, {words.length(each.seconds)[0]}", each)
        for each in shown.recordings
    ]
    for ident in {call_id, *(each.recording_id for each in shown.recordings), *([number] if number else [])}:
        rows += [_row("hold", each.id, f"{each.reference}: {each.reason}", each)
                 for each in await _page(screen, HoldList(text=ident, limit=MOST, masked=True))]  # fmt: skip
    if number:
        rows += [
            _row("request", each.id, f"{each.reference}, {each.asks}, {each.state}", each)
            for each in await _page(screen, ListOf(text=number, everything=True, limit=MOST, masked=True))
        ]
        rows += [_row("contact", each.id, f"{each.reference}, {each.verdict}", each)
                 for each in await _page(screen, ContactsList(text=number, limit=MOST, masked=True))]  # fmt: skip
    rows = [row for row in {row.key: row for row in rows}.values() if row.id not in (here or call_id,)]
    none = "Nothing else belongs to it, of what this account may see."
    row = await screen.app.push_screen_wait(Pick("Go to", COLUMNS, rows, key_of="key", none=none))
    if row is not None:
        open_detail(screen, row.kind, screen.MODE or "calls", row.id, row.thing)


async def _page(screen: GateScreen, request: Request[Page[Any]]) -> list[Any]:
    """Nothing where this account may not see it, or it failed."""
    if not screen.feed.session.may(operation_of(request).name):
        return []
    try:
        return list((await screen.feed.ask(request)).items)
    except GateError:
        return []


def _row(kind: str, ident: str, said: str, thing: Any = None) -> _Thing:
    return _Thing(f"{kind} {ident}", kind, ident, f"{said} ({ident[:12]})", thing)
