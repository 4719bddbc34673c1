"""Checkpoints into a mailbox: one a day, through a real mail server, and every way in which it does not work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gate.audit.checkpoints import Checkpointer
from gate.config import Config, Mail, Storage, load
from gate.daemon.chores import CheckpointPost
from gate.errors import ConfigError
from gate.exports.mail import MailError
from gate.store.store import EvidenceStore
from tests.support.databases import query
from tests.support.evidence import START, a_call, fill, open_store, put
from tests.support.keeping import SetClock
from tests.support.notes import NoteKey
from tests.support.settings import VALID, write
from tests.support.smtp import Mailbox, mail_server

KEY = NoteKey()
BOX = "checkpoints@example.invalid"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EvidenceStore]:
    opened = open_store(tmp_path)
    fill(opened, 1)
    yield opened
    opened.close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


def signed(store: EvidenceStore, folder: Path) -> str:
    return Checkpointer(store, KEY.sign, origin=KEY.name, folder=folder / "checkpoints").write(START).note


def config_of(folder: Path, port: int, **mail: Any) -> Config:
    values = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "gate@example.invalid"}
    values |= {"timeout_seconds": 2} | mail
    config = load(write(folder))
    return msgspec.structs.replace(config, mail=Mail(**values), storage=Storage(checkpoints_mail=BOX))


def mailed(store: EvidenceStore) -> list[dict[str, Any]]:
    rows = store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = 'checkpoint_mailed' ORDER BY 1"))
    return [json.loads(row["body"]) for row in rows]


def test_the_newest_checkpoint_is_sent_once_a_day(store: EvidenceStore, mailbox: Mailbox, tmp_path: Path) -> None:
    clock, config = SetClock(START), config_of(tmp_path, mailbox.port)
    post = CheckpointPost(config, store, clock)
    assert not post.look()  # nothing is signed yet
    note = signed(store, tmp_path)
    assert post.look()
    assert not post.look()
    assert not CheckpointPost(config, store, clock).look()  # nor after a restart
    [(sender, to, data)] = mailbox.letters
    assert (sender, to) == ("gate@example.invalid", [BOX])
    message = message_from_bytes(data, policy=default)
    [attachment] = list(message.iter_attachments())
    assert attachment.get_content() == note.encode()
    assert attachment.get_filename().endswith(".checkpoint")
    assert mailed(store)[0]["to"] == BOX
    clock.time += timedelta(days=1)
    put(store, *a_call(2))
    newer = signed(store, tmp_path)
    assert post.look()
    [attachment] = list(message_from_bytes(mailbox.letters[1][2], policy=default).iter_attachments())
    assert attachment.get_content() == newer.encode() != note.encode()


def test_what_was_not_taken_is_tried_again(store: EvidenceStore, mailbox: Mailbox, tmp_path: Path) -> None:
    signed(store, tmp_path)
    post = CheckpointPost(config_of(tmp_path, 1), store, SetClock(START))
    with pytest.raises(MailError):
        post.look()
    assert mailed(store) == []
    post._config = config_of(tmp_path, mailbox.port)
    assert post.look()
    assert len(mailbox.letters) == 1


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ('checkpoints_mail = "nobody"', "is not an email address"),
        ('checkpoints_mail = "a@example.org"', "name its host"),
    ],
)
def test_a_mailbox_needs_an_address_and_a_server(tmp_path: Path, told: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        load(write(tmp_path, VALID + f"\n[storage]\n{told}\n"))


def test_a_clock_that_was_ahead_holds_nothing_back(store: EvidenceStore, mailbox: Mailbox, tmp_path: Path) -> None:
    signed(store, tmp_path)
    clock = SetClock(START + timedelta(days=400))
    post = CheckpointPost(config_of(tmp_path, mailbox.port), store, clock)
    assert post.look()
    clock.time = START
    assert post.look()
    assert not post.look()
