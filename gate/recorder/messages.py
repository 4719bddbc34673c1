"""What the gate and its recorder say to each other: one MessagePack message per packet of a ``SOCK_SEQPACKET`` pair.

The kernel keeps the borders of messages, and an empty read means that the other side is gone, however it went.

Where the gate died, nobody hears of a closing: the recorder finishes its files, and leaves a note beside each. It holds
no personal data: digest, size, times. The restarted gate makes facts of the notes and then drops them. A recording
without a note and without a ``recording_closed`` fact is one whose recorder died too; its digest is that of the file as
it lies.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from gate.converting import decode
from gate.ports import RecordingClosed, RecordingOpened

MAX_MESSAGE = 262_144
"""Bytes; a longer one is not read."""
NOTE_SUFFIX = ".closed.json"


class RecorderMessage(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Base of every message; the tag is the class's name."""


# --- gate to recorder ---------------------------------------------------------------------------------------------


class OpenRecording(RecorderMessage, frozen=True):
    """Make the key, bind the taps, listen for keys. ``payloads`` as in ``MediaChanged``, where they are known."""

    call_id: str
    recording_id: str
    day: str
    """``YYYY-MM-DD``: the folder."""
    header: dict[str, Any]
    keep: bool = True
    """False: listen for keys only; there is no data key, and it cannot be started."""
    payloads: dict[str, dict[int, str]] = {}


class Listen(RecorderMessage, frozen=True):
    """Take what comes from these ports of loopback, of the caller's copy and of the callee's, and nothing else.
    0: as before."""

    call_id: str
    caller_from: int
    callee_from: int


class Start(RecorderMessage, frozen=True):
    """Keep what comes from ``at`` on."""

    call_id: str
    at: int
    """Nanoseconds of ``CLOCK_MONOTONIC``, which both processes read: when the gate asked."""
    payloads: dict[str, dict[int, str]]
    events: list[dict[str, Any]]


class MediaChanged(RecorderMessage, frozen=True):
    """Another codec map."""

    call_id: str
    payloads: dict[str, dict[int, str]]


class Pause(RecorderMessage, frozen=True):
    """Keep nothing that came later than ``at``, and earlier than ``until``."""

    call_id: str
    at: int
    """Nanoseconds of ``CLOCK_MONOTONIC``, which both processes read: when the gate asked."""
    until: int = 0
    """Likewise; 0: until the gate asks for a resume."""


class Resume(RecorderMessage, frozen=True):
    """Keep again."""

    call_id: str


class KeepNoMore(RecorderMessage, frozen=True):
    """Keep nothing that came later than ``at``; keys are heard until the call is closed."""

    call_id: str
    at: int
    """Nanoseconds of ``CLOCK_MONOTONIC``: when the gate asked."""


class Close(RecorderMessage, frozen=True):
    """Seal the last chunk and forget the call. What came later than ``at`` is not kept."""

    call_id: str
    at: int = 0
    """Nanoseconds of ``CLOCK_MONOTONIC``: when the gate asked; 0: when this is read."""


class WatchLevels(RecorderMessage, frozen=True):
    """Send ``Levels`` once a second, or stop."""

    on: bool


class InStep(RecorderMessage, frozen=True):
    """Answer to ``Behind``: whatever was asked before ``at`` has been said."""

    at: int
    """Nanoseconds of ``CLOCK_MONOTONIC``."""


# --- recorder to gate ---------------------------------------------------------------------------------------------


class Ready(RecorderMessage, frozen=True):
    """The process is up."""

    pid: int
    locked: bool
    """True where its memory is locked, so that no audio can meet swap."""


class Opened(RecorderMessage, frozen=True):
    """Answer to ``OpenRecording``. The sockets of both taps come with it, the caller's first: the gate looks for keys
    in them while the recorder does not answer."""

    call_id: str
    recording: RecordingOpened


class OpenFailed(RecorderMessage, frozen=True):
    """The other answer to ``OpenRecording``."""

    call_id: str
    message: str


class Closed(RecorderMessage, frozen=True):
    """Answer to ``Close``."""

    call_id: str
    path: str = ""
    """The sealed file, relative to the recordings folder."""
    recording: RecordingClosed | None = None
    """None where there is no file."""
    error: str = ""
    """Why there is no answer: an unknown call, a file that could not even be read back."""


class Finished(Closed, frozen=True):
    """Answer to ``KeepNoMore``, as to ``Close``; the call's taps still listen for keys."""


class KeyPressed(RecorderMessage, frozen=True):
    """A key was pressed."""

    call_id: str
    side: str
    digit: str


class RecordingFailed(RecorderMessage, frozen=True):
    """This recording cannot go on; its taps still listen for keys."""

    call_id: str
    message: str


class Behind(RecorderMessage, frozen=True):
    """So much was read at one go that more may wait in the gate; packets are left in their ports until ``InStep``."""


class Heartbeat(RecorderMessage, frozen=True):
    """Once a second."""

    available: bool
    """False where less than the bound is free, or the disk takes nothing or does not answer."""
    kept: dict[str, float] = {}
    """Call -> seconds from the start of its recording up to which all that has arrived is written to its file. A
    recording is not here while the disk does not answer: what is written then may be lost with the power."""


class Levels(RecorderMessage, frozen=True):
    """Loudness of the last second: call -> (caller, callee), 0 to 127 as in ``gate.recorder.recording``."""

    calls: dict[str, tuple[int, int]]


ToRecorder = OpenRecording | Listen | Start | MediaChanged | Pause | Resume | KeepNoMore | Close | WatchLevels | InStep
ToGate = Ready | Opened | OpenFailed | Finished | Closed | KeyPressed | RecordingFailed | Behind | Heartbeat | Levels

encode = msgspec.msgpack.Encoder().encode
decode_for_recorder = msgspec.msgpack.Decoder(ToRecorder).decode
"""Raises ``msgspec.MsgspecError``."""
decode_for_gate = msgspec.msgpack.Decoder(ToGate).decode
"""Raises ``msgspec.MsgspecError``."""


# --- to a gate that has died -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnreportedClosing:
    """One unheard closing."""

    call_id: str
    path: str
    """The sealed file, relative to the recordings folder."""
    closed: RecordingClosed
    note: Path

    def drop(self) -> None:
        """Forget it: the fact is committed. Harmless where it is gone."""
        self.note.unlink(missing_ok=True)


def leave_note(folder: Path, closed: Closed) -> None:
    """Write the note for a closing, durably. Raises ``OSError``."""
    note = folder / (closed.path + NOTE_SUFFIX)
    temporary = note.with_suffix(".tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(closed))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(note)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def find_notes(folder: Path) -> list[UnreportedClosing]:
    """All notes under the recordings folder, oldest day first. One that is not readable is passed over: its recording
    is found by its missing fact."""
    found = []
    for note in sorted(folder.glob(f"*/*/*/*{NOTE_SUFFIX}")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            message = decode(note.read_bytes(), Closed)
            if message.recording is not None:
                found.append(UnreportedClosing(message.call_id, message.path, message.recording, note))
    return found
