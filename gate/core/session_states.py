"""The life of a recording session (SIPREC): what has happened in, what is to be done out, one table.

Nothing is kept of which the log does not know: ``START`` follows ``NOTED`` alone. A session that ends while its leaves
are being written waits for both answers, the store's and the recorder's, in either order: what is in the log is closed
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """The states of one session."""

    LOOKING = "looking"
    """Which decision its call belongs to."""
    OPENING = "opening"
    """The recorder opens: a key, its wraps, two taps."""
    SETTING_UP = "setting up"
    """Media ports, copies of both streams, the wrapped key."""
    NOTING = "noting"
    """Its leaves are being written."""
    KEEPING = "keeping"
    ENDING = "ending"
    """It is over, and its leaves are still being written; the recorder closes."""
    CLOSED = "closed"
    """The same, and the recorder has closed."""
    CLOSING = "closing"
    """It is over, and in the log; the recorder closes."""
    DISCARDING = "discarding"
    """It is over, and the log knows nothing of it; the recorder closes."""
    OVER = "over"


class Event(StrEnum):
    """What has happened."""

    FOUND = "found"
    OPENED = "opened"
    READY = "ready"
    TAPPED = "tapped"
    KEY_KEPT = "key kept"
    NOTED = "noted"
    NOT_NOTED = "not noted"
    END = "end"
    """It ends, whoever ended it."""
    CLOSED = "closed"
    """The recorder is done with it, or cannot close it."""


class Do(StrEnum):
    """A command that the recording sessions carry out."""

    OPEN = "open the recorder"
    TAKE = "make its media ports"
    TAP = "copy its streams to the recorder"
    KEEP_KEY = "keep the wrapped key"
    NOTE = "write its leaves"
    START = "keep what comes, and answer"
    CLOSE = "close the recorder when all has come"
    CLOSE_UNUSED = "close the recorder, which has opened too late"
    NOTE_CLOSING = "write how it ended"
    LET_GO = "let go"


_S, _E = State, Event
TABLE: Final[Mapping[tuple[State, Event], tuple[State, tuple[Do, ...]]]] = {
    (_S.LOOKING, _E.FOUND): (_S.OPENING, (Do.OPEN,)),
    (_S.OPENING, _E.OPENED): (_S.SETTING_UP, (Do.TAKE,)),
    (_S.SETTING_UP, _E.READY): (_S.SETTING_UP, (Do.TAP,)),
    (_S.SETTING_UP, _E.TAPPED): (_S.SETTING_UP, (Do.KEEP_KEY,)),
    (_S.SETTING_UP, _E.KEY_KEPT): (_S.NOTING, (Do.NOTE,)),
    (_S.NOTING, _E.NOTED): (_S.KEEPING, (Do.START,)),
    (_S.NOTING, _E.NOT_NOTED): (_S.SETTING_UP, ()),
    (_S.LOOKING, _E.END): (_S.OVER, (Do.LET_GO,)),
    (_S.OPENING, _E.END): (_S.OVER, (Do.LET_GO,)),
    (_S.SETTING_UP, _E.END): (_S.DISCARDING, (Do.CLOSE,)),
    (_S.NOTING, _E.END): (_S.ENDING, (Do.CLOSE,)),
    (_S.KEEPING, _E.END): (_S.CLOSING, (Do.CLOSE,)),
    (_S.ENDING, _E.NOTED): (_S.CLOSING, ()),
    (_S.ENDING, _E.NOT_NOTED): (_S.DISCARDING, ()),
    (_S.ENDING, _E.CLOSED): (_S.CLOSED, ()),
    (_S.CLOSED, _E.NOTED): (_S.OVER, (Do.NOTE_CLOSING, Do.LET_GO)),
    (_S.CLOSED, _E.NOT_NOTED): (_S.OVER, (Do.LET_GO,)),
    (_S.CLOSING, _E.CLOSED): (_S.OVER, (Do.NOTE_CLOSING, Do.LET_GO)),
    (_S.DISCARDING, _E.CLOSED): (_S.OVER, (Do.LET_GO,)),
    (_S.OVER, _E.OPENED): (_S.OVER, (Do.CLOSE_UNUSED,)),
}


def step(state: State, event: Event) -> tuple[State, tuple[Do, ...]]:
    """The state afterwards, and what is to be done, in order. What was asked of others may be answered after the
    session has moved on: a pair that is not in the table changes nothing."""
    return TABLE.get((state, event), (state, ()))
