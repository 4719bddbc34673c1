"""A call told as a conversation: the call manager and the evidence store are real, the line is a script.

The rooms around the call manager are stand-ins that write down what they are told and answer when the test says so;
time moves when the test moves it. What the whole gate does with real rooms is in ``tests/e2e``.
"""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gate.calls.call_manager import CallManager
from gate.calls.call_settings import CallSettings
from gate.calls.metrics import Metrics
from gate.calls.receipts import ReceiptSettings
from gate.calls.retry_queue import RetryQueue
from gate.calls.screener import Screener
from gate.core.allowances import Allowance
from gate.core.call_words import Policy
from gate.core.hours import Hours
from gate.core.rules import AttemptLimits, Rules
from gate.core.terms import Attempt, Purpose, RegisterView, Topic
from gate.errors import RecorderError
from gate.ports import Incoming, Played, RecordingClosed, RecordingOpened
from gate.store.spool import Spool
from gate.store.transaction import StoreTransaction
from tests.support.databases import query
from tests.support.evidence import open_store

NOW = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)
OWN = "+442079460000"
NUMBER = "+442079460123"
LISTED = "+442079460101"


class Clock:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time


class Registers:
    """One listed number in a fresh register."""

    def view(self, number: str) -> tuple[RegisterView, ...]:
        as_of = date(2026, 3, 1)
        return tuple(
            RegisterView(name, "ok", as_of, 1, "00", listed=number == LISTED and name == "tps")
            for name in ("tps", "ctps")
        )

    def status(self, today: date) -> list[dict[str, Any]]:
        return []


@dataclass
class _Timer:
    due: datetime
    step: Callable[[], None]
    live: bool = True

    def cancel(self) -> None:
        self.live = False


@dataclass
class Stage:
    """Line, loop, media, recorder and key store in one: ``told`` is what they were told, in order."""

    clock: Clock
    told: list[str] = field(default_factory=list)
    steps: queue.SimpleQueue[Callable[[], None]] = field(default_factory=queue.SimpleQueue)
    timers: list[_Timer] = field(default_factory=list)
    recorder_up: bool = True
    keys_fail: bool = False
    recorder_opens: bool = True
    prompt_starts: bool = True
    joins: bool = True
    passes_on: bool = False
    """The media room is not yet done with what it was told."""
    codes: list[str] = field(default_factory=list)
    waiting: dict[str, Callable[..., None]] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)

    # --- loop

    def post(self, step: Callable[[], None]) -> None:
        self.steps.put(step)

    def after(self, seconds: float, step: Callable[[], None]) -> _Timer:
        timer = _Timer(self.clock.time + timedelta(seconds=seconds), step)
        self.timers.append(timer)
        return timer

    # --- line

    def refuse(self, call_id: str, reason: str, decision_id: str, explanation: str, *, elsewhere: bool = False) -> None:
        self.refused.append((reason, explanation))
        self.told.append(f"refuse {reason}")

    def invite(self, call_id: str, number: str, presentation: str, display_name: str, *, early: bool = False) -> None:
        self.told.append(f"invite {number} as {presentation} {display_name}")

    def dial_again(self, call_id: str) -> None:
        self.told.append("dial again")

    def redirect(self, call_id: str, number: str) -> bool:
        self.told.append(f"redirect {number}")
        return True

    def invite_emergency(self, call_id: str, number: str, presentation: str, display_name: str) -> None:
        self.told.append(f"invite emergency {number} as {presentation} {display_name}")

    def answer(self, call_id: str) -> None:
        self.told.append("answer")

    def early_media(self, call_id: str) -> None:
        self.told.append("early media")

    def connect(self, call_id: str) -> None:
        self.told.append("connect")

    def take_over(self, call_id: str, from_call: str, *, why_not: str = "") -> None:
        what = f"nothing over ({why_not})" if why_not else "over"
        self.told.append(f"take {what} from {from_call} to {call_id}")

    def hang_up(self, call_id: str, reason: str) -> None:
        self.told.append(f"hang up {reason}")

    def forget(self, call_id: str) -> None:
        self.told.append("forget")

    def take(self, session_id: str, first: str, done: Callable[..., None]) -> None:
        self.told.append(f"take, first is {first}")
        self.waiting["taken"] = done

    def accept(self, session_id: str) -> None:
        self.told.append("accept")

    # --- media

    def playable(self, codecs: Sequence[str]) -> bool:
        return "PCMU" in codecs

    def join(self, call_id: str, done: Callable[[bool], None]) -> None:
        self.told.append("join")
        done(self.joins)

    def shut(self, call_id: str) -> None:
        self.told.append("shut")

    def play_announcement(
        self, call_id: str, codec: str, done: Callable[[Played], None], on_behalf_of: str = ""
    ) -> float:
        self.told.append("announce")
        self.waiting["announcement"] = done
        if not self.prompt_starts:
            done(Played(completed=False, cause="not_playable"))
        return 4.0

    def play_apology(self, call_id: str, codec: str, done: Callable[[Played], None]) -> float:
        self.told.append("goodbye")
        self.waiting["goodbye"] = done
        return 1.0

    def play_receipt(self, call_id: str, codec: str, code: str, done: Callable[[Played], None]) -> float:
        self.told.append("receipt")
        self.codes.append(code)
        self.waiting["receipt"] = done
        return 15.0

    def stop_playing(self, call_id: str) -> None:
        self.told.append("stop playing")

    def when_quiet(self, call_id: str, then: Callable[[], None]) -> None:
        if self.passes_on:
            self.waiting["quiet"] = then
        else:
            then()

    def copy(
        self, call_id: str, caller_port: int, callee_port: int, done: Callable[[tuple[int, int] | None], None]
    ) -> None:
        self.told.append("tap")
        done((3, 4))

    # --- recorder and keys

    oldest_opening = 0.0

    def available(self) -> bool:
        return self.recorder_up

    def open(
        self,
        call_id: str,
        recording_id: str,
        header: Mapping[str, Any],
        done: Callable[..., None],
        *,
        keep: bool = True,
        listen: bool = False,
        payloads: Any = None,
    ) -> None:
        self.told.append(("open recorder" if keep else "listen") + (" with codecs" if payloads else ""))
        while_it_opens = self.waiting.pop("recorder", None)
        if while_it_opens is not None:
            while_it_opens()
        if self.recorder_opens:
            done(
                RecordingOpened(recording_id, 1, 2, "key", (("anna", b"wrap"),), f"2026/03/03/{recording_id}.dgr"), None
            )
        elif listen:
            done(RecordingOpened(recording_id, 1, 2, "", (), "", unkept="no room"), None)
        else:
            done(None, RecorderError("no room"))

    def listen(self, call_id: str, caller_from: int, callee_from: int) -> None:
        self.told.append(f"listen to {caller_from} and {callee_from}")

    def start(self, call_id: str, payloads: Any, events: Any = ()) -> None:
        self.told.append("record")

    def media_changed(self, call_id: str, payloads: Any) -> None:
        self.told.append("codecs")

    def pause(self, call_id: str, seconds: int = 0) -> None:
        self.told.append(f"pause for {seconds}" if seconds else "pause")

    def resume(self, call_id: str) -> None:
        self.told.append("resume")

    def keep_no_more(self, call_id: str, done: Callable[..., None]) -> None:
        self.told.append("keep no more")
        self.closing(done)

    def close(self, call_id: str, done: Callable[..., None]) -> None:
        self.told.append("close recording")
        self.closing(done)

    def closing(self, done: Callable[..., None]) -> None:
        done(RecordingClosed("x", "00", 10, 2.0, 2, {"caller": 1, "callee": 1}, (), False), None)

    def put(self, recording_id: str, key_id: str, wraps: Any, done: Callable[[Exception | None], None]) -> None:
        self.told.append("keep keys")
        done(RecorderError("no room") if self.keys_fail else None)


class Play:
    """One call manager on a stage."""

    def __init__(
        self,
        folder: Path,
        *,
        policy: Policy | None = None,
        max_calls: int = 10,
        emergency: frozenset[str] = frozenset(),
        allowances: Mapping[str, Allowance] | None = None,
        receipts: ReceiptSettings | None = None,
        spool: Spool | None = None,
    ) -> None:
        self.clock = Clock()
        self.stage = Stage(self.clock)
        self.store = open_store(folder, b"0" * 32)
        rules = Rules(frozenset({OWN}), Hours(), ZoneInfo("Europe/London"), live=False, emergency_numbers=emergency)
        rules = replace(rules, attempts=AttemptLimits(0, 0, 0, 0))  # tests dial the same few again and again
        self.mended: list[str] = []
        self.metrics = Metrics()
        ids = (f"id{number}" for number in itertools.count())
        stage: Any = self.stage
        self.retry_queue = RetryQueue(self.store, stage, self.metrics.asked_before.inc, spool=spool)
        self.call_manager = CallManager(
            line=stage,
            media=stage,
            recorder=stage,
            store=self.store,
            keys=stage,
            retry_queue=self.retry_queue,
            screener=Screener(Registers(), rules),
            settings=CallSettings(
                policy or Policy(),
                "Webeo",
                {"announcement": "notice", "version": "1"},
                "quality",
                max_calls,
                3600,
                allowances=allowances or {},
                receipts=receipts,
            ),
            clock=self.clock,
            new_id=lambda: next(ids),
            metrics=self.metrics,
            mend=lambda recording_id, talked: self.mended.append(recording_id),
        )

    def attempt(
        self,
        raw: str = "020 7946 0123",
        *,
        call_id: str = "call",
        problem: str = "",
        codecs: tuple[str, ...] = ("PCMU",),
        source: str = "127.0.0.1:5062",
        purpose: Purpose = Purpose.MARKETING,
        claimed_by: str = "account:alice",
    ) -> None:
        """A phone dials; returns when the decision has been carried out."""
        self.begin(
            raw, call_id=call_id, problem=problem, codecs=codecs, source=source, purpose=purpose, claimed_by=claimed_by
        )
        self.settle()

    def begin(
        self,
        raw: str = NUMBER,
        *,
        call_id: str = "call",
        problem: str = "",
        codecs: tuple[str, ...] = ("PCMU",),
        source: str = "127.0.0.1:5062",
        purpose: Purpose = Purpose.MARKETING,
        claimed_by: str = "account:alice",
        carried: bool = True,
        late: str = "",
    ) -> None:
        """A phone dials; the decision is still to come."""
        attempt = Attempt(raw, purpose, Topic.GENERAL, OWN, False, claimed_by)
        self.call_manager.incoming(Incoming(call_id, attempt, source, codecs, problem, carried=carried, late=late))

    def settle(self) -> None:
        """Until the store has committed and the line thread has nothing to do."""
        while True:
            self.store.call(lambda tx: None)
            if not self.run():
                return

    def run(self) -> bool:
        """The line thread does what it has to do, and waits for no store; False where that is nothing."""
        ran = False
        while not self.stage.steps.empty():
            self.stage.steps.get()()
            ran = True
        return ran

    def pass_time(self, seconds: float) -> None:
        """Move the clock, firing what is due."""
        self.clock.time += timedelta(seconds=seconds)
        for timer in list(self.stage.timers):
            if timer.live and timer.due <= self.clock.time:
                timer.live = False
                timer.step()
        self.settle()

    def over(self, prompt: str, ok: bool = True, **more: Any) -> None:
        """A prompt has played."""
        self.stage.waiting[prompt](Played(ok, **{"packets": 400, "whole": 400, "as_told": ok, **more}))
        self.settle()

    def talk(self) -> None:
        """From dialling to the bridge."""
        self.attempt()
        self.call_manager.ringing("call")
        self.call_manager.answered("call", "PCMU")
        self.settle()
        self.over("announcement")

    def told(self) -> list[str]:
        """What the rooms were told since the last time."""
        told, self.stage.told = self.stage.told, []
        return told

    def kinds(self, subject: str | None = None) -> list[str]:
        """Facts in the log, in order."""

        def read(tx: StoreTransaction) -> list[str]:
            rows = query(tx, "SELECT kind, subject FROM facts ORDER BY leaf_index")
            return [row["kind"] for row in rows if subject is None or row["subject"] == subject]

        return list(self.store.call(read))

    def call(self, call_id: str = "call") -> dict[str, Any]:
        """The row of a call."""
        return dict(self.store.call(lambda tx: query(tx, "SELECT * FROM calls WHERE call_id = ?", (call_id,)))[0])
