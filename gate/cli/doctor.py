"""``dialgate doctor``: what is well and what is not, line by line; with ``--call``, by a call of its own."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from gate.cli.asking import reach
from gate.cli.command import make
from gate.cli.demo_scene import listen, softphone
from gate.cli.output import View, narrate
from gate.client.doctor import Finding, State, examine
from gate.clock import SystemClock
from gate.config import Config, load
from gate.config.secrets import read_secret
from gate.control.client import ControlClient
from gate.core.numbers import NumberRefused, parse
from gate.core.rows.calls import CallRow, CallShown, RecordingRow
from gate.core.terms import Verdict, many
from gate.errors import ConfigError, GateError, UsageError
from gate.operations.calls.calls import CallsList, CallsShow

if TYPE_CHECKING:
    from gate.softphone import GatedCall, GatedPhone

HERTZ: Final = 440.0
TALK_SECONDS: Final = 4.0
ANNOUNCEMENT_SECONDS: Final = 90
"""Longest wait for the announcement, at whose end the phone is connected, beyond the time for which it may ring."""
LOG_SECONDS: Final = 20.0
"""Longest wait for the call's end in the log, and for its recording to be closed."""
NOT_THERE: Final = (408, 480, 486, 487, 600)
"""SIP codes of a callee that is busy or does not answer: the carrier has taken the call."""
QUIET: Final = 2
"""Largest sample of silence in G.711, of 127."""


@make("doctor", example="dialgate doctor\ndialgate doctor --json\ndialgate doctor --call 01632960123 --account alice")
@click.option(
    "--call",
    "to_call",
    metavar="NUMBER",
    help="Dial NUMBER, too, and measure the audio of both sides: an echo test, or a line of your own that answers.",
)
@click.option("--account", metavar="NAME", help="Whose call it is: an [[account]]. Not needed where there is one.")
def command(view: View, to_call: str | None, account: str | None) -> int:
    """Look at everything that calls need: permissions, clock, disk, ports, names, trunks, lists, keys, backups, audio.

    Each line is ok, warn or fail, with the command that mends it. Nothing is changed, and nothing is dialled without
    --call. The exit code is 1 where something fails.

    With --call a phone signs in to the running gate as the account and dials NUMBER. The call is decided, announced,
    recorded and kept in the log like any other. The phone sends a tone for 4 seconds, listens, and hangs up. The
    other lines are measured after the call.
    """
    if account is not None and to_call is None:
        raise UsageError("--account is whose call it is, and there is none", hint="add --call NUMBER")
    # The call comes first, so that what is found about audio, trunks and alarms is true after it.
    called = [] if to_call is None else list(_TestCall(view.config, to_call, account).findings())
    found = [*_found(view), *called]
    view.data(
        {"findings": [each._asdict() for each in found]},
        text=lambda _: (line for each in found for line in _lines(each)),
    )
    failed = sum(each.state is State.FAIL for each in found)
    narrate(f"{failed} failed, {sum(each.state is State.WARN for each in found)} warned, {len(found)} looked at.")
    return int(failed > 0)


def _found(view: View) -> list[Finding]:
    try:
        config = load(view.path, secrets=False)
        running = ControlClient(config.control_socket).answers()
        with reach(config) as gate:
            return list(examine(view.path, gate, running=running))
    except ConfigError:
        return list(examine(view.path, None, running=False))
    except GateError as error:
        found = list(examine(view.path, None, running=False))
        return [
            *(each for each in found if each.subject != "gate"),
            Finding(State.FAIL, "gate", error.message, error.hint),
        ]


def _lines(finding: Finding) -> list[str]:
    line = f"{finding.state:<4}  {finding.subject}: {finding.text}"
    return [line, f"      mend: {finding.mend}"] if finding.mend and finding.state is not State.OK else [line]


class _TestCall:
    """A call to a number by the softphone, and what was heard, logged and recorded of it."""

    def __init__(self, config: Config, number: str, account: str | None) -> None:
        """Raises ``UsageError`` for a number that cannot be dialled (an emergency number is one), and where it is not
        clear whose call it is; ``ModuleNotFoundError`` where the extra ``softphone`` is missing."""
        self._softphone = softphone()
        try:
            self._number = parse(number).e164
        except NumberRefused as error:
            raise UsageError(f"--call {number}: {error}", hint="name a number of your own that answers") from None
        fitting = [each for each in config.account if account in (None, each.username)]
        if len(fitting) != 1:
            names = ", ".join(each.username for each in config.account) or "none is configured: dialgate account add"
            raise UsageError("--call needs the account whose call it is", hint=f"--account NAME; accounts: {names}")
        self._config, self._account = config, fitting[0]

    def findings(self) -> Iterator[Finding]:
        """Dial, talk, hang up, and look into the log: takes as long as it rings, the announcement, and some seconds."""
        if not ControlClient(self._config.control_socket).answers():
            text = "nothing was dialled: the gate is not running"
            yield Finding(State.FAIL, "test call", text, "systemctl start dialgate")
            return
        mend = ""
        try:
            phone = self._phone()
            mend = f"dialgate account password {self._account.username}"
            phone.start()
        except GateError as error:
            yield Finding(State.FAIL, "test call", f"nothing was dialled: {error.message}", mend or error.hint)
            return
        try:
            yield from self._dial(phone)
        finally:
            phone.stop()

    def _phone(self) -> GatedPhone:
        host, _, port = self._config.sip.listen.rpartition(":")
        if host.startswith("["):
            raise GateError(f"the test phone speaks IPv4 alone, and sip.listen is {self._config.sip.listen}")
        host = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - compared, not bound
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, int(port)))  # nothing is sent
            here = probe.getsockname()[0]
        password = read_secret(self._config.base, self._account.password_file)

        def unasked(number: str) -> Any:
            """The phone asks nobody beforehand: the gate in its way decides."""
            return self._softphone.Answer("allow", "unasked", number=number)

        name = self._account.username
        made: GatedPhone = self._softphone.GatedPhone(unasked, host, int(port), name, password, my_ip=here)
        return made

    def _dial(self, phone: GatedPhone) -> Iterator[Finding]:
        narrate("The test call is dialled.")
        since, began = SystemClock().now(), time.monotonic()
        call = phone.call(self._number)
        shown: CallShown | None = None
        heard: list[Finding] = []
        unseen = Finding(
            State.FAIL, "test recording", f"after {LOG_SECONDS:.0f} s the log has no end of it", "dialgate status"
        )
        try:
            if call.wait_answered(self._config.sip.no_answer_seconds + ANNOUNCEMENT_SECONDS):
                shown = self._logged(since, LOG_SECONDS, "talking", "ended")
                if shown is not None and shown.call.state == "talking":
                    waited = time.monotonic() - began
                    text = f"it was answered, and both could talk after {waited:.1f} s"
                    heard = [Finding(State.OK, "test call", text), self._talk(call)]
            call.hangup()
            shown = self._logged(since, LOG_SECONDS, "refused", "ended")
        except GateError as error:
            unseen = Finding(State.WARN, "test recording", f"the log was not looked at: {error.message}", error.hint)
        row = shown.call if shown else None
        look = f"dialgate calls show {row.call_id}" if row else "dialgate calls list --limit 20"
        if heard:
            yield from heard
        elif row is not None or call.code != 200:
            yield _not_reached(call, row, look)
        if shown is None:
            yield unseen
        elif heard:
            yield _announced(shown.call, look)
            yield _recorded(shown.call, shown.recordings, look)

    def _talk(self, call: GatedCall) -> Finding:
        """Send the tone, and measure what comes back meanwhile."""
        call.heard()
        voices, before = call.RTPClients, _packets(call)
        call.write_audio(self._softphone.tone(HERTZ, TALK_SECONDS))
        time.sleep(TALK_SECONDS)
        sound = call.heard()
        sent, received = (now - then for now, then in zip(_packets(call), before, strict=True))
        text = f"{many(sent, 'packet')} sent, {received:,} received ({voices[0].preference})"
        mend = "dialgate manual troubleshooting"
        if not received:
            return Finding(State.FAIL, "test audio", f"one way: nothing was heard from the callee; {text}", mend)
        if HERTZ in listen(sound):
            return Finding(State.OK, "test audio", f"both ways: the tone came back; {text}")
        if max(abs(each - 128) for each in sound or b"\x80") <= QUIET:
            return Finding(State.WARN, "test audio", f"only silence was heard from the callee; {text}", mend)
        return Finding(State.OK, "test audio", f"the callee was heard, and is no echo: no tone came back; {text}")

    def _logged(self, since: datetime, seconds: float, *states: str) -> CallShown | None:
        """The call once it is in one of these states, and once it is over its recording is closed; None where it does
        not get there. Raises ``GateError``."""

        def looked() -> CallShown | None:
            with reach(self._config) as gate:
                rows = gate.ask(CallsList(number=self._number, since=since, limit=1)).items
                if not rows or rows[0].state not in states:
                    return None
                shown = gate.ask(CallsShow(call_id=rows[0].call_id))
            closed = all(each.closed_at for each in shown.recordings)
            return shown if closed or shown.call.state == "talking" else None

        end = time.monotonic() + seconds
        while (shown := looked()) is None and time.monotonic() < end:
            time.sleep(0.1)
        return shown


def _packets(call: GatedCall) -> tuple[int, int]:
    """Sent and received."""
    return sum(each.packets_out for each in call.RTPClients), sum(each.packets_in for each in call.RTPClients)


def _not_reached(call: GatedCall, row: CallRow | None, look: str) -> Finding:
    if row is not None and row.verdict == Verdict.BLOCK:
        return Finding(State.WARN, "test call", f"the gate refused it: {row.reason} (SIP {call.code})", look)
    if call.code in (0, *NOT_THERE):
        return Finding(State.WARN, "test call", f"nobody answered: {call.code or ''} {call.why}".rstrip(": "), look)
    if call.code == 200:
        text = f"it ended before anybody could talk: {row.cause if row else 'the log does not have it'}"
        return Finding(State.FAIL, "test call", text, look)
    return Finding(State.FAIL, "test call", f"it did not come about: {call.code} {call.why}", look)


def _announced(row: CallRow, look: str) -> Finding:
    if row.announced:
        return Finding(State.OK, "test announcement", "it was played to the callee, to its end")
    if row.announced is None:
        return Finding(State.WARN, "test announcement", f"none was played: the call was {row.purpose}", look)
    return Finding(State.FAIL, "test announcement", "it was not played to its end", look)


def _recorded(row: CallRow, recordings: Sequence[RecordingRow], look: str) -> Finding:
    if not recordings:
        text = f"the call was not recorded: {row.unrecorded_why or 'recording is off'}"
        return Finding(State.WARN, "test recording", text, look)
    heard = recordings[0].packets or {}
    counts = ", ".join(f"{side} {heard.get(side, 0):,}" for side in ("caller", "callee"))
    if silent := [
        side for side in ("caller", "callee") if not heard.get(side) or recordings[0].silent in (side, "both")
    ]:
        text = f"silent on the side of the {' and the '.join(silent)}; packets: {counts}"
        return Finding(State.FAIL, "test recording", text, look)
    return Finding(State.OK, "test recording", f"it has both sides; packets: {counts}")
