"""The open recordings of one gate: its requests carried out, one call's failure kept from the others, ends reported.

An ending is answered when two things have met: the gate has asked for it, and the finisher has closed the file. They
come in either order, because a failed recording is closed before anybody asks.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from datetime import date
from pathlib import Path

import structlog

from gate.clock import Clock
from gate.errors import RecorderError, VaultError
from gate.ports import RecordingClosed, RecordingOpened
from gate.recorder import messages as m
from gate.recorder.finisher import Ended, Ending, Finisher, describe
from gate.recorder.recording import LiveRecording
from gate.recorder.taps import Instant, instant
from gate.vault.sealer import SealFactory

TURN = 32
"""Calls whose packets are taken at a time: half a millisecond."""
STALLED_SECONDS = 1.0
"""A disk that takes longer for one file does not answer."""
GATE_GONE = "gate_gone"
_UNKNOWN = "the recorder knows no such call"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

log = structlog.get_logger("recorder")


class Calls:
    """All calls. ``tell`` sends a message to the gate."""

    def __init__(
        self,
        folder: Path,
        seal: SealFactory,
        clock: Clock,
        finisher: Finisher,
        tell: Callable[[m.ToGate], None],
        *,
        min_free_bytes: int,
    ) -> None:
        self._folder = folder
        self._seal = seal
        self._clock = clock
        self._finisher = finisher
        self._send = tell
        self._min_free = min_free_bytes
        self._calls: dict[str, LiveRecording] = {}
        self._ended: dict[str, m.Closed] = {}

    # --- audio ----------------------------------------------------------------------------------------------------

    def take_packets(self, until: Callable[[], Instant]) -> None:
        """Take from every tap what had arrived by ``until()``, which is asked again after every ``TURN`` calls: what
        is asked of the recorder meanwhile waits no longer than that."""
        for number, recording in enumerate(list(self._calls.values())):
            if number % TURN == 0:
                at = until()
            try:
                if recording.paused:
                    recording.resume_when_due(at)
                for side in recording.sides:
                    recording.drain(side, at)
            except Exception as error:  # noqa: BLE001 - one call's trouble must not end the others
                self._fail(recording, error)

    def seal_due(self, at: Instant) -> None:
        """Seal the chunks that are old enough, and have what was written synced."""
        for recording in list(self._calls.values()):
            if not recording.live or recording.file is None:
                continue
            try:
                if recording.due(at):
                    recording.seal_chunk()
            except Exception as error:  # noqa: BLE001 - one call's trouble must not end the others
                self._fail(recording, error)
                continue
            if recording.chunks != recording.chunks_noted:
                recording.chunks_noted = recording.chunks
                self._finisher.written(recording.call_id, recording.file)

    # --- the gate's wishes ----------------------------------------------------------------------------------------

    def obey(self, message: m.ToRecorder) -> None:
        """Carry out a request about a call; a failure is reported to the gate for this call alone."""
        if isinstance(message, m.OpenRecording):
            self._open(message)
            return
        if isinstance(message, m.WatchLevels | m.InStep):
            return
        recording = self._calls.get(message.call_id)
        if recording is None:
            self._reject_unknown(message)
            return
        at = instant()
        try:
            match message:
                case m.Listen():
                    self._listen(recording, message)
                case m.Start():
                    recording.start(at, message.at, self._clock.now().isoformat(), message.payloads, message.events)
                case m.MediaChanged():
                    recording.media_changed(at, message.payloads)
                case m.Pause():
                    recording.pause(at, message.at, message.until)
                case m.Resume():
                    recording.resume(at)
                case m.KeepNoMore():
                    recording.finishing = True
                    self._end(recording, at.back_to(message.at))
                case m.Close():
                    self._close(recording, at, message.at)
        except Exception as error:  # noqa: BLE001 - one call's trouble must not end the others
            self._fail(recording, error)

    def _reject_unknown(self, message: m.ToRecorder) -> None:
        """Answer for a call that is not here (an earlier recorder's): only its start and its close need an answer."""
        if isinstance(message, m.Close):
            self._send(m.Closed(message.call_id, error=_UNKNOWN))
        elif isinstance(message, m.Start):
            self._send(m.RecordingFailed(message.call_id, _UNKNOWN))

    def _open(self, message: m.OpenRecording) -> None:
        try:
            recording = self._opened(message)
        except Exception as error:  # noqa: BLE001 - one call's trouble must not end the others
            log.error("open_failed", call_id=message.call_id, error=repr(error))
            self._send(m.OpenFailed(message.call_id, describe(error)))
            return
        self._calls[message.call_id] = recording
        caller, callee = recording.sides
        ports = (caller.tap.port, callee.tap.port)
        seal = recording.seal
        key_id, wraps, known = (seal.key_id, tuple(seal.wraps), seal.commitments) if seal else ("", (), {})
        opened = RecordingOpened(message.recording_id, *ports, key_id, wraps, recording.relative, known)
        self._send(m.Opened(message.call_id, opened))

    def _listen(self, recording: LiveRecording, message: m.Listen) -> None:
        for side, source in zip(recording.sides, (message.caller_from, message.callee_from), strict=True):
            if source:  # else as before, or none yet
                side.tap.take_from(source)

    def _opened(self, message: m.OpenRecording) -> LiveRecording:
        """Raises what is wrong with the request, the disk, the key or the ports."""
        if message.call_id in self._calls:
            raise RecorderError("this call is open already")
        if not _ID.fullmatch(message.recording_id):
            raise RecorderError("a recording id has letters, digits, - and _ only")
        day = date.fromisoformat(message.day)
        if message.keep and not self._room():
            raise RecorderError("the disk is nearly full", hint="make room in the recordings folder")
        if message.keep and self._finisher.suspected:
            raise RecorderError("the disk takes no more", hint="the last write failed; the log says how")
        relative = f"{day:%Y/%m/%d}/{message.recording_id}.dgr"
        path = self._folder / relative
        if path.exists():
            raise RecorderError("a recording of this id exists")
        seal = self._seal(message.recording_id, message.header) if message.keep else None
        recording = LiveRecording(message.call_id, message.recording_id, path, relative, seal, self._key)
        recording.media_changed(instant(), message.payloads)
        return recording

    def _key(self, call_id: str, side: str, digit: str) -> None:
        self._send(m.KeyPressed(call_id, side, digit))

    # --- endings --------------------------------------------------------------------------------------------------

    def _close(self, recording: LiveRecording, at: Instant, asked: int) -> None:
        recording.closing = True
        if asked:
            recording.keep_until(asked)
        recording.take_all(at)  # a key that waits there is an objection: it is reported before the closing is
        self._end(recording, at.back_to(asked) if asked else at)

    def _end(self, recording: LiveRecording, at: Instant) -> None:
        """Keep nothing that came after ``at``. Who asked for it is answered once the file is closed."""
        if recording.file is None and not recording.over:
            recording.end(at)
            recording.settled = True
        elif not recording.over:
            self._hand_over(recording, at)
        if recording.settled:
            self._answer(recording)

    def _hand_over(self, recording: LiveRecording, at: Instant, cause: str = "") -> None:
        """Give the file to the finisher; the loop does not touch it again."""
        trailer = recording.end(at, cause)
        file = recording.file
        assert file is not None  # noqa: S101 - the callers have looked
        self._finisher.finish(Ending(recording.call_id, file, recording.path, trailer, recording.chunks))

    def _fail(self, recording: LiveRecording, error: Exception) -> None:
        """This recording cannot go on. Its chunks stay; its taps go on listening for keys until the call is closed."""
        if recording.failure or recording.over:
            return
        recording.failure = describe(error)
        recording.keeping = False
        if isinstance(error, OSError | VaultError):
            self._finisher.suspect()
        log.error("recording_failed", recording_id=recording.recording_id, error=repr(error))
        self._send(m.RecordingFailed(recording.call_id, recording.failure))
        if recording.file is not None:
            self._hand_over(recording, instant(), recording.failure)
        else:
            recording.end(instant(), recording.failure)
            self._settle(recording, m.Closed(recording.call_id, error=recording.failure))

    def take_ended(self, ended: Ended) -> None:
        """A file is closed."""
        recording = self._calls.get(ended.ending.call_id)
        if recording is not None:
            self._settle(recording, _closed(recording, ended))

    def _settle(self, recording: LiveRecording, closed: m.Closed) -> None:
        recording.settled = True
        self._ended[recording.call_id] = closed
        if recording.finishing or recording.closing:
            self._answer(recording)

    def _answer(self, recording: LiveRecording) -> None:
        """The first answer tells how the file was closed."""
        closed = self._ended.pop(recording.call_id, None) or m.Closed(recording.call_id)
        if recording.finishing:
            recording.finishing = False
            self._send(m.Finished(closed.call_id, closed.path, closed.recording, closed.error))
            closed = m.Closed(recording.call_id)
        if recording.closing:
            self._drop(recording)
            self._send(closed)

    def _drop(self, recording: LiveRecording) -> None:
        del self._calls[recording.call_id]
        recording.close_taps()

    def sync_failed(self, call_id: str, problem: str) -> None:
        """What was written could not be brought to the disk."""
        recording = self._calls.get(call_id)
        if recording is not None and recording.live:
            self._fail(recording, OSError(0, problem))

    def interrupt(self, cause: str, at: Instant) -> None:
        """End everything that is open, for ``cause``, with what had arrived by ``at``."""
        for recording in list(self._calls.values()):
            if not recording.live:
                continue
            try:
                self._hand_over(recording, at, cause)
            except Exception as error:  # noqa: BLE001 - one call's trouble must not end the others
                self._fail(recording, error)

    def unanswered(self) -> list[m.Closed]:
        """Endings that the gate has not asked for."""
        return [closed for closed in self._ended.values() if closed.path]

    def taps(self, call_id: str) -> tuple[socket.socket, ...]:
        """The sockets of a call's taps, the caller's first; none where there is no such call."""
        recording = self._calls.get(call_id)
        return tuple(side.tap.socket for side in recording.sides) if recording is not None else ()

    # --- what is told each second -----------------------------------------------------------------------------------

    def _room(self) -> bool:
        """True where more than the bound is free for this account on the disk of the recordings."""
        try:
            status = os.statvfs(self._folder)
        except OSError:
            return False
        return status.f_bavail * status.f_frsize >= self._min_free

    def alive(self) -> m.Heartbeat:
        """That this process lives, whether the disk takes a recording, and how much of each is kept."""
        answers, at = self._finisher.waits < STALLED_SECONDS, instant()
        live = [each for each in self._calls.values() if each.live] if answers else []
        kept = {each.call_id: round(each.kept(at), 3) for each in live}
        return m.Heartbeat(answers and self._room() and not self._finisher.suspected, kept)

    def levels(self) -> m.Levels:
        """Peaks since the last time this was asked."""
        peaks = {}
        for recording in self._calls.values():
            caller, callee = recording.sides
            peaks[recording.call_id] = (caller.curve.take_recent(), callee.curve.take_recent())
        return m.Levels(peaks)


def _closed(recording: LiveRecording, ended: Ended) -> m.Closed:
    trailer = ended.ending.trailer
    cause = ended.problem or str(trailer["cause"])
    closed = RecordingClosed(
        recording_id=recording.recording_id,
        sha256=ended.sha256,
        size=ended.size,
        seconds=trailer["seconds"],
        chunks=ended.chunks,
        packets=trailer["packets"],
        gaps=tuple(trailer["gaps"]),
        interrupted=bool(cause),
        cause=cause,
        lost=tuple(trailer["lost"]),
    )
    return m.Closed(recording.call_id, recording.relative, closed, error="" if ended.sha256 else cause)
