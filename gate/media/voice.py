"""What plays a prompt to a party: a session of its own, speaking to the party's inner leg. On the worker's thread.

Making one takes two rounds of commands and four sockets. One that has played its prompt to the end sends nothing any
more and is kept for the next prompt; one that was cut off is deleted, which is what stops it.
"""

from __future__ import annotations

import time

from gate.media.party import INNER, Party, Session, made
from gate.media.worker import Job, asked

_IDLE_SECONDS = 30.0
"""How long one is kept."""


class _Player(Session):
    """One whose outer leg takes nothing and whose inner leg speaks."""

    outwards = "z20"
    inner = 0
    idle_since = 0.0

    def speak(self, payload_type: int) -> None:
        """Prompts that it plays are of this codec."""
        self.inwards = f"c{payload_type}"


class Players:
    """Those that are kept; the one idle longest comes first."""

    def __init__(self) -> None:
        self._idle: list[_Player] = []

    def take(self) -> _Player | None:
        """One that is still good."""
        if self._idle and self._idle[-1].idle_since > time.monotonic() - _IDLE_SECONDS:
            return self._idle.pop()
        return None

    def put(self, player: _Player) -> None:
        """One that sends nothing."""
        player.idle_since = time.monotonic()
        self._idle.append(player)

    def old(self) -> list[_Player]:
        """Those that are kept no longer."""
        count = sum(player.idle_since <= time.monotonic() - _IDLE_SECONDS for player in self._idle)
        old, self._idle[:count] = self._idle[:count], []
        return old


class Voice:
    """One prompt to a party."""

    def __init__(self, players: Players) -> None:
        self._players = players
        self._player: _Player | None = None

    def play(self, party: Party, prompt: str, payload_type: int, *, short: bool) -> Job[int]:
        """Begin, in packets of 20 ms, of 10 where it is to be ``short`` ones; returns how many packets had been sent on
        to the party before."""
        player = self._player = self._players.take() or _Player()
        player.speak(payload_type)
        turn = [player.send(party.inner)] if player.made else []
        if not player.made:
            (leg,) = yield from made((player, INNER, party.inner))
            player.inner = leg.inner
        party.hear(player.inner)
        answers = yield from asked(*turn, party.count(), player.play("i", prompt, payload_type if short else "session"))
        return party.counted(answers[-2])[1]

    def end(self, *, whole: bool) -> Job[None]:
        """Nothing of it sounds from here on. ``whole``: all of it has been sent."""
        player, self._player = self._player, None
        if player is None:
            return
        if whole:
            self._players.put(player)
        gone = [*self._players.old(), *([] if whole else [player])]
        yield [command for each in gone for command in each.delete()]
