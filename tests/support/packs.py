"""Data-subject packs for tests: contents, sounds, and a reader of the documented format that shares nothing with it."""

from __future__ import annotations

import base64
import io
import json
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from gate.core.authority import Authority
from gate.core.letters import LetterFirm
from gate.core.pack_words import PackCall, PackContents, PackRecording, PackTable, standard_notice

AUTHORITY = Authority(
    name="Information Commissioner's Office",
    address="Wycliffe House\nWater Lane\nWilmslow\nCheshire\nSK9 5AF",
    web="https://ico.org.uk/make-a-complaint/",
)
FIRM = LetterFirm(
    legal_name="Webeo Example Ltd",
    trading_name="Webeo",
    address="Building 3000, Lakeside\nNorth Harbour\nPortsmouth\nPO6 3EN",
    authority=AUTHORITY,
    email="datacompliance@example.invalid",
)
PASSPHRASE = "k7qm-2x9d-h4fs-0vwe-31rt"
AT = datetime(2026, 7, 3, 9, 0, 5, tzinfo=UTC)
"""Ten o'clock in London."""


def contents(**changes: Any) -> PackContents:
    """A person with two calls, an objection and no consent."""
    values: dict[str, Any] = {
        "firm": FIRM,
        "reference": "R-2026-0017",
        "made_on": date(2026, 7, 20),
        "numbers": ("+442079460123", "+447700900123"),
        "notice": standard_notice(
            purpose="quality and training",
            months=12,
            calls_months=24,
            refused_months=12,
            requests_months=36,
            lists_months=36,
            contacts_months=12,
        ),
        "name": "Ann Example",
        "calls": (
            PackCall("c1", AT, "+442079460123", "Allowed: on neither register.", "marketing call", "answered", ""),
            PackCall("c2", AT, "+447700900123", "Refused: listed.", "marketing call", "not dialled", "not recorded"),
        ),
        "held": (
            PackTable("Objections", ("Since", "How"), (("3 July 2026", "pressed 9 during a call"),)),
            PackTable("Consents", ("Given", "How"), ()),
        ),
        "statements": ("One recording was erased on 2 January 2026, at the end of its term.",),
        "held_back": ("A note about another person (Art 15(4)).",),
    }
    return PackContents(**(values | changes))


def flac(seconds: float, frequency: float = 440.0) -> bytes:
    """A tone, stereo, 8 kHz."""
    times = np.arange(round(seconds * 8000)) / 8000
    tone = (8000 * np.sin(2 * np.pi * frequency * times)).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, np.column_stack([tone, tone // 2]), 8000, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def sound(name: str, seconds: float = 3.0, call: str = "c1", **changes: Any) -> PackRecording:
    """A recording of a tone."""
    return PackRecording(
        **({"recording_id": name, "call_id": call, "at": AT, "seconds": seconds, "title": f"Call {name}"}
           | {"audio": flac(seconds)} | changes)
    )  # fmt: skip


class _Data(HTMLParser):
    """The data elements of a page, as the format describes them."""

    def __init__(self) -> None:
        super().__init__()
        self.header = self.index = ""
        self.pieces: list[str] = []
        self._into = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        kind = values.get("id") or values.get("class") or "" if tag == "script" else ""
        self._into = kind
        if kind == "piece":
            self.pieces.append("")

    def handle_endtag(self, tag: str) -> None:
        self._into = ""

    def handle_data(self, data: str) -> None:
        if self._into == "piece":
            self.pieces[-1] += data
        elif self._into in ("header", "index"):
            setattr(self, self._into, getattr(self, self._into) + data)


class OpenedPack:
    """A pack, opened with what its format says and ``cryptography`` alone; raises ``InvalidTag`` where it does not."""

    def __init__(self, path: Path, passphrase: str) -> None:
        page = _Data()
        page.feed(path.read_text(encoding="utf-8"))
        page.close()
        header = json.loads(page.header)
        assert (header["format"], header["version"], header["kdf"]) == ("dialgate-pack", 1, "PBKDF2-HMAC-SHA256")
        typed = "".join(sign for sign in passphrase.lower() if sign.isascii() and sign.isalnum())
        typed = typed.replace("o", "0").replace("i", "1").replace("l", "1")
        salt = base64.b64decode(header["salt"])
        key = PBKDF2HMAC(SHA256(), 32, salt, header["iterations"]).derive(typed.encode())
        clear = AESGCM(key).decrypt(bytes(12), base64.b64decode(page.index), page.header.encode())
        self.header = header
        self.padded = len(clear)
        self.index: dict[str, Any] = json.loads(clear)
        self._pieces = page.pieces
        assert len(page.pieces) == self.index["pieces"]

    def audio(self, place: int) -> bytes:
        """A recording's file."""
        entry = self.index["recordings"][place]
        cipher = AESGCM(base64.b64decode(self.index["audio_key"]))
        count = -(-entry["bytes"] // self.index["piece_bytes"])
        numbers = range(entry["first"], entry["first"] + count)
        clear = (cipher.decrypt(n.to_bytes(12, "big"), base64.b64decode(self._pieces[n]), None) for n in numbers)
        return b"".join(clear)[: entry["bytes"]]
