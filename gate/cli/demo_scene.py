"""What the demo stands on (a test UAS that plays the carrier, this program's own commands, waiting), and what it looks
at: who is heard and where, whether any audio lies in clear, whether a key is left anywhere.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from gate.cli.main import cli
from gate.core import rtp
from gate.errors import GateError
from gate.vault.keyfile import load_private
from gate.vault.keystore import KeyStoreDb
from gate.vault.reader import open_recording

CUSTOMER_HERTZ = 1000.0
DIALGATE = [sys.executable, "-m", "gate.cli.main"]


class CarrierUas:
    """The test UAS that plays the carrier, in a process of its own; what it tells is read by a thread."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.address = ""
        self.invites = 0
        self._calls: list[dict[str, Any]] = []
        self._process = process
        self._told = threading.Condition()
        threading.Thread(target=self._read, name="test UAS", daemon=True).start()
        with self._told:
            if not self._told.wait_for(lambda: self.address, 20.0):
                raise GateError("the test UAS did not start")

    def _read(self) -> None:
        for line in self._process.stdout or ():
            event = json.loads(line)
            with self._told:
                match event["event"]:
                    case "listening":
                        self.address = str(event["address"])
                    case "invite":
                        self.invites += 1
                    case "call":
                        self._calls.append(event)
                self._told.notify_all()

    def call(self) -> dict[str, Any]:
        """The next call that has ended there."""
        with self._told:
            if not self._told.wait_for(lambda: self._calls, 15.0):
                raise GateError("the test UAS did not see the end of the call")
            return self._calls.pop(0)


@contextmanager
def carrier_uas() -> Iterator[CarrierUas]:
    """The carrier, with the customer's tone."""
    command = [sys.executable, "-m", "gate.cli.test_uas", "--listen", "127.0.0.1:0", "--tone", str(CUSTOMER_HERTZ)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield CarrierUas(process)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


def run(*arguments: str, cwd: Path | None = None) -> dict[str, Any]:
    """A command of this program, with ``--json``; ``GateError`` where it fails."""
    answer = ask(*arguments, cwd=cwd)
    if "error" in answer:
        raise GateError(f"dialgate {' '.join(arguments)}: {answer['error']['message']}", hint=answer["error"]["hint"])
    return answer


def ask(*arguments: str, cwd: Path | None = None) -> dict[str, Any]:
    """What a command of this program answers with ``--json``, an error's too; ``GateError`` where that is no JSON.

    It runs in this process: a dozen interpreters would each take a second to import what this one has.
    """
    output, complained = io.StringIO(), io.StringIO()
    bare = {name: value for name, value in os.environ.items() if not name.startswith("DIALGATE_")}
    here = chdir(cwd or Path.cwd())
    with _environment(bare), here, redirect_stdout(output), redirect_stderr(complained), suppress(SystemExit):
        cli.main([*arguments, "--json"], prog_name="dialgate")
    try:
        answer: dict[str, Any] = json.loads(output.getvalue())
    except ValueError:
        raise GateError(f"dialgate {' '.join(arguments)} failed: {complained.getvalue().strip()}") from None
    return answer


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def until(
    true: Callable[[], Any], seconds: float, otherwise: str, process: subprocess.Popen[bytes] | None = None
) -> Any:
    """Wait until something is so, and return it; ``GateError`` where it does not come, or the process ends."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := true():
            return value
        if process is not None and process.poll() is not None:
            break
        time.sleep(0.05)
    raise GateError(otherwise)


def softphone() -> Any:
    """``gate.softphone``; ``ModuleNotFoundError`` where its extra is not installed."""
    from gate import softphone as found

    return found


def free_port() -> int:
    """A UDP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


RATE = 8000
WINDOW = 1600
"""Samples of 200 ms."""
RUN = 64
"""Bytes: a run of audio that can hardly be there by chance."""


def listen(sound: bytes) -> set[float]:
    """The pitches, to the nearest 10 Hz, that fill at least three windows of 8-bit unsigned sound at 8 kHz."""
    samples = np.frombuffer(sound, np.uint8).astype(np.float64) - 128
    found = [round(pitch, -1) for pitch in _pitches(samples) if pitch]
    return {pitch for pitch in set(found) if found.count(pitch) >= 3}


def _pitches(samples: npt.NDArray[np.float64]) -> list[float]:
    """The strongest frequency of each window that is a clear tone; 0.0 for speech and silence."""
    pitches = []
    for start in range(0, len(samples) - WINDOW + 1, WINDOW):
        power = np.abs(np.fft.rfft(samples[start : start + WINDOW] * np.hanning(WINDOW))) ** 2
        peak = int(np.argmax(power))
        near = float(power[max(0, peak - 3) : peak + 4].sum())
        clear = power.sum() > 0 and near > 0.9 * float(power.sum())
        pitches.append(peak * RATE / WINDOW if clear else 0.0)
    return pitches


def heard_after(windows: list[list[Any]], pitch: float) -> bool:
    """True where the customer heard other sound first (the announcement), and then the agent's ``pitch``, in hertz."""
    agent = [at for at, hertz, share in windows if hertz and abs(hertz - pitch) < 15 and share > 0.8]
    spoken = [at for at, hertz, share in windows if hertz and share <= 0.8]
    return len(agent) >= 5 and len(spoken) >= 5 and min(spoken) < min(agent)


@dataclass(frozen=True, slots=True)
class Heard:
    """What is in an exported recording: three times yes in the demo."""

    announcement: bool
    """It is on the right, before anybody speaks."""
    agent: bool
    """The agent's tone is on the left, and not on the right."""
    customer: bool
    """The customer's tone is on the right, after the announcement, and not on the left."""

    @classmethod
    def measured(cls, wav: Path, announcement: Path, agent: float, customer: float) -> Heard:
        """Listen to a stereo WAV (agent left, customer right)."""
        samples, rate = soundfile.read(wav, dtype="float64", always_2d=True)
        notice, _ = soundfile.read(announcement, dtype="float64")
        if rate != RATE or samples.shape[1] != 2:
            return cls(False, False, False)
        left, right = samples[:, 0], samples[:, 1]
        lead = len(notice)
        same = _alike(right[:lead], notice)
        return cls(
            announcement=same > 0.9 and not _holds(left[:lead], agent),
            agent=_holds(left[lead:], agent) and not _holds(right, agent),
            customer=_holds(right[lead:], customer) and not _holds(left, customer),
        )


def _holds(samples: npt.NDArray[np.float64], pitch: float) -> bool:
    """A second of this tone at least, all in all."""
    return sum(abs(found - pitch) <= 10 for found in _pitches(samples)) * WINDOW >= RATE


def _alike(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """The best correlation of two sounds within a quarter of a second's shift: 1.0 for the same sound."""
    length = min(len(one), len(other))
    if length < RATE // 2:
        return 0.0
    one, other = one[:length], other[:length]
    size = 1 << (2 * length - 1).bit_length()
    cross = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size)), size)
    shift = RATE // 4
    best = float(np.max(np.abs(np.concatenate([cross[: shift + 1], cross[-shift:]]))))
    return best / float(np.linalg.norm(one) * np.linalg.norm(other) + 1e-9)


def clear_audio(folder: Path, recording_id: str, key: Path, passphrase: str) -> list[str]:
    """Files under ``folder`` that hold a run of the recording's audio as it came over the wire; none must.

    The recording is opened in memory for it; the exported WAV and the prompts are sound of their own making.
    """
    store = KeyStoreDb(folder / "data" / "keys.db")
    wraps = store.wraps(recording_id)
    store.close()
    sealed = next((folder / "data" / "recordings").rglob(f"{recording_id}.dgr"))
    _, chunks = open_recording(sealed, wraps, load_private(key, passphrase), recording_id=recording_id)
    payloads = [frame.rtp[12:] for chunk in chunks for frame in rtp.decode(chunk) if isinstance(frame, rtp.PacketFrame)]
    runs = {payload[:RUN] for payload in payloads if len(set(payload[:RUN])) > 4}
    if not runs:
        return ["the recording holds no audio"]
    return [str(path) for path in sorted(_files(folder)) if _has(path, runs)]


def wraps_of(data: Path, recording_id: str) -> set[bytes]:
    """The recording's key as it lies in the gate's data folder: once for each recipient, wrapped."""
    store = KeyStoreDb(data / "keys.db")
    try:
        return {wrap for _, wrap in store.wraps(recording_id)}
    finally:
        store.close()


def holding(place: Path, runs: set[bytes]) -> list[str]:
    """The file ``place``, or files under the folder, that hold any of ``runs``."""
    paths = [place] if place.is_file() else sorted(place.rglob("*"))
    return [str(path) for path in paths if path.is_file() and _has(path, runs)]


def _files(folder: Path) -> list[Path]:
    own: tuple[Any, ...] = (folder / "recording.wav", folder / "data" / "prompts")
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(path == each or each in path.parents for each in own)
    ]


def _has(path: Path, runs: set[bytes]) -> bool:
    content = path.read_bytes()
    return any(run in content for run in runs)
