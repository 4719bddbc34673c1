"""Random bit flips over everything the vault keeps: each is found, as the one kind of error, and none is a crash.

With those over the log, its checkpoints and bundles (``tests/audit``, ``tests/exports``) they are the ten thousand.
Files lie in memory: what is tested is the reading.
"""

from __future__ import annotations

import hashlib
import os
import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from gate.errors import NoteInvalid, RecipientInvalid, SealedFault, VaultError, WrapDamaged
from gate.vault.publickey import parse_recipient
from gate.vault.reader import SealedReader, scan
from gate.vault.signing import CheckpointKey, verify_note
from gate.vault.wrap import close_all, data_key, split
from tests.support.vault import private_key, sealed

FLIPS = 2000
KEY = secrets.token_bytes(32)
SHAPES = {
    "of one second": [secrets.token_bytes(16_000)],
    "of nothing": [],
    "of a minute": [secrets.token_bytes(random.Random(n).randrange(400)) for n in range(60)],
    "cut by a crash": [secrets.token_bytes(700) for _ in range(5)],
}


@contextmanager
def in_memory(data: bytes) -> Iterator[tuple[int, Path]]:
    """A file that is on no disk."""
    fd = os.memfd_create("flips")
    try:
        os.write(fd, data)
        yield fd, Path(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


def flipped(data: bytes, chance: random.Random) -> tuple[int, bytes]:
    """A place, and what stands there then."""
    place = chance.randrange(len(data))
    return place, bytes([data[place] ^ 1 << chance.randrange(8)])


@pytest.mark.deep
@pytest.mark.parametrize("shape", SHAPES)
def test_flips_in_a_recording(tmp_path: Path, shape: str) -> None:
    cut = shape == "cut by a crash"
    path = sealed(tmp_path / "a.dgr", KEY, SHAPES[shape], **({"trailer": None} if cut else {}))
    data = path.read_bytes()
    digest, chance = hashlib.sha256(data).hexdigest(), random.Random(shape)
    with in_memory(data) as (fd, file):

        def opens() -> list[bytes]:
            with SealedReader(file) as reader:
                return list(reader.open(KEY, allow_interrupted=cut))

        assert opens() == SHAPES[shape]
        for number in range(FLIPS):
            place, wrong = flipped(data, chance)
            os.pwrite(fd, wrong, place)
            with pytest.raises(SealedFault):
                opens()
            if number % 20 == 0:  # without a key: the digest in the log, or no structure at all
                with suppress(SealedFault):
                    assert scan(file).sha256 != digest
            os.pwrite(fd, data[place : place + 1], place)
        assert opens() == SHAPES[shape]


def noted(key: CheckpointKey) -> Callable[[bytes], object]:
    def check(data: bytes) -> object:
        try:
            return verify_note(data.decode(), key.vkey)
        except UnicodeDecodeError as error:
            raise NoteInvalid("not text") from error

    return check


@pytest.mark.deep
def test_flips_in_keys_and_checkpoints(tmp_path: Path) -> None:
    ada, bob = private_key(), private_key("Bob (auditor)", "auditor")
    ids = {"recording_id": "rec-1", "key_id": "key-1"}
    (_, whole), *_ = close_all({"": KEY}, [ada.recipient], **ids)
    halves = [ada.recipient.on_terms(half="first"), bob.recipient.on_terms(half="second")]
    (_, share), other = close_all(split(KEY, two_person=True), halves, **ids)
    signer = CheckpointKey.create(tmp_path / "gate.key", "dialgate-test")
    note = signer.sign_note(f"dialgate-test\n8\n{'A' * 43}=\n").encode()
    public = ada.recipient.to_text().encode()
    start = public.index(b'"public"')
    subjects: list[tuple[bytes, type[VaultError], Callable[[bytes], object]]] = [
        (whole, WrapDamaged, lambda data: data_key([(ada.id, data)], [ada], **ids)),
        (share, WrapDamaged, lambda data: data_key([(ada.id, data), other], [ada, bob], **ids)),
        (note, NoteInvalid, noted(signer)),
        (
            public[start : start + 1600],
            RecipientInvalid,
            lambda data: parse_recipient(public[:start] + data + public[start + 1600 :]),
        ),
    ]
    chance = random.Random(7)
    for data, error, read in subjects:
        read(data)
        for _ in range(FLIPS // 4):
            place, wrong = flipped(data, chance)
            with pytest.raises(error):
                read(data[:place] + wrong + data[place + 1 :])
