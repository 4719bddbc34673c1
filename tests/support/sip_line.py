"""A running line for tests: the real ``SipLine`` on its own thread, a call manager that answers from a table, no change
of SDP."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gate.config import Account, Config, Firm, Limits, Pbx, Sip, Trunk
from gate.core.calls_in import CallingIn
from gate.core.terms import Attempt, Reason
from gate.ports import Anchored, Incoming, SessionEvents
from gate.sip.line import SipLine
from gate.store.legs import LegFile
from tests.support.sip_peer import Peer
from tests.support.waiting import PATIENCE

NUMBER = "+442079460000"
PRESENTED = "+441632960001"


class PassThrough:
    """A media relay that leaves SDP as it is (and answers later, as the real one does)."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.rung: list[tuple[str, bool]] = []
        """Where phones signal from that a call in has rung, and whether they are phones."""
        self.closed: list[str] = []
        self.ways: list[tuple[str, str]] = []
        """Who may hear whom: ``early``, ``join``, ``shut`` of a call, in order."""
        self.bodies: list[tuple[str, str]] = []
        """Sides and the SDP that the relay was given of them, in order."""
        self.later: Callable[[Callable[[], None]], None] = lambda step: step()
        self.talking: set[str] = set()
        self.heard = {"caller": 0, "callee": 0}
        self.looks = 0

    def open(self, call_id: str, signalled: str = "", *, phone: bool = False) -> None:
        self.opened.append(call_id)

    def rings(self, call_id: str, signalled: str, *, phone: bool) -> None:
        self.rung.append((signalled, phone))

    def hear_early(self, call_id: str) -> None:
        self.ways.append(("early", call_id))

    def join(self, call_id: str, done: Callable[[bool], None]) -> None:
        self.ways.append(("join", call_id))
        self.later(lambda: done(True))

    def transfer(self, call_id: str, from_call: str) -> bool:
        self.opened.append(call_id)
        self.ways.append((f"transfer of {from_call}", call_id))
        return from_call not in self.closed

    def take_over(self, call_id: str, from_call: str, done: Callable[[bool], None]) -> None:
        self.ways.append((f"take over {from_call}", call_id))
        self.later(lambda: done(True))

    def shut(self, call_id: str) -> None:
        self.ways.append(("shut", call_id))

    def caller_sdp(self, call_id: str, body: str, done: Anchored) -> None:
        self.bodies.append(("caller", body))
        self.later(lambda: done(body, None))

    def callee_sdp(self, call_id: str, body: str, done: Anchored) -> None:
        self.bodies.append(("callee", body))
        self.later(lambda: done(body, None))

    def close(self, call_id: str) -> None:
        self.closed.append(call_id)

    def late(self) -> float:
        return 0.0

    def packets(self, call_id: str, done: Callable[[tuple[int, int] | None], None]) -> None:
        """As many of each side as a test says; ``talking`` sides send on."""
        self.looks += 1
        for side in self.talking:
            self.heard[side] += 1
        counts = (self.heard["caller"], self.heard["callee"])
        self.later(lambda: done(counts))


@dataclass
class ScriptedCallManager:
    """Allows every call but those to numbers in ``refused`` (raw number -> reason), and connects as soon as it is
    answered."""

    refused: dict[str, str] = field(default_factory=dict)
    decide_after: float = 0.0
    connect_after: float | None = 0.0
    stays: bool = False
    """The callee is told something after the caller has left."""
    """Seconds between answer and connect; None: never by itself."""
    silent: bool = False
    """Never decides."""
    line: SipLine | None = None
    seen: list[tuple[str, ...]] = field(default_factory=list)
    incomings: list[Incoming] = field(default_factory=list)
    calling: list[CallingIn] = field(default_factory=list)
    payloads: list[Mapping[str, Mapping[int, str]]] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)
    raises: bool = False
    on_answered: Callable[[SipLine, str], None] | None = None
    trunks: list[str] = field(default_factory=list)
    """Through which the calls were answered."""
    kept: list[Callable[[], None]] = field(default_factory=list)
    """Of each ``legs_ended``: what says that it is durable."""
    keeps: bool = True
    """Evidence can be kept."""
    takes_calls: bool = True
    early: bool = False
    """Its callers may hear the far end before it answers."""
    not_again: str = ""
    """Why no call of its is dialled again."""
    opening: float = 0.0
    """Those that calls wait for."""

    def _see(self, *what: str) -> None:
        with self.arrived:
            self.seen.append(what)
            self.arrived.notify_all()

    def wait(self, kind: str, seconds: float = PATIENCE, count: int = 1) -> tuple[str, ...]:
        """The ``count``-th event of a kind."""
        end = time.monotonic() + seconds
        with self.arrived:
            while True:
                found = [what for what in self.seen if what[0] == kind]
                if len(found) >= count:
                    return found[count - 1]
                if not self.arrived.wait(max(0.0, end - time.monotonic())):
                    raise AssertionError(f"no {kind} in {seconds} s; seen {self.seen}")

    def kinds(self, *, without: tuple[str, ...] = ("media_changed", "unanswered")) -> list[str]:
        return [what[0] for what in self.seen if what[0] not in without]

    def incoming(self, incoming: Incoming) -> None:
        self.incomings.append(incoming)
        self._see("incoming", incoming.call_id)
        if self.raises:
            raise RuntimeError("the call manager has a fault")
        if self.silent:
            return
        assert self.line is not None
        if self.decide_after:
            self.line.after(self.decide_after, lambda: self._decide(incoming))
        else:
            self._decide(incoming)

    def _decide(self, incoming: Incoming) -> None:
        assert self.line is not None
        raw = incoming.attempt.raw_number
        reason = incoming.problem or self.refused.get(raw) or self.refused.get("*", "")
        if reason:
            self.line.refuse(incoming.call_id, reason, "d-1", "This number is listed.")
        else:
            self.line.invite(incoming.call_id, NUMBER, PRESENTED, "Example Sales Ltd", early=self.early)

    def transferring(self, incoming: Incoming, from_call: str) -> None:
        self._see("transferring", incoming.call_id, from_call)
        self.incoming(incoming)

    def joining(self, call_id: str, from_call: str) -> None:
        self._see("joining", call_id, from_call)
        assert self.line is not None
        self.line.take_over(call_id, from_call, why_not="" if self.keeps else "evidence_unavailable")

    def calling_in(self, calling: CallingIn) -> None:
        self.calling.append(calling)
        self._see("calling_in", calling.call_id)
        assert self.line is not None
        self.line.answer(calling.call_id)

    def acknowledged(self, call_id: str, codec: str) -> None:
        self._see("acknowledged", call_id, codec)
        assert self.line is not None
        self.line.ring(call_id)

    def nobody_answers(self, call_id: str, code: int) -> None:
        self._see("nobody_answers", call_id, str(code))

    def shed(self, claimed_by: str, reason: Reason) -> None:
        self._see("shed", claimed_by, reason)

    def refuses(self, attempt: Attempt) -> bool:
        return attempt.raw_number in self.refused

    def oldest_opening(self) -> float:
        return self.opening

    def undecided(self, call_id: str) -> None:
        self._see("undecided", call_id)

    def withdrawn(self, call_id: str) -> None:
        self._see("withdrawn", call_id)

    def one_sided(self, call_id: str, side: str) -> None:
        self._see("one_sided", call_id, side)

    def ringing(self, call_id: str) -> None:
        self._see("ringing", call_id)

    def dialling_again(self, call_id: str, trunk: str, after: str) -> None:
        self._see("dialling_again", call_id, trunk, after)
        assert self.line is not None
        if self.not_again:
            self.line.hang_up(call_id, self.not_again)
        else:
            self.line.dial_again(call_id)

    def answered(self, call_id: str, codec: str, trunk: str = "") -> None:
        self.trunks.append(trunk)
        self._see("answered", call_id, codec)
        assert self.line is not None
        line = self.line
        if self.on_answered:
            self.on_answered(line, call_id)
        if self.connect_after is not None:
            if self.connect_after:
                line.after(self.connect_after, lambda: line.connect(call_id))
            else:
                line.connect(call_id)

    def unattended(self, call_id: str, trunk: str) -> None:
        self._see("unattended", call_id, trunk)

    def failed(self, call_id: str, code: int, reason: str) -> None:
        self._see("failed", call_id, str(code), reason)

    def hung_up(self, call_id: str, side: str, cause: str = "hung_up") -> None:
        self._see("hung_up", call_id, side, cause)

    def caller_left(self, call_id: str) -> bool:
        self._see("caller_left", call_id)
        return self.stays

    def legs_ended(self, call_id: str, outcomes: Mapping[str, str], kept: Callable[[], None]) -> None:
        self.kept.append(kept)
        self._see("legs_ended", call_id, *(f"{side} {how}" for side, how in sorted(outcomes.items())))

    def unanswered(self, count: int) -> None:
        self._see("unanswered", str(count))

    def digit(self, call_id: str, side: str, digit: str) -> None:
        self._see("digit", call_id, side, digit)

    def media_changed(self, call_id: str, payloads: Mapping[str, Mapping[int, str]]) -> None:
        self.payloads.append(payloads)
        self._see("media_changed", call_id)


def config_for(
    trunk: str, *, listen: str = "127.0.0.1:0", pbx: bool = True, accounts: tuple[Account, ...] = (),
    sip: Mapping[str, Any] | None = None, trunk_options: Mapping[str, Any] | None = None, refusal: int = 603,
) -> Config:  # fmt: skip
    """A configuration on loopback: a PBX at 127.0.0.1 and ::1 that is refused with ``refusal``, and a trunk."""
    return Config(
        firm=Firm("Example Sales Ltd", "Example", "1 Sample Street", (PRESENTED,), "1", "2026-01-01"),
        trunk=(Trunk(trunk, **{"options_seconds": 0, **(trunk_options or {})}),),
        account=accounts,
        pbx=(Pbx("pbx1", ("127.0.0.1", "::1"), PRESENTED, refusal=refusal),) if pbx else (),
        sip=Sip(listen=listen, **(sip or {})),
        limits=Limits(),
    )  # fmt: skip


class RunningLine:
    """A line that runs; a context manager."""

    def __init__(
        self,
        config: Config,
        call_manager: ScriptedCallManager | None = None,
        passwords: Mapping[str, str] | None = None,
        sessions: SessionEvents | None = None,
    ) -> None:
        self.relay = PassThrough()
        self.call_manager = call_manager or ScriptedCallManager()
        self._folder = tempfile.TemporaryDirectory(prefix="dialgate-legs-")
        legs = LegFile(Path(self._folder.name) / "legs.journal")
        self.line = SipLine(config, self.relay, lambda file: (passwords or {}).get(file, "secret"), legs)
        self.call_manager.line = self.line
        self.line.bind(self.call_manager, sessions)
        self.relay.later = self.line.post
        self.thread = threading.Thread(target=self.line.run, name="line", daemon=True)

    def __enter__(self) -> RunningLine:
        self.thread.start()
        self.line.wait_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.line.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "the line did not stop"
        self._folder.cleanup()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.line.addresses[0]
        return host.strip("[]"), port

    def call(self, step: Callable[[], Any]) -> Any:
        """Run ``step`` on the line thread and return what it returns."""
        box: list[Any] = []
        done = threading.Event()

        def run() -> None:
            try:
                box.append(step())
            finally:
                done.set()

        self.line.post(run)
        assert done.wait(PATIENCE)
        return box[0]

    def nothing_to(self, peer: Peer, seconds: float) -> bool:
        """True where the line has sent the peer nothing by the time at which a timer of its own, set now for so many
        seconds, has fired."""
        over = threading.Event()
        self.call(lambda: self.line.after(seconds, over.set))
        assert over.wait(PATIENCE)
        return peer.nothing_from(self.address)
