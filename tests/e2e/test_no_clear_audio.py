"""No audio in clear on any disk, at any moment: searched for byte by byte while calls run, and after.

What the phones send is noise that never repeats. Every file of the gate's folder and of its temporary folder, and every
regular file that the gate or its recorder holds open (deleted ones too), is searched for it: as it was sent, and as
linear samples. A run of 64 bytes of the audio, wherever it begins and ends, holds at least seven of the words looked
for: one is enough to fail.

Nor is a key there that opens a recording: of each, what its holder unwraps is searched for in the same files, in every
spelling in which it could have been written down.
"""

from __future__ import annotations

import base64
import os
import socket
import stat
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gate.g711 import ulaw_decode
from gate.vault.keyfile import PrivateKey
from gate.vault.layout import PREAMBLE
from gate.vault.reader import SealedReader, data_key_for
from tests.support.phones import Phones, Talk, noise
from tests.support.running_gate import RunningGate, running
from tests.support.sealed import first_key, opened
from tests.support.waiting import PATIENCE

WORD = 8
"""Bytes. By chance one of them is found once in a hundred million runs of this test."""
NUMBERS = [f"0113496{n:04d}" for n in range(500, 504)]


class Sought:
    """The words of all audio that was sent, by its phones on both sides."""

    def __init__(self, talks: list[Talk]) -> None:
        sent = b"".join(frame for talk in talks for _, frame in list(talk.sent))
        self.seconds = len(sent) / 8000
        self._words = np.unique(np.frombuffer(sent + ulaw_decode(sent).astype("<i2").tobytes(), "<u8"))

    def count(self, data: bytes) -> int:
        """How many words of the audio lie in ``data``, at whatever offset."""
        found = 0
        for offset in range(WORD):
            whole = (len(data) - offset) // WORD
            if whole > 0:
                words = np.frombuffer(data, "<u8", whole, offset)
                places = np.searchsorted(self._words, words).clip(max=len(self._words) - 1)
                found += int((self._words[places] == words).sum())
        return found


def files(gate: RunningGate, temporary: Path) -> dict[str, bytes]:
    """Every file that the gate or its recorder could have written, by its path."""
    found: dict[str, bytes] = {}
    assert gate.process
    for folder in (gate.folder, temporary):
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                found[str(path)] = path.read_bytes()
    for pid in (gate.process.pid, gate.recorder_pid()):
        # Of the recorder, which lets nobody look at it, root alone may see this.
        with suppress(PermissionError):
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(FileNotFoundError):
                    if stat.S_ISREG(entry.stat().st_mode):
                        found[f"{entry} -> {entry.readlink()}"] = entry.read_bytes()
    return found


def spellings(gate: RunningGate, recording_id: str, private: PrivateKey) -> list[bytes]:
    """The data key of a recording and the keys derived from it, as bytes, hexadecimal and base64."""
    taken = gate.client.call("recording_take", recording_id=recording_id, purpose="test")
    wraps = [(each["recipient"], base64.b64decode(each["wrap"])) for each in taken["wraps"]]
    with SealedReader(Path(taken["path"])) as reader:
        key = data_key_for(reader.header, wraps, private, recording_id=recording_id)
    salt = PREAMBLE.unpack(Path(taken["path"]).read_bytes()[: PREAMBLE.size])[3]
    derived = HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"dialgate sealed recording 1").derive(key)
    return [
        spelled
        for each in (key, derived)
        for spelled in (
            *(each, each[::-1], each.hex().encode(), each.hex().upper().encode()),
            *(encode(each).rstrip(b"=") for encode in (base64.b64encode, base64.urlsafe_b64encode)),
        )
    ]


def test_no_file_holds_audio_in_clear_nor_a_key_that_opens_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with running(tmp_path / "gate", announcement=0.6) as gate:
        far = Phones(port=gate.trunk_port, audio=lambda number: noise(("far", number)), keep=True)
        near = Phones(to=gate.address, audio=lambda number: noise(("near", number)), keep=True)
        with far, near:
            talks = near.wait([near.dial(number) for number in NUMBERS], "up", PATIENCE)
            searched = rounds = 0
            end = time.monotonic() + 6.0
            while time.monotonic() < end:
                sought = Sought(near.all() + far.all())
                during = files(gate, temporary)
                for name, data in during.items():
                    assert not sought.count(data), name
                    searched += len(data)
                rounds += 1
            for talk in talks:
                near.hang_up(talk)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
        sought = Sought(near.all() + far.all())
        after = files(gate, temporary)
        assert any(name.endswith(".dgr") for name in after)
        for name, data in after.items():
            assert not sought.count(data), name
        print(f"{sought.seconds:.0f} s of audio; {rounds} rounds, {searched / 1e6:.0f} MB searched, {len(after)} files")

        # It is there, for the holder of the key: what was sought could have been found.
        private = first_key(gate)
        secrets = [
            spelled
            for row in gate.rows("SELECT recording_id FROM recordings")
            for spelled in spellings(gate, row["recording_id"], private)
        ]
        assert len(secrets) == 12 * len(NUMBERS)
        for name, data in (*during.items(), *after.items()):
            assert not any(each in data for each in secrets), name
        for row in gate.rows("SELECT recording_id FROM recordings"):
            kept = opened(gate, row["recording_id"], private)
            audio = sum(len(payload) for side in ("caller", "callee") for _, payload in kept.payloads(side))
            assert audio > 2 * 8000 * 4
            assert sought.count(kept.clear) > audio / WORD * 0.9
            assert sought.count(ulaw_decode(kept.payloads("callee")[50][1]).astype("<i2").tobytes()) == 40
        # Nor does what is left when the gate has stopped.
        assert gate.stop() == 0
        for folder in (gate.folder, temporary):
            for path in folder.rglob("*"):
                if path.is_file():
                    data = path.read_bytes()
                    assert not sought.count(data) and not any(each in data for each in secrets), path


def test_the_search_finds_audio_wherever_it_begins() -> None:
    talk = Talk("", "", noise("x"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM), keep=True)
    talk.sent += [(0.0, talk.audio(n)) for n in range(10)]
    talk.rtp.close()
    sent = b"".join(frame for _, frame in talk.sent)
    sought, other = Sought([talk]), os.urandom(100_000)
    assert sought.count(other) == 0
    for at in (0, 1, 7, 8, 63, 64, 155, 161, 1000):
        for offset in range(WORD):
            assert sought.count(other[: 4096 + offset] + sent[at : at + 64] + other[5000:]) >= 7
