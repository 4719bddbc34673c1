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

A passphrase is told by another way (on the phone, in a second letter), so it is made to be read aloud and typed: groups
of letters and digits without the ones that look alike. ``normalised`` forgives what people do when they type it.

Keys and nonces: the passphrase with a fresh random salt gives a key for one message only, the index, so its nonce can
be zero. A random key, kept inside the index, encrypts the pieces of audio; a piece's nonce is its number, counted over
the whole file, so that none comes twice and a piece that is moved, repeated or left out does not open.
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
from typing import Any, BinaryIO, Final, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from gate.core.days import LONDON, spoken_day
from gate.core.pack_words import PackCall, PackContents, PackRecording
from gate.durable import whole_file
from gate.errors import ExportError
from gate.exports.bundle import CountedFile
from gate.exports.page import rendered, source
from gate.showing import spoken_number, spoken_time

_POLICY: Final = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; media-src blob:; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""One script, one style sheet, sound out of the page's own memory; nothing is fetched and nothing is sent."""
_DATA: Final = "<!-- data -->"


class PackPage(NamedTuple):
    """What stands before and behind the data."""

    before: bytes
    behind: bytes


def parts(firm: str, reference: str, header: str) -> PackPage:
    """The page for a firm's name and a reference, which stand in it in clear."""
    script, style = source("pack/pack.js"), source("pack/pack.css")
    page = rendered(
        "pack/pack.html", _POLICY, script=script, style=style, firm=firm, reference=reference, header=header
    )
    before, behind = page.split(_DATA)
    return PackPage(before.encode("utf-8", "replace"), behind.encode("utf-8", "replace"))


def data(sealed: bytes, attributes: str) -> bytes:
    """An element that holds ciphertext; a browser neither shows nor runs it."""
    return b'<script type="application/octet-stream" %b>%b</script>\n' % (attributes.encode(), base64.b64encode(sealed))


ITERATIONS: Final = 1_000_000
"""Iterations of PBKDF2-HMAC-SHA256; browsers have no scrypt and no Argon2. OWASP asks for 600,000."""
SALT_BYTES: Final = 32
KEY_BYTES: Final = 32
INDEX_NONCE: Final = bytes(12)
ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no i, l, o, u."""
GROUPS, GROUP = 5, 4
SHORTEST: Final = 16
"""Letters and digits that a passphrase has at least."""


def new_passphrase() -> str:
    """A random passphrase of 100 bits: ``k7qm-2x9d-…``."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))


def normalised(passphrase: str) -> str:
    """What the key is made from: ASCII letters and digits alone, small, ``o`` as ``0``, ``i`` and ``l`` as ``1``."""
    small = re.sub(r"[A-Z]", lambda found: found[0].lower(), passphrase)
    return re.sub(r"[^a-z0-9]", "", small).translate(str.maketrans("oil", "011"))


def checked(passphrase: str) -> str:
    """``normalised``, long enough. Raises ``ExportError``."""
    typed = normalised(passphrase)
    if len(typed) < SHORTEST:
        raise ExportError(
            f"the passphrase is too short: {len(typed)} letters and digits, at least {SHORTEST} (ASCII)",
            hint="let one be made, or take several words that nobody would guess",
        )
    return typed


def index_key(passphrase: str, salt: bytes, iterations: int) -> bytes:
    """The key of the index; about a third of a second with ``ITERATIONS``."""
    return PBKDF2HMAC(SHA256(), KEY_BYTES, salt, iterations).derive(normalised(passphrase).encode("ascii"))


def seal_index(key: bytes, index: bytes, header: bytes) -> bytes:
    """The index, bound to the header as it stands in the file."""
    return AESGCM(key).encrypt(INDEX_NONCE, index, header)


def piece_nonce(number: int) -> bytes:
    """The nonce of a piece, from its number in the file (from 0)."""
    return number.to_bytes(12, "big")


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
    """Length of all recordings together."""


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
    passphrase = checked(passphrase)
    salt = secrets.token_bytes(SALT_BYTES)
    header = _json(
        {
            "format": "dialgate-pack",
            "version": 1,
            "kdf": "PBKDF2-HMAC-SHA256",
            "iterations": ITERATIONS,
            "salt": base64.b64encode(salt).decode(),
            "cipher": "AES-256-GCM",
        }
    )
    with _new_file(out) as file:
        sink = CountedFile(file)
        page = parts(contents.firm.trading_name, contents.reference, header)
        sink.write(page.before)
        audio = _Audio(sink)
        entries = [audio.add(recording, progress) for recording in recordings]
        index = _index(contents, audio, entries)
        key = index_key(passphrase, salt, ITERATIONS)
        sealed = seal_index(key, index, header.encode())
        sink.write(data(sealed, 'id="index"'))
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
        self.key = secrets.token_bytes(KEY_BYTES)
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
            sealed = self._cipher.encrypt(piece_nonce(self.pieces), piece, None)
            self._sink.write(data(sealed, 'class="piece"'))
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
