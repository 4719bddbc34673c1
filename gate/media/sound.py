"""Small signal tools for the prompts: reading a WAV, resampling, levelling, tones. All on mono float64 in -1..1.

Used at set-up only, never in a call.
"""

from __future__ import annotations

from math import gcd
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from gate.errors import MediaError

Sound = npt.NDArray[np.float64]
"""Mono samples, -1..1."""

_TAPS = 24
"""Zero crossings of the resampling filter on each side of its centre."""
_SPEECH = 10 ** (-20 / 20)
"""Level that speech is brought to: -20 dBFS, RMS over the frames that are not silence."""
_PEAK = 10 ** (-1 / 20)
_SILENCE = 10 ** (-55 / 20)
_INAUDIBLE = 10 ** (-60 / 20)
"""Of what was brought to the usual level: 40 dB below it."""


def read(path: Path) -> tuple[Sound, int]:
    """The samples of a WAV, FLAC or Ogg file, mixed down to mono, and their rate in Hz; else ``MediaError``."""
    try:
        samples, rate = soundfile.read(str(path), dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise MediaError(
            f"{path}: cannot be read as audio ({error})", hint="give a WAV file, e.g. 16 bit, 8 or 16 kHz, mono"
        ) from error
    return samples.mean(axis=1), int(rate)


def resample(sound: Sound, rate: int, wanted: int) -> Sound:
    """The sound at another rate (Hz): windowed sinc, band-limited to the lower of the two rates."""
    if rate == wanted or not len(sound):
        return sound
    divisor = gcd(rate, wanted)
    up, down = wanted // divisor, rate // divisor
    cutoff = min(1.0, wanted / rate) * 0.95
    reach = int(np.ceil(_TAPS / cutoff))
    offsets = np.arange(-reach, reach + 1)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(sound, (reach, reach + 1)), len(offsets))
    result = np.empty(int(np.ceil(len(sound) * up / down)))
    for phase in range(min(up, len(result))):  # samples ``up`` apart lie alike between their neighbours: one filter
        whole, rest = divmod(phase * down, up)
        distance = offsets - rest / up
        window = 0.5 + 0.5 * np.cos(np.pi * np.clip(distance / (reach + 1), -1, 1))
        weights = cutoff * np.sinc(cutoff * distance) * window
        wanted_here = len(result[phase::up])
        result[phase::up] = np.einsum("ij,j->i", windows[whole::down][:wanted_here], weights)
    return result


def speech_level(sound: Sound, rate: int) -> float:
    """RMS of the 20 ms frames that hold sound, 0..1; 0.0 where all is silence."""
    frame = max(1, rate // 50)
    frames = sound[: len(sound) // frame * frame].reshape(-1, frame)
    levels = np.sqrt(np.mean(frames**2, axis=1)) if len(frames) else np.zeros(0)
    heard = levels[levels > _SILENCE]
    return float(np.sqrt(np.mean(heard**2))) if len(heard) else 0.0


def level(sound: Sound, rate: int) -> Sound:
    """The sound brought to the usual level of speech, -20 dBFS, its highest peak at most -1 dBFS."""
    now = speech_level(sound, rate)
    if now == 0.0:
        return sound
    peak = float(np.max(np.abs(sound)))
    return sound * min(_SPEECH / now, _PEAK / peak)


def heard(sound: Sound) -> int:
    """How many samples there are up to the last that can be heard, where the sound is at the usual level."""
    audible = np.flatnonzero(np.abs(sound) > _INAUDIBLE)
    return int(audible[-1]) + 1 if len(audible) else 0


def tone(frequency: float, seconds: float, rate: int, amplitude: float) -> Sound:
    """A sine with 5 ms of fade at both ends, so that it does not click."""
    time = np.arange(round(seconds * rate)) / rate
    fade = np.minimum(1.0, np.minimum(time, seconds - time) / 0.005)
    return np.asarray(amplitude * fade * np.sin(2 * np.pi * frequency * time))


def pcm16(sound: Sound) -> npt.NDArray[np.int16]:
    """The samples as 16-bit linear PCM."""
    return np.asarray(np.clip(np.round(sound * 32767), -32768, 32767)).astype(np.int16)
