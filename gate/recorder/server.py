"""The recorder's process, and the loop in it: control, taps, chunks that are due.

It is one thread, and nothing in it waits for anything but packets.

A round takes what has arrived everywhere and seals what is due, then rests until a tenth of a second after it began:
each port has five packets then, which one call to the kernel takes, and the kernel's stamps keep the times exact. What
is asked while it rests, or takes packets, is done at once, for a call waits for its recording to open.

A round looks at the clock, then obeys what was asked, and then takes the packets that arrived before it looked: no
packet is kept that came after a pause. That holds while whatever was asked is in the socket. A full socket is the only
reason why it would not be, so a round that has read many messages asks the gate (``Behind``) and leaves the packets in
their ports until it hears up to when nothing more waits (``InStep``).

``gate.daemon`` calls ``serve`` with the vault's seal and an inherited socket. What keeps clear audio in the recorder's
memory: no core dump, no reading by other processes, no swap where allowed. Not promised: packets in the kernel's socket
buffers and in the relay's own process are outside of this; suspend to disk writes everything. Encrypted swap is the
administrator's answer to those.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import select
import signal
import socket
import time
from array import array
from collections import deque
from pathlib import Path

import msgspec
import structlog

from gate.clock import Clock
from gate.recorder import messages as m
from gate.recorder.calls import GATE_GONE, Calls
from gate.recorder.finisher import Ended, Finisher
from gate.recorder.taps import Instant, instant
from gate.vault.sealer import SealFactory

ROUND_SECONDS = 0.1
ALIVE_SECONDS = 1.0
TOLD_SECONDS = 10.0
"""A gate that has died may not have acted on what it was told this recently; a note about it does no harm."""
MANY_MESSAGES, MANY_BYTES = 64, 1 << 16
"""No socket is full that holds less, whatever size of buffer the kernel grants."""
BEFORE_OTHERS = -10
"""Added to its nice value (setpriority(2)): whoever picked up waits for it. What it takes is bounded by the calls."""
MAX_UNSENT = 10_000
"""Messages of calls kept for a gate that does not read; beyond it the oldest go. The others never wait."""
MIN_FREE_BYTES = 256 << 20

_PR_SET_DUMPABLE = 4
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
"""Linux values (``linux/prctl.h``, ``asm-generic/mman.h``)."""

log = structlog.get_logger("recorder")


class Server:
    """All calls of one gate."""

    def __init__(
        self,
        control: socket.socket,
        folder: Path,
        seal: SealFactory,
        clock: Clock,
        *,
        min_free_bytes: int,
        locked: bool,
    ) -> None:
        self._control = control
        self._folder = folder
        self._locked = locked
        self._posts: deque[Ended | tuple[str, str]] = deque()
        self._outbox: deque[tuple[bytes, tuple[socket.socket, ...]]] = deque(maxlen=MAX_UNSENT)
        """Messages, and the sockets that go with them."""
        self._told: deque[tuple[float, m.Closed]] = deque()
        self._woken = select.poll()
        self._wake_in, self._wake_out = socket.socketpair()
        self._finisher = Finisher(folder, self._post, lambda call_id, message: self._post((call_id, message)))
        self._calls = Calls(folder, seal, clock, self._finisher, self._send, min_free_bytes=min_free_bytes)
        self._gate_gone = False
        self._watching = False
        self._behind = False
        self._in_step = instant()
        """Everything that was asked up to here is done."""
        self._moved = False
        """That has moved on since packets were taken."""

    # --- the loop -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Until the gate is gone and everything is closed."""
        self._control.setblocking(False)
        self._wake_in.setblocking(False)
        for each in (self._control, self._wake_in):
            self._woken.register(each, select.POLLIN)
        self._finisher.start()
        self._send(m.Ready(os.getpid(), self._locked))
        self._alive()
        alive = time.monotonic()
        while not self._gate_gone:
            began = time.monotonic()
            self._attend()
            if self._moved:
                self._moved = False
                self._calls.take_packets(self._in_step_now)
            self._calls.seal_due(instant())
            if began - alive >= ALIVE_SECONDS:
                alive = began
                self._alive()
                self._forget_old_closings(began)
            self._flush()
            self._rest(began + ROUND_SECONDS)
        self._finish_all()

    def _rest(self, until: float) -> None:
        """Take no packets; what is asked is done, and what has ended is reported."""
        while not self._gate_gone and (rest := until - time.monotonic()) > 0:
            if self._woken.poll(1000 * rest):
                self._attend()

    def _attend(self) -> None:
        self._obey_all(instant())
        self._take_posts()

    def _in_step_now(self) -> Instant:
        """Do what was asked; the instant up to which that is everything."""
        self._attend()
        return self._in_step

    # --- the gate's wishes ----------------------------------------------------------------------------------------

    def _obey_all(self, at: Instant) -> None:
        """Carry out what was asked up to ``at``."""
        said, much = self._read_control()
        if said is not None:
            self._behind = False
            self._in_step = at.back_to(said)
        if much and not self._behind:
            self._behind = True
            self._send(m.Behind())
        elif not self._behind:
            self._in_step = at
        self._moved = self._moved or said is not None or not self._behind

    def _read_control(self) -> tuple[int | None, bool]:
        """Read the socket until it is empty, and obey, openings first, for a callee waits for each: (what ``InStep``
        said, whether so much was read that more may wait)."""
        count = size = 0
        said: int | None = None
        asked: list[m.ToRecorder] = []
        while True:
            try:
                data = self._control.recv(m.MAX_MESSAGE)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self._gate_gone = True
                break
            count += 1
            size += len(data)
            try:
                message = m.decode_for_recorder(data)
            except msgspec.MsgspecError as error:
                log.error("message_not_understood", error=str(error))
                continue
            if isinstance(message, m.WatchLevels):
                self._watching = message.on
            elif isinstance(message, m.InStep):
                said = message.at
            else:
                asked.append(message)
        for message in sorted(asked, key=lambda each: not isinstance(each, m.OpenRecording)):
            self._calls.obey(message)
        return said, count >= MANY_MESSAGES or size >= MANY_BYTES

    def _take_posts(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_in.recv(4096)
        while self._posts:
            post = self._posts.popleft()
            if isinstance(post, Ended):
                self._calls.take_ended(post)
            else:
                self._calls.sync_failed(*post)

    def _finish_all(self) -> None:
        """The gate is gone: close what is open as interrupted, and leave a note where nobody heard of a closing."""
        self._obey_all(instant())
        self._calls.interrupt(GATE_GONE, self._in_step)
        self._finisher.stop()
        self._take_posts()
        unheard = [*self._calls.unanswered(), *(closed for _, closed in self._told)]
        for closed in unheard:
            try:
                m.leave_note(self._folder, closed)
            except OSError as error:
                log.error("note_not_left", path=closed.path, error=repr(error))
        log.info("gate_gone", closed=len(unheard))

    # --- telling --------------------------------------------------------------------------------------------------

    def _post(self, post: Ended | tuple[str, str]) -> None:
        """Take a message from the finisher's thread."""
        self._posts.append(post)
        with contextlib.suppress(OSError):
            self._wake_out.send(b".", socket.MSG_DONTWAIT)

    def _send(self, message: m.ToGate) -> None:
        if isinstance(message, m.Heartbeat | m.Levels):
            if self._outbox:
                return
        elif isinstance(message, m.Closed) and message.path:
            self._told.append((time.monotonic(), message))
        sockets = self._calls.taps(message.call_id) if isinstance(message, m.Opened) else ()
        self._outbox.append((m.encode(message), sockets))
        self._flush()

    def _flush(self) -> None:
        while self._outbox:
            data, sockets = self._outbox[0]
            numbers = array("i", [number for each in sockets if (number := each.fileno()) >= 0])
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)] if numbers else []
            try:
                self._control.sendmsg([data], rights, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    self._gate_gone = True
                    return
                log.error("message_too_long", size=len(data))
            self._outbox.popleft()

    def _forget_old_closings(self, now: float) -> None:
        """Forget closings that were sent a while ago: one that was not yet read would be lost with the gate. The outbox
        holds it longer where the gate does not read."""
        while self._told and not self._outbox and now - self._told[0][0] > TOLD_SECONDS:
            self._told.popleft()

    def _alive(self) -> None:
        self._send(self._calls.alive())
        levels = self._calls.levels()
        if self._watching:
            self._send(levels)


# --- the process -----------------------------------------------------------------------------------------------------


def harden_process() -> bool:
    """Harden this process; returns True where its memory is locked. Termination signals are ignored: the recorder ends
    when the gate's end of the socket closes, so that nothing stops it in the middle of a call."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _come_first()
    _raise_file_limit()
    library = ctypes.CDLL(None, use_errno=True)
    with contextlib.suppress(AttributeError):
        library.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return _lock_memory(library)


def _come_first() -> None:
    """Before other programs, where that is permitted (``CAP_SYS_NICE``, ``RLIMIT_NICE``): in its session; and its
    session before others, where the kernel shares the processor out by session (sched(7), autogroup)."""
    with contextlib.suppress(OSError):
        os.nice(BEFORE_OTHERS)
        Path("/proc/self/autogroup").write_text(str(BEFORE_OTHERS), encoding="ascii")


def _raise_file_limit() -> None:
    """Three descriptors a call: the soft limit of 1024 would end at 340 calls."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else hard
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _lock_memory(library: ctypes.CDLL) -> bool:
    """Only where nothing bounds it: a lock that runs into ``RLIMIT_MEMLOCK`` later would make allocations fail."""
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != resource.RLIM_INFINITY and not _may_lock():
        return False
    try:
        return bool(library.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0)
    except AttributeError:
        return False


def _may_lock() -> bool:
    """``CAP_IPC_LOCK`` (bit 14) among the effective capabilities."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> 14 & 1)
    except (OSError, ValueError):
        pass
    return False


def inherited(descriptor: int) -> socket.socket:
    """The control socket that was left open for this process under ``descriptor``. Raises ``OSError``."""
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    return control


def serve(
    control: socket.socket, recordings: Path, seal: SealFactory, clock: Clock, *, min_free_bytes: int = MIN_FREE_BYTES
) -> int:
    """Run until the gate's end of ``control`` closes; then seal, close and mark what is open, and return 0.

    ``recordings`` is created where it is missing. New recordings are refused while less than ``min_free_bytes`` are
    free. Raises ``OSError`` where the folder cannot be made.
    """
    locked = harden_process()
    recordings.mkdir(mode=0o700, parents=True, exist_ok=True)
    Server(control, recordings, seal, clock, min_free_bytes=min_free_bytes, locked=locked).run()
    return 0
