"""The machines of RFC 3261 17 and RFC 6026, without a socket: playbooks, and two peers over a line that loses, doubles
and reorders."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import count
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.sip import transactions
from gate.sip.transactions import FIRST, LONG, ROWS, T1, T2, T4, TABLE, Do, Event, Machine, State, Timer, Transaction

_LATE = (Do.STILL, Do.TELL_LATE, Do.FORGET)
_OVER = (Event.OVER, (Do.STILL, Do.FORGET))
_BEGIN = object()
Play = tuple[Machine, Sequence[tuple[object, tuple[Do, ...]]]]
PLAYS: dict[str, Play] = {
    "an INVITE rings, is answered twice, and is forgotten": (
        Machine.INVITE_CLIENT,
        [
            (_BEGIN, (Do.SEND, Do.REPEAT, Do.WAIT)),
            (Event.REPEAT, (Do.SEND, Do.REPEAT)),
            (Event.PROVISIONAL, (Do.STILL, Do.TELL)),
            (Event.REPEAT, ()),
            (Event.PROVISIONAL, (Do.STILL, Do.TELL)),
            (Event.SUCCESS, (Do.STILL, Do.KEEP_ACCEPTED, Do.TELL)),
            (Event.SUCCESS, (Do.TELL,)),
            (Event.FAILURE, ()),
            _OVER,
            (Event.SUCCESS, ()),
        ],
    ),
    "an INVITE is answered at once": (
        Machine.INVITE_CLIENT,
        [(Event.SUCCESS, (Do.STILL, Do.KEEP_ACCEPTED, Do.TELL)), (Event.LATE, ()), _OVER],
    ),
    "an INVITE is refused, and the refusal repeated": (
        Machine.INVITE_CLIENT,
        [
            (Event.FAILURE, (Do.STILL, Do.ACK, Do.KEEP, Do.TELL)),
            (Event.FAILURE, (Do.ACK,)),
            (Event.PROVISIONAL, ()),
            (Event.SUCCESS, (Do.TELL,)),
            _OVER,
        ],
    ),
    "an INVITE rings and is refused": (
        Machine.INVITE_CLIENT,
        [(Event.PROVISIONAL, (Do.STILL, Do.TELL)), (Event.FAILURE, (Do.STILL, Do.ACK, Do.KEEP, Do.TELL)), _OVER],
    ),
    "nothing comes to an INVITE": (Machine.INVITE_CLIENT, [(Event.LATE, _LATE), (Event.SUCCESS, ())]),
    "an INVITE is taken back before anything has come": (
        Machine.INVITE_CLIENT,
        [
            (Event.SILENCED, (Do.STILL, Do.WAIT)),
            (Event.PROVISIONAL, (Do.STILL, Do.TELL)),
            (Event.SILENCED, (Do.STILL, Do.WAIT)),
            (Event.LATE, _LATE),
        ],
    ),
    "the connection of an INVITE is lost before anything has come": (
        Machine.INVITE_CLIENT,
        [(Event.LOST, _LATE), (Event.BACK, ())],
    ),
    "the connection of an INVITE is lost while it rings, and is back": (
        Machine.INVITE_CLIENT,
        [(Event.PROVISIONAL, (Do.STILL, Do.TELL)), (Event.LOST, ()), (Event.BACK, (Do.SEND,)), (Event.LATE, _LATE)],
    ),
    "an INVITE leaves by the connection that has come about": (
        Machine.INVITE_CLIENT,
        [(Event.BACK, (Do.SEND,)), (Event.PROVISIONAL, (Do.STILL, Do.TELL))],
    ),
    "a request is answered": (
        Machine.CLIENT,
        [
            (_BEGIN, (Do.SEND, Do.REPEAT_T2, Do.WAIT)),
            (Event.REPEAT, (Do.SEND, Do.REPEAT_T2)),
            (Event.PROVISIONAL, ()),
            (Event.REPEAT, (Do.SEND, Do.REPEAT_T2)),
            (Event.LOST, ()),
            (Event.BACK, (Do.SEND,)),
            (Event.PROVISIONAL, ()),
            (Event.SUCCESS, (Do.STILL, Do.KEEP_T4, Do.TELL)),
            (Event.SUCCESS, ()),
            _OVER,
        ],
    ),
    "a request is refused at once": (Machine.CLIENT, [(Event.FAILURE, (Do.STILL, Do.KEEP_T4, Do.TELL)), _OVER]),
    "a request is answered at once": (Machine.CLIENT, [(Event.SUCCESS, (Do.STILL, Do.KEEP_T4, Do.TELL)), _OVER]),
    "a request is refused later": (
        Machine.CLIENT,
        [(Event.PROVISIONAL, ()), (Event.FAILURE, (Do.STILL, Do.KEEP_T4, Do.TELL)), _OVER],
    ),
    "nothing comes to a request": (Machine.CLIENT, [(Event.LATE, _LATE)]),
    "nothing final comes to a request": (Machine.CLIENT, [(Event.PROVISIONAL, ()), (Event.LATE, _LATE)]),
    "the connection of a request is lost": (Machine.CLIENT, [(Event.BACK, (Do.SEND,)), (Event.LOST, _LATE)]),
    "a caller is answered": (
        Machine.INVITE_SERVER,
        [
            (_BEGIN, ()),
            (Event.PROVISIONAL, (Do.SEND,)),
            (Event.AGAIN, (Do.SEND,)),
            (Event.SUCCESS, (Do.SEND, Do.KEEP_ACCEPTED)),
            (Event.AGAIN, ()),
            (Event.SUCCESS, (Do.SEND,)),
            (Event.ACK, ()),
            _OVER,
        ],
    ),
    "a caller is refused": (
        Machine.INVITE_SERVER,
        [
            (Event.FAILURE, (Do.SEND, Do.REPEAT_T2, Do.WAIT)),
            (Event.AGAIN, (Do.SEND,)),
            (Event.REPEAT, (Do.SEND, Do.REPEAT_T2)),
            (Event.SUCCESS, ()),
            (Event.ACK, (Do.STILL, Do.KEEP_T4)),
            (Event.AGAIN, (Do.SEND,)),
            (Event.ACK, ()),
            _OVER,
        ],
    ),
    "a caller's ACK does not come": (
        Machine.INVITE_SERVER,
        [(Event.FAILURE, (Do.SEND, Do.REPEAT_T2, Do.WAIT)), (Event.LATE, (Do.STILL, Do.FORGET))],
    ),
    "a peer's request is answered": (
        Machine.SERVER,
        [
            (_BEGIN, ()),
            (Event.AGAIN, ()),
            (Event.SUCCESS, (Do.SEND, Do.KEEP)),
            (Event.AGAIN, (Do.SEND,)),
            (Event.FAILURE, ()),
            _OVER,
        ],
    ),
    "a peer's request is refused": (Machine.SERVER, [(Event.FAILURE, (Do.SEND, Do.KEEP)), _OVER]),
    "a peer's request waits": (
        Machine.SERVER,
        [
            (Event.PROVISIONAL, (Do.SEND,)),
            (Event.PROVISIONAL, (Do.SEND,)),
            (Event.AGAIN, (Do.SEND,)),
            (Event.SUCCESS, (Do.SEND, Do.KEEP)),
            _OVER,
        ],
    ),
    "a peer's request waits and is refused": (
        Machine.SERVER,
        [(Event.PROVISIONAL, (Do.SEND,)), (Event.FAILURE, (Do.SEND, Do.KEEP)), _OVER],
    ),
}


def played(play: Play) -> list[tuple[object, tuple[Do, ...]]]:
    machine, steps = play
    transaction = Transaction(machine, reliable=False)
    return [
        (event, transaction.begins() if event is _BEGIN else transaction.happens(Event(event))) for event, _ in steps
    ]


@pytest.mark.parametrize("name", PLAYS)
def test_as_the_rfc_has_it(name: str) -> None:
    assert played(PLAYS[name]) == list(PLAYS[name][1])


def _mutants(
    key: tuple[Machine, State, Event],
) -> list[dict[tuple[Machine, State, Event], tuple[State, tuple[Do, ...]]]]:
    """Tables with this transition left out, with one command less, and with another state after it."""
    after, does = TABLE[key]
    without = {other: step for other, step in TABLE.items() if other != key}
    found = [{**without, key: (after, does[1:])}] if does else []
    if does or after is not key[1]:
        found.append(without)
    if any(TABLE.get((key[0], after, event)) for event in Event):
        found.append({**without, key: (State.TERMINATED, does)})
    return found


def test_every_row_has_its_play_and_a_mutant_of_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in TABLE:
        for mutant in _mutants(key):
            monkeypatch.setattr(transactions, "TABLE", mutant)
            assert any(played(play) != list(play[1]) for play in PLAYS.values()), (key, mutant.get(key))


def test_timers_are_those_of_the_rfc() -> None:
    def waits(machine: Machine, *does: Do, reliable: bool = False) -> list[float | None]:
        transaction = Transaction(machine, reliable=reliable)
        return [wait.seconds if (wait := transaction.wait(do)) else None for do in does]

    repeated = [Do.REPEAT] * 7
    assert waits(Machine.INVITE_CLIENT, *repeated) == [0.5, 1, 2, 4, 8, 16, 32]  # A
    assert waits(Machine.CLIENT, *[Do.REPEAT_T2] * 5) == [0.5, 1, 2, 4, 4]  # E, G
    assert waits(Machine.INVITE_CLIENT, Do.REPEAT, Do.REPEAT_T2, reliable=True) == [None, None]
    assert waits(Machine.INVITE_CLIENT, Do.WAIT, Do.KEEP, Do.KEEP_ACCEPTED) == [32, 32, 32]  # B, D, M
    assert waits(Machine.CLIENT, Do.KEEP_T4) == [5]  # K
    assert waits(Machine.SERVER, Do.KEEP, Do.KEEP_T4, reliable=True) == [0, 0]  # J, I
    assert waits(Machine.INVITE_SERVER, Do.WAIT, Do.KEEP_ACCEPTED, reliable=True) == [32, 32]  # H, L
    assert (T1, T2, T4, LONG) == (0.5, 4, 5, 32)
    assert all(row.section for row in ROWS)


class Peer:
    """A transaction on a clock of the test's, and what its user is told."""

    def __init__(self, world: World, machine: Machine, *, reliable: bool) -> None:
        self.world = world
        self.transaction = Transaction(machine, reliable=reliable)
        self.timers: dict[Timer, int] = {}
        self.told: list[str] = []
        self.sent = 0
        self.gone = False
        self.other: Peer | None = None
        self.says = "request"
        """What it sends."""

    def follow(self, does: tuple[Do, ...], heard: str = "") -> None:
        for do in does:
            assert not self.gone, f"{do} after its end"
            if do is Do.SEND:
                self.sent += 1
                if self.says:  # of an answer that there is not yet, nothing is sent again
                    self.world.send(self.other, self.says)
            elif do is Do.ACK:
                self.world.send(self.other, "ACK")
            elif do is Do.TELL:
                self.told.append(heard)
            elif do is Do.TELL_LATE:
                self.told.append("nothing")
            elif do is Do.STILL:
                self.timers.clear()
            elif do is Do.FORGET:
                self.gone = True
                self.timers.clear()
            if wait := self.transaction.wait(do):
                self.timers[wait.timer] = self.world.at(wait.seconds, self, wait.timer, wait.event)

    def happens(self, event: Event, heard: str = "") -> None:
        if not self.gone:
            self.follow(self.transaction.happens(event), heard)


class World:
    """A line between two peers, and the clock of both."""

    def __init__(self, machine: Machine, seed: int, *, loss: float, doubled: float, reliable: bool) -> None:
        invites = machine is Machine.INVITE_CLIENT
        self.random, self.now, self.loss, self.doubled = Random(seed), 0.0, loss, doubled
        self.reliable = reliable
        self.queue: list[tuple[float, int, tuple[object, ...]]] = []
        self.numbers = count()
        self.client = Peer(self, machine, reliable=reliable)
        self.server = Peer(self, Machine.INVITE_SERVER if invites else Machine.SERVER, reliable=reliable)
        self.client.other, self.server.other, self.server.says = self.server, self.client, ""
        self.invites, self.answers = (
            invites,
            self.random.choice([[200], [486], [180, 200], [180, 486], [180, 180, 200]]),
        )
        if not invites:
            self.answers = self.answers[-1:]
        self.begun = False

    def at(self, seconds: float, *what: object) -> int:
        number = next(self.numbers)
        heapq.heappush(self.queue, (self.now + seconds, number, what))
        return number

    def send(self, to: Peer | None, what: str) -> None:
        arrives = self.reliable or self.random.random() >= self.loss
        copies = arrives + (arrives and not self.reliable and self.random.random() < self.doubled)
        for _ in range(copies):
            self.at(0.001 if self.reliable else self.random.random(), "arrives", to, what)

    def arrives(self, at: Peer, what: str) -> None:
        if at is self.client:
            at.happens(transactions.event_of(int(what)), what)
        elif what == "request" and not self.begun:
            self.begun = True
            at.follow(at.transaction.begins())
            for number, code in enumerate(self.answers):
                self.at(0.1 + number * self.random.choice([0.1, 1.0, 40.0 if self.invites else 1.0]), "answers", code)
        elif self.begun:
            at.happens(Event.ACK if what == "ACK" else Event.AGAIN)

    def run(self) -> None:
        self.client.follow(self.client.transaction.begins())
        for _ in range(10_000):
            if not self.queue and self.client.transaction.state is State.PROCEEDING:
                self.client.happens(Event.SILENCED)  # its call waits no longer (16.6, timer C)
            if not self.queue:
                return
            self.now, number, what = heapq.heappop(self.queue)
            if what[0] == "arrives":
                self.arrives(*what[1:])  # type: ignore[arg-type]
            elif what[0] == "answers" and not self.server.gone:
                self.server.says = str(what[1])
                self.server.happens(transactions.event_of(what[1]))  # type: ignore[arg-type]
            elif isinstance(what[0], Peer) and what[0].timers.get(what[1]) == number:  # type: ignore[call-overload]
                del what[0].timers[what[1]]  # type: ignore[arg-type]
                what[0].happens(what[2])  # type: ignore[arg-type]
        raise AssertionError("it does not come to an end")


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([Machine.INVITE_CLIENT, Machine.CLIENT]), st.integers(), st.sampled_from([0.0, 0.2, 0.6, 1.0]),
    st.sampled_from([0.0, 0.5]), st.booleans(),
)  # fmt: skip
def test_two_peers_over_a_line_that_loses_doubles_and_reorders(
    machine: Machine, seed: int, loss: float, doubled: float, reliable: bool
) -> None:
    """Both come to an end, nobody is told two ends, and what cannot be lost is told."""
    world = World(machine, seed, loss=loss, doubled=doubled, reliable=reliable)
    world.run()
    client, server = world.client, world.server
    finals = [told for told in client.told if told == "nothing" or int(told) >= 200]
    assert client.gone and not client.timers
    assert server.gone == (world.begun) and not server.timers
    assert len(set(finals)) == 1, client.told
    assert len(finals) == 1 or finals[0] == "200"  # each 2xx is told, for each wants its ACK
    if reliable or not loss:
        assert finals[0] == str(world.answers[-1])
    if loss == 1.0 and not reliable:
        assert finals == ["nothing"]
        assert client.sent == (7 if machine is Machine.INVITE_CLIENT else 11)
    if reliable:
        assert client.sent == 1
    assert all(key in TABLE or key[0] in FIRST for key in TABLE)
