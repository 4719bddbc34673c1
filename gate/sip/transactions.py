"""Transactions (RFC 3261 17, RFC 6026) as one table of states, events and what follows, each row with its section.

Pure: nobody is asked, nothing is sent and no clock is read here. Timers are data: ``Transaction.wait`` gives which one
something starts, how many seconds it runs, and the event that its end is. ``gate.sip.carrier`` carries it all out.

By UDP what is sent is repeated until it is answered; by TCP and TLS it arrives, or the connection is lost, which is an
event of its own (17.1.4, 18.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

T1, T2, T4 = 0.5, 4.0, 5.0
"""Seconds (17.1.1.1)."""
LONG = 64 * T1


class Machine(StrEnum):
    """Who asks, or is asked, and for what."""

    INVITE_CLIENT = "INVITE client"
    CLIENT = "client"
    INVITE_SERVER = "INVITE server"
    SERVER = "server"


class State(StrEnum):
    """Those of RFC 3261 and RFC 6026."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Event(StrEnum):
    """What happens to one."""

    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "3xx to 6xx"
    AGAIN = "the request again"
    ACK = "ACK"
    REPEAT = "time to repeat"
    """Timers A, E, G."""
    LATE = "no answer in time"
    """Timers B, F, H."""
    OVER = "its time is over"
    """Timers D, I, J, K, L, M."""
    SILENCED = "it is not sent again"
    """It is taken back, or given up: what comes of it all the same is waited for."""
    LOST = "the connection is lost"
    BACK = "there is a connection again"


class Do(StrEnum):
    """What follows."""

    SEND = "send it (again)"
    TELL = "tell who asked"
    TELL_LATE = "tell that nothing came"
    ACK = "acknowledge"
    REPEAT = "repeat at T1, twice as late each time"
    REPEAT_T2 = "the same, T2 apart at most"
    WAIT = "wait for an answer for 64 T1"
    KEEP = "keep it for 64 T1; by a connection not at all"
    KEEP_ACCEPTED = "keep it for 64 T1"
    KEEP_T4 = "keep it for T4; by a connection not at all"
    STILL = "stop its timers"
    FORGET = "forget it"


class Row(NamedTuple):
    """One transition of the table."""

    machine: Machine
    states: tuple[State, ...]
    event: Event
    after: State | None
    """None: the state stays."""
    does: tuple[Do, ...]
    section: str
    """The section of RFC 3261, where it names no other."""


class Timer(StrEnum):
    """A transaction has one of each at most."""

    REPEAT = "repeat"
    LIMIT = "limit"


class Wait(NamedTuple):
    """A timer that starts."""

    timer: Timer
    seconds: float
    event: Event
    """Its end."""


_M, _S, _E = Machine, State, Event
_END: Final = (Do.STILL, Do.FORGET)
_LATE: Final = (Do.STILL, Do.TELL_LATE, Do.FORGET)

FIRST: Final[Mapping[Machine, tuple[State, tuple[Do, ...]]]] = {
    _M.INVITE_CLIENT: (_S.CALLING, (Do.SEND, Do.REPEAT, Do.WAIT)),
    _M.CLIENT: (_S.TRYING, (Do.SEND, Do.REPEAT_T2, Do.WAIT)),
    _M.INVITE_SERVER: (_S.PROCEEDING, ()),
    _M.SERVER: (_S.TRYING, ()),
}
"""How each begins. Timer B runs on while an INVITE rings no more: that is its call's (16.6, timer C)."""

_CALLING, _ASKED = (_S.CALLING, _S.PROCEEDING), (_S.TRYING, _S.PROCEEDING)
ROWS: Final[tuple[Row, ...]] = (
    Row(_M.INVITE_CLIENT, (_S.CALLING,), _E.REPEAT, None, (Do.SEND, Do.REPEAT), "17.1.1.2"),
    Row(_M.INVITE_CLIENT, _CALLING, _E.LATE, _S.TERMINATED, _LATE, "17.1.1.2"),
    Row(_M.INVITE_CLIENT, _CALLING, _E.PROVISIONAL, _S.PROCEEDING, (Do.STILL, Do.TELL), "17.1.1.2"),
    Row(_M.INVITE_CLIENT, _CALLING, _E.SUCCESS, _S.ACCEPTED, (Do.STILL, Do.KEEP_ACCEPTED, Do.TELL), "RFC 6026 7.2"),
    Row(_M.INVITE_CLIENT, _CALLING, _E.FAILURE, _S.COMPLETED, (Do.STILL, Do.ACK, Do.KEEP, Do.TELL), "17.1.1.2"),
    Row(_M.INVITE_CLIENT, _CALLING, _E.SILENCED, None, (Do.STILL, Do.WAIT), "9.1"),
    Row(_M.INVITE_CLIENT, (_S.CALLING,), _E.LOST, _S.TERMINATED, _LATE, "17.1.4"),
    Row(_M.INVITE_CLIENT, _CALLING, _E.BACK, None, (Do.SEND,), "18.4"),
    Row(_M.INVITE_CLIENT, (_S.ACCEPTED,), _E.SUCCESS, None, (Do.TELL,), "RFC 6026 7.2"),
    Row(_M.INVITE_CLIENT, (_S.ACCEPTED,), _E.OVER, _S.TERMINATED, _END, "RFC 6026 7.2"),
    Row(_M.INVITE_CLIENT, (_S.COMPLETED,), _E.FAILURE, None, (Do.ACK,), "17.1.1.2"),
    Row(_M.INVITE_CLIENT, (_S.COMPLETED,), _E.SUCCESS, None, (Do.TELL,), "13.2.2.4: of another callee"),
    Row(_M.INVITE_CLIENT, (_S.COMPLETED,), _E.OVER, _S.TERMINATED, _END, "17.1.1.2"),
    Row(_M.CLIENT, _ASKED, _E.REPEAT, None, (Do.SEND, Do.REPEAT_T2), "17.1.2.2"),
    Row(_M.CLIENT, _ASKED, _E.LATE, _S.TERMINATED, _LATE, "17.1.2.2"),
    Row(_M.CLIENT, _ASKED, _E.PROVISIONAL, _S.PROCEEDING, (), "17.1.2.2"),
    Row(_M.CLIENT, _ASKED, _E.SUCCESS, _S.COMPLETED, (Do.STILL, Do.KEEP_T4, Do.TELL), "17.1.2.2"),
    Row(_M.CLIENT, _ASKED, _E.FAILURE, _S.COMPLETED, (Do.STILL, Do.KEEP_T4, Do.TELL), "17.1.2.2"),
    Row(_M.CLIENT, (_S.TRYING,), _E.LOST, _S.TERMINATED, _LATE, "17.1.4"),
    Row(_M.CLIENT, _ASKED, _E.BACK, None, (Do.SEND,), "18.4"),
    Row(_M.CLIENT, (_S.COMPLETED,), _E.OVER, _S.TERMINATED, _END, "17.1.2.2"),
    Row(_M.INVITE_SERVER, (_S.PROCEEDING,), _E.AGAIN, None, (Do.SEND,), "17.2.1"),
    Row(_M.INVITE_SERVER, (_S.PROCEEDING,), _E.PROVISIONAL, None, (Do.SEND,), "17.2.1"),
    Row(_M.INVITE_SERVER, (_S.PROCEEDING,), _E.SUCCESS, _S.ACCEPTED, (Do.SEND, Do.KEEP_ACCEPTED), "RFC 6026 7.1"),
    Row(_M.INVITE_SERVER, (_S.PROCEEDING,), _E.FAILURE, _S.COMPLETED, (Do.SEND, Do.REPEAT_T2, Do.WAIT), "17.2.1"),
    Row(_M.INVITE_SERVER, (_S.ACCEPTED,), _E.SUCCESS, None, (Do.SEND,), "RFC 6026 7.1"),
    Row(_M.INVITE_SERVER, (_S.ACCEPTED,), _E.OVER, _S.TERMINATED, _END, "RFC 6026 7.1"),
    Row(_M.INVITE_SERVER, (_S.COMPLETED,), _E.AGAIN, None, (Do.SEND,), "17.2.1"),
    Row(_M.INVITE_SERVER, (_S.COMPLETED,), _E.REPEAT, None, (Do.SEND, Do.REPEAT_T2), "17.2.1"),
    Row(_M.INVITE_SERVER, (_S.COMPLETED,), _E.LATE, _S.TERMINATED, _END, "17.2.1"),
    Row(_M.INVITE_SERVER, (_S.COMPLETED,), _E.ACK, _S.CONFIRMED, (Do.STILL, Do.KEEP_T4), "17.2.1"),
    Row(_M.INVITE_SERVER, (_S.CONFIRMED,), _E.AGAIN, None, (Do.SEND,), "17.2.1: who asks again gets the same"),
    Row(_M.INVITE_SERVER, (_S.CONFIRMED,), _E.OVER, _S.TERMINATED, _END, "17.2.1"),
    Row(_M.SERVER, (_S.TRYING,), _E.PROVISIONAL, _S.PROCEEDING, (Do.SEND,), "17.2.2"),
    Row(_M.SERVER, (_S.PROCEEDING,), _E.PROVISIONAL, None, (Do.SEND,), "17.2.2"),
    Row(_M.SERVER, (_S.PROCEEDING,), _E.AGAIN, None, (Do.SEND,), "17.2.2"),
    Row(_M.SERVER, _ASKED, _E.SUCCESS, _S.COMPLETED, (Do.SEND, Do.KEEP), "17.2.2"),
    Row(_M.SERVER, _ASKED, _E.FAILURE, _S.COMPLETED, (Do.SEND, Do.KEEP), "17.2.2"),
    Row(_M.SERVER, (_S.COMPLETED,), _E.AGAIN, None, (Do.SEND,), "17.2.2"),
    Row(_M.SERVER, (_S.COMPLETED,), _E.OVER, _S.TERMINATED, _END, "17.2.2"),
)
TABLE: Final[Mapping[tuple[Machine, State, Event], tuple[State, tuple[Do, ...]]]] = {
    (row.machine, state, row.event): (row.after or state, row.does) for row in ROWS for state in row.states
}
"""What follows; a triple that is not in it changes nothing."""
SERVERS: Final = frozenset({_M.INVITE_SERVER, _M.SERVER})
_FIXED: Final = {
    Do.WAIT: (LONG, LONG, _E.LATE),
    Do.KEEP: (LONG, 0.0, _E.OVER),
    Do.KEEP_ACCEPTED: (LONG, LONG, _E.OVER),
    Do.KEEP_T4: (T4, 0.0, _E.OVER),
}
"""Seconds by UDP and by a connection, and what their end is."""


BY_CLASS: Final = {1: Event.PROVISIONAL, 2: Event.SUCCESS}
"""By the first digit of an answer's code what it is; another one is a failure."""


def event_of(code: int) -> Event:
    """What an answer with this code is."""
    return BY_CLASS.get(code // 100, Event.FAILURE)


class Transaction:
    """One, by the table."""

    __slots__ = ("interval", "machine", "reliable", "state")

    def __init__(self, machine: Machine, *, reliable: bool) -> None:
        """``reliable``: it goes by a connection."""
        self.machine, self.reliable = machine, reliable
        self.state = FIRST[machine][0]
        self.interval = T1

    def begins(self) -> tuple[Do, ...]:
        """What its begin asks for."""
        return FIRST[self.machine][1]

    def happens(self, event: Event) -> tuple[Do, ...]:
        """Something has happened to it: what follows."""
        step = TABLE.get((self.machine, self.state, event))
        if step is None:
            return ()
        self.state, does = step
        return does

    def wait(self, do: Do) -> Wait | None:
        """The timer that this starts; None for none."""
        if do in _FIXED:
            seconds, by_connection, event = _FIXED[do]
            return Wait(Timer.LIMIT, by_connection if self.reliable else seconds, event)
        if self.reliable or do not in (Do.REPEAT, Do.REPEAT_T2):
            return None
        seconds = self.interval
        self.interval = 2 * seconds if do is Do.REPEAT else min(T2, 2 * seconds)
        return Wait(Timer.REPEAT, seconds, Event.REPEAT)
