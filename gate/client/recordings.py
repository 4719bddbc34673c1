"""Recordings that the gate gave out, opened here: their sound, checked against the log, and the keys pressed in it."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import soundfile

from gate.client.files import must_be_new
from gate.client.gate import Gate, copy_of, written
from gate.core.facts.calls import Announced
from gate.core.rows.audit import CopyKind
from gate.core.rows.calls import FactRow
from gate.core.rtp import (
    SIDES,
    STATIC_PAYLOADS,
    EventFrame,
    KeyListener,
    MapFrame,
    Packet,
    PacketFrame,
    codec,
    decode,
    is_key_press,
    parse,
)
from gate.errors import AuditError
from gate.exports.audio import ExportReport, export_wav
from gate.operations.calls.recordings import RecordingPiece, RecordingTake, RecordingTaken
from gate.operations.retention.copies import CopyEntered
from gate.vault.keyfile import PrivateKey
from gate.vault.reader import open_recording


def export(
    gate: Gate,
    data: Path,
    recording_id: str,
    privates: Sequence[PrivateKey],
    output: Path,
    purpose: str,
    until: date | None = None,
) -> tuple[ExportReport, CopyEntered]:
    """Take the recording (logged by the gate), open it with the private keys and write a WAV that must not exist. The
    WAV stands in the ledger of copies in clear before its first byte; ``until``: the day by which it is destroyed.

    ``data``: the gate's data folder. A file that ends early opens only where the log says that its recording was
    interrupted. Raises ``UsageError`` where ``output`` exists or cannot be written, and what the gate, the vault and
    the export raise.
    """
    must_be_new(output)
    taken = gate.ask(RecordingTake(recording_id=recording_id, purpose=purpose, recipient=who(privates)))
    chunks, announcement = open_taken(gate, data, recording_id, taken, privates)
    copy = copy_of(CopyKind.RECORDING, output, purpose, recordings=(recording_id,), until=until)
    with written(gate, copy) as entered:
        return export_wav(chunks, output, announcement=announcement), entered


def open_taken(
    gate: Gate, data: Path, recording_id: str, taken: RecordingTaken, privates: Sequence[PrivateKey]
) -> tuple[Iterable[bytes], Any]:
    """What the gate gave for a recording, opened here: the clear chunks, and the samples of the announcement (None
    where its sound is not in ``data``, the gate's data folder). Raises what the vault raises, and ``AuditError``."""
    wraps = [(each.recipient, base64.b64decode(each.wrap)) for each in taken.wraps]
    with sealed_file(gate, recording_id, Path(taken.path)) as path:
        _, chunks = open_recording(
            path,
            wraps,
            privates,
            recording_id=recording_id,
            allow_interrupted=taken.header.state == "interrupted",
        )
        _as_logged(path, taken.header.sha256, chunks)
    return chunks, _announcement(data, taken.facts)


@contextmanager
def sealed_file(gate: Gate, recording_id: str, path: Path) -> Iterator[Path]:
    """The sealed file of a recording that was taken: where it lies, or for an account that may not read the gate's
    folder a copy that the gate hands out, still sealed; it is gone at the end (who has opened it may go on reading)."""
    if os.access(path, os.R_OK):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="dialgate-") as folder:
        copy = Path(folder) / path.name
        hand_out(gate, recording_id, copy)
        yield copy


def hand_out(gate: Gate, recording_id: str, to: Path) -> None:
    """A sealed file that was taken, piece by piece through the gate."""
    with to.open("wb") as file:
        while piece := base64.b64decode(gate.ask(RecordingPiece(recording_id=recording_id, offset=file.tell())).data):
            file.write(piece)


def who(privates: Sequence[PrivateKey]) -> str:
    """The recipients who open a recording, as the log names them."""
    return " ".join(private.id for private in privates)


def _as_logged(path: Path, digest: str | None, chunks: Iterable[bytes]) -> None:
    """Raise where the file is not the one in the log: what its chunks show to be wrong, else ``AuditError``.

    Whoever can write to the gate's folders can seal another sound under the same id, and the key would open it.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if digest and found != digest:
        for _ in chunks:
            pass
        raise AuditError(
            f"{path.name} opens, but is not the file whose digest is in the log",
            hint="it was replaced after the call; see: dialgate audit verify",
        )


def _announcement(data: Path, facts: Sequence[FactRow]) -> Any:
    """The samples of the announcement that was played in this call; ``None`` where its sound is not here."""
    played = next((fact.body for fact in facts if fact.kind == Announced.kind and fact.body), None)
    if played is None:
        return None
    name = f"{played['announcement']}@{played['version']}"
    path = data / "prompts" / name / "announcement.wav"
    try:
        samples, _ = soundfile.read(path, dtype="int16")
    except (OSError, soundfile.LibsndfileError):
        return None  # the report says so
    return samples


def pressed(chunks: Iterable[bytes]) -> list[tuple[float, str]]:
    """The keys in a recording's clear chunks: seconds from its beginning, and which. Raises ``FrameError``, and what
    reading ``chunks`` raises."""
    listeners = {side: KeyListener() for side in SIDES}
    types = dict.fromkeys(SIDES, frozenset[int]())
    found: list[tuple[float, str]] = []
    for frame in chain.from_iterable(map(decode, chunks)):
        if isinstance(frame, MapFrame):
            for side in SIDES:
                names = frame.payloads.get(side, {})
                types[side] = frozenset(number for number, name in names.items() if is_key_press(name))
        elif isinstance(frame, PacketFrame) and len(frame.rtp) > 1 and frame.rtp[1] & 0x7F in types[frame.side]:
            packet = parse(frame.rtp)
            digit = listeners[frame.side].hear(packet, frame.offset * 1000)[0] if packet else ""
            if digit:
                found.append((frame.offset / 1e6, digit))
    return found


class Stream(NamedTuple):
    """One side's packets as they arrived."""

    packets: int = 0
    lost: int = 0
    """Missing by their sequence numbers; a pause loses none."""
    jitter: float = 0.0
    """Milliseconds at the end of the stream, and at most, by RFC 3550 section 6.4.1."""
    peak: float = 0.0


class _Heard:
    """Counts one side."""

    def __init__(self) -> None:
        self.stream = Stream()
        self.payloads: Mapping[int, str] = {}
        self._last: tuple[int, int] | None = None
        """SSRC and sequence number of the packet before."""
        self._transit: tuple[int, float] | None = None
        """Payload type, and arrival less timestamp in units of the clock."""

    def again(self) -> None:
        """What came before is not compared with what comes next."""
        self._last = self._transit = None

    def hear(self, packet: Packet, offset: int) -> None:
        """A packet, ``offset`` microseconds from the beginning of the recording."""
        now, lost = self.stream, 0
        if self._last is not None and self._last[0] == packet.ssrc:
            ahead = (packet.sequence - self._last[1]) & 0xFFFF
            lost = ahead - 1 if 0 < ahead < _FAR else -1 if ahead >= 0x10000 - _FAR else 0
        else:
            self._transit = None
        if lost >= 0:
            self._last = packet.ssrc, packet.sequence
        self.stream = now._replace(packets=now.packets + 1, lost=max(0, now.lost + lost))
        name = self.payloads.get(packet.payload_type) or STATIC_PAYLOADS.get(packet.payload_type, "")
        if name and not is_key_press(name):  # whose timestamp stands still
            self._measure(packet, offset, codec(name).rate)

    def _measure(self, packet: Packet, offset: int, rate: int) -> None:
        transit = offset * rate / 1e6 - packet.timestamp
        if self._transit is not None and self._transit[0] == packet.payload_type:
            late = abs((transit - self._transit[1] + (1 << 31)) % (1 << 32) - (1 << 31)) / rate * 1000
            jitter = self.stream.jitter + (late - self.stream.jitter) / 16
            self.stream = self.stream._replace(jitter=jitter, peak=max(self.stream.peak, jitter))
        self._transit = packet.payload_type, transit


_FAR: Final = 3000
"""A jump of sequence numbers beyond it is another beginning (RFC 3550 A.1, MAX_DROPOUT)."""


def streams(chunks: Iterable[bytes]) -> dict[str, Stream]:
    """Packets, losses and jitter of both sides in a recording's clear chunks. Raises as ``pressed``."""
    heard = {side: _Heard() for side in SIDES}
    for frame in chain.from_iterable(map(decode, chunks)):
        if isinstance(frame, MapFrame):
            for side in SIDES:
                heard[side].payloads = frame.payloads.get(side, {})
        elif isinstance(frame, EventFrame):
            for each in heard.values():
                each.again()
        elif packet := parse(frame.rtp):
            heard[frame.side].hear(packet, frame.offset)
    return {side: each.stream for side, each in heard.items()}
