"""A party of a call at the relay: an RTPProxy session of its own. Everything here runs on the worker's thread.

Two sessions carry a call, one for each party::

    caller ◀──▶ outer [ caller's session ] inner ── loopback ── inner [ callee's session ] outer ◀──▶ callee

Each direction is closed by default: an inner leg sends to port 0, which is nowhere. It is opened by naming the other
inner leg's port. What a party sends is copied to its tap where it arrives, so both taps hear in every state. A prompt
to the callee is played by a third session (``playing``) into the callee's inner leg: so what has been sent on to the
callee is counted by RTPProxy, packet by packet.

Facts of RTPProxy that shape this file (each has its test):

- Its first update makes one leg's port and knows the other's peer; its second makes the other port, after which packets
  are taken: a leg without a peer takes whoever comes first, and keeps it against later updates. Hence ``PacketFilter``,
  put before each port can take anything. Where a party's address is known exactly, its inner port is made first: the
  outer one takes that address alone from its first instant on (``A``), and what it takes goes nowhere.
- ``A``: the peer is the told address, whatever its source port, and audio goes to the told port, which a later update
  moves at once. Without it the first packet names the port that audio is taken from and goes to, for good.
- ``A`` stays: a leg that was updated with it once never learns from its first packet again.
- A leg that learns follows the same stream (SSRC, and a sequence number near the last) to another port at once.
- While a prompt plays to a leg, what would otherwise be sent there is dropped, before it is copied.
- A prompt is sent in packets of 10 ms, and in others only as ``session``: in the codec that an update named for the leg
  that it is played to (``c``), in packets as long as another update asked of the other leg (``z``); that one puts what
  comes to the other leg together, too.
- A session that is deleted while a prompt plays in it can lock RTPProxy up for good: the thread that sends prompts may
  be the last to let go of the leg, and then waits for the lock of the list of prompts that it holds itself. A prompt
  that is stopped is off that list before its leg is let go of.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from secrets import token_hex

from gate.media.packet_filter import PacketFilter, next_numbers
from gate.media.worker import Job, Words, asked

INNER = "127.0.0.1"
"""Where the two sessions of a call meet."""

SILENT_SECONDS = 0.5
"""Audio is looked for elsewhere when nothing has come for so long from where it was expected."""
_ENOUGH, _MOST = 2, 64
"""So many packets of RTP from one port are audio; so many are read at most."""
_RTP_HEADER = 12


class Session:
    """Two legs: *o* faces outwards, *i* inwards."""

    inwards = outwards = ""
    """Modifiers of the updates that tell the inner leg's peer, and the outer one's."""

    def __init__(self) -> None:
        self.name = token_hex(16)
        self.made = False
        self.filters: list[PacketFilter] = []
        self._played = ""
        """The legs, as commands name them, that a prompt has been played to; empty: none has."""

    def play(self, leg: str, prompt: str, codec: int | str) -> str:
        """The command that plays a prompt once to the peer of a leg; of one session always the same leg. ``codec``: a
        payload type, or ``session``."""
        self._played = f"{leg} {'i' if leg == 'o' else 'o'}"
        return f"P1 {self.name} {prompt} {codec} {self._played}"

    def delete(self) -> list[str]:
        """The commands that free it, after what it plays is stopped; none where there is nothing."""
        while self.filters:
            self.filters.pop().release()
        made, self.made = self.made, False
        stop = [f"S {self.name} {self._played}"] if self._played else []
        return [*stop, f"D {self.name} o i"] if made else []

    def send(self, port: int) -> str:
        """The command that sends what comes from outside to an inner port; to nobody where it is 0."""
        return f"UA{self.inwards} {self.name} {INNER} {port} i o"

    def count(self) -> str:
        """The command that counts its packets."""
        return f"Q {self.name} o i"


class Party(Session):
    """The session of the caller or the callee."""

    def __init__(self, bound: str) -> None:
        """``bound``: the gate's own address towards this party."""
        super().__init__()
        self.bound = bound
        self.port = self.inner = 0
        self.copied = False
        self._faced = "", 0, 0
        self._received = 0
        """Packets from this party when they were last counted."""
        self._told: tuple[str, int, bool, tuple[str, ...]] = "", 0, False, ()
        """Address, port, ``learns`` and ``beside`` of its last SDP."""
        self.as_told = True
        """What is sent to it goes to the port of its SDP, at the address there or another of this machine's."""
        self._exact, self._moved_to = False, 0
        """Where one port's audio alone is taken; the port that it has moved to since."""
        self._refused = 0
        """When ``astray`` was last asked."""
        self._alive = -1, 0.0
        """So many packets had come from it, first seen then (``time.monotonic``)."""
        self._stand_in: socket.socket | None = None

    def made_with(self, leg: RelayLeg) -> None:
        """Its ports are there; nothing passes yet."""
        self.port, self._outer, self.inner, self._within = leg.port, leg.outer, leg.inner, leg.within

    def face(self, address: str, port: int, *, learns: bool = False, beside: tuple[str, ...] = ()) -> Job[None]:
        """Take audio from this address and port alone and send to it; ``learns``: from and to the port that its first
        packet comes from. ``beside``: other addresses of this machine, which its first packet may come from. What is
        told again moves nothing: a refresh says where audio was to come from at first."""
        before, self._told = self._told, (address, port, learns, beside)
        if self._moved_to and before == self._told:
            return
        self._close_stand_in()
        update = self._update(address, port, learns=learns or bool(beside))
        if self._faced[0]:
            self._outer.shut()
            _, answer = yield from asked(update, self.count())
            self.counted(answer)
        else:
            yield from asked(update)
        self._faces()

    def faces(self, address: str, port: int) -> None:
        """It was made so that audio is taken from, and sent to, this address and port alone."""
        self._told = address, port, False, ()
        self._faces()

    def _faces(self) -> None:
        address, port, learns, beside = self._told
        self._outer.only(address, *([] if learns else [port]), also=beside)
        self._faced = address, self._received, self._outer.refused()
        self._exact, self._moved_to, self._refused = not (learns or beside), 0, self._faced[2]
        self.as_told = not learns

    @property
    def settled(self) -> bool:
        """True where audio has come from where this party is sent to. On any thread."""
        return self._received > self._faced[1]

    @property
    def strayed(self) -> bool:
        """True where something has come from elsewhere: the kernel's count, which costs no command. On any thread."""
        return self._outer.refused() > self._faced[2]

    def settle(self) -> Job[None]:
        """Nearly all send from the port that they are sent to (RFC 4961), and that one alone is let in; where nothing
        has come from it and something from elsewhere, every port of the address is."""
        received, _ = yield from self.counts()
        if received <= self._faced[1]:
            beside = self._told[3]
            self._outer.only(self._faced[0], also=beside)
            self._exact, self.as_told = False, not beside

    def astray(self) -> bool:
        """True where something has come from elsewhere since this was asked last, which may be this party by another
        port (a NAT that binds anew): the kernel's count, which costs no command. On any thread."""
        if not (self._exact and self.made):
            return False
        before, self._refused = self._refused, self._outer.refused()
        return self._refused > before

    def look_around(self) -> Job[bool]:
        """True where nothing has come from it for ``SILENT_SECONDS``, and its whole address is listened to now: call
        ``follow`` soon. To be done after each ``astray``."""
        if not (self._exact and self.made) or self._stand_in is not None:
            return False
        yield from self.counts()
        if time.monotonic() - self._alive[1] < SILENT_SECONDS:
            return False
        self._stand_in = self._outer.stand_in(self._faced[0])
        return True

    def follow(self) -> Job[bool]:
        """Take its audio from, and send to, the port of its address that audio has come from since ``look_around``;
        True where that is another one than before. The port it told stays let in: whoever is there is heard."""
        if self._stand_in is None:
            return False
        sources = _rtp_sources(self._stand_in)
        self._close_stand_in()
        address, named, *_ = self._told
        found = next((port for port in reversed(sources) if sources.count(port) >= _ENOUGH), 0)
        if not found or not {named, self._moved_to}.isdisjoint(sources):
            return False
        yield from asked(self._update(address, found))
        self._outer.only(address, found, named)
        self._moved_to = found
        return True

    def delete(self) -> list[str]:
        """See ``Session.delete``."""
        self._close_stand_in()
        return super().delete()

    def _close_stand_in(self) -> None:
        stand_in, self._stand_in = self._stand_in, None
        if stand_in is not None:
            stand_in.close()

    def _update(self, address: str, port: int, *, learns: bool = False) -> str:
        return f"U{'' if learns else 'A'}{'6' if ':' in address else ''} {self.name} {address} {port} o i"

    def hear(self, *ports: int) -> None:
        """Take from these inner ports what is sent to this party."""
        self._within.only(INNER, *ports)

    def copy(self, port: int) -> list[str]:
        """The commands that send a copy of what this party says to a port of loopback; the last one's answer begins
        with the port that it comes from. A copy that exists is not moved by another command: it is stopped first."""
        stop = [f"N {self.name} o i"] if self.copied else []
        self.copied = True
        return [*stop, f"Cp {self.name} udp:{INNER}:{port} o i"]

    def counts(self) -> Job[tuple[int, int]]:
        """RTP packets that came from this party, and from the inner leg for it: these have been sent on to it."""
        (answer,) = yield from asked(self.count())
        return self.counted(answer)

    def counted(self, answer: Words) -> tuple[int, int]:
        """The answer to ``count``, read as ``counts``."""
        self._received = int(answer[1])
        if self._received != self._alive[0]:
            self._alive = self._received, time.monotonic()
        return self._received, int(answer[2])

    def refused(self) -> int:
        """Packets that came to its outer port from somebody else."""
        return self._outer.refused() if self.made and self.port else 0


def _rtp_sources(stand_in: socket.socket) -> list[int]:
    """The source ports of the RTP packets (RFC 3550 section 5.1) that wait in a socket, in their order."""
    sources = []
    for _ in range(_MOST):
        try:
            packet, source = stand_in.recvfrom(_RTP_HEADER)
        except OSError:
            break
        if len(packet) == _RTP_HEADER and packet[0] >> 6 == 2:
            sources.append(int(source[1]))
    return sources


@dataclass(frozen=True, slots=True)
class RelayLeg:
    """What making a session gave: the outer port and the inner one, each with its filter."""

    port: int
    outer: PacketFilter
    inner: int
    within: PacketFilter


def make(*parties: Party, faced: tuple[str, int] | None = None) -> Job[None]:
    """Make the sessions of a call, or none; each inner leg takes from the other one alone. ``faced``: the IPv4 address
    and port that the first of them takes audio from and sends it to; without, it has to ``face`` them."""
    try:
        legs = yield from made(*((party, party.bound, 0) for party in parties), faced=faced)
        for party, leg in zip(parties, legs, strict=True):
            party.made_with(leg)
        if faced is not None:
            parties[0].faces(*faced)
    except Exception:
        yield [command for party in parties for command in party.delete()]
        raise
    for party, other in zip(parties, reversed(parties), strict=True):
        party.hear(other.inner)


def made(*wanted: tuple[Session, str, int], faced: tuple[str, int] | None = None) -> Job[list[RelayLeg]]:
    """Make both legs of each session: the outer one bound to an address and shut, the inner one sending to a port. What
    comes to the inner one goes nowhere as long as the outer one has no peer. ``faced``: the outer peer of the first of
    them, whose inner leg is the one that is shut."""
    exact = [faced is not None and place == 0 for place in range(len(wanted))]
    for session, _, _ in wanted:
        session.made = True
    commands: list[str] = []
    for (session, bound, towards), known in zip(wanted, exact, strict=True):
        outer = f"UA{session.inwards}{_at(bound)} {session.name} {INNER} {towards} i"
        commands.append(f"UA{_at(INNER)} {session.name} {faced[0]} {faced[1]} o" if known and faced else outer)
    likely = next_numbers()
    first = yield from asked(*commands)
    filters: list[PacketFilter] = []
    for (session, bound, _), known, words in zip(wanted, exact, first, strict=True):
        filters.append(PacketFilter(INNER if known else bound, int(words[0]), likely))
        session.filters.append(filters[-1])
        filters[-1].shut()
        filters[-1].drain()
    commands = []
    for (session, bound, towards), known in zip(wanted, exact, strict=True):
        inner = f"U{session.outwards}{_at(INNER)} {session.name} 0.0.0.0 0 o i"
        commands.append(f"UA{_at(bound)} {session.name} {INNER} {towards} i o" if known else inner)
    likely = next_numbers()
    second = yield from asked(*commands)
    legs = []
    for (session, bound, _), known, one, words in zip(wanted, exact, filters, second, strict=True):
        port = int(words[0])
        other = PacketFilter(bound if known else INNER, port, likely)
        session.filters.append(other)
        legs.append(RelayLeg(port, other, one.port, one) if known else RelayLeg(one.port, one, port, other))
    return legs


def _at(address: str) -> str:
    return f"L[{address}]" if ":" in address else f"L{address}"
