"""Both ends of one call at a real gate, each with a tone of its own: what each hears of the other, span by span.

Whose packets are heard is known by their SSRC, and checked by their tone: nothing that sounds like the other party may
be in a span that is closed.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gate import g711
from tests.media.line_process import ports_of
from tests.support.audio import Heard, Party, share
from tests.support.running_gate import RunningGate
from tests.support.sip_peer import Callee, Phone, sdp
from tests.support.waiting import PATIENCE

AGENT, CUSTOMER = 1000.0, 600.0
"""What they speak, in Hz."""
SETTLED = 0.08
"""Seconds after a change in which packets may still be on their way."""


def ssrc(party: Party) -> int:
    """Of what a party sends."""
    return 0x1234 + party.port


@dataclass
class Span:
    """What the two heard of each other in a stretch of the call."""

    callee_heard: list[Heard]
    caller_heard: list[Heard]
    of_prompts: list[Heard]
    """What the callee heard that was nobody's."""
    of_pips: list[Heard]
    """What the caller heard that was nobody's."""

    @property
    def leaked(self) -> tuple[int, int]:
        """Packets of the caller at the callee, and of the callee at the caller."""
        return len(self.callee_heard), len(self.caller_heard)


class Ends:
    """One call: ``agent`` and ``customer`` are the audio, ``phone`` and ``trunk`` the SIP."""

    def __init__(self, gate: RunningGate, phone: Phone, trunk: Callee, agent: Party, customer: Party) -> None:
        self.gate, self.phone, self.trunk, self.agent, self.customer = gate, phone, trunk, agent, customer

    def dial(self, number: str) -> None:
        """The INVITE goes through; the callee speaks from the moment at which it knows where to."""
        self.phone.dial(number, body=sdp(self.agent.port))
        self.trunk.invite = self.trunk.recv(PATIENCE, only="INVITE")
        self.trunk.tag = f"r{time.monotonic_ns():x}"
        self.trunk.gate = (self.trunk.last_from[0], self.trunk.last_from[1])
        self.customer.talk_to(ports_of(self.trunk.invite.body))

    def ring(self, *, early: bool) -> None:
        """180, or 183 with the callee's SDP."""
        self.trunk.say(183 if early else 180, "Ringing", body=sdp(self.customer.port) if early else "")

    def pick_up(self) -> None:
        """200; the ACK is waited for."""
        self.trunk.pick_up(sdp(self.customer.port))

    def listen_to(self, code: int) -> None:
        """The caller speaks as soon as an answer of this code has told it where to."""
        heard = self.phone.recv(PATIENCE, only=str(code))
        self.agent.talk_to(ports_of(heard.body))
        if code == 200:
            self.phone.ack(heard)

    def state(self) -> str:
        """Where the gate says that the call is; empty where it has none."""
        calls: list[dict[str, Any]] = self.gate.client.call("status")["calls"]
        return str(calls[0]["state"]) if calls else ""

    def reaches(self, state: str, seconds: float = PATIENCE) -> None:
        """Wait until the call is there."""
        self.gate.wait(lambda: self.state() == state, seconds, f"the call is not {state}")

    @contextmanager
    def span(self) -> Iterator[Callable[[], Span]]:
        """What is heard from now until the end of the ``with``, without what was on its way when it began; so far,
        where it is asked for inside."""
        time.sleep(SETTLED)
        began = time.monotonic()
        ended = math.inf

        def of() -> Span:
            mine = [packet for packet in list(self.customer.heard) if began <= packet.at <= ended]
            theirs = [packet for packet in list(self.agent.heard) if began <= packet.at <= ended]
            return Span(
                [packet for packet in mine if packet.ssrc == ssrc(self.agent)],
                [packet for packet in theirs if packet.ssrc == ssrc(self.customer)],
                [packet for packet in mine if packet.ssrc != ssrc(self.agent)],
                [packet for packet in theirs if packet.ssrc != ssrc(self.customer)],
            )

        yield of
        ended = time.monotonic()

    def announced(self) -> dict[str, Any]:
        """The body of the call's ``announced`` fact."""
        (row,) = self.gate.rows("SELECT body FROM facts WHERE kind = 'announced' ORDER BY leaf_index DESC LIMIT 1")
        return dict(json.loads(row["body"]))


def sounds_like(packets: list[Heard], hertz: float) -> bool:
    """True where µ-law packets are a tone of this frequency."""
    sound = g711.ulaw_decode(b"".join(packet.payload for packet in packets))
    return share(sound, hertz) > 0.9


@contextmanager
def both_ends(gate: RunningGate) -> Iterator[Ends]:
    """A phone (as the PBX on 127.0.0.1) and the carrier of a running gate."""
    with (
        Phone(gate.address) as phone,
        Callee(port=gate.trunk_port) as trunk,
        Party(AGENT) as agent,
        Party(CUSTOMER) as customer,
    ):
        yield Ends(gate, phone, trunk, agent, customer)


def prepared(folder: Path, announcement: float = 2.0) -> RunningGate:
    """A gate with a PBX that may call one number again and again."""
    gate = RunningGate(folder, announcement=announcement)
    gate.add_pbx()
    gate.set("calling", redial_hours=0)
    return gate
