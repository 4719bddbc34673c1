"""A recording from elsewhere goes in: sealed like the gate's own, with its leaves, and then its clear file may go.

The steps, each durable before the next::

    a mark in the folder of recordings
    the sealed file            (undone where the mark has no recording in the log: file and key go)
    its key, wrapped
    the leaves, in one transaction: from here on it is a recording, and the mark says nothing any more
    the mark goes; the answer; whoever handed the file in removes it (``clear``)

So a gate that is killed loses nothing, for the clear file is still there, and seals nothing twice: the same bytes for
the same call are answered with the recording that they are already.

The audio of a WAV file is sealed in the same frames that the recorder makes of a call's packets. Each channel becomes
RTP packets of 20 ms, byte for byte the samples that came (16-bit PCM as L16, RFC 3551 section 4.5.11), so that players,
exports, proofs and erasure know no other kind of recording. Nothing in clear is written.

The beginning of a WAV file (RIFF) is read as far as a telephone recording needs it: 16-bit PCM or G.711, one or two
channels. Total: any bytes give a ``WavFormat`` or ``WavError``, and nothing is read beyond what was given.
"""

from __future__ import annotations

import hashlib
import os
import queue
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from gate import g711
from gate.calls.binding import AHEAD, Bound, bound_to, note_against_refusal, note_not_asked, why_refused
from gate.calls.reconcile import closing
from gate.core import rtp
from gate.core.evidence import stamp
from gate.core.facts.recordings import RecordingOpened
from gate.core.rows.calls import RecordingRow
from gate.core.rtp import SIDES
from gate.core.terms import many
from gate.durable import sync_folder
from gate.errors import RefusedError, UsageError
from gate.handed_over_file import HandedOverFile
from gate.log import Logger
from gate.operations.keys.recipients import admitted
from gate.operations.operation import ADMINS, Caller, Line, Moment, Number, Request, Response, about, operation
from gate.operations.parsing import number_of
from gate.ports import RecordingClosed
from gate.recorder.recording import STRIDE, TABLES, Curve
from gate.vault.sealer import Seal, sealer

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction


HEAD_BYTES = 1 << 16
"""So much of a file is looked at for its audio's beginning."""
RATES = frozenset({8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000})
_PCM, _ALAW, _ULAW, _EXTENSIBLE = 1, 6, 7, 0xFFFE
_OF_MEDIA = bytes.fromhex("000000001000800000aa00389b71")
"""The end of a format that is named by a GUID; its first two bytes are the format's number."""
_FORMAT = struct.Struct("<HHIIHH")
_CHUNK = struct.Struct("<4sI")
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
"""What a writer leaves that could not go back to its header."""


class WavError(ValueError):
    """The bytes are no WAV file that is taken; the text says why."""


@dataclass(frozen=True, slots=True)
class WavFormat:
    """Where the audio lies, and what it is."""

    codec: str
    """``PCMU``, ``PCMA`` or ``L16`` (16-bit PCM)."""
    rate: int
    """Samples a second."""
    channels: int
    begin: int
    """First byte of the audio."""
    end: int
    """The byte after the last whole sample."""

    @property
    def width(self) -> int:
        """Bytes of a sample of one channel."""
        return 2 if self.codec == "L16" else 1

    @property
    def samples(self) -> int:
        """The samples of each channel."""
        return (self.end - self.begin) // (self.width * self.channels)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.samples / self.rate


def read(head: bytes, size: int) -> WavFormat:
    """The format of a file of ``size`` bytes that begins with ``head``. Raises ``WavError``."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        raise WavError("it is no WAV file")
    known: tuple[str, int, int] | None = None
    place = 12
    while place + _CHUNK.size <= len(head):
        name, length = _CHUNK.unpack_from(head, place)
        place += _CHUNK.size
        if name == b"fmt ":
            known = _format(head[place : place + min(length, 64)])
        elif name == b"data":
            if known is None:
                raise WavError("its audio comes before its format")
            return _audio(known, place, size, length)
        place += length + length % 2
    raise WavError(f"it has no audio in its first {HEAD_BYTES} bytes")


def _format(chunk: bytes) -> tuple[str, int, int]:
    if len(chunk) < _FORMAT.size:
        raise WavError("its format is cut short")
    kind, channels, rate, _, _, bits = _FORMAT.unpack_from(chunk)
    if kind == _EXTENSIBLE:
        if len(chunk) < 40 or chunk[26:40] != _OF_MEDIA:
            raise WavError("its format is not one that is taken")
        (kind,) = struct.unpack_from("<H", chunk, 24)
    codec = {(_PCM, 16): "L16", (_ALAW, 8): "PCMA", (_ULAW, 8): "PCMU"}.get((kind, bits))
    if codec is None:
        raise WavError(f"its format ({kind}, {bits} bits) is not taken: 16-bit PCM, A-law and u-law are")
    if channels not in (1, 2):
        raise WavError(f"it has {channels} channels: one or two are taken")
    if rate not in RATES:
        raise WavError(f"its rate of {rate} Hz is not taken")
    return codec, rate, channels


def _audio(known: tuple[str, int, int], begin: int, size: int, length: int) -> WavFormat:
    codec, rate, channels = known
    there = max(0, size - begin)
    if length not in _UNKNOWN_SIZES and length > there:
        raise WavError(f"it is cut short: {many(length - there, 'byte of its audio', 'is')} missing")
    found = there if length in _UNKNOWN_SIZES else length
    whole = found - found % (channels * (2 if codec == "L16" else 1))
    if whole <= 0:
        raise WavError("it has no audio in it")
    return WavFormat(codec, rate, channels, begin, begin + whole)


PACKETS_A_SECOND = 50
PACKETS_A_CHUNK = 40
"""0.8 seconds of audio, as the recorder seals it."""
_RTP = struct.Struct(">BBHII")
_VERSION = 0x80
_TYPES = {"PCMU": 0, "PCMA": 8}
_DYNAMIC = 96


@dataclass(frozen=True, slots=True)
class Sound:
    """A WAV file that is taken."""

    wav: WavFormat
    sha256: str
    """The SHA-256 of the whole file: what was handed in, and nothing else."""


def sound_of(file: HandedOverFile) -> Sound:
    """What a file holds; reads all of it once. Raises ``UsageError`` where it is no WAV file that is taken."""
    try:
        with file.reader() as reader:
            wav = read(reader.read(HEAD_BYTES), file.size)
            reader.seek(0)
            digest = hashlib.file_digest(reader, "sha256").hexdigest()  # type: ignore[arg-type]
    except WavError as error:
        raise UsageError(f"{file} is not taken: {error}", hint="hand in a WAV file that is complete") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    return Sound(wav, digest)


def seal_wav(
    file: HandedOverFile, sound: Sound, seal: Seal, path: Path, recording_id: str, began: str, *, swap: bool
) -> RecordingClosed:
    """Write the sealed file at ``path``, durable when this returns. The first channel is the agent's, with ``swap`` the
    customer's; a file with one channel has both of them in it, and keeps it on the first side.

    Raises ``OSError`` and what ``SealedWriter`` raises; what lies at ``path`` then is not whole.
    """
    wav, sides = sound.wav, tuple(reversed(SIDES)) if swap else SIDES
    used = sides[: wav.channels]
    kind = _TYPES.get(wav.codec, _DYNAMIC)
    payloads = {side: {kind: f"{wav.codec}/{wav.rate}"} for side in used}
    start = {"at": began, "from": "ingest", "mixed": wav.channels == 1}
    head = rtp.encode_event(0, "start", start) + rtp.encode_map(0, payloads)
    curves = {side: Curve() for side in SIDES}
    writer = seal.create(path)
    try:
        with file.reader() as reader:
            for chunk in _chunks(reader, wav, used, kind, curves):
                writer.write_chunk(head + chunk)
                head = b""
        end = round(wav.seconds * 1e6)
        writer.write_chunk(rtp.encode_event(end, "end", {"interrupted": False, "cause": ""}))
        packets = {side: _packets(wav) if side in used else 0 for side in SIDES}
        summary = writer.close(  # as the recorder's (``LiveRecording.end``)
            {
                "seconds": wav.seconds,
                "packets": packets,
                "dropped": dict.fromkeys(SIDES, 0),
                "gaps": [],
                "interrupted": False,
                "cause": "",
                "levels": {
                    side: {"microseconds": curve.microseconds, "bins": curve.text()} for side, curve in curves.items()
                },
            }
        )
    finally:
        writer.abandon()
    return RecordingClosed(
        recording_id, summary.sha256, summary.size, wav.seconds, summary.chunks, packets, (), interrupted=False
    )


def _packets(wav: WavFormat) -> int:
    each = wav.rate // PACKETS_A_SECOND
    return -(-wav.samples // each)


def _chunks(
    reader: BinaryIO, wav: WavFormat, sides: tuple[str, ...], kind: int, curves: Mapping[str, Curve]
) -> Iterator[bytes]:
    """Frames of 0.8 seconds at a time."""
    each = wav.rate // PACKETS_A_SECOND
    reader.seek(wav.begin)
    for first in range(0, wav.samples, each * PACKETS_A_CHUNK):
        count = min(each * PACKETS_A_CHUNK, wav.samples - first)
        raw = reader.read(count * wav.width * wav.channels)
        if len(raw) < count * wav.width * wav.channels:
            raise OSError(0, "the file became shorter while it was read")
        samples = np.frombuffer(raw, "<i2" if wav.width == 2 else np.uint8).reshape(-1, wav.channels)
        yield b"".join(_frames(samples, first, each, wav, sides, kind, curves))


def _frames(
    samples: npt.NDArray[np.int16 | np.uint8],
    first: int,
    each: int,
    wav: WavFormat,
    sides: tuple[str, ...],
    kind: int,
    curves: Mapping[str, Curve],
) -> Iterator[bytes]:
    for place in range(0, len(samples), each):
        at = first + place
        offset = at * 1_000_000 // wav.rate
        for number, side in enumerate(sides):
            part = samples[place : place + each, number]
            codes = g711.ulaw_encode(part.astype(np.int16)) if wav.codec == "L16" else part.tobytes()
            curves[side].add(offset, codes[::STRIDE].translate(TABLES["PCMA" if wav.codec == "PCMA" else "PCMU"]))
            payload = part.astype(">i2").tobytes() if wav.codec == "L16" else codes
            header = _RTP.pack(_VERSION, kind, (at // each) & 0xFFFF, at & 0xFFFFFFFF, number + 1)
            yield rtp.encode_packet(side, offset, header + payload)


LARGEST: Final = 512 << 20
"""Bytes of a file: more than four hours of 16-bit stereo at 8,000 Hz."""
MARK: Final = ".ingest-"
"""``.ingest-DAY-ID`` in the folder of recordings: a sealed file is being made that the log does not know yet."""
FROM: Final = "ingest"
_DAY = len("2026-11-29")

log = Logger()


class RecordingIngested(Response, frozen=True, kw_only=True):
    """A recording from elsewhere is sealed, and its clear file may be removed."""

    recording_id: str
    call_id: str
    """The call of the decision that it belongs to; where it belongs to none, of the attempt that was noted for it."""
    already: bool
    """It had been sealed before: nothing was done."""
    bound_by: str
    """``call_id``, ``decision``, ``number``, or ``nothing``."""
    refused: str
    """The reason code, where the gate had refused this call, or was never asked (``not_asked``); else empty."""
    seconds: float


class RecordingIngest(Request[RecordingIngested], frozen=True, kw_only=True):
    """Seal a recording that another system made: a WAV file that was handed over (``gate.control.files``)."""

    path: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=4096),
        about("The file, on the machine of whoever asks; opened there, and not kept as a name."),
    ]
    file: Annotated[Line, about("Ticket of the file, which was handed over before.")] = ""
    call_id: Annotated[
        Line, about("The Call-ID of its INVITE, or the id of a decision.", eg=("6f2c@pbx",), metavar="ID")
    ] = ""
    number: Annotated[Number, about("What was dialled, where no Call-ID is known.")] = ""
    at: Annotated[Moment | None, about("When the recording began.")] = None
    swap: Annotated[bool, about("The first channel is the customer's.")] = False


@operation(RecordingIngest, "recording_ingest", roles=ADMINS, file=LARGEST)
def recording_ingest(folder: DataFolder, asked: RecordingIngest, caller: Caller) -> RecordingIngested:
    """Seal a recording that another system made, and bind it to the decision on its call.

    Raises ``UsageError`` where it is no WAV that is taken, and ``RefusedError``: ``no_such_call`` (and
    ``ingest.unbound`` is not ``keep``), ``other_number``, ``recorded_already``. Then nothing is kept.
    """
    if not asked.call_id and not (asked.number and asked.at):
        raise UsageError("whose call is it?", hint="say its Call-ID, or the number and when the recording began")
    if asked.at is not None and asked.at > folder.clock.now() + AHEAD:
        raise UsageError("this recording begins in the future", hint="compare the clocks of both machines")
    number = number_of(asked.number) if asked.number else ""
    return folder.one(Ingests).take(_Given(asked, number, sound_of(caller.opened), caller))


class _Given(NamedTuple):
    """A recording as it was handed in."""

    asked: RecordingIngest
    number: str
    sound: Sound
    caller: Caller


class Ingests:
    """One at a time; blocking."""

    def __init__(self, folder: DataFolder) -> None:
        """Undoes what an earlier run left half done. Raises ``GateError``."""
        self._folder = folder
        self._recordings = folder.config.data / "recordings"
        self._lock = threading.Lock()
        two_person = folder.config.recording.two_person
        self._seal = sealer(folder.config.data / "recipients", two_person=two_person, admitted=admitted(folder))
        for mark in self._recordings.glob(f"{MARK}*"):
            self._finish(mark)

    def take(self, given: _Given) -> RecordingIngested:
        """The steps. Raises ``GateError``; then nothing is kept."""
        with self._lock:
            found = self._folder.store.call(lambda tx: self._look(tx, given))
            if isinstance(found, RecordingIngested):
                return found
            return self._sealed(given, found)

    def _sealed(self, given: _Given, found: Bound | None) -> RecordingIngested:
        folder, recording_id = self._folder, self._folder.new_id()
        self._room()
        now = folder.clock.now()
        seal = self._seal(recording_id, {"recording_id": recording_id, "opened": now.isoformat(), "from": FROM})
        mark = self._recordings / f"{MARK}{now.date().isoformat()}-{recording_id}"
        path = _path(mark)
        self._recordings.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            sync_folder(self._recordings)
            began = (_began(given.asked.at, found) or now).isoformat()
            closed = seal_wav(
                given.caller.opened, given.sound, seal, self._recordings / path, recording_id, began,
                swap=given.asked.swap,
            )  # fmt: skip
            if given.caller.opened.changed:
                raise UsageError("the file was written to while it was sealed", hint="hand it in when it is complete")
            self._keep_key(recording_id, seal)
            answer = folder.store.call(lambda tx: self._noted(tx, given, seal, path, closed))
        finally:
            self._finish(mark)
        return answer

    def _look(self, tx: StoreTransaction, given: _Given) -> RecordingIngested | Bound | None:
        """The recording that these bytes are already, or the decision that they belong to. Raises ``RefusedError``."""
        asked, sound = given.asked, given.sound
        bound = bound_to(tx, asked.call_id, given.number, asked.at)
        if bound is not None and given.number and bound.number not in (None, given.number):
            raise RefusedError(
                "the call with this Call-ID went to another number", reason="other_number",
                hint="the voices of one person must not come to another: see which of the two is right",
            )  # fmt: skip
        for row in tx.rows(RecordingRow, "SELECT * FROM recordings WHERE source_sha256 = ?", [sound.sha256]):
            if bound is not None and bound.by != "number":
                same = row.call_id == bound.call_id
            else:
                same = asked.at is not None and row.opened_at == stamp(asked.at)
            if same:
                return RecordingIngested(
                    recording_id=row.recording_id, call_id=row.call_id or "", already=True,
                    bound_by=row.bound_by or "", refused=why_refused(tx, row.call_id or ""),
                    seconds=row.seconds or 0.0,
                )  # fmt: skip
        if bound is not None and bound.recording_id:
            raise RefusedError(
                "this call has another recording already", reason="recorded_already",
                hint="dialgate calls show ID; a call has one recording",
            )  # fmt: skip
        if bound is None and (asked.call_id or self._folder.config.ingest.unbound == "refuse"):
            raise RefusedError(
                "the gate made no decision on this call", reason="no_such_call",
                hint="see its Call-ID, or number and time; ingest.unbound = \"keep\" seals it as not asked for",
            )  # fmt: skip
        return bound

    def _noted(
        self, tx: StoreTransaction, given: _Given, seal: Seal, path: str, closed: RecordingClosed
    ) -> RecordingIngested:
        """The leaves. Looked at again: it may have changed since."""
        folder, actor = self._folder, given.caller.actor
        found = self._look(tx, given)
        if isinstance(found, RecordingIngested):
            return found
        now, recording_id = folder.clock.now(), closed.recording_id
        call_id, by = (found.call_id, found.by) if found else (self._not_asked(tx, given, now), "nothing")
        began = _began(given.asked.at, found) or now
        opened = RecordingOpened(
            call_id=call_id, key_id=seal.key_id, path=path,
            recipients=[recipient for recipient, _ in seal.wraps], commitments=dict(seal.commitments),
            purpose=folder.config.recording.purpose, origin=FROM, began_at=began.isoformat(), bound_by=by,
            source_sha256=given.sound.sha256, codec=given.sound.wav.codec, rate=given.sound.wav.rate,
            channels=given.sound.wav.channels,
        )  # fmt: skip
        tx.append(opened.fact(recording_id, now, actor))
        tx.append(closing(call_id, closed).fact(recording_id, now, actor))
        refused = note_against_refusal(tx, call_id, recording_id, actor, now)
        return RecordingIngested(
            recording_id=recording_id, call_id=call_id, already=False, bound_by=by, refused=refused,
            seconds=closed.seconds,
        )  # fmt: skip

    def _not_asked(self, tx: StoreTransaction, given: _Given, now: datetime) -> str:
        """The call was made without the gate: an attempt is noted, so that the recording is found by its number, goes
        with an erasure, and counts for what it is."""
        folder, call_id = self._folder, self._folder.new_id()
        own, began = folder.config.firm.numbers[0], given.asked.at or now
        note_not_asked(tx, folder.screener, given.number, given.caller.actor, own, now, began, call_id, FROM)
        return call_id

    def _room(self) -> None:
        self._recordings.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = os.statvfs(self._recordings)
        if status.f_bavail * status.f_frsize < self._folder.config.recording.min_free_mb << 20:
            raise RefusedError("the disk is nearly full", reason="no_room", hint="make room in the recordings folder")

    def _keep_key(self, recording_id: str, seal: Seal) -> None:
        kept: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self._folder.keys.put(recording_id, seal.key_id, seal.wraps, kept.put)
        if (error := kept.get()) is not None:
            raise error

    def _finish(self, mark: Path) -> None:
        """The mark goes; before it, what it stands for, unless the log knows that recording."""
        recording_id = mark.name[len(MARK) + _DAY + 1 :]
        known = self._folder.store.call(
            lambda tx: tx.values(int, "SELECT 1 FROM recordings WHERE recording_id = ?", [recording_id])
        )
        if not known:
            (self._recordings / _path(mark)).unlink(missing_ok=True)
            self._folder.keys.shred([recording_id])
        mark.unlink(missing_ok=True)


def _began(at: datetime | None, bound: Bound | None) -> datetime | None:
    """When the recording began. Not before its call was decided, whatever is said: its months are counted from then,
    and one that was said to be years old would be erased tonight."""
    if bound is None or (at and bound.by == "number"):
        return at
    decided = datetime.fromisoformat(bound.at)
    return max(at, decided) if at else decided


def _path(mark: Path) -> str:
    """The path of the sealed file, relative to the folder of recordings."""
    day, recording_id = mark.name[len(MARK) :][:_DAY], mark.name[len(MARK) + _DAY + 1 :]
    return f"{day.replace('-', '/')}/{recording_id}.dgr"
