"""A data folder with calls of a person in it, and a data-subject request worked on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gate.config import load
from gate.core.request_words import Asks
from gate.daemon.opening import open_folder
from gate.operations.data_folder import DataFolder
from gate.operations.lists.consents import ConsentAdd
from gate.operations.requests.course import Decide, Open, VerifyIdentity
from gate.operations.requests.searching import Search
from gate.ports import Fact
from gate.vault.keyfile import PrivateKey, load_private
from tests.support.asking import ask
from tests.support.evidence import decision
from tests.support.example import make_example
from tests.support.keeping import plant
from tests.support.recorder_talk import Speaker, packets_of, recording, sine

ANN = "user:ann(1000)"
PERSON = "+447700900123"
SPELLED = "07700 900123"
OTHER = "+447700900555"
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")
START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=30)
"""When the first call was made."""


def sound() -> list[bytes]:
    """The chunks of a short recording."""
    speaker = Speaker()
    speaker.say(packets_of(sine(440, 1)), 0.2)
    return list(recording(speaker.packets, end=1.5))


def prepared(folder: Path, recordings: int = 3) -> Path:
    """The configuration of an example folder in which the person was called, refused, consented and was on a note."""
    make_example(folder)
    private = key_of(folder)
    with opened(folder) as data:
        chunks = sound()
        for n in range(recordings):
            at = START + timedelta(days=n)
            place = data.config.data / "recordings"
            plant(data.store, data.keys, place, private.recipient, f"rec{n}", at, PERSON, sound=chunks)
        at = START + timedelta(minutes=10)
        plant(
            data.store,
            data.keys,
            data.config.data / "recordings",
            private.recipient,
            "other",
            at,
            OTHER,
            sound=chunks,
        )
        wild = decision("refused", PERSON, at=at, reason="listed_tps", raw="sip:+44 (0)7700-900 123@gate")
        unread = decision("unread", "", at=at, reason="number_invalid", raw=f"{SPELLED} x5")
        data.store.call(lambda tx: [tx.append(wild), tx.append(unread)])
        data.store.call(
            lambda tx: tx.append(Fact("note", "note-1", START, ANN, {"text": f"she said: not {SPELLED} but mine"}))
        )
        ask(
            data,
            ConsentAdd(number=PERSON, how="phone", wording="you may call", who="Pat Person", evidence="note 1"),
            ANN,
        )
    return folder / "config.toml"


def key_of(folder: Path) -> PrivateKey:
    """The private key that opens the recordings."""
    return load_private(folder / "keys" / "first.key", (folder / "keys" / "first.passphrase").read_text().strip())


@contextmanager
def opened(folder: Path) -> Iterator[DataFolder]:
    """The data folder, as a command opens it."""
    with ExitStack() as stack:
        yield open_folder(load(folder / "config.toml"), stack)


def asked(data: DataFolder, asks: Asks) -> str:
    """A request of the person that has come; its reference."""
    opened = ask(
        data, Open(asks=asks, channel="post", name="Pat Person", contact="1 High Street", numbers=(SPELLED,)), ANN
    )
    return str(opened.reference)


def granted(data: DataFolder, asks: Asks = Asks.ERASURE, **search: Any) -> str:
    """A request of the person, worked up to its grant; its reference."""
    reference = asked(data, asks)
    ask(data, VerifyIdentity(request=reference, checked="passport seen"), ANN)
    ask(data, Search(request=reference, **search), ANN)
    ask(data, Decide(request=reference, grant=True), ANN)
    return reference


def spelled_in(folder: Path, *texts: str) -> list[str]:
    """Files under the folder that hold one of these texts. The base64 of signed heads, which in a year spells any word
    of four letters, does not count."""
    signed = {token for path in folder.rglob("checkpoints/*.txt") for token in _BASE64.findall(path.read_bytes())}
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        spelled = [text for text in texts if text.encode() in data]
        if spelled:
            rest = _BASE64.sub(lambda each: b"" if each[0] in signed else each[0], data)
            found += [f"{path.relative_to(folder)}: {text}" for text in spelled if text.encode() in rest]
    return found
