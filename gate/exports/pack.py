"""A data-subject pack: one HTML file that a passphrase opens, in any browser, without a network.

The page holds a form, a script and ciphertext; what a person reads of it without the passphrase is the firm's trading
name, the reference and the size. ``templates/pack`` has the page; its content security policy allows that one script
and that one style sheet, by hash, and no connection at all.

Format, so that another program can open it. Three kinds of ``<script>`` elements hold data, in this order:

- ``type="application/json" id="header"``: ``{"format": "dialgate-pack", "version": 1, "kdf": "PBKDF2-HMAC-SHA256",
  "iterations": N, "salt": BASE64, "cipher": "AES-256-GCM"}``
- ``type="application/octet-stream" class="piece"``: any number; each is base64 of ciphertext and tag (16 bytes) of one
  piece of audio, ``piece_bytes`` (262,144) long in clear
- ``type="application/octet-stream" id="index"``: base64 of the index's ciphertext and tag

The key of the index is PBKDF2 over the passphrase, reduced to ASCII letters and digits, small, ``o`` written ``0``,
``i`` and ``l`` written ``1``. The index is AES-256-GCM with a nonce of 12 zero bytes and the text of the header, byte
for byte, as associated data. It is UTF-8 JSON, padded with spaces to a multiple of 65,536 bytes: all fields of
``PackContents`` by their names, ``nothing_held``, times and numbers as people read them (``when``, ``number_words``);
and of the audio ``audio_key`` (base64), ``piece_bytes``, ``pieces`` (how many there are) and ``recordings``: the fields
of each, ``file`` (a name to save it as), ``bytes``, ``sha256``, and ``first``, the number of its first piece, counted
from 0 in the order of the file. A recording is its pieces one after another, cut to ``bytes``: the last is filled up
with zero bytes, so that the file tells neither how many recordings there are nor how long each is. Piece n is
AES-256-GCM under ``audio_key``, nonce n as 12 bytes big-endian, no associated data.

Limits: one recording is in memory when a pack is built, and in a browser the file (base64) and the recording that
plays. ``MAX_AUDIO`` bounds the whole. Who can change the file on its way can change its script too, and learn the
passphrase that is typed: tell people where the file comes from, and its digest together with the passphrase.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gate.core.pack_words import PackCall, PackContents, PackRecording
from gate.core.showing import LONDON
from gate.durable import whole_file
from gate.exports import pack_cipher, pack_page
from gate.exports.bundle_tar import CountedFile
from gate.exports.spoken import spoken_day, spoken_number, spoken_time
from gate.exports.wav import ExportError

PIECE: Final = 256 * 1024
PADDING: Final = 64 * 1024
MAX_AUDIO: Final = 512 * 1024 * 1024
"""Bytes of audio that a browser on a small machine still takes."""
_EXTENSIONS = {"audio/flac": "flac", "audio/wav": "wav", "audio/mpeg": "mp3", "audio/ogg": "ogg"}


@dataclass(frozen=True, slots=True)
class PackReport:
    """A pack that was written."""

    path: str
    size: int
    """Bytes of the file."""
    sha256: str
    recordings: int
    seconds: float
    """Of all recordings."""


def build_pack(
    contents: PackContents,
    recordings: Iterable[PackRecording],
    passphrase: str,
    out: Path,
    *,
    progress: Callable[[int, str], None] | None = None,
) -> PackReport:
    """Write the pack to ``out``, mode 0600, there when it is whole; ``recordings`` are taken one at a time.

    ``progress`` is told how many recordings are in it, and the title of the last. Raises ``ExportError`` for a
    passphrase that is too short, a file that exists or cannot be written, and more audio than ``MAX_AUDIO``; and
    whatever ``recordings`` raises.
    """
    passphrase = pack_cipher.checked(passphrase)
    salt = secrets.token_bytes(pack_cipher.SALT_BYTES)
    header = _json(
        {
            "format": "dialgate-pack",
            "version": 1,
            "kdf": "PBKDF2-HMAC-SHA256",
            "iterations": pack_cipher.ITERATIONS,
            "salt": base64.b64encode(salt).decode(),
            "cipher": "AES-256-GCM",
        }
    )
    with _new_file(out) as file:
        sink = CountedFile(file)
        page = pack_page.parts(contents.firm.trading_name, contents.reference, header)
        sink.write(page.before)
        audio = _Audio(sink)
        entries = [audio.add(recording, progress) for recording in recordings]
        index = _index(contents, audio, entries)
        key = pack_cipher.index_key(passphrase, salt, pack_cipher.ITERATIONS)
        sealed = pack_cipher.seal_index(key, index, header.encode())
        sink.write(pack_page.data(sealed, 'id="index"'))
        sink.write(page.behind)
    return PackReport(str(out), sink.size, sink.digest.hexdigest(), len(entries), sum(e["seconds"] for e in entries))


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    if path.exists():
        raise ExportError(f"{path} exists already", hint="name a new file")
    try:
        with whole_file(path) as file:
            yield file
    except OSError as error:
        raise ExportError(
            f"cannot write {path}: {error.strerror or error}", hint="check the folder, its permissions and the disk"
        ) from error


class _Audio:
    """The pieces of all recordings, in one row."""

    def __init__(self, sink: CountedFile) -> None:
        self._sink = sink
        self.key = secrets.token_bytes(pack_cipher.KEY_BYTES)
        self._cipher = AESGCM(self.key)
        self.pieces = self._taken = self._bytes = 0

    def add(self, recording: PackRecording, progress: Callable[[int, str], None] | None) -> dict[str, Any]:
        """Write a recording's pieces; returns its entry in the index."""
        audio = recording.audio
        self._bytes += len(audio)
        if self._bytes > MAX_AUDIO:
            raise ExportError(
                f"the recordings are more than a browser takes in one file ({MAX_AUDIO // 1024**2} MiB)",
                hint="make several packs, each with some of the calls",
            )
        first = self.pieces
        for start in range(0, len(audio), PIECE):
            piece = audio[start : start + PIECE].ljust(PIECE, b"\0")
            sealed = self._cipher.encrypt(pack_cipher.piece_nonce(self.pieces), piece, None)
            self._sink.write(pack_page.data(sealed, 'class="piece"'))
            self.pieces += 1
        self._taken += 1
        if progress:
            progress(self._taken, recording.title)
        return {
            "recording_id": recording.recording_id,
            "call_id": recording.call_id,
            "at": recording.at.isoformat(),
            "when": spoken_time(recording.at),
            "seconds": recording.seconds,
            "title": recording.title,
            "media_type": recording.media_type,
            "notes": list(recording.notes),
            "file": _file_name(recording),
            "bytes": len(audio),
            "sha256": hashlib.sha256(audio).hexdigest(),
            "first": first,
        }


def _index(contents: PackContents, audio: _Audio, recordings: list[dict[str, Any]]) -> bytes:
    """The index, padded: its length tells little of how much there is."""
    index = asdict(contents) | {
        "nothing_held": contents.nothing_held and not recordings,
        "made_on": contents.made_on.isoformat(),
        "made_on_words": spoken_day(contents.made_on),
        "numbers_words": [spoken_number(number) for number in contents.numbers],
        "calls": [_call(call) for call in contents.calls],
        "recordings": recordings,
        "audio_key": base64.b64encode(audio.key).decode(),
        "piece_bytes": PIECE,
        "pieces": audio.pieces,
    }
    text = _json(index).encode("utf-8", "replace")
    return text.ljust(-(-len(text) // PADDING) * PADDING)


def _call(call: PackCall) -> dict[str, Any]:
    words = {"at": call.at.isoformat(), "when": spoken_time(call.at), "number_words": spoken_number(call.number)}
    return asdict(call) | words


def _file_name(recording: PackRecording) -> str:
    """When the call was: a name that says nothing else of the person."""
    extension = _EXTENSIONS.get(recording.media_type, "bin")
    short = re.sub(r"[^A-Za-z0-9]", "", recording.recording_id)[:8]
    return f"call-{recording.at.astimezone(LONDON):%Y-%m-%d-%H%M%S}-{short}.{extension}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
