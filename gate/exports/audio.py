"""An opened recording as a stereo WAV: the agent left, the customer right, and a report of what is in it.

The customer heard the announcement before the recording began, so it is not among the packets: it is put back at the
beginning of the customer's channel, for as long as it played. Pauses stay as long as they were, as silence between two
marker tones. Memory is bounded: blocks of a minute are written as soon as both sides have them.

The same as FLAC in memory, for files that are encrypted before they reach a disk: lossless, about half as large as
the WAV, and played by every browser since 2017 (Safari 11, Edge 16).
"""

from __future__ import annotations

import contextlib
import io
import json
import wave
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import soundfile

from gate.core.rtp import SIDES, STATIC_PAYLOADS, EventFrame, Frame, FrameError, MapFrame, PacketFrame, decode
from gate.durable import whole_file
from gate.errors import ExportError
from gate.exports.rtp_timeline import RtpTimeline, Samples, TimelineReport, Track, resample, sample_rate

MAX_FRAMES = (2**32 - 1 - 1024) // 4
"""Stereo frames that the 32-bit sizes of RIFF can count."""
PROMPT_RATE = 8000
NARROW, WIDE = 8000, 16000
BLOCK_SECONDS = 60
LOOK_AHEAD_US = 2_000_000
"""So much is read before the file's rate is chosen."""
STEP_US = 200_000
"""How often both sides are brought to the same time."""
LONGEST_LEAD_GAP = 2.0
"""Seconds between the announcement's end and the recording's start that are believed."""


@dataclass(slots=True)
class ExportReport:
    """What an exported file holds; times in seconds. ``gaps`` and ``announcement`` lie on the file's own time line."""

    path: str
    rate: int
    seconds: float = 0.0
    started: str = ""
    """Wall clock at the recording's start, ISO."""
    recording_begins: float = 0.0
    """Where the recorded audio begins in the file (after the announcement)."""
    announcement: dict[str, Any] | None = None
    """id, version, completed, and where it lies (``from``, ``to``); None where none was kept in the recording."""
    gaps: list[tuple[float, float]] = field(default_factory=list)
    sides: dict[str, TimelineReport] = field(default_factory=dict)
    ended: bool = False
    """True where the recording has its end; False where it was cut off."""
    interrupted: bool = False
    cause: str = ""
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        """The report as JSON text."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def export_wav(
    chunks: Iterable[bytes],
    out: Path,
    *,
    announcement: Samples | None = None,
    report: Path | None = None,
) -> ExportReport:
    """Write ``out`` from the clear chunks of one recording, in order.

    ``announcement`` is the prompt that was played: mono, 16 bit, 8,000 Hz. The file's rate is 16,000 where wideband
    is spoken at the beginning, else 8,000. With ``report`` the report is written there as JSON.
    Both files have mode 0600 and are there only on success. Raises ``ExportError``, and whatever reading ``chunks``
    raises.
    """
    result = rendered(chunks, lambda target: WavWriter(out, target), announcement=announcement)
    if report is not None:
        try:
            with whole_file(report) as file:
                file.write(result.as_json().encode())
        except OSError as error:
            out.unlink(missing_ok=True)
            raise ExportError(f"cannot write {report}: {error.strerror or error}") from error
    return result


class Writer(Protocol):
    """Where the samples go."""

    path: Path
    rate: int
    frames: int
    """Written so far."""

    def write(self, samples: Samples) -> None:
        """Append stereo frames: shape (n, 2)."""
        ...


def rendered(
    chunks: Iterable[bytes],
    writer_at: Callable[[int], contextlib.AbstractContextManager[Writer]],
    *,
    announcement: Samples | None = None,
) -> ExportReport:
    """Render the clear chunks of one recording into the writer that ``writer_at`` makes for the file's rate.

    As ``export_wav`` otherwise.
    """
    try:
        frames = _frames(chunks)
        head = list(_head(frames))
        with writer_at(_rate(head)) as writer:
            rendering = _Rendering(writer, announcement)
            for frame in chain(head, frames):
                rendering.take(frame)
            return rendering.finish()
    except FrameError as error:
        raise ExportError(f"the recording holds something else than frames: {error}") from error


class _Rendering:
    """One pass over the frames."""

    def __init__(self, wav: Writer, announcement: Samples | None) -> None:
        self._wav = wav
        self._prompt = announcement
        self._tracks = {side: Track(wav.rate) for side in SIDES}
        self._sides: dict[str, RtpTimeline] = {}
        self._report = ExportReport(str(wav.path), wav.rate)
        self._notice: EventFrame | None = None
        self._started: float | None = None
        self._maps: Mapping[str, Mapping[int, str]] = {}
        self._paused: int | None = None
        self._now = self._advanced = 0

    def take(self, frame: Frame) -> None:
        """One frame, in the order of the file."""
        self._now = max(self._now, frame.offset)
        if isinstance(frame, PacketFrame):
            self._begin()[frame.side].take(frame.offset, frame.rtp)
        elif isinstance(frame, MapFrame):
            self._maps = frame.payloads
            for name, side in self._sides.items():
                side.set_map(dict(frame.payloads.get(name, {})))
        else:
            self._event(frame)
        self._write()

    def finish(self) -> ExportReport:
        """Everything is read."""
        self._begin()
        if self._paused is not None:
            self._gap(self._now)
        for side in self._sides.values():
            side.finish(self._now)
        longest = max(track.end for track in self._tracks.values())
        for track in self._tracks.values():
            track.silence_to(longest)
        self._write(last=True)
        report = self._report
        report.seconds = self._wav.frames / self._wav.rate
        report.sides = {name: side.report for name, side in self._sides.items()}
        if not report.ended:
            report.interrupted = True
            told = (
                "its recorder was cut off, and what was said after this is missing; the log has the length of the talk"
            )
            report.notes.append(f"the recording has no end: {told}")
        for name, side_report in report.sides.items():
            for codec, count in side_report.undecoded.items():
                report.notes.append(f"{name}: {count} packets of {codec} cannot be decoded here and are silent")
            wide = [codec for codec in side_report.codecs if (sample_rate(codec) or 0) > self._wav.rate]
            if wide:
                report.notes.append(f"{name}: {', '.join(wide)} was brought down to {self._wav.rate} Hz")
        return report

    # --- events ---------------------------------------------------------------------------------------------------

    def _event(self, frame: EventFrame) -> None:
        match frame.event:
            case "start":
                self._report.started = str(frame.body.get("at", ""))
                self._started = _moment(frame.body.get("at"))
            case "announcement":
                self._notice = self._notice or frame
            case "pause":
                for side in self._begin().values():
                    side.cut(frame.offset)
                self._paused = frame.offset if self._paused is None else self._paused
            case "resume" if self._paused is not None:
                self._gap(frame.offset)
            case "end":
                self._report.ended = True
                self._report.interrupted = bool(frame.body.get("interrupted", False))
                self._report.cause = str(frame.body.get("cause", ""))

    def _gap(self, end: int) -> None:
        start, self._paused = self._paused or 0, None
        for side in self._sides.values():
            side.gap(start, end)
        lead = self._report.recording_begins
        self._report.gaps.append((round(lead + start / 1e6, 3), round(lead + end / 1e6, 3)))

    # --- the beginning --------------------------------------------------------------------------------------------

    def _begin(self) -> dict[str, RtpTimeline]:
        """Both sides, behind the announcement; made when the first packet comes."""
        if not self._sides:
            lead = self._lead()
            for name, track in self._tracks.items():
                track.silence_to(lead)
                side = self._sides[name] = RtpTimeline(track, lead)
                side.set_map(dict(self._maps.get(name, {})))
            self._report.recording_begins = lead / self._wav.rate
        return self._sides

    def _lead(self) -> int:
        """Samples before the recording's start, with the announcement in them."""
        if self._notice is None:
            return 0
        body, rate = self._notice.body, self._wav.rate
        started, ended = _moment(body.get("started")), _moment(body.get("ended"))
        played = ended - started if started is not None and ended is not None else None
        told = {key: body.get(key) for key in ("announcement", "id", "version", "completed") if key in body}
        self._report.announcement = {**told, "seconds": played, "from": 0.0, "to": 0.0}
        if self._prompt is None:
            self._report.notes.append("the announcement's audio was not at hand; its event is in the report")
            return 0
        prompt = resample(self._prompt.astype(np.int16, copy=False), PROMPT_RATE, rate)
        if played is not None and not body.get("completed", False):
            prompt = prompt[: max(0, round(played * rate))]
        self._tracks["callee"].add(prompt)
        self._report.announcement["to"] = len(prompt) / rate
        wait = self._started - ended if self._started is not None and ended is not None else 0.0
        return len(prompt) + (round(wait * rate) if 0 < wait <= LONGEST_LEAD_GAP else 0)

    # --- out ------------------------------------------------------------------------------------------------------

    def _write(self, *, last: bool = False) -> None:
        if self._now - self._advanced < STEP_US and not last:
            return
        self._advanced = self._now
        if self._paused is None and not last:
            for side in self._sides.values():
                side.advance(self._now)
        left, right = (self._tracks[name] for name in SIDES)
        if max(left.end, right.end) > MAX_FRAMES:
            raise ExportError(f"{self._wav.path}: longer than a WAV file can be")
        block = self._wav.rate * BLOCK_SECONDS
        while (ready := min(left.waiting, right.waiting)) >= block or (last and ready):
            count = min(ready, block)
            self._wav.write(np.column_stack((left.take(count), right.take(count))))


def _frames(chunks: Iterable[bytes]) -> Iterator[Frame]:
    for chunk in chunks:
        yield from decode(chunk)


def _head(frames: Iterator[Frame]) -> Iterator[Frame]:
    for frame in frames:
        yield frame
        if frame.offset > LOOK_AHEAD_US:
            return


def _rate(frames: Iterable[Frame]) -> int:
    """Wide where a side speaks a wideband codec in ``frames``, or says nothing there and may yet."""
    maps: Mapping[str, Mapping[int, str]] = {}
    spoken: dict[str, set[str]] = {}
    for frame in frames:
        if isinstance(frame, MapFrame):
            maps = frame.payloads
        elif isinstance(frame, PacketFrame) and len(frame.rtp) > 1:
            number = frame.rtp[1] & 0x7F
            name = maps.get(frame.side, {}).get(number) or STATIC_PAYLOADS.get(number, "")
            spoken.setdefault(frame.side, set()).add(name)
    names = {name for side in SIDES for name in spoken.get(side) or maps.get(side, {}).values()}
    return WIDE if any((sample_rate(name) or 0) > NARROW for name in names) else NARROW


def _moment(value: Any) -> float | None:
    """Seconds, from a number or ISO text; None where it is neither."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return datetime.fromisoformat(value).timestamp()
    return None


MEDIA_TYPE = "audio/flac"


def export_flac(chunks: Iterable[bytes], *, announcement: Samples | None = None) -> tuple[bytes, ExportReport]:
    """The file and what is in it, from the clear chunks of one recording; as ``gate.exports.audio.export_wav`` else.

    An hour of telephone speech is some 50 MB. Raises ``ExportError``, and whatever reading ``chunks`` raises.
    """
    made: list[_FlacWriter] = []

    def writer_at(target: int) -> _FlacWriter:
        made.append(_FlacWriter(target))
        return made[-1]

    report = rendered(chunks, writer_at, announcement=announcement)
    return made[-1].buffer.getvalue(), report


class _FlacWriter:
    """Use as a context; what was written is in ``buffer`` afterwards."""

    path = Path("recording.flac")

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.frames = 0
        self.buffer = io.BytesIO()
        self._file: Any = None

    def __enter__(self) -> _FlacWriter:
        self._file = soundfile.SoundFile(
            self.buffer, "w", samplerate=self.rate, channels=2, format="FLAC", subtype="PCM_16"
        )
        return self

    def write(self, samples: Samples) -> None:
        """Append frames: shape (n, 2). Raises ``ExportError``."""
        if self.frames + len(samples) > MAX_FRAMES:
            raise ExportError("the recording is longer than a file can be")
        self._file.write(samples)
        self.frames += len(samples)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


# --- the file --------------------------------------------------------------------------------------------------------


class WavWriter:
    """Use as a context: the samples go to a temporary file beside ``path`` (mode 0600), which takes its name on success
    and is removed on any failure. ``OSError`` becomes ``ExportError``."""

    def __init__(self, path: Path, rate: int) -> None:
        self.path = path
        self.rate = rate
        self.frames = 0
        self._open = contextlib.ExitStack()
        self._wave: wave.Wave_write | None = None

    def __enter__(self) -> WavWriter:
        try:
            self._wave = self._open.enter_context(wave.open(self._open.enter_context(whole_file(self.path)), "wb"))
        except OSError as error:
            raise self._failed(error) from error
        self._wave.setnchannels(2)
        self._wave.setsampwidth(2)
        self._wave.setframerate(self.rate)
        return self

    def write(self, samples: Samples) -> None:
        """Append frames: shape (n, 2). Raises ``ExportError``."""
        if self._wave is None or self.frames + len(samples) > MAX_FRAMES:
            raise ExportError(f"{self.path}: longer than a WAV file can be")
        try:
            self._wave.writeframesraw(samples.astype("<i2", copy=False).tobytes())
        except OSError as error:
            raise self._failed(error) from error
        self.frames += len(samples)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._open.__exit__(kind, error, trace)
        except OSError as problem:
            raise self._failed(problem) from problem

    def _failed(self, error: OSError) -> ExportError:
        return ExportError(
            f"cannot write {self.path}: {error.strerror or error}", hint="no file was left; choose a folder with room"
        )
