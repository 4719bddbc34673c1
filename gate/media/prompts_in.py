"""What callers of the firm's own numbers hear: made once, at the start, from texts or from the firm's recordings.

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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gate.config import Config
from gate.media import sound
from gate.media.prompts import new_set, spoken, write
from gate.media.sound import Sound

SPOKEN = ("notice", "callback", "thanks", "not_taken", "nobody")
_RATE = 16000


@dataclass(frozen=True, slots=True)
class PromptsIn:
    """A prepared set."""

    folder: Path
    seconds: Mapping[str, float]
    """Length of each, by name."""
    identities: Mapping[str, Mapping[str, str]]
    """Of each spoken one, as evidence names it: ``announcement``, ``version``, ``sha256`` of its WAV."""


NONE = PromptsIn(Path(), {}, {})


def texts(config: Config) -> dict[str, str]:
    """What is said: who the firm is and where it is reached (PECR reg 24), and no marketing (LAW 1.9)."""
    firm, told, key = config.firm, config.calls_in, " ".join(config.announcement.opt_out_digit)
    reach = f"call {' '.join(firm.freephone)}" if firm.freephone else f"write to {firm.address}"
    mail = f", or to {firm.contact_email.replace('@', ' at ')}" if firm.contact_email else ""
    recorded = " Calls are recorded." if config.recording.enabled else ""
    called = f"This is {firm.trading_name}. We called you from this number. "
    return {
        "notice": told.notice or f"This is {firm.trading_name}.{recorded} Please hold while we connect you.",
        "callback": told.callback
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
    said, base = texts(config), config.path(config.calls_in.sounds) if config.calls_in.sounds else None
    wavs = {name: base / f"{name}.wav" for name in SPOKEN if base and (base / f"{name}.wav").is_file()}
    digest = hashlib.sha256()
    for name in SPOKEN:
        content = wavs[name].read_bytes() if name in wavs else said[name].encode()
        digest.update(f"{name} {name in wavs} {len(content)} ".encode() + content)
    version = digest.hexdigest()[:16]
    made = folder / version
    if not (made / "meta.json").exists():
        _make(made, said, wavs)
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


def _make(place: Path, said: Mapping[str, str], wavs: Mapping[str, Path]) -> None:
    with new_set(place) as work:
        for name in SPOKEN:
            wav = str(wavs[name]) if name in wavs else ""
            write(work, name, *spoken(wav, said[name], Path(), f"calls_in.{name}"), spoken=True)
        write(work, "ringing", _ringing(), _RATE)
        (work / "meta.json").write_text(json.dumps({"texts": {name: said[name] for name in SPOKEN}}, indent=1))


def _ringing() -> Sound:
    """400 and 450 Hz, twice 0.4 s in 3 s."""
    burst = sound.tone(400, 0.4, _RATE, 0.08) + sound.tone(450, 0.4, _RATE, 0.08)
    quiet = np.zeros(int(0.2 * _RATE))
    return np.concatenate([burst, quiet, burst, quiet, np.zeros(int(1.8 * _RATE))])
