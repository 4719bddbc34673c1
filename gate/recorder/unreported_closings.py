"""Closings that nobody was there to hear: the gate died, the recorder finished its files, and left a note beside each.

A note holds no personal data: digest, size, times. The restarted gate makes facts of the notes and then drops them. A
recording without a note and without a ``recording_closed`` fact is one whose recorder died too; its digest is that of
the file as it lies.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gate.converting import decode
from gate.ports import RecordingClosed
from gate.recorder.messages import Closed

SUFFIX = ".closed.json"


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


def leave(folder: Path, closed: Closed) -> None:
    """Write the note for a closing, durably. Raises ``OSError``."""
    note = folder / (closed.path + SUFFIX)
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


def find(folder: Path) -> list[UnreportedClosing]:
    """All notes under the recordings folder, oldest day first. One that is not readable is passed over: its recording
    is found by its missing fact."""
    found = []
    for note in sorted(folder.glob(f"*/*/*/*{SUFFIX}")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            message = decode(note.read_bytes(), Closed)
            if message.recording is not None:
                found.append(UnreportedClosing(message.call_id, message.path, message.recording, note))
    return found
