"""FLAC in memory: sample for sample the WAV, and smaller."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gate.errors import ExportError
from gate.exports.audio import export_flac, export_wav
from tests.support.recorder_talk import Speaker, packets_of, recording, sine


def chunks() -> list[bytes]:
    agent, customer = Speaker(), Speaker(ssrc=2)
    agent.say(packets_of(sine(440, 2)), 0.5)
    customer.say(packets_of(sine(1000, 2)), 1.0)
    return list(recording(agent.packets, customer.packets, end=3.5))


def test_it_is_the_wav_sample_for_sample(tmp_path: Path) -> None:
    told = export_wav(chunks(), tmp_path / "call.wav")
    flac, report = export_flac(chunks())  # bytes: nothing of it was on a disk
    wav, rate = soundfile.read(tmp_path / "call.wav", dtype="int16")
    samples, flac_rate = soundfile.read(io.BytesIO(flac), dtype="int16")
    assert (rate, samples.shape) == (flac_rate, (28000, 2))
    assert np.array_equal(wav, samples)
    assert len(flac) < (tmp_path / "call.wav").stat().st_size * 0.7
    assert (report.seconds, report.ended, report.sides) == (told.seconds, told.ended, told.sides)


def test_what_is_no_recording_is_refused() -> None:
    with pytest.raises(ExportError, match="something else than frames"):
        export_flac([b"\xff" * 40])
