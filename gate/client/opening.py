"""Recordings opened for the console with key files of this machine.

Private keys stay in this process, and are forgotten when they are locked.
"""

from __future__ import annotations

import base64
import dataclasses
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from gate.client.bundles import make_bundle
from gate.client.files import must_be_new
from gate.client.listening import Envelope, Listening, read_envelope
from gate.client.packs import held_of, recordings_in, write_pack
from gate.client.recordings import Stream, export, open_taken, pressed, sealed_file, streams, who
from gate.config import Config
from gate.control.client import ControlClient
from gate.core.facts.calls import Announced
from gate.errors import GateError, StoppedError, UsageError, VaultError
from gate.exports.playing import PlayStopped, play, player
from gate.operations.calls.recordings import RecordingTake, RecordingTaken
from gate.types import Progress
from gate.vault.keyfile import PrivateKey, change_passphrase, load_private
from gate.vault.reader import open_trailer


class KeyOpener:
    """Opens recordings with the private keys that were unlocked. Every method blocks, so it is called on a worker's
    thread, and raises ``GateError``. What opens a recording has the gate write a leaf first, with ``purpose``."""

    def __init__(self, config: Config, keys: Sequence[Path] = (), player: str = "") -> None:
        """``keys``: key files to be offered first. ``player``: as in ``gate.exports.playing``."""
        self._config = config
        self._client = ControlClient(config.control_socket)
        self._named = tuple(keys)
        self._player = player
        self._privates: list[PrivateKey] = []

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
        self._privates = [each for each in self._privates if each.id != private.id] + [private]
        return self.holder()

    def change_passphrase(self, key: Path, old: str, new: str) -> str:
        """As ``dialgate key passphrase``; returns the name of its holder."""
        if not key.is_file():
            raise UsageError(f"there is no key file {key}", hint="give the path of a private key: NAME.key")
        return change_passphrase(key.resolve(), old, new).recipient.name

    def holder(self) -> str:
        """Names of those whose keys are open."""
        return ", ".join(each.recipient.name for each in self._privates)

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
        privates = self._open() if recordings_in(held) else list(self._privates)
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
            privates=list(self._privates),
            purpose=purpose,
            output=output,
            progress=heed,
        )
        return result

    def _open(self) -> list[PrivateKey]:
        if not self._privates:
            raise UsageError("no key is open", hint="open a private key first")
        return list(self._privates)

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
