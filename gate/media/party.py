"""A party of a call at the relay: an RTPProxy session of its own. Everything here runs on the worker's thread.

Two sessions carry a call, one for each party::

    caller ◀──▶ outer [ caller's session ] inner ── loopback ── inner [ callee's session ] outer ◀──▶ callee

Each direction is closed by default: an inner leg sends to port 0, which is nowhere. It is opened by naming the other
inner leg's port. What a party sends is copied to its tap where it arrives, so both taps hear in every state. A prompt
to the callee is played by a third session (``Voice``) into the callee's inner leg: so what has been sent on to the
callee is counted by RTPProxy, packet by packet.

Facts of RTPProxy that shape this file (each has its test):

- Its first update makes one leg's port and knows the other's peer; its second makes the other port, after which packets
  are taken: a leg without a peer takes whoever comes first, and keeps it against later updates. Hence ``PacketFilter``,
  put before each port can take anything.
- ``A``: the peer is the told address, whatever its source port, and audio goes to the told port, which a later update
  moves at once. Without it the first packet names the port that audio is taken from and goes to, for good.
- While a prompt plays to a leg, what would otherwise be sent there is dropped, before it is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from secrets import token_hex

from gate.errors import MediaError
from gate.media.packet_filter import PacketFilter, next_numbers

INNER = "127.0.0.1"
"""Where the two sessions of a call meet."""
Ask = Callable[[str], str | None]
"""A command to RTPProxy and its answer; None where it is gone."""


def asked(ask: Ask, *commands: str) -> list[list[str]]:
    """The words of each answer. Raises ``MediaError`` where there is none, or a fault."""
    replies = (ask("\n".join(commands)) or "").split("\n")
    words = [reply.split() for reply in replies]
    for command, reply in zip_longest(commands, words, fillvalue=""):
        if not command or not reply or reply[0].startswith("E"):
            raise MediaError(f"RTPProxy answers {' '.join(reply) or 'nothing'} to {command.split(' ')[0]}")
    return words


class _Session:
    """Two legs: *o* faces outwards, *i* inwards."""

    def __init__(self) -> None:
        self.name = token_hex(16)
        self.made = False

    def play(self, ask: Ask, leg: str, prompt: str, payload_type: int) -> None:
        """Play a prompt once to the peer of a leg."""
        asked(ask, f"P1 {self.name} {prompt} {payload_type} {leg} {'i' if leg == 'o' else 'o'}")

    def delete(self, ask: Ask) -> None:
        """Free it; harmless where there is none."""
        if self.made:
            ask(f"D {self.name} o i")
            self.made = False

    def count(self) -> str:
        """The command that counts its packets."""
        return f"Q {self.name} o i"


class Party(_Session):
    """The session of the caller or the callee."""

    def __init__(self, bound: str) -> None:
        """``bound``: the gate's own address towards this party."""
        super().__init__()
        self.bound = bound
        self.port = self.inner = 0
        self.copied = False
        self._faced = "", 0, 0
        self._received = 0
        """From this party, when that was last asked for."""

    def made_with(self, leg: Leg) -> None:
        """Its ports are there; nothing passes yet."""
        self.port, self._outer, self.inner = leg.port, leg.outer, leg.inner
        self._within = PacketFilter(INNER, self.inner, leg.likely)

    def face(self, ask: Ask, address: str, port: int, *, learns: bool = False) -> None:
        """Take audio from this address and port alone and send to it; ``learns``: from and to the port that its first
        packet comes from."""
        if self._faced[0]:
            self._outer.shut()
        modifiers = ("" if learns else "A") + ("6" if ":" in address else "")
        asked(ask, f"U{modifiers} {self.name} {address} {port} o i")
        if learns:
            self._outer.only(address)
        else:
            self._outer.only(address, port)
        if self._faced[0]:
            self.counts(ask)
        self._faced = address, self._received, self._outer.refused()

    def settle(self, ask: Ask) -> bool:
        """True once it is known where this party sends from. Nearly all send from the port that they are sent to
        (RFC 4961), and that one alone is let in; where nothing has come from it and something from elsewhere, every
        port of the address is."""
        address, received, refused = self._faced
        if self._received > received:
            return True
        if self._outer.refused() <= refused:  # the kernel's count, which costs no question to RTPProxy
            return False
        if self.counts(ask)[0] <= received:
            self._outer.only(address)
        return True

    def hear(self, *ports: int) -> None:
        """Take from these inner ports what is sent to this party."""
        self._within.only(INNER, *ports)

    def send(self, port: int) -> str:
        """The command that sends what this party says to an inner port; to nobody where it is 0."""
        return f"UA {self.name} {INNER} {port} i o"

    def copy(self, port: int) -> list[str]:
        """The commands that send a copy of what this party says to a port of loopback; the last one's answer begins
        with the port that it comes from. A copy that exists is not moved by another command: it is stopped first."""
        stop = [f"N {self.name} o i"] if self.copied else []
        self.copied = True
        return [*stop, f"Cp {self.name} udp:{INNER}:{port} o i"]

    def counts(self, ask: Ask) -> tuple[int, int]:
        """RTP packets that came from this party, and from the inner leg for it: these have been sent on to it."""
        return self.counted(asked(ask, self.count())[0])

    def counted(self, reply: Sequence[str]) -> tuple[int, int]:
        """The answer to ``count``, read as ``counts``."""
        self._received = int(reply[1])
        return self._received, int(reply[2])

    def refused(self) -> int:
        """Packets that came to its outer port from somebody else."""
        return self._outer.refused() if self.made and self.port else 0


class Voice(_Session):
    """What plays a prompt to a party through its inner leg."""

    def make(self, ask: Ask, party: Party) -> int:
        """Make it, speaking to this party; returns the port that it speaks from."""
        return _made(ask, (self, INNER, party.inner))[0].inner


@dataclass(frozen=True, slots=True)
class Leg:
    """What making a session gave: the outer port and its filter, the inner port, and where its socket may be found."""

    port: int
    outer: PacketFilter
    inner: int
    likely: list[int]


def make(ask: Ask, *parties: Party) -> None:
    """Make the sessions of a call, or none; each inner leg takes from the other one alone."""
    try:
        for party, leg in zip(parties, _made(ask, *((party, party.bound, 0) for party in parties)), strict=True):
            party.made_with(leg)
    except Exception:
        for party in parties:
            party.delete(ask)
        raise
    for party, other in zip(parties, reversed(parties), strict=True):
        party.hear(other.inner)


def _made(ask: Ask, *wanted: tuple[_Session, str, int]) -> list[Leg]:
    """Make both legs of each session: the outer one bound to an address and shut, the inner one sending to a port. What
    comes to the inner one goes nowhere as long as the outer one has no peer."""
    for session, _, _ in wanted:
        session.made = True
    likely = next_numbers()
    outer = asked(ask, *(f"UA{_at(bound)} {each.name} {INNER} {towards} i" for each, bound, towards in wanted))
    filters = [PacketFilter(bound, int(words[0]), likely) for (_, bound, _), words in zip(wanted, outer, strict=True)]
    for packet_filter in filters:
        packet_filter.shut()
    likely = next_numbers()
    inner = asked(ask, *(f"U{_at(INNER)} {each.name} 0.0.0.0 0 o i" for each, _, _ in wanted))
    return [
        Leg(int(first[0]), packet_filter, int(second[0]), likely)
        for first, packet_filter, second in zip(outer, filters, inner, strict=True)
    ]


def _at(address: str) -> str:
    return f"L[{address}]" if ":" in address else f"L{address}"
