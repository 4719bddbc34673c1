"""Recordings opened and files written for the console, which opens no file itself.

Private keys stay in this process, and are forgotten when they are locked.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
import stat
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from console.ports import Envelope, Listening
from gate.cli.audit_export import make_bundle
from gate.cli.files import must_be_new, output_file
from gate.cli.output import View
from gate.cli.own_list_files import read_file
from gate.cli.receipts import HOST_IT, publish_into
from gate.cli.recordings import open_taken, sealed_file, who
from gate.cli.request_pack import held_of, recordings_in, write_pack
from gate.config import origins
from gate.control.client import ControlClient
from gate.core.frames import MapFrame, PacketFrame, decode
from gate.core.rtp import SIDES, is_key_press, parse
from gate.errors import GateError, StoppedError, UsageError, VaultError
from gate.exports.audio import export_wav
from gate.exports.envelope import read_envelope
from gate.exports.letter_proof import page
from gate.exports.playing import PlayStopped, play, player
from gate.exports.report import month_page, record_page
from gate.handed_over_file import open_file
from gate.operations.calls.recordings import RecordingTake, RecordingTaken
from gate.recorder.keys import KeyListener
from gate.vault.keyfile import PrivateKey, change_passphrase, load_private
from gate.vault.opening import open_trailer

if TYPE_CHECKING:
    from gate.operations.requests.proving import RequestProof
    from gate.types import Progress


class OutputFiles:
    """``console.ports.Files`` on this machine."""

    def write(self, path: Path, data: bytes) -> None:
        """There when it is whole, readable by its owner only."""
        must_be_new(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with output_file(path) as file:
                file.write(data)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror or error}", hint="name another file") from None

    def open(self, path: Path) -> BinaryIO:
        """A regular file of this account's, and what no link leads to."""
        try:
            file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
            found = os.fstat(file.fileno())
        except OSError as error:
            raise UsageError(
                f"{path} cannot be read: {error.strerror or error}", hint="It stays where it is."
            ) from None
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid():
            return file
        file.close()
        raise UsageError(f"{path} is no file of yours", hint="It stays where it is.")

    def text(self, path: Path, most: int) -> str:
        """As it is; what is larger, or no text, is refused."""
        with open_file(path, most) as given, given.reader() as source:
            try:
                return source.read().decode()
            except UnicodeDecodeError:
                raise UsageError(f"{path} is no text", hint="name another file") from None

    def digest(self, path: Path) -> str:
        """Of a regular file, as this account may read it."""
        return hashlib.sha256(read_file(path)).hexdigest()


class ReportPages:
    """``console.ports.Papers`` with the configuration of this machine."""

    def __init__(self, view: View) -> None:
        self._view = view

    def month(self, report: Mapping[str, Any]) -> str:
        """As ``dialgate report --month``."""
        return month_page(report)

    def record(self, report: Mapping[str, Any]) -> str:
        """As ``dialgate report --article-30``."""
        return record_page(report)

    def proof(self, made: RequestProof) -> str:
        """As ``dialgate request proof``."""
        return page(made.firm, made.reference, made.id, made.evidence)

    def receipts(self, folder: Path) -> Mapping[str, Any]:
        """As ``dialgate receipts publish``."""
        config = self._view.config
        return publish_into(ControlClient(config.control_socket), config.firm.trading_name, folder) | {"said": HOST_IT}

    def configuration(self) -> Sequence[tuple[str, str, str]]:
        """As ``dialgate config show``."""
        found = origins(self._view.config, self._view.path)
        return [(each.key, json.dumps(each.value, ensure_ascii=False), each.origin) for each in found]


class KeyOpener:
    """``console.ports.Opener`` with key files of this machine."""

    def __init__(self, view: View, keys: Sequence[Path] = (), player: str = "") -> None:
        """``keys``: key files to be offered first. ``player``: as in ``gate.exports.playing``."""
        self._view = view
        self._client = ControlClient(view.config.control_socket)
        self._named = tuple(keys)
        self._player = player
        self._privates: list[PrivateKey] = []

    def keys(self) -> Sequence[Path]:
        """Those named on the command line, then those of the folder beside the configuration."""
        beside = sorted((self._view.config.path("keys")).glob("*.key"))
        return [*self._named, *(path for path in beside if path not in self._named)]

    def unlock(self, key: Path, passphrase: str) -> str:
        """Open one more key: a recording that takes two people needs two."""
        if not key.is_file():
            raise UsageError(f"there is no key file {key}", hint="give the path of a private key: NAME.key")
        private = load_private(key, passphrase)
        self._privates = [each for each in self._privates if each.id != private.id] + [private]
        return self.holder()

    def change_passphrase(self, key: Path, old: str, new: str) -> str:
        """As ``dialgate key passphrase``."""
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
        wraps = [(each.recipient, base64.b64decode(each.wrap)) for each in taken.wraps]
        with sealed_file(self._view, recording_id, Path(taken.path)) as path:
            trailer = open_trailer(path, wraps, privates, recording_id=recording_id)
        try:
            found = read_envelope(trailer)
        except VaultError:  # of a recorder that drew none, or was cut off: it can be heard all the same
            return Envelope(float(trailer.get("seconds") or 0.0), b"", b"", (), _announced(taken))
        return Envelope(found.seconds, found.caller, found.callee, found.gaps, _announced(taken))

    def export(self, recording_id: str, purpose: str, output: Path, progress: Progress) -> Mapping[str, Any]:
        """As ``dialgate recording export``."""
        must_be_new(output)
        privates, taken = self._taken(recording_id, purpose)
        progress(0.1, "opening")
        chunks, announcement = open_taken(self._view, recording_id, taken, privates)
        report = export_wav(chunks, output, announcement=announcement)
        progress(1.0, "written")
        return dataclasses.asdict(report)

    def play(self, recording_id: str, purpose: str, stop: Listening, progress: Progress) -> str:
        """Through a pipe into a player."""
        player(self._player)  # before the leaf: what cannot be played is not taken
        privates, taken = self._taken(recording_id, purpose)

        def mark() -> None:
            with suppress(GateError):  # what is heard says the same, and why
                stop.keys = pressed(open_taken(self._view, recording_id, taken, privates)[0])

        threading.Thread(target=mark, name="console-keys", daemon=True).start()  # it is heard at once meanwhile
        while True:
            chunks, announcement = open_taken(self._view, recording_id, taken, privates)
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
        """As ``dialgate request fulfil`` of an access request."""
        must_be_new(output)
        held = held_of(self._client, request)
        if recordings_in(held) and not self._privates:
            raise UsageError("no key is open", hint="open a private key first")
        made = write_pack(self._view, self._client, held, list(self._privates), output, progress=progress)
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
        """As ``dialgate audit export``."""

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

    def _taken(self, recording_id: str, purpose: str) -> tuple[list[PrivateKey], RecordingTaken]:
        if not self._privates:
            raise UsageError("no key is open", hint="open a private key first")
        privates = list(self._privates)
        taken = self._client.ask(RecordingTake(recording_id=recording_id, purpose=purpose, recipient=who(privates)))
        return privates, taken


def pressed(chunks: Iterable[bytes]) -> list[tuple[float, str]]:
    """The keys in a recording's clear chunks: seconds from its beginning, and which. Raises ``FrameError``, and what
    reading ``chunks`` raises."""
    listeners = {side: KeyListener() for side in SIDES}
    types = dict.fromkeys(SIDES, frozenset[int]())
    found: list[tuple[float, str]] = []
    for frame in chain.from_iterable(map(decode, chunks)):
        if isinstance(frame, MapFrame):
            for side in SIDES:
                names = frame.payloads.get(side, {})
                types[side] = frozenset(number for number, name in names.items() if is_key_press(name))
        elif isinstance(frame, PacketFrame) and len(frame.rtp) > 1 and frame.rtp[1] & 0x7F in types[frame.side]:
            packet = parse(frame.rtp)
            digit = listeners[frame.side].hear(packet, frame.offset * 1000)[0] if packet else ""
            if digit:
                found.append((frame.offset / 1e6, digit))
    return found


def _announced(taken: RecordingTaken) -> tuple[float, float] | None:
    """When the announcement played, in seconds from the recording's beginning."""
    bodies = [fact.body for fact in taken.facts if fact.kind == "announced" and fact.body]
    opened = taken.header.opened_at
    try:
        began = datetime.fromisoformat(bodies[0]["started"]) - datetime.fromisoformat(opened)
        ended = datetime.fromisoformat(bodies[0]["ended"]) - datetime.fromisoformat(opened)
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    return min(0.0, began.total_seconds()), min(0.0, ended.total_seconds())
