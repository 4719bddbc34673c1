"""A prompt on its way to the callee, and the pips that tell the caller of it. Everything here runs on the line thread.

A prompt is over when RTPProxy has sent on to the callee every packet of it, which is asked once its length has passed.
It waits while the callee is on hold, and begins anew when they are back: nobody has been told what they did not hear.

What plays a prompt to a party: a session of its own, speaking to the party's inner leg. On the worker's thread.

Making one takes two rounds of commands and four sockets. One that has played its prompt to the end sends nothing any
more and is kept for the next prompt; one that was cut off is deleted, which is what stops it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gate import ports
from gate.media.party import INNER, Party, Session, made
from gate.media.prompts import PIP_SECONDS
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


PACKET_SECONDS, SHORT_SECONDS = 0.02, 0.01
"""How long a packet of a prompt lasts (RFC 3551 section 4.2), and to a phone that takes no longer ones."""
_AGAIN, _TRIES = 0.02, 50
"""A prompt's last packet leaves before its length has passed. How soon, and how often, they are counted again where
some are missing."""
_ANSWERS_WITHIN = 5.0
"""RTPProxy answers in a millisecond; later than this it does not."""
_LOOK_EVERY = 1.0
_MOST_HOLDS = 5
"""How often it begins anew for a callee who holds again and again."""
_PIP_EVERY = 2.0
_CUE_BEFORE_END = 0.40
"""Seconds from the beginning of the caller's cue to the prompt's end."""

Run = Callable[[Job[Any], Callable[[Any], None] | None], None]
"""Has a job of this call done by the worker, and tells its result on the line thread; None where it could not be
done."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is played."""

    path: str
    """Without the payload type's suffix, in a form that fits a command."""
    payload_type: int
    seconds: float
    pips: str = ""
    """The folder of the caller's pips, likewise; empty: the caller hears none."""
    short: bool = False
    """In short packets."""

    @property
    def packets(self) -> int:
        """How many packets it is sent in."""
        return int(self.seconds / (SHORT_SECONDS if self.short else PACKET_SECONDS) + 1e-6)


class Playing:
    """One prompt, from its start to ``done``, which comes once."""

    def __init__(
        self,
        run: Run,
        loop: ports.Loop,
        players: Players,
        caller: Party,
        callee: Party,
        prompt: Prompt,
        done: Callable[[ports.Played], None],
        *,
        patience: float,
        told: Callable[[], bool],
    ) -> None:
        """``patience``: seconds for which it waits for a callee on hold. ``told``: True where what is sent to the
        callee goes to the address of its SDP."""
        self._run, self._loop, self._players = run, loop, players
        self._caller, self._callee = caller, callee
        self._prompt, self._done = prompt, done
        self._patience, self._told = patience, told
        self._over = False
        self._held = False
        self._holds = 0
        self._number = 0
        """Counts beginnings: what belongs to an earlier one finds another number and does nothing."""
        self._voice: Voice | None = None
        self._before = self._packets = 0
        self._as_told = True
        self._timers: list[ports.Timer] = []

    def start(self, *, hears: bool) -> None:
        """Begin; with a callee on hold, wait."""
        if hears:
            self._begin()
        else:
            self.hold()

    def hold(self) -> None:
        """The callee takes no audio: what was played so far does not count."""
        if self._over or self._held:
            return
        self._held = True
        self._holds += 1
        self._silence()
        self._packets = 0
        patience = self._patience if self._holds <= _MOST_HOLDS else 0.0
        self._after(patience, lambda: self.end(cause="callee_on_hold"))

    def resume(self) -> None:
        """The callee takes audio again."""
        if self._held and not self._over:
            self._held = False
            self._begin()

    def end(self, *, completed: bool = False, cause: str = "stopped") -> None:
        """Stop it where it plays, and tell."""
        if self._over:
            return
        self._over = True
        self._silence(whole=completed)
        self._done(
            ports.Played(
                completed=completed,
                packets=self._packets,
                whole=self._prompt.packets,
                as_told=self._as_told and self._told(),
                holds=self._holds,
                cause="" if completed else cause,
            )
        )

    # --- inside -----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._silence()
        number, prompt = self._number, self._prompt
        voice = self._voice = Voice(self._players)

        def begun(before: int | None) -> None:
            if self._number != number:
                return
            if before is None:
                self.end(cause="media_failed")
                return
            self._before, self._as_told = before, self._told()
            self._after(prompt.seconds, lambda: self._count(_TRIES))
            self._after(_LOOK_EVERY, self._look)

        self._after(prompt.seconds + _ANSWERS_WITHIN, lambda: self.end(cause="media_failed"))
        self._run(voice.play(self._callee, prompt.path, prompt.payload_type, short=prompt.short), begun)
        if prompt.pips:
            self._pip_at(_PIP_EVERY / 2)
            self._after(max(0.0, prompt.seconds - _CUE_BEFORE_END), lambda: self._pip("cue"))

    def _counted(self, then: Callable[[], None]) -> None:
        """Count what has been sent on to the callee, then go on."""
        number = self._number

        def counted(now: tuple[int, int] | None) -> None:
            if self._number == number:
                self._packets = max(self._packets, (now[1] if now else 0) - self._before)
                then()

        self._run(self._callee.counts(), counted)

    def _look(self) -> None:
        """So that it is known of a prompt that is cut off how much of it was sent."""
        self._counted(lambda: self._after(_LOOK_EVERY, self._look))

    def _count(self, tries: int) -> None:
        def counted() -> None:
            if self._packets >= self._prompt.packets:
                self.end(completed=True)
            elif tries:
                self._after(_AGAIN, lambda: self._count(tries - 1))
            else:
                self.end(cause="media_failed")

        self._counted(counted)

    def _pip_at(self, seconds: float) -> None:
        if seconds >= self._prompt.seconds - _CUE_BEFORE_END - PIP_SECONDS:
            return
        self._after(seconds, lambda: self._pip("progress"))
        self._pip_at(seconds + _PIP_EVERY)

    def _pip(self, name: str) -> None:
        path = f"{self._prompt.pips}/{name}"
        self._run(asked(self._caller.play("o", path, self._prompt.payload_type)), None)

    def _after(self, seconds: float, step: Callable[[], None]) -> None:
        self._timers.append(self._loop.after(seconds, step))

    def _silence(self, *, whole: bool = False) -> None:
        """Nothing of it sounds from here on, and no timer of it runs. ``whole``: all of it has been sent."""
        self._number += 1
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        voice, self._voice = self._voice, None
        if voice is None:
            return

        def job() -> Job[None]:
            yield from voice.end(whole=whole)
            self._callee.hear(self._caller.inner)

        self._run(job(), None)
