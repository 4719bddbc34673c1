"""Recordings opened for the console with key files of this machine.

Private keys stay in this process, and are forgotten when they are locked. What plays a recording gets its samples
through a pipe, and no disk does: a program of this machine, ``aplay`` (ALSA), ``play`` (SoX), ``pw-play`` or
``paplay``, ``ffplay``; or the command that is configured, in which ``{rate}`` stands for the samples a second (16 bit,
little-endian, two channels).
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import os
import select
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self

from gate.client.bundles import BundleShown, make_bundle, shown_bundle
from gate.client.files import must_be_new, read_vkey
from gate.client.listening import Envelope, Listening, read_envelope
from gate.client.packs import held_of, recordings_in, write_pack
from gate.client.recordings import Stream, export, open_taken, pressed, sealed_file, streams, who
from gate.config import Config
from gate.control.client import ControlClient
from gate.core.facts.calls import Announced
from gate.errors import ExportError, GateError, StoppedError, UsageError, VaultError
from gate.exports.audio import ExportReport, rendered
from gate.exports.rtp_timeline import Samples
from gate.operations.audit.exporting import AuditExportable, Exportable
from gate.operations.calls.recordings import RecordingTake, RecordingTaken
from gate.types import Progress
from gate.vault.keyfile import PrivateKey, change_passphrase, load_private
from gate.vault.reader import open_trailer

PLAYERS: Final = (
    "aplay -q -t raw -f S16_LE -c 2 -r {rate} -",
    "pw-play --format=s16 --channels=2 --rate={rate} -",
    "paplay --raw --format=s16le --channels=2 --rate={rate}",
    "play -q -t raw -e signed-integer -b 16 -L -c 2 -r {rate} -",
    "ffplay -loglevel error -nodisp -autoexit -f s16le -ch_layout stereo -sample_rate {rate} -i -",
)
_AT_ONCE = 4096
"""Bytes that a pipe takes whole or not at all."""
_LISTEN_SECONDS = 0.1
"""How soon a stop is heard while the player takes nothing."""


class PlayStopped(ExportError):
    """Whoever listened has had enough."""


def player(command: str = "") -> str:
    """The command that plays: the one given, else the first of ``PLAYERS`` that is here. Raises ``ExportError``."""
    for each in (command,) if command else PLAYERS:
        program = shlex.split(each)[:1]
        if program and shutil.which(program[0]):
            return each
    names = command or ", ".join(each.split()[0] for each in PLAYERS)
    raise ExportError(
        f"nothing here can play: {names} is not installed",
        hint="install alsa-utils or sox, or set console.player; by ssh export it, and play the WAV where you sit",
    )


def play(
    chunks: Iterable[bytes],
    *,
    stop: threading.Event,
    announcement: Samples | None = None,
    command: str = "",
    begun: Callable[[], None] = lambda: None,
    start: float = 0.0,
    speed: float = 1.0,
) -> ExportReport:
    """Play the clear chunks of one recording until their end.

    ``start``: so many seconds of what would be heard, the announcement first, are passed over. ``speed``: so many times
    as fast, and as high. ``begun`` is called when the first samples go out. Raises ``PlayStopped`` where ``stop`` was
    set, ``ExportError`` where the player ended before, and whatever reading ``chunks`` raises.
    """
    line = player(command)
    return rendered(chunks, lambda rate: _Pipe(line, rate, stop, begun, start, speed), announcement=announcement)


class _Pipe:
    """``gate.exports.audio.Writer`` into a player's standard input."""

    def __init__(
        self,
        line: str,
        rate: int,
        stop: threading.Event,
        begun: Callable[[], None],
        start: float = 0.0,
        speed: float = 1.0,
    ) -> None:
        self.path = Path(shlex.split(line)[0])
        self.rate = rate
        self.frames = 0
        self._passed_over = round(start * rate)
        """Frames that are still to be passed over."""
        self._command: Sequence[str] = shlex.split(line.replace("{rate}", str(round(rate * speed))))
        self._stop = stop
        self._begun = begun
        self._player: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._player = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, bufsize=0, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise ExportError(f"{self.path} cannot be started: {error.strerror}") from error
        if self._player.stdin is not None:
            os.set_blocking(self._player.stdin.fileno(), False)  # a player that takes nothing must not hold up a stop
        return self

    def write(self, samples: Samples) -> None:
        """Hand over frames; waits for the player to take them."""
        if self._player is None or self._player.stdin is None:
            raise ExportError(f"{self.path} does not run")
        if self._passed_over:
            over = min(self._passed_over, len(samples))
            self._passed_over -= over
            samples = samples[over:]
            if self._stop.is_set():
                raise PlayStopped("stopped")
        rest = memoryview(samples.astype("<i2", copy=False).tobytes())
        if not self.frames and rest:
            self._begun()
        while rest:
            if self._stop.is_set():
                raise PlayStopped("stopped")
            _, ready, _ = select.select([], [self._player.stdin], [], _LISTEN_SECONDS)
            try:
                rest = rest[os.write(ready[0].fileno(), rest[:_AT_ONCE]) if ready else 0 :]
            except BrokenPipeError:
                raise ExportError(
                    f"{self.path} ended before the recording did", hint="can it play here? try it with another sound"
                ) from None
        self.frames += len(samples)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        player = self._player
        if player is None:
            return
        if player.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                player.stdin.close()
        if kind is not None:
            player.kill()
        while player.poll() is None:
            if self._stop.wait(0.05):
                player.kill()
                break
        code = player.wait()
        if kind is None and self._stop.is_set():
            raise PlayStopped("stopped")
        if kind is None and code != 0:
            raise ExportError(f"{self.path} failed (exit code {code})", hint="can it play here? try another sound")


KEPT_SECONDS: Final = 900.0
"""So long after they were used last keys stay open."""


class KeyOpener:
    """Opens recordings with the private keys that were unlocked. Every method blocks, so it is called on a worker's
    thread, and raises ``GateError``. What opens a recording has the gate write a leaf first, with ``purpose``."""

    def __init__(self, config: Config, keys: Sequence[Path] = (), player: str = "") -> None:
        """``keys``: key files to be offered first. ``player``: the command of ``player()``."""
        self._config = config
        self._client = ControlClient(config.control_socket)
        self._named = tuple(keys)
        self._player = player
        self._privates: list[PrivateKey] = []
        self._until = 0.0

    def keys(self) -> Sequence[Path]:
        """Those named on the command line, then those of the folder beside the configuration."""
        beside = sorted(self._config.path("keys").glob("*.key"))
        return [*self._named, *(path for path in beside if path not in self._named)]

    def unlock(self, key: Path, passphrase: str) -> str:
        """Open one more key file, and keep the key until ``lock``: a recording that takes two people needs two.

        Returns the names of the holders.
        """
        if not key.is_file():
            raise UsageError(f"there is no key file {key}", hint="give the path of a private key: NAME.key")
        private = load_private(key, passphrase)
        self._privates = [each for each in self._held() if each.id != private.id] + [private]
        self._until = monotonic() + KEPT_SECONDS
        return self.holder()

    def change_passphrase(self, key: Path, old: str, new: str) -> str:
        """As ``dialgate key passphrase``; returns the name of its holder."""
        if not key.is_file():
            raise UsageError(f"there is no key file {key}", hint="give the path of a private key: NAME.key")
        return change_passphrase(key.resolve(), old, new).recipient.name

    def holder(self) -> str:
        """Names of those whose keys are open."""
        self.left()
        return ", ".join(each.recipient.name for each in self._privates)

    def left(self) -> float:
        """Seconds until the keys that are open are forgotten, which they are when it is asked after that; 0: none is
        open."""
        left = self._until - monotonic()
        if left <= 0:
            self.lock()
        return left if self._privates else 0.0

    def lock(self) -> None:
        """Forget every key."""
        self._privates = []

    def envelope(self, recording_id: str, purpose: str) -> Envelope:
        """The curve in the sealed trailer, empty where there is none; no audio is read."""
        privates, taken = self._taken(recording_id, purpose)
        return self._envelope(recording_id, taken, privates)

    def examined(self, recording_id: str, purpose: str) -> tuple[Envelope, Mapping[str, Stream]]:
        """The curve, and each side's packets, losses and jitter, for which the audio's packets are read."""
        privates, taken = self._taken(recording_id, purpose)
        found = self._envelope(recording_id, taken, privates)
        return found, streams(open_taken(self._client, self._config.data, recording_id, taken, privates)[0])

    def _envelope(self, recording_id: str, taken: RecordingTaken, privates: Sequence[PrivateKey]) -> Envelope:
        wraps = [(each.recipient, base64.b64decode(each.wrap)) for each in taken.wraps]
        with sealed_file(self._client, recording_id, Path(taken.path)) as path:
            trailer = open_trailer(path, wraps, privates, recording_id=recording_id)
        try:
            found = read_envelope(trailer)
        except VaultError:  # of a recorder that drew none, or was cut off: it can be heard all the same
            found = Envelope(float(trailer.get("seconds") or 0.0), b"", b"")
        return dataclasses.replace(found, announcement=_announced(taken))

    def export(self, recording_id: str, purpose: str, output: Path, progress: Progress) -> Mapping[str, Any]:
        """Write a WAV, which must not exist, as ``dialgate recording export``; returns the report."""
        privates = self._open()
        progress(0.1, "opening")
        report, _ = export(self._client, self._config.data, recording_id, privates, output, purpose)
        progress(1.0, "written")
        return dataclasses.asdict(report)

    def play(self, recording_id: str, purpose: str, stop: Listening, progress: Progress) -> str:
        """Play through a pipe, nothing in clear on any disk, until the end or ``stop``; returns how it ended.

        ``progress`` comes each time when something is heard from ``stop.start`` on. It is taken once, however often
        it is played from another place.
        """
        player(self._player)  # before the leaf: what cannot be played is not taken
        privates, taken = self._taken(recording_id, purpose)

        def mark() -> None:
            with suppress(GateError):  # what is heard says the same, and why
                stop.keys = pressed(open_taken(self._client, self._config.data, recording_id, taken, privates)[0])

        threading.Thread(target=mark, name="console-keys", daemon=True).start()  # it is heard at once meanwhile
        while True:
            chunks, announcement = open_taken(self._client, self._config.data, recording_id, taken, privates)
            try:
                play(
                    chunks,
                    stop=stop,
                    announcement=announcement,
                    command=self._player,
                    begun=lambda: progress(0.0, "playing"),
                    start=stop.start,
                    speed=stop.speed,
                )
            except PlayStopped:
                if stop.goes_on():
                    continue
                return "stopped"
            return "played to its end"

    def pack(self, request: str, output: Path, progress: Progress) -> Mapping[str, Any]:
        """Write the pack of an access request to a file that must not exist, and tell the gate: as ``dialgate request
        fulfil``.

        Returns ``path``, ``sha256``, ``calls``, ``recordings``, ``left_out``, and the ``passphrase`` of it: kept
        nowhere.
        """
        must_be_new(output)
        held = held_of(self._client, request)
        privates = self._open() if recordings_in(held) else self._held()
        made = write_pack(self._config, self._client, held, privates, output, progress=progress)
        return dataclasses.asdict(made)

    def bundle(
        self,
        since: datetime,
        until: datetime,
        recipient: str,
        purpose: str,
        output: Path,
        stop: threading.Event,
        progress: Progress,
        *,
        evidence_only: bool = False,
    ) -> Mapping[str, Any]:
        """Write the period ``[since, until)`` as a bundle for a recipient (its id) to a file that must not exist, as
        ``dialgate audit export``.

        Recordings that are not sealed to the recipient are opened with the keys that are open. Returns ``file``,
        ``counts``, ``vkey``, ``checkpoint`` (size of the log) and ``damaged``: recordings that are not as the log says.
        ``stop`` ends it with a ``StoppedError``, and there is no file.
        """

        def heed(fraction: float, text: str) -> None:
            if stop.is_set():
                raise StoppedError("the export was stopped", hint="nothing was written; that it began is in the log")
            progress(fraction, text)

        _, result = make_bundle(
            self._client,
            since=since,
            until=until,
            recipient=recipient,
            privates=self._held(),
            purpose=purpose,
            output=output,
            evidence_only=evidence_only,
            progress=heed,
        )
        return result

    def open_bundle(
        self,
        file: Path,
        vkeys: Sequence[str],
        key: Path | None,
        passphrase: str,
        stop: threading.Event,
        progress: Progress,
    ) -> BundleShown:
        """Check a bundle, and open it with a key that is not kept: as ``dialgate audit open``, in memory alone.

        ``vkeys``: verifier keys, or files with them; none: the bundle's own. ``key`` None: what is in clear is checked.
        ``stop`` ends it with a ``StoppedError``.
        """
        if key is None and passphrase:
            raise UsageError("to open a bundle its key is needed", hint="give --key FILE")
        if key is not None and not key.is_file():
            raise UsageError(f"there is no key file {key}", hint="give the path of a private key: NAME.key")
        trusted = [read_vkey(each) for each in vkeys]
        private = None if key is None else load_private(key, passphrase)

        @contextmanager
        def bar(title: str) -> Iterator[Progress]:
            def heed(fraction: float, text: str) -> None:
                if stop.is_set():
                    raise StoppedError("the opening was stopped", hint="nothing of it is kept")
                progress(fraction, f"{title}: {text}")

            yield heed

        return shown_bundle(file, private, trusted, bar)

    def exportable(self, since: datetime, until: datetime, recipient: str) -> Exportable:
        """How many recordings ``bundle`` would have, and how many neither the recipient nor what is open could open."""
        openers = [private.id for private in self._held()]
        return self._client.ask(AuditExportable(since=since, until=until, recipient=recipient, openers=openers))

    def _held(self) -> list[PrivateKey]:
        """What is open, for use."""
        if self.left():
            self._until = monotonic() + KEPT_SECONDS
        return [*self._privates]

    def _open(self) -> list[PrivateKey]:
        if not (held := self._held()):
            raise UsageError("no key is open", hint="open a private key first")
        return held

    def _taken(self, recording_id: str, purpose: str) -> tuple[list[PrivateKey], RecordingTaken]:
        privates = self._open()
        taken = self._client.ask(RecordingTake(recording_id=recording_id, purpose=purpose, recipient=who(privates)))
        return privates, taken


def _announced(taken: RecordingTaken) -> tuple[float, float] | None:
    """When the announcement played, in seconds from the recording's beginning."""
    bodies = [fact.body for fact in taken.facts if fact.kind == Announced.kind and fact.body]
    opened = taken.header.opened_at
    try:
        began = datetime.fromisoformat(bodies[0]["started"]) - datetime.fromisoformat(opened)
        ended = datetime.fromisoformat(bodies[0]["ended"]) - datetime.fromisoformat(opened)
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    return min(0.0, began.total_seconds()), min(0.0, ended.total_seconds())
