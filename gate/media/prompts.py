"""What the callee hears before anything else: the prepared announcement, goodbye, and the pips for the caller.

``prepare`` makes them once, at set-up, from the firm's own WAV or, by espeak-ng, from the configured text; a call only
plays finished files. Layout under ``prompts/``::

    current.json                      which set is in force; replaced atomically
    announcement.wav                  the announcement in force, 8 kHz mono 16 bit (for exports)
    <id>@<version>/                   one set, never changed once written
        announcement.0 .8 .9          raw RTP payload: µ-law, A-law, G.722
        goodbye.0 .8 .9               the same, where a goodbye is configured
        announcement.wav goodbye.wav
        meta.json                     id, version, SHA-256 of the source and of every file
    _pips/                            the same for every announcement
        progress.0 .8 .9              a soft pip, repeated to the caller while the announcement plays
        cue.0 .8 .9                   two clear pips: you can be heard now
        meta.json                     SHA-256 of every file

A set is immutable because evidence names it: "announcement ``notice`` version ``1``" must mean one sound for ever, in
the log as in an export made years later. Another sound under the same id and version is refused.

What callers of the firm's own numbers hear: made once, at the start, from texts or from the firm's recordings.

A set is named by what it is made from, so that "version ``3f2a…``" in the evidence means one sound for ever. Layout
under ``prompts_in/``, as in ``gate.media.prompts``::

    <version>/notice.0 .8 .9      who is called, and that the call is recorded
    <version>/callback.0 .8 .9    the call-back line: who has called, and how to be rid of it
    <version>/thanks …            the objection holds
    <version>/not_taken …         no objection was taken by key, and where to object
    <version>/nobody …            nobody can take the call
    <version>/ringing …           the British ringing tone
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from G722 import G722

from gate import g711
from gate.config import Announcement, Config
from gate.config.schema import announcement_for
from gate.durable import whole_file
from gate.errors import ConfigError, MediaError

Sound = npt.NDArray[np.float64]
"""Mono samples, -1..1."""

_TAPS = 24
"""Zero crossings of the resampling filter on each side of its centre."""
_SPEECH = 10 ** (-20 / 20)
"""Level that speech is brought to: -20 dBFS, RMS over the frames that are not silence."""
_PEAK = 10 ** (-1 / 20)
_SILENCE = 10 ** (-55 / 20)
_INAUDIBLE = 10 ** (-60 / 20)
"""Amplitude below which nothing is heard at the usual level: 40 dB below it."""


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


PAYLOAD_TYPES: Mapping[str, int] = {"PCMU": 0, "PCMA": 8, "G722": 9}
"""The codecs that prompts are prepared for, with their static RTP payload types (RFC 3551)."""

SHORTEST, LONGEST = 0.5, 60.0
"""Bounds of an announcement in seconds."""

PIPS = "_pips"
"""Their folder under ``prompts/``: the id of an announcement does not begin so."""
PIP_SECONDS = 0.06
"""Length of one pip."""
CUE_SECONDS = 0.2 + PIP_SECONDS
"""From the beginning of the cue's first pip to the end of its second."""

_SPEAKER = "espeak-ng"
_PAD_SECONDS = 0.1
"""Silence behind the words: a callee's phone plays what it got some 40 to 100 ms later, and neither the agent nor the
recording may begin before the notice is heard. A recording that ends in silence has some of its own."""


@dataclass(frozen=True, slots=True)
class PromptSet:
    """A prepared set as it lies on disk, verified against its digests when it was loaded."""

    folder: Path
    id: str
    version: str
    source_sha256: str
    seconds: float
    """Length of the announcement."""
    goodbye_seconds: float
    """0.0 where no goodbye is prepared."""
    codecs: tuple[str, ...] = tuple(PAYLOAD_TYPES)

    def path(self, name: str) -> Path:
        """Where ``announcement`` or ``goodbye`` lies, without the payload type's suffix."""
        return self.folder / name

    @property
    def wav_sha256(self) -> str:
        """SHA-256 of the announcement's WAV, in hexadecimal: what evidence says was played. Raises ``OSError``."""
        return hashlib.sha256((self.folder / "announcement.wav").read_bytes()).hexdigest()

    @classmethod
    def load(cls, folder: Path) -> PromptSet:
        """The set in force under ``prompts/``; ``MediaError`` where there is none or a file is not what it was."""
        pointer = folder / "current.json"
        if not pointer.exists():
            raise MediaError(f"no announcement is prepared in {folder}", hint="run `dialgate init` or start the gate")
        name = str(_json(pointer).get("set", ""))
        if not name or "/" in name:
            raise MediaError(f"{pointer} names no set", hint="prepare the announcement again")
        return cls._verified(folder / name)

    @classmethod
    def in_folder(cls, folder: Path, announcement: Announcement) -> PromptSet:
        """The set of an announcement under ``prompts/``. Raises as ``load``."""
        return cls._verified(folder / f"{_safe(announcement.id)}@{_safe(announcement.version)}")

    @classmethod
    def _verified(cls, folder: Path) -> PromptSet:
        try:
            meta = _meta_of(folder)
            prepared = cls(
                folder,
                str(meta["id"]),
                str(meta["version"]),
                str(meta["source_sha256"]),
                (folder / "announcement.0").stat().st_size / 8000,
                (folder / "goodbye.0").stat().st_size / 8000 if "goodbye.0" in meta["files"] else 0.0,
            )
            if folder.name != f"{prepared.id}@{prepared.version}":
                raise ValueError(f"meta.json speaks of {prepared.id}@{prepared.version}")
            return prepared
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise MediaError(f"the prompts in {folder} are damaged ({error})", hint="restore them") from error


def _meta_of(folder: Path) -> dict[str, Any]:
    """What the ``meta.json`` of a set says. Raises ``MediaError`` where a file is not what it says, and what comes of
    one that says something else."""
    meta = _json(folder / "meta.json")
    for name, digest in meta["files"].items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise MediaError(f"{folder / name} was changed", hint="restore it, or prepare a new version")
    return meta


def example_wavs() -> tuple[Path, Path]:
    """The example firm's announcement and goodbye, as they ship with the package."""
    here = Path(__file__).parent
    return here / "example_notice.wav", here / "example_goodbye.wav"


def prepare_all(folder: Path, config: Config) -> dict[str, PromptSet]:
    """Make the prompts of a configuration, those of the firm and of each instigator, and put the firm's in force; by
    the instigator's name, the firm's under an empty one. Raises as ``prepare``."""
    own, base = config.announcement, Path(config.base)
    others = {each.name: _prepared(folder, announcement_for(own, each), base) for each in config.instigator}
    return {"": prepare(folder, own, base)} | others


def prepare(folder: Path, announcement: Announcement, base: Path) -> PromptSet:
    """Make the prompts of an announcement and the pips, and put them in force; nothing is done where they already are.

    ``folder`` is the data folder's ``prompts``; ``base`` is the folder that WAV names are relative to. Set-up only: it
    takes a second, and may run espeak-ng. Raises ``ConfigError`` where there is no text and no WAV, where the sound is
    too long, too short or silent, where espeak-ng is needed and missing, or where the id and version already mean
    another sound; ``MediaError`` where a file is no audio.
    """
    prepared = _prepared(folder, announcement, base)
    _make_pips(folder / PIPS)
    _put_in_force(folder, prepared.folder.name)
    return prepared


def _prepared(folder: Path, announcement: Announcement, base: Path) -> PromptSet:
    if not (announcement.wav or announcement.text):
        raise ConfigError(
            "[announcement] has neither wav nor text",
            hint="the callee must be told who calls and that it is recorded: give a WAV or a text",
        )
    name = f"{_safe(announcement.id)}@{_safe(announcement.version)}"
    source = _source_digest(announcement, base)
    if not (folder / name / "meta.json").exists():
        _make(folder, name, announcement, base, source)
    prepared = PromptSet._verified(folder / name)
    if prepared.source_sha256 != source:
        raise ConfigError(
            f"announcement {announcement.id!r} version {announcement.version!r} is already another sound",
            hint="recordings refer to it: raise announcement.version",
        )
    return prepared


def _make(folder: Path, name: str, announcement: Announcement, base: Path, source: str) -> None:
    notice, rate = spoken(announcement.wav, announcement.text, base, "announcement.wav")
    sounds: dict[str, tuple[Sound, int]] = {"announcement": (notice, rate)}
    if announcement.goodbye_wav or announcement.goodbye_text:
        goodbye = spoken(announcement.goodbye_wav, announcement.goodbye_text, base, "announcement.goodbye_wav")
        sounds["goodbye"] = goodbye
    with new_set(folder / name) as work:
        for prompt, made in sounds.items():
            write(work, prompt, *made, spoken=True)
        meta = {"id": announcement.id, "version": announcement.version, "source_sha256": source, "files": digests(work)}
        (work / "meta.json").write_text(json.dumps(meta, indent=1))


def _make_pips(place: Path) -> None:
    """Those of the caller, where they are not what they were."""
    with suppress(MediaError, OSError, LookupError, AttributeError):
        _meta_of(place)
        return
    pip, rate = partial(tone, seconds=PIP_SECONDS, rate=16000), 16000
    clear = pip(1000, amplitude=0.25)
    quiet = np.zeros(round((CUE_SECONDS - 2 * PIP_SECONDS) * rate))
    with new_set(place) as work:
        write(work, "progress", pip(425, amplitude=0.05), rate)
        write(work, "cue", np.concatenate([clear, quiet, clear]), rate)
        (work / "meta.json").write_text(json.dumps({"files": digests(work)}, indent=1))


@contextmanager
def new_set(place: Path) -> Iterator[Path]:
    """A folder to fill with a set, ``meta.json`` too. It is at ``place`` when the block has ended well, durable and for
    the gate's account only; else nothing is left of it."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".making-", dir=place.parent))
    try:
        yield work
        for path in work.iterdir():
            _sync(path)
        shutil.rmtree(place, ignore_errors=True)  # without its meta.json it never was a set
        work.rename(place)
        _sync(place.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file, in hexadecimal."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def write(folder: Path, prompt: str, samples: Sound, rate: int, *, spoken: bool = False) -> None:
    """The prompt in every codec, padded to whole 20 ms, for a player drops what is less."""
    if spoken:
        samples = level(samples, rate)
        samples = _fill(samples, max(len(samples), heard(samples) + round(_PAD_SECONDS * rate)))
    narrow16 = write_payloads(folder, prompt, samples, rate)
    if spoken:
        soundfile.write(str(folder / f"{prompt}.wav"), narrow16, 8000, subtype="PCM_16")


def write_payloads(folder: Path, prompt: str, samples: Sound, rate: int) -> Any:
    """The raw payload in every codec, in whole packets of 20 ms; returns the samples at 8 kHz."""
    narrow = resample(samples, rate, 8000)
    wide = resample(samples, rate, 16000)
    frames = -(-len(narrow) // 160)
    narrow16 = pcm16(_fill(narrow, frames * 160))
    wide16 = pcm16(_fill(wide, frames * 320))
    payloads = {
        0: g711.ulaw_encode(narrow16),
        8: g711.alaw_encode(narrow16),
        9: bytes(G722(16000, 64000).encode(wide16)),
    }
    for payload_type, payload in payloads.items():
        (folder / f"{prompt}.{payload_type}").write_bytes(payload)
    return narrow16


def _fill(samples: Sound, length: int) -> Sound:
    """Exactly ``length`` samples: cut, or silence added at the end."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def spoken(wav: str, text: str, base: Path, key: str) -> tuple[Sound, int]:
    """The sound of a WAV, or of a text spoken by espeak-ng, checked for length and silence. What espeak-ng leaves
    behind the last word, a third of a second of silence, is cut off."""
    if wav:
        samples, rate = _read_bounded(_wav(base / wav), key)
    else:
        samples, rate = speak(text)
    seconds = len(samples) / rate
    if not SHORTEST <= seconds <= LONGEST:
        raise ConfigError(
            f"{key}: {seconds:.1f} seconds long", hint=f"it must last {SHORTEST:g} to {LONGEST:g} seconds"
        )
    if speech_level(samples, rate) == 0.0:
        raise ConfigError(f"{key}: it is silent", hint="the callee would be told nothing: give another recording")
    return samples if wav else samples[: heard(level(samples, rate))], rate


def _wav(path: Path) -> Path:
    if not path.is_file():
        raise ConfigError(f"[announcement] no such file: {path}", hint="paths are relative to the configuration file")
    return path


def _read_bounded(path: Path, key: str) -> tuple[Sound, int]:
    try:
        length = soundfile.info(str(path)).duration
    except (soundfile.LibsndfileError, OSError):
        length = 0.0  # ``read`` says what is wrong with it
    if length > LONGEST:
        raise ConfigError(f"{key}: {length:.1f} seconds long", hint=f"it may last {LONGEST:g} seconds at most")
    return read(path)


def speak(text: str) -> tuple[Sound, int]:
    """The text in a British voice. The text goes in by standard input: nothing of it can become an option."""
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "spoken.wav"
        command = [_SPEAKER, "-v", "en-gb", "-s", "165", "-w", str(spoken), "--stdin"]
        try:
            subprocess.run(command, input=text.encode(), check=True, capture_output=True, timeout=60)
        except FileNotFoundError as error:
            raise ConfigError(
                "the announcement is a text, and espeak-ng is not installed to speak it",
                hint="install it (apt install espeak-ng), or give a recording of your own as announcement.wav",
            ) from error
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
            raise MediaError(f"espeak-ng failed: {error}", hint="give a recording as announcement.wav") from error
        return read(spoken)


def _put_in_force(folder: Path, name: str) -> None:
    _replace(folder / "announcement.wav", (folder / name / "announcement.wav").read_bytes())
    _replace(folder / "current.json", json.dumps({"set": name}).encode())


def _replace(path: Path, content: bytes) -> None:
    if path.exists() and path.read_bytes() == content:
        return
    with whole_file(path) as file:
        file.write(content)


def _source_digest(announcement: Announcement, base: Path) -> str:
    """SHA-256 over what the sounds are made from."""
    digest = hashlib.sha256()
    for wav, text in (
        (announcement.wav, announcement.text),
        (announcement.goodbye_wav, announcement.goodbye_text),
    ):
        content = _wav(base / wav).read_bytes() if wav else text.encode()
        digest.update(b"wav" if wav else b"text")
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


def _safe(word: str) -> str:
    """An id or version as part of a folder's name; ``ConfigError`` where it holds signs that do not belong there."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", word):
        raise ConfigError(
            f"announcement id or version {word!r}", hint="use letters, digits, dot, dash and underscore, at most 64"
        )
    return word


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise MediaError(f"{path} cannot be read ({error})", hint="prepare the announcement again") from error
    if not isinstance(value, dict):
        raise MediaError(f"{path} is damaged", hint="prepare the announcement again")
    return value


def _sync(path: Path) -> None:
    """Make a file or folder durable, readable by the gate's account only."""
    if path.is_file():
        path.chmod(0o600)
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


SPOKEN = ("notice", "callback", "thanks", "not_taken", "nobody")
_RATE = 16000


@dataclass(frozen=True, slots=True)
class PromptsIn:
    """A prepared set."""

    folder: Path
    seconds: Mapping[str, float]
    """Length of each, by name."""
    identities: Mapping[str, Mapping[str, str]]
    """Each spoken prompt as evidence names it: ``announcement``, ``version``, ``sha256`` of its WAV."""


NONE = PromptsIn(Path(), {}, {})


def texts(config: Config) -> dict[str, str]:
    """What is said: who the firm is and where it is reached (PECR reg 24), and no marketing (LAW 1.9)."""
    firm, wording, key = config.firm, config.calls_in, " ".join(config.announcement.opt_out_digit)
    reach = f"call {' '.join(firm.freephone)}" if firm.freephone else f"write to {firm.address}"
    mail = f", or to {firm.contact_email.replace('@', ' at ')}" if firm.contact_email else ""
    recorded = " Calls are recorded." if config.recording.enabled else ""
    called = f"This is {firm.trading_name}. We called you from this number. "
    return {
        "notice": wording.notice or f"This is {firm.trading_name}.{recorded} Please hold while we connect you.",
        "callback": wording.callback
        or f"{called}If you do not want us to call you again, press {key} now. You can also {reach}{mail}.",
        "thanks": "Thank you. We will not call you again. Goodbye.",
        "not_taken": f"We could not note that by a key. Please {reach}{mail}, and tell us your number. Goodbye.",
        "nobody": f"Nobody can take your call now. Please {reach}{mail}. Goodbye.",
    }


def prepare_in(folder: Path, config: Config) -> PromptsIn:
    """Make the prompts of a configuration, where they are not there yet; none where no call in is taken. Set-up only,
    as ``prompts.prepare``, and raises what that does."""
    if not config.call_in:
        return NONE
    words, base = texts(config), config.path(config.calls_in.sounds) if config.calls_in.sounds else None
    wavs = {name: base / f"{name}.wav" for name in SPOKEN if base and (base / f"{name}.wav").is_file()}
    digest = hashlib.sha256()
    for name in SPOKEN:
        content = wavs[name].read_bytes() if name in wavs else words[name].encode()
        digest.update(f"{name} {name in wavs} {len(content)} ".encode() + content)
    version = digest.hexdigest()[:16]
    made = folder / version
    if not (made / "meta.json").exists():
        _make_in(made, words, wavs)
    seconds = {name: (made / f"{name}.0").stat().st_size / 8000 for name in (*SPOKEN, "ringing")}
    identities = {
        name: {
            "announcement": f"calls-in-{name}",
            "version": version,
            "sha256": hashlib.sha256((made / f"{name}.wav").read_bytes()).hexdigest(),
        }
        for name in SPOKEN
    }
    return PromptsIn(made, seconds, identities)


def _make_in(place: Path, words: Mapping[str, str], wavs: Mapping[str, Path]) -> None:
    with new_set(place) as work:
        for name in SPOKEN:
            wav = str(wavs[name]) if name in wavs else ""
            write(work, name, *spoken(wav, words[name], Path(), f"calls_in.{name}"), spoken=True)
        write(work, "ringing", _ringing(), _RATE)
        (work / "meta.json").write_text(json.dumps({"texts": {name: words[name] for name in SPOKEN}}, indent=1))


def _ringing() -> Sound:
    """400 and 450 Hz, twice 0.4 s in 3 s."""
    burst = tone(400, 0.4, _RATE, 0.08) + tone(450, 0.4, _RATE, 0.08)
    quiet = np.zeros(int(0.2 * _RATE))
    return np.concatenate([burst, quiet, burst, quiet, np.zeros(int(1.8 * _RATE))])
