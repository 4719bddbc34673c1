"""What the relay knows of one call and of its two parties, and whose party it has borrowed. Line thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gate.media import sdp
from gate.media.addresses import Addresses, Facing
from gate.media.party import Party
from gate.media.playing import Playing
from gate.media.proxy import Proxy
from gate.media.worker import Job, asked


@dataclass(slots=True)
class Side:
    """One party, as the line knows it."""

    party: Party
    facing: Facing
    audio: sdp.Audio | None = None
    learns: bool = False
    """Its audio is taken from where it signals from, and sent to where that comes from: its SDP is a NAT's inside."""
    origin: Any = None
    """The gate's own ``o=`` line in what this side's bodies become, and the endpoint's last one."""
    told: Any = None


Sources = tuple[int, int]
"""Ports of loopback that copies come from, of the caller's and of the callee's; 0: none yet."""


@dataclass(slots=True, eq=False)
class RelayedCall:
    """One call's sessions and what runs for it."""

    signalled: str
    phone: bool
    sides: dict[str, Side] = field(default_factory=dict)
    playing: Playing | None = None
    played_to: str = "callee"
    rung: tuple[str, bool] = "", False
    """Of a call in: where the phone that is rung signals from, and whether it is a phone's own."""
    refused: int = 0
    lender: RelayedCall | None = None
    """Of a transfer: the call whose callee is the caller of this one, once they are joined. Until then that party is
    the lender's, and nothing is changed of it."""
    taps: tuple[int, int] | None = None
    """Where both directions are copied to."""
    tapped: Callable[[Sources | None], None] | None = None
    """Who is told where a borrowed caller's copy comes from."""

    @property
    def parties(self) -> tuple[Party, Party] | None:
        """Caller and callee, once either has told its SDP."""
        if len(self.sides) < 2:
            return None
        return self.sides["caller"].party, self.sides["callee"].party

    @property
    def own(self) -> list[Side]:
        """The sides whose parties go with this call."""
        return [side for name, side in self.sides.items() if not (self.lender and name == "caller")]

    def borrow(self, lender: RelayedCall, facing: Facing) -> bool:
        """Make it a transfer of ``lender``: its callee will be this call's caller; somebody new, at ``facing``, the
        callee. False where the lender has no callee to lend."""
        if len(lender.sides) < 2 or lender.lender is not None:
            return False
        before = lender.sides["caller"]
        self.lender = lender
        # What the borrowed party was told of its first counterpart goes on in one session (RFC 3264 section 8).
        new = Side(Party(facing.bound), facing, origin=before.origin, told=before.told)
        self.sides = {"caller": lender.sides["callee"], "callee": new}
        return True

    def tap(self, caller_port: int, callee_port: int, done: Callable[[Sources | None], None]) -> Job[Sources]:
        """Copy what each party says to these ports; a borrowed one's copy is the lender's until they are joined."""
        self.taps, self.tapped = (caller_port, callee_port), done
        caller, callee = (self.sides[name].party for name in ("caller", "callee"))
        return _tap(None if self.lender else caller, callee, caller_port, callee_port)

    def take_over(self) -> None:
        """The borrowed party is this call's own from now on."""
        if self.lender is not None:
            self.lender.sides.pop("callee", None)
            self.lender = None


def sides_at(addresses: Addresses, caller_family: str) -> dict[str, Side]:
    """Both parties of a new call. Where the INVITE had no SDP, the caller's family is not known before its ACK: the
    first that is configured is taken for it."""
    caller = addresses.facing(caller_family or next(iter(addresses.by_family)))
    callee = addresses.facing(addresses.trunk_family)
    return {"caller": Side(Party(caller.bound), caller), "callee": Side(Party(callee.bound), callee)}


def _tap(caller: Party | None, callee: Party, caller_port: int, callee_port: int) -> Job[Sources]:
    to_caller = caller.copy(caller_port) if caller is not None else []
    answers = yield from asked(*to_caller, *callee.copy(callee_port))
    return int(answers[len(to_caller) - 1][0]) if to_caller else 0, int(answers[-1][0])


def join_taken(call: RelayedCall, proxy: Proxy, done: Callable[[bool], None], gone: Party | None = None) -> None:
    """Join the parties of a call whose caller has come from another one, and them alone; its copy goes to this call's
    tap first. ``gone``: the caller before, whose ports are freed."""
    if call.parties is None:
        done(False)
        return
    caller, callee = call.parties
    tap = call.taps[0] if call.taps else 0

    def copy() -> Job[int]:
        if not tap:
            return 0
        answers = yield from asked(*caller.copy(tap))
        return int(answers[-1][0])

    def join() -> Job[bool]:
        caller.hear(callee.inner)
        callee.hear(caller.inner)
        yield from asked(caller.send(callee.inner), callee.send(caller.inner))
        return True

    def free() -> Job[None]:
        yield gone.delete() if gone is not None else []

    def copied(source: int | None) -> None:
        if source and call.tapped is not None:
            call.tapped((source, 0))
        if source is None:
            done(False)
        else:
            proxy.run(call, join(), lambda ok: done(bool(ok)))
        if gone is not None:
            proxy.run(call, free(), lambda _: proxy.freed())

    proxy.run(call, copy(), copied)
