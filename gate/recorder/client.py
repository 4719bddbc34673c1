"""What the gate holds of its recorder: the process, its socket, and who waits for which answer.

One thread reads, runs every callback and supervises; it waits for no disk and no process. Sending is done by whoever
calls and never waits (``outbox``): a recorder that reads nothing for seconds is hung, could not be told to pause, and
is therefore killed. One that waits for a disk is not: it could not die before the disk answers, and what it still holds
would be lost. There is never a second one beside it.

The recorder says each second how much of each recording is kept. Where it does not for ``KEPT_SECONDS``, ``not_kept``
is told of the call; and where it says nothing at all, its taps are looked at for keys (``key_waits``). Where it has
gone, or has opened nothing for a call that goes on all the same, the client takes what comes in the taps itself: a
callee's objection is heard whatever becomes of the recording.

How the recorder's process is started.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import subprocess
import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import msgspec
import structlog

from gate.clock import Clock
from gate.core.rtp import SIDES, KeyListener, key_types, parse
from gate.errors import RecorderError
from gate.ports import RecorderEvents, RecordingClosed, RecordingOpened
from gate.recorder import messages as m
from gate.recorder.taps import Tap, WaitingPackets

Spawn = Callable[[socket.socket], "subprocess.Popen[bytes]"]
"""Start the recorder with this socket as its control; the caller closes its own copy afterwards."""


def spawn_command(command: Sequence[str]) -> Spawn:
    """A ``Spawn`` that runs ``command`` with the descriptor's number as one more argument."""

    def spawn(control: socket.socket) -> subprocess.Popen[bytes]:
        descriptor = control.fileno()
        return subprocess.Popen(
            [*command, str(descriptor)], pass_fds=[descriptor], stdin=subprocess.DEVNULL, start_new_session=True
        )

    return spawn


OPEN_SECONDS = 1.5
SLOW_SECONDS = 1.2
"""While the recorder has not opened what it was asked for so long ago, no call is begun: who picked up would hear the
goodbye."""
CLOSE_SECONDS = 120.0
"""A closing waits for the disk, and nobody waits for the closing; while it is not answered the file may still grow."""
RESTART_SECONDS = 0.5
QUIET_SECONDS, HUNG_SECONDS = 3.0, 15.0
"""Without a message for so long there is no new recording; or it is killed and started again."""
KEPT_SECONDS = 3.0
"""A recording of which nothing more was kept for so long is not kept. What arrives meanwhile waits in the taps, which
hold ten seconds of it."""
LATE_SECONDS = 1.2
"""A recorder that says nothing for longer than its second may not hear keys."""
STUCK_SECONDS = 3.0
"""So is one that reads nothing for this long. Until then nothing that came after a pause is kept."""
BEHIND = 64
"""Messages waiting beyond which no new recording is begun."""
TICK_SECONDS = 0.1
LOOK_SECONDS = 0.2
"""The most that a look without a message counts as silence: what is longer is a stop of the gate's or the machine's."""
AT_ONCE = 256
"""Messages that are taken before an answer counts as overdue: it may be among them."""

_RIGHTS = socket.CMSG_SPACE(len(SIDES) * array("i").itemsize)
_AT_ONCE = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC

_Done = Callable[[Any, Exception | None], None]

log = structlog.get_logger("recorder")


class _Call:
    """A call that the running recorder has opened, or that no recorder hears."""

    def __init__(self, recording_id: str, descriptors: Sequence[int], *, alone: bool = False) -> None:
        self.recording_id = recording_id
        self.alone = alone
        """No recorder takes what comes in its taps."""
        self.written = False
        """Its file is closed."""
        self.ended = False
        """The gate has asked for the end."""
        self.taps = [WaitingPackets(each) for each in descriptors]
        self.keys = [KeyListener() for _ in descriptors]
        self.key_types = [key_types({}, {}) for _ in descriptors]
        self.kept: float | None = None
        """Seconds; None before there is anything to keep."""
        self.kept_at = 0.0
        """When that was heard to grow, in seconds of ``RecorderClient``'s looking."""
        self.told = False
        """That it is not kept."""

    def waiting_keys(self, now: int) -> Iterator[tuple[str, str]]:
        """Side and digit of each key in the taps that was not looked at before."""
        for side, tap, listener, types in zip(SIDES, self.taps, self.keys, self.key_types, strict=False):
            for data in tap.look(take=self.alone):
                packet = parse(data) if len(data) > 1 and data[1] & 0x7F in types else None
                if packet is not None:
                    digit, _ = listener.hear(packet, now)
                    if digit:
                        yield side, digit

    def close(self) -> None:
        while self.taps:
            self.taps.pop().close()


class RecorderClient:
    """The client of the recorder, a supervised process. Callable from any thread; ``done(result, error)`` comes on the
    client's thread. ``events`` may be set between making and ``launch``.
    ``on_levels`` gets call -> (caller, callee) once a second while ``watch_levels(True)`` holds."""

    def __init__(
        self,
        spawn: Spawn,
        events: RecorderEvents,
        clock: Clock,
        *,
        open_seconds: float = OPEN_SECONDS,
        quiet_seconds: float = QUIET_SECONDS,
        hung_seconds: float = HUNG_SECONDS,
        stuck_seconds: float = STUCK_SECONDS,
    ) -> None:
        self.events = events
        self.on_levels: Callable[[Mapping[str, tuple[int, int]]], None] | None = None
        self._spawn = spawn
        self._clock = clock
        self._open_seconds, self._stuck_seconds = open_seconds, stuck_seconds
        self._quiet_seconds, self._hung_seconds = quiet_seconds, hung_seconds
        self._lock = threading.Lock()
        self._outbox: Outbox | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: dict[tuple[str, str], tuple[_Done, float]] = {}
        self._openings: dict[str, float] = {}
        """When each that the recorder has not answered was asked for, in seconds of looking, the oldest first; given up
        or not."""
        self._refused: list[tuple[_Done, Exception]] = []
        self._calls: dict[str, _Call] = {}
        """Those that the running process has opened and not closed, and those that none hears."""
        self._leaving: subprocess.Popen[bytes] | None = None
        """One that was killed and is not gone yet."""
        self._alive: m.Heartbeat | None = None
        self._silent = 0.0
        """Seconds for which the client's thread has looked for a message, and none was there."""
        self._looked = 0.0
        """Seconds for which it has looked at all."""
        self._watching = False
        self._up = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder-client", daemon=True)

    # --- start and stop -----------------------------------------------------------------------------------------------

    def launch(self, timeout: float = 10.0) -> None:
        """Start the process and wait until it is up. Raises ``RecorderError``; supervision goes on even then."""
        self._thread.start()
        if not self._up.wait(timeout):
            raise RecorderError("the recorder did not start", hint="its own messages are on standard error")

    def close_down(self, timeout: float = 10.0) -> bool:
        """Close the socket, at which the recorder seals what is open and ends. True where it has ended in time; where
        it has not, it is left to finish its disk work by itself."""
        self._stopping.set()
        self._hang_up()
        if self._thread.is_alive():
            self._thread.join(timeout)
        process = self._process
        if process is None:
            return True
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def available(self) -> bool:
        """True where a recording could be opened now (process up, disk not full)."""
        alive, outbox = self._alive, self._outbox
        return (
            alive is not None
            and alive.available
            and outbox is not None
            and outbox.waiting <= BEHIND
            and self._silent < self._quiet_seconds
            and not self._slow()
        )

    @property
    def oldest_opening(self) -> float:
        """Seconds that the first call has waited for its recording to open; 0 where none waits. From any thread."""
        with self._lock:
            waits = (self._waiting.get(("open", call_id)) for call_id in self._openings)  # None: given up
            first = next(filter(None, waits), None)
        return time.monotonic() - first[1] + self._open_seconds if first else 0.0

    def _slow(self) -> bool:
        with self._lock:
            now = self._looked
            return now - next(iter(self._openings.values()), now) > SLOW_SECONDS

    @property
    def pid(self) -> int | None:
        """Process id of the running recorder."""
        process = self._process
        return process.pid if process is not None and self._alive is not None else None

    def writes(self, recording_id: str) -> bool:
        """True where the running process may still write to this recording's file: one that it has not opened is
        another process's, which is gone."""
        calls = list(self._calls.values())
        return any(each.recording_id == recording_id and not (each.alone or each.written) for each in calls)

    @property
    def looked_at(self) -> int:
        """Packets in the taps of running calls that were looked at for keys in the recorder's place."""
        return sum(tap.looked_at for call in list(self._calls.values()) for tap in list(call.taps))

    # --- for calls -------------------------------------------------------------------------------------------------

    def open(
        self,
        call_id: str,
        recording_id: str,
        header: Mapping[str, Any],
        done: Callable[[RecordingOpened | None, Exception | None], None],
        *,
        keep: bool = True,
        listen: bool = False,
        payloads: Mapping[str, Mapping[int, str]] | None = None,
    ) -> None:
        """Make the key, wrap it, bind the taps and listen for digits, which ``payloads`` (as in ``media_changed``) tell
        of. No audio is kept until ``start``.

        ``keep`` false: listen only. There is no key and no wrap, and ``start`` must not come. ``listen``: where the
        recorder cannot do what it is asked, the same (``RecordingOpened.unkept``) instead of an error. An answer comes
        within ``open_seconds``, be it an error.
        """
        codecs = payloads or {}

        def opened(result: RecordingOpened | None, error: Exception | None) -> None:
            result = self._listen_alone(call_id, recording_id, error) if error is not None and listen else result
            self._map(call_id, codecs)
            done(result, None if result is not None else error)

        day = self._clock.now().date().isoformat()
        message = m.OpenRecording(call_id, recording_id, day, _plain(header), keep, _payloads(codecs))
        self._ask("open", message, opened, self._open_seconds)

    def _listen_alone(self, call_id: str, recording_id: str, error: Exception) -> RecordingOpened | None:
        """Taps that the client's thread itself takes what comes from; None where there are none to be had."""
        log.error("recorder_not_opened", call=call_id, error=str(error))
        if call_id in self._calls or not self._thread.is_alive():
            return None
        try:
            with ExitStack() as stack:
                taps = [stack.enter_context(closing(Tap())) for _ in SIDES]
                stack.pop_all()
        except OSError:
            return None
        ports = [tap.port for tap in taps]
        self._calls[call_id] = _Call(recording_id, [tap.socket.detach() for tap in taps], alone=True)
        return RecordingOpened(recording_id, ports[0], ports[1], "", (), "", unkept=str(error))

    def listen(self, call_id: str, caller_from: int, callee_from: int) -> None:
        """The ports of loopback that the copies come from: from these alone the taps take packets, and from nobody
        before. 0: as before."""
        call = self._calls.get(call_id)
        if call is not None and call.alone:
            for tap, source in zip(call.taps, (caller_from, callee_from), strict=False):
                tap.listen_to(source)
            return
        self._send(m.Listen(call_id, caller_from, callee_from))

    def start(
        self, call_id: str, payloads: Mapping[str, Mapping[int, str]], events: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Keep audio from now on. ``payloads`` as in ``LineEvents.media_changed``; ``events`` (the announcement: id,
        version, started, ended, completed) go into the sealed file."""
        self._map(call_id, payloads)
        if call := self._calls.get(call_id):
            call.kept, call.kept_at = 0.0, self._looked
        self._send(m.Start(call_id, time.monotonic_ns(), _payloads(payloads), [_plain(event) for event in events]))

    def media_changed(self, call_id: str, payloads: Mapping[str, Mapping[int, str]]) -> None:
        """The codec map changed in the middle of the call. Before the start it tells which packets are keys."""
        self._map(call_id, payloads)
        self._send(m.MediaChanged(call_id, _payloads(payloads)))

    def pause(self, call_id: str, seconds: int = 0) -> None:
        """Keep nothing, keypad digits included, until ``resume``; the gap is marked. ``seconds``: keep again after so
        many in any case, whatever becomes of the gate; a pause of a paused call sets that anew, 0 takes it away. It
        holds from this instant, whenever the recorder reads of it."""
        outbox = self._outbox
        if outbox is not None:
            outbox.pause(call_id, seconds)

    def resume(self, call_id: str) -> None:
        """Keep audio again."""
        self._send(m.Resume(call_id))

    def keep_no_more(self, call_id: str, done: Callable[[RecordingClosed | None, Exception | None], None]) -> None:
        """Seal the last chunk, as ``close`` does, and hear digits until that; its result is then None. It holds from
        this instant, whenever the recorder reads of it."""
        if call := self._calls.get(call_id):
            call.kept = None
        self._ask("keep no more", m.KeepNoMore(call_id, time.monotonic_ns()), done, CLOSE_SECONDS)

    def close(self, call_id: str, done: Callable[[RecordingClosed | None, Exception | None], None]) -> None:
        """Seal the last chunk. Where ``start`` never came there is no file, and the result is None without an error.
        What comes after this instant is not kept, whenever the recorder reads of it."""
        if call := self._calls.get(call_id):
            call.kept, call.ended = None, True
        self._ask("close", m.Close(call_id, time.monotonic_ns()), done, CLOSE_SECONDS)

    def watch_levels(self, on: bool) -> None:
        """Have ``on_levels`` called once a second, or no more."""
        self._watching = on
        self._send(m.WatchLevels(on))

    def _map(self, call_id: str, payloads: Mapping[str, Mapping[int, str]]) -> None:
        if call := self._calls.get(call_id):
            maps = [payloads.get(side, {}) for side in SIDES]
            if any(maps):
                call.key_types = [key_types(own, other) for own, other in zip(maps, reversed(maps), strict=True)]

    # --- sending --------------------------------------------------------------------------------------------------

    def _ask(self, what: str, message: m.OpenRecording | m.KeepNoMore | m.Close, done: _Done, seconds: float) -> None:
        key = (what, message.call_id)
        with self._lock:
            twice = key in self._waiting
            if not twice:
                self._waiting[key] = (done, time.monotonic() + seconds)
                if what == "open":
                    self._openings[message.call_id] = self._looked
        call = self._calls.get(message.call_id)
        alone = call is not None and call.alone
        if not twice and (what == "close" if alone else self._send(message)):
            return  # where no recorder hears it, the client's thread closes it
        with self._lock:
            if not twice and self._waiting.pop(key, None) is None:
                return
            if not twice:
                self._openings.pop(message.call_id, None)
            error = RecorderError("asked twice" if twice else "the recorder is away")
            if self._thread.is_alive():
                self._refused.append((done, error))
                return
        done(None, error)

    def _send(self, message: m.ToRecorder) -> bool:
        """False where there is nobody to take it."""
        outbox = self._outbox
        return outbox is not None and outbox.put(message)

    def _hang_up(self) -> None:
        outbox = self._outbox
        if outbox is not None:
            outbox.end()

    # --- the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            next_start = time.monotonic() + RESTART_SECONDS
            control = self._bring_up()
            if control is not None:
                self._listen(*control)
                self._bury(control[0])
            while time.monotonic() < next_start and not self._stopping.is_set():
                self._look_for_keys()
                self._expire()
                self._stopping.wait(TICK_SECONDS)
        self._fail_waiting(RecorderError("the recorder is being closed down"))
        for call_id in list(self._calls):
            self._calls.pop(call_id).close()

    def _bring_up(self) -> tuple[socket.socket, Outbox] | None:
        if self._leaving is not None and self._leaving.poll() is None:
            return None
        self._leaving = None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                process = self._spawn(theirs)
            except OSError as error:
                log.error("recorder_not_started", error=str(error))
                ours.close()
                return None
        self._silent = 0.0
        outbox = Outbox(ours)
        self._outbox, self._process = outbox, process
        if self._stopping.is_set():
            self._hang_up()
        return ours, outbox

    def _listen(self, control: socket.socket, outbox: Outbox) -> None:
        """Until the recorder is gone or hung."""
        poll = select.poll()
        looked = time.monotonic()
        while True:
            poll.register(control, select.POLLIN | (select.POLLOUT if outbox.waiting else 0))
            poll.poll(TICK_SECONDS * 1000)
            if outbox.waiting:
                outbox.flush()
            count = self._read(control)
            if count is None:
                return
            was, before, looked = self._silent, looked, time.monotonic()
            step = min(looked - before, LOOK_SECONDS)
            self._looked += step
            self._silent = 0.0 if count else was + step
            self._look_for_keys()
            if was < self._quiet_seconds <= self._silent:
                log.warning("recorder_silent", seconds=self._quiet_seconds)
                self._guarded(self.events.recorder_silent)
            self._look_what_is_kept()
            self._expire()
            if self._stopping.is_set() or (self._silent > LATE_SECONDS and self._waits_for_disk()):
                continue
            if outbox.stuck_seconds > self._stuck_seconds:
                log.error("recorder_does_not_read", waiting=outbox.waiting)
                return
            if self._silent > self._hung_seconds:
                log.error("recorder_hung")
                return

    def _waits_for_disk(self) -> bool:
        """The process waits in the kernel and cannot be woken up, not even to be killed (proc(5), state D)."""
        process = self._process
        try:
            return (
                process is not None and Path(f"/proc/{process.pid}/stat").read_bytes().rpartition(b")")[2][1:2] == b"D"
            )
        except OSError:
            return False

    def _look_for_keys(self) -> None:
        """Where the recorder is late, and in calls that none hears. Of these the caller's keys are taken as well: they
        may be an agent's code, and only what waits for a recorder may be told again."""
        now = time.monotonic_ns()
        for call_id, call in list(self._calls.items()):
            if not call.alone and self._silent < LATE_SECONDS:
                continue
            ended = call.ended
            for side, digit in call.waiting_keys(now):
                tell = self.events.recorder_digit if call.alone and side == "caller" else self.events.key_waits
                self._guarded(tell, call_id, side, digit)
            if call.alone and ended:
                self._calls.pop(call_id).close()
                self._answer(("close", call_id), None, RecorderError("the recorder is away"))

    def _look_what_is_kept(self) -> None:
        for call_id, call in list(self._calls.items()):
            if call.kept is not None and not call.told and self._looked - call.kept_at >= KEPT_SECONDS:
                call.told = True
                log.error("not_kept", call=call_id, recording=call.recording_id, kept_seconds=call.kept)
                self._guarded(self.events.not_kept, call_id)

    def _read(self, control: socket.socket) -> int | None:
        """Take what is there; how many messages that was. None where the recorder is gone."""
        for count in range(AT_ONCE):
            try:
                data, rights, _, _ = control.recvmsg(m.MAX_MESSAGE, _RIGHTS, _AT_ONCE)
            except BlockingIOError:
                return count
            except OSError:
                return None
            if not data:
                return None
            self._take(data, [number for _, _, sent in rights for number in array("i", sent)])
        return AT_ONCE

    def _bury(self, control: socket.socket) -> None:
        """The recorder is gone, or must go: tell everybody who waits."""
        self._outbox, process = None, self._process
        was_up, self._alive = self._alive is not None, None
        control.close()
        if process is not None and not self._stopping.is_set():
            for _ in range(2):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(TICK_SECONDS)
                process.kill()
            self._leaving = process
            log.error("recorder_away", exit_code=process.poll())
        for call in list(self._calls.values()):
            call.alone = True
        self._look_for_keys()
        self._fail_waiting(RecorderError("the recorder is away"))
        if was_up and not self._stopping.is_set():
            self._guarded(self.events.recorder_away)

    def _take(self, data: bytes, descriptors: Sequence[int]) -> None:
        try:
            message = m.decode_for_gate(data)
        except msgspec.MsgspecError as error:
            log.error("message_not_understood", error=str(error))
            return
        if isinstance(message, m.Opened):
            opened = _Call(message.recording.recording_id, descriptors)
            if self._calls.setdefault(message.call_id, opened) is not opened:
                opened.close()  # too late: the call is listened to without the recorder
        match message:
            case m.Ready():
                log.info("recorder_up", pid=message.pid, memory_locked=message.locked)
                if self._watching:
                    self._send(m.WatchLevels(True))
            case m.Heartbeat():
                self._alive = message
                self._up.set()
                for call_id, seconds in message.kept.items():
                    call = self._calls.get(call_id)
                    if call is not None and call.kept is not None and seconds > call.kept:
                        call.kept, call.kept_at, call.told = seconds, self._looked, False
            case m.Opened():
                self._answer(("open", message.call_id), message.recording, None)
            case m.OpenFailed():
                self._answer(("open", message.call_id), None, RecorderError(message.message))
            case m.Finished():
                if call := self._calls.get(message.call_id):
                    call.written = True
                self._answer_closed("keep no more", message)
            case m.Closed():
                self._take_closed(message)
            case m.Behind():
                if self._outbox is not None:
                    self._outbox.say_in_step()
            case m.KeyPressed():
                self._guarded(self.events.recorder_digit, message.call_id, message.side, message.digit)
            case m.RecordingFailed():
                if call := self._calls.get(message.call_id):
                    call.kept = None
                self._guarded(self.events.recorder_failed, message.call_id, message.message)
            case m.Levels():
                if self.on_levels is not None:
                    self._guarded(self.on_levels, message.calls)

    def _take_closed(self, message: m.Closed) -> None:
        call = self._calls.get(message.call_id)
        if call is not None and call.alone:
            return
        if call is not None:
            self._calls.pop(message.call_id).close()
        self._answer_closed("close", message)

    def _answer_closed(self, what: str, message: m.Closed) -> None:
        error = RecorderError(message.error) if message.error else None
        self._answer((what, message.call_id), None if error else message.recording, error)

    def _answer(self, key: tuple[str, str], result: Any, error: Exception | None) -> None:
        with self._lock:
            waiting = self._waiting.pop(key, None)
            if key[0] == "open":
                self._openings.pop(key[1], None)
        if waiting is not None:
            self._guarded(waiting[0], result, error)

    def _expire(self) -> None:
        """Tell those whose answer is overdue, or whose question could not be sent."""
        now = time.monotonic()
        with self._lock:
            refused, self._refused = self._refused, []
            late = [(key, done) for key, (done, until) in self._waiting.items() if until < now]
            for key, _ in late:
                del self._waiting[key]
            for call_id in [
                each for each, asked in self._openings.items() if asked < self._looked - self._hung_seconds
            ]:
                del self._openings[call_id]  # no answer comes from a recorder that lives and has not understood
        for done, error in refused:
            self._guarded(done, None, error)
        for (what, call_id), done in late:
            if what == "open":
                self._send(m.Close(call_id))
            self._guarded(done, None, RecorderError(f"the recorder did not answer in time ({what})"))

    def _fail_waiting(self, error: Exception) -> None:
        with self._lock:
            dones = [done for done, _ in self._waiting.values()] + [done for done, _ in self._refused]
            self._waiting.clear()
            self._openings.clear()
            self._refused = []
        for done in dones:
            self._guarded(done, None, error)

    @staticmethod
    def _guarded(callback: Callable[..., None], *arguments: Any) -> None:
        try:
            callback(*arguments)
        except Exception:  # one listener's fault must not leave the others without an answer
            log.exception("callback_failed", callback=getattr(callback, "__qualname__", repr(callback)))


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON values, times as ISO text."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    return plain


def _payloads(payloads: Mapping[str, Mapping[int, str]]) -> dict[str, dict[int, str]]:
    return {side: dict(names) for side, names in payloads.items()}


# --- what is on its way to the recorder -------------------------------------------------------------------------------

SEND_BUFFER = 1 << 20
"""Asked for; the kernel grants up to ``net.core.wmem_max`` (208 KiB by default: about two hundred messages)."""
MOST_WAITING = 20_000
"""Messages; beyond it the recorder counts as hung at once."""


class Outbox:
    """The sending half of one control socket. Any thread may ``put``; the client's thread calls ``flush``."""

    def __init__(self, control: socket.socket) -> None:
        with contextlib.suppress(OSError):
            control.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._control = control
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque()
        self._progress = 0.0
        self._overflown = False
        self._asked = False
        self._ending = False

    @property
    def waiting(self) -> int:
        """Messages that the socket has not taken yet."""
        return len(self._waiting) + self._asked

    @property
    def stuck_seconds(self) -> float:
        """Seconds for which something has waited and the socket has taken nothing; endless where too much waits."""
        if self._overflown:
            return float("inf")
        return time.monotonic() - self._progress if self._waiting else 0.0

    def put(self, message: m.ToRecorder) -> bool:
        """Send now, or behind what waits. False where there is nobody to take it."""
        data = m.encode(message)
        with self._lock:
            return self._put(data)

    def pause(self, call_id: str, seconds: int = 0) -> bool:
        """As ``put`` of a pause, which holds from this instant, and for no longer than ``seconds`` (0: no bound),
        however long it waits."""
        with self._lock:
            now = time.monotonic_ns()
            return self._put(m.encode(m.Pause(call_id, now, now + seconds * 10**9 if seconds else 0)))

    def say_in_step(self) -> None:
        """The recorder asks: tell it the next instant at which nothing waits here."""
        with self._lock:
            self._asked = True
            self._flush()

    def flush(self) -> None:
        """Send what waits, as far as the socket takes it."""
        with self._lock:
            self._flush()

    def end(self) -> None:
        """Say no more after what waits."""
        with self._lock:
            self._ending = True
            self._flush()

    def _put(self, data: bytes) -> bool:
        if self._ending or self._overflown:
            return False
        if self._waiting:
            self._overflown = len(self._waiting) >= MOST_WAITING
            if not self._overflown:
                self._waiting.append(data)
            return not self._overflown
        try:
            self._control.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            self._progress = time.monotonic()
            self._waiting.append(data)
        except OSError:
            return False
        return True

    def _flush(self) -> None:
        while self._waiting:
            try:
                self._control.send(self._waiting[0], socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    self._waiting.clear()
                    break
                log.error("message_too_long", size=len(self._waiting[0]))
            self._waiting.popleft()
            self._progress = time.monotonic()
        if self._asked:
            self._asked = False
            with contextlib.suppress(OSError):
                try:
                    self._control.send(m.encode(m.InStep(time.monotonic_ns())), socket.MSG_DONTWAIT)
                except BlockingIOError:
                    self._asked = True
        if self._ending:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_WR)
