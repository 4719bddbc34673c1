"""A party of a call at the relay: an RTPProxy session of its own. Everything here runs on the worker's thread.

Two sessions carry a call, one for each party::

    caller ◀──▶ outer [ caller's session ] inner ── loopback ── inner [ callee's session ] outer ◀──▶ callee

Each direction is closed by default: an inner leg sends to port 0, which is nowhere. It is opened by naming the other
inner leg's port. What a party sends is copied to its tap where it arrives, so both taps hear in every state. A prompt
to the callee is played by a third session (``Voice``) into the callee's inner leg: so what has been sent on to the
callee is counted by RTPProxy, packet by packet.

Facts of RTPProxy that shape this file (each has its test):

- Its first update makes one leg's port and knows the other's peer; its second makes the other port, after which packets
  are taken: a leg without a peer takes whoever comes first, and keeps it against later updates. Hence ``Sieve``, put
  before each port can take anything.
- ``A``: the peer is the told address, whatever its source port, and audio goes to the told port, which a later update
  moves at once. Without it the first packet names the port that audio is taken from and goes to, for good.
- While a prompt plays to a leg, what would otherwise be sent there is dropped, before it is copied.
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex

from gate.errors import MediaError
from gate.media.sieve import Sieve, lowest_free

INNER = "127.0.0.1"
"""Where the two sessions of a call meet."""
Ask = Callable[[str], str | None]
"""A command to RTPProxy and its answer; None where it is gone."""


class _Session:
    """Two legs: *o* faces outwards, *i* inwards."""

    def __init__(self) -> None:
        self.name = token_hex(16)
        self.made = False

    def _ask(self, ask: Ask, command: str) -> list[str]:
        reply = (ask(command) or "").split()
        if not reply or reply[0].startswith("E"):
            raise MediaError(f"RTPProxy answers {' '.join(reply) or 'nothing'} to {command.split()[0]}")
        return reply

    def _make(self, ask: Ask, outer: str, towards: int) -> tuple[int, Sieve, int]:
        """Make both legs: the outer one bound to ``outer`` and shut, the inner one sending to the port ``towards``.
        What comes to the inner one goes nowhere as long as the outer one has no peer."""
        self.made = True
        lowest = lowest_free()
        port = int(self._ask(ask, f"UA{_at(outer)} {self.name} {INNER} {towards} i")[0])
        sieve = Sieve(outer, port, lowest)
        sieve.shut()
        return port, sieve, int(self._ask(ask, f"U{_at(INNER)} {self.name} 0.0.0.0 0 o i")[0])

    def play(self, ask: Ask, leg: str, prompt: str, payload_type: int) -> None:
        """Play a prompt once to the peer of a leg."""
        self._ask(ask, f"P1 {self.name} {prompt} {payload_type} {leg} {'i' if leg == 'o' else 'o'}")

    def delete(self, ask: Ask) -> None:
        """Free it; harmless where there is none."""
        if self.made:
            ask(f"D {self.name} o i")
            self.made = False


class Party(_Session):
    """The session of the caller or the callee."""

    def __init__(self, bound: str) -> None:
        """``bound``: the gate's own address towards this party."""
        super().__init__()
        self.bound = bound
        self.port = self.inner = 0
        self.copied = False
        self._faced = "", 0, 0

    def make(self, ask: Ask) -> None:
        """Make its ports; nothing passes yet."""
        lowest = lowest_free()
        self.port, self._outer, self.inner = self._make(ask, self.bound, 0)
        self._within = Sieve(INNER, self.inner, lowest)

    def face(self, ask: Ask, address: str, port: int, *, learns: bool = False) -> None:
        """Take audio from this address and port alone and send to it; ``learns``: from and to the port that its first
        packet comes from."""
        if self._faced[0]:
            self._outer.shut()
        modifiers = ("" if learns else "A") + ("6" if ":" in address else "")
        self._ask(ask, f"U{modifiers} {self.name} {address} {port} o i")
        if learns:
            self._outer.only(address)
        else:
            self._outer.only(address, port)
        received = self.counts(ask)[0] if self._faced[0] else 0
        self._faced = address, received, self._outer.refused()

    def settle(self, ask: Ask) -> bool:
        """True once it is known where this party sends from. Nearly all send from the port that they are sent to
        (RFC 4961), and that one alone is let in; where nothing has come from it and something from elsewhere, every
        port of the address is."""
        address, received, refused = self._faced
        if self.counts(ask)[0] > received:
            return True
        if self._outer.refused() > refused:
            self._outer.only(address)
            return True
        return False

    def hear(self, *ports: int) -> None:
        """Take from these inner ports what is sent to this party."""
        self._within.only(INNER, *ports)

    def send(self, ask: Ask, port: int) -> None:
        """Send what this party says to an inner port; to nobody where it is 0."""
        self._ask(ask, f"UA {self.name} {INNER} {port} i o")

    def copy(self, ask: Ask, port: int) -> int:
        """Send a copy of what this party says to a port of loopback; returns the port that it comes from. A copy that
        exists is not moved by another command: it is stopped first."""
        if self.copied:
            self._ask(ask, f"N {self.name} o i")
        self.copied = True
        return int(self._ask(ask, f"Cp {self.name} udp:{INNER}:{port} o i")[0])

    def counts(self, ask: Ask) -> tuple[int, int]:
        """RTP packets that came from this party, and from the inner leg for it: these have been sent on to it."""
        fields = self._ask(ask, f"Q {self.name} o i")
        return int(fields[1]), int(fields[2])

    def refused(self) -> int:
        """Packets that came to its outer port from somebody else."""
        return self._outer.refused() if self.made and self.port else 0


class Voice(_Session):
    """What plays a prompt to a party through its inner leg."""

    def make(self, ask: Ask, party: Party) -> int:
        """Make it, speaking to this party; returns the port that it speaks from."""
        return self._make(ask, INNER, party.inner)[2]


def _at(address: str) -> str:
    return f"L[{address}]" if ":" in address else f"L{address}"
