"""The callee's receipt of a call: made, and its code spoken to them or handed to the firm's command. Line thread.

It follows the evidence of the call and delays none of it: the receipt is made when nothing else is left to say, no
command waits for it, and whatever fails ends the call as without it, with a fact that says so.

The firm's own command that sends a receipt's code, by SMS or mail.

It gets one line of JSON on its standard input: ``number``, ``code``, ``shown`` and ``hour``. Neither stands in its
arguments, its environment or a log, no shell sees it, and what it writes is thrown away. Commands run one after the
other on a thread of their own, each for ``SECONDS`` at most; where too many wait, the next is not sent, and told so.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from gate.calls.call_session import CallSession
from gate.calls.retry_queue import RetryQueue
from gate.clock import Clock
from gate.core.call_words import State
from gate.core.facts.calls import Receipt, ReceiptTold
from gate.core.receipts import Caller, new_code, receipt_fact, shown
from gate.ports import Loop, Played

if TYPE_CHECKING:
    from gate.media.relay import RtpIoMedia

SECONDS: Final = 20.0
MOST: Final = 200
"""Receipts that wait."""
_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")

Done = Callable[[str], None]
"""Told on the line thread why it was not sent; empty where it was."""


class ReceiptCommand:
    """The thread that runs it; it ends with the gate."""

    def __init__(self, command: Sequence[str], loop: Loop) -> None:
        self._command = list(command)
        self._loop = loop
        self._waiting: queue.Queue[tuple[bytes, Done]] = queue.Queue(MOST)
        threading.Thread(target=self._work, name="receipts", daemon=True).start()

    def run(self, words: bytes, done: Done) -> None:
        """Have it run with these words on its standard input."""
        try:
            self._waiting.put_nowait((words, done))
        except queue.Full:
            self._loop.post(lambda: done("too_many_wait"))

    def _work(self) -> None:
        while True:
            words, done = self._waiting.get()
            self._loop.post(partial(done, self._once(words)))

    def _once(self, words: bytes) -> str:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        nothing = subprocess.DEVNULL
        try:
            with subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=nothing,
                stderr=nothing,
                env=environment,
                start_new_session=True,
            ) as process:
                try:
                    process.communicate(words + b"\n", timeout=SECONDS)
                except subprocess.TimeoutExpired:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)  # what it has started, too
                    return "command_too_slow"
        except OSError:
            return "command_not_started"
        return "" if process.returncode == 0 else "command_failed"


log = structlog.get_logger()

KEEP_SECONDS: Final = 3.0
"""How long the callee is kept waiting until the receipt is in the log."""
GRACE_SECONDS: Final = 5.0
"""How much longer than its length the code may take."""


@dataclass(frozen=True, slots=True)
class ReceiptSettings:
    """The configuration of receipts."""

    caller: Caller
    command: tuple[str, ...] = ()
    """The firm's, which sends the code; empty: it is spoken."""
    instigators: Mapping[str, str] = field(default_factory=dict)
    """Legal names of those on whose behalf the firm calls, by name."""


class Receipts:
    """The receipts of all calls."""

    def __init__(
        self,
        settings: ReceiptSettings | None,
        loop: Loop,
        media: RtpIoMedia,
        retry_queue: RetryQueue,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        """``settings``: None where there are no receipts."""
        self._settings = settings
        self._loop = loop
        self._media = media
        self._retry_queue = retry_queue
        self._clock = clock
        self._new_id = new_id
        command = settings.command if settings else ()
        self._command = ReceiptCommand(command, loop) if command else None

    @property
    def spoken(self) -> bool:
        """Whether codes are spoken."""
        return self._settings is not None and self._command is None

    def follows(self, session: CallSession) -> bool:
        """Whether the callee hears a code after the caller has hung up, before their own leg ends."""
        return self.spoken and self._owed(session) and not session.busy and session.call.state is State.TALKING

    def speak(self, session: CallSession, over: Callable[[], None]) -> None:
        """Tell the callee the code of a receipt, where codes are spoken and they are still there; then ``over``, which
        comes once."""
        if not self.spoken or not self._owed(session) or session.call.state is not State.GOODBYE:
            over()
            return
        receipt, subject = self._receipt(session), self._new_id()
        going, durable = True, False

        def end(why: str) -> None:
            nonlocal going
            if going:
                going = False
                self._note(session, subject, "spoken", why)
                over()

        def played(played: Played) -> None:
            end("" if played.completed and played.as_told else played.cause or "not_as_in_sdp")

        def kept(error: Exception | None) -> None:
            if not going:
                return
            if error is not None:
                end("evidence_unavailable")
            elif session.call.state is not State.GOODBYE:
                end("hung_up")
            else:
                seconds = self._media.play_receipt(session.id, session.codec, receipt.code, played)
                session.timers.append(self._loop.after(seconds + GRACE_SECONDS, lambda: end("media_failed")))

        def late() -> None:
            if not durable:
                end("evidence_unavailable")

        def stored(error: Exception | None) -> None:
            nonlocal durable
            durable = True
            kept(error)

        session.timers.append(self._loop.after(KEEP_SECONDS, late))
        self._retry_queue.attempt([session.fact(receipt, self._clock.now(), subject=subject)], stored)

    def send(self, session: CallSession) -> None:
        """The call is over: hand the code to the firm's command, where there is one."""
        if self._command is None or not self._owed(session):
            return
        receipt, subject, command = self._receipt(session), self._new_id(), self._command
        code = receipt.code
        words = {"number": session.number, "code": code, "shown": shown(code), "hour": receipt.hour}

        def sent(why: str) -> None:
            self._note(session, subject, "sent", why)

        def kept(error: Exception | None) -> None:
            if error is not None:
                sent("evidence_unavailable")
            else:
                command.run(json.dumps(words).encode(), sent)

        self._retry_queue.attempt([session.fact(receipt, self._clock.now(), subject=subject)], kept)

    def _owed(self, session: CallSession) -> bool:
        """The callee of a call that was let through and answered, once; not of one for help."""
        decision = session.decision
        return (
            self._settings is not None
            and decision is not None
            and decision.allowed
            and session.decision_leaf is not None
            and session.answered_at is not None
            and not session.call.emergency
            and not session.receipt_made
        )

    def _receipt(self, session: CallSession) -> Receipt:
        settings, decision, leaf = self._settings, session.decision, session.decision_leaf
        assert settings is not None and decision is not None and leaf is not None  # noqa: S101 - ``_owed``
        session.receipt_made = True
        return receipt_fact(
            new_code(secrets.randbelow),
            session.id,
            leaf,
            decision,
            session.asked_at,
            settings.caller,
            session.presentation,
            settings.instigators.get(session.incoming.attempt.on_behalf_of, ""),
        )

    def _note(self, session: CallSession, subject: str, how: str, why: str) -> None:
        if why:
            log.warning("receipt_not_told", call=session.id, how=how, why=why)
        fact = ReceiptTold(call_id=session.id, how=how, done=not why, why=why)
        self._retry_queue.keep(session.fact(fact, self._clock.now(), subject=subject))
