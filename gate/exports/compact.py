"""An opened recording as FLAC in memory: for files that are encrypted before they reach a disk.

Lossless, about half as large as the WAV, and played by every browser since 2017 (Safari 11, Edge 16).
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import soundfile

from gate.exports.audio import ExportReport, rendered
from gate.exports.wav import MAX_FRAMES, ExportError, Samples

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
