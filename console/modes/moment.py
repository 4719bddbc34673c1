"""The moment as of which the console shows the gate: set, left, and what the log says of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from console import words
from console.widgets.ask import Ask, Field
from gate.core.days import HOW_WITH_TIME, moment_of, once
from gate.errors import UsageError
from gate.operations.audit.leaves import MomentShow, moment_in_words

if TYPE_CHECKING:
    from console.app import ConsoleApp

MOST = 6
"""Sentences about a moment in the dialog."""


async def asked_for(app: ConsoleApp) -> bool:
    """Ask for a moment, and show the gate as it stood then; nothing typed: as it is. False where it was left."""
    feed = app.feed

    async def send(told: Mapping[str, str]) -> bool:
        await feed.show(moment(told["moment"]))
        return True

    field = Field.from_request(MomentShow, "moment", needed=False, hint="25/11 14:00, yesterday; empty: now")
    said = "Each mode shows what the log held then. Nothing can be done meanwhile."
    if feed.moment is not None:
        lines = moment_in_words(feed.moment)
        more = [f"And {len(lines) - MOST} more: dialgate audit moment"] if len(lines) > MOST else []
        said = "\n".join([*lines[:MOST], *more])
    ask = Ask("Show the gate as it stood", (field,), said=said, act="Show", send=send)
    return bool(await app.push_screen_wait(ask))


def moment(typed: str) -> datetime | None:
    """The moment that was typed; None for none. Raises ``UsageError``."""
    if not typed.strip():
        return None
    try:
        found = moment_of(typed, words.today())
    except ValueError:
        raise UsageError(f"{typed!r} is not a moment", hint=HOW_WITH_TIME) from None
    try:
        return once(found)
    except ValueError as error:
        raise UsageError(str(error)) from None
