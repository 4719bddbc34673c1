"""A 16-bit WAV file that exists only when it is whole."""

from __future__ import annotations

import contextlib
import wave
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from gate.durable import whole_file
from gate.errors import GateError

Samples = npt.NDArray[np.int16]

MAX_FRAMES = (2**32 - 1 - 1024) // 4
"""Stereo frames that the 32-bit sizes of RIFF can count."""


class ExportError(GateError):
    """A recording could not be written out; no file is left."""


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
