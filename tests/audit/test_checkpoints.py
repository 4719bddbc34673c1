"""Signed heads in the database and in two folders."""

from __future__ import annotations

import dataclasses
import sqlite3
from pathlib import Path

import pytest

from gate.audit.checkpoints import Checkpointer, newest_file
from gate.audit.heads import file_name
from gate.core.evidence import format_checkpoint, parse_checkpoint
from gate.errors import AuditError, StoreError
from tests.support.databases import query
from tests.support.evidence import START, decision, open_store, put
from tests.support.notes import NoteKey

KEY = NoteKey()


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path)
    opened.folder = tmp_path
    put(opened, *(decision(f"c{n}") for n in range(299)))
    yield opened
    opened.close()


def pointer(store, *, second=None, sign=KEY.sign, newest=None):
    folder = store.folder / "checkpoints"
    return Checkpointer(store, sign, origin=KEY.name, folder=folder, second=second, newest=newest)


def test_it_is_kept_in_the_database_and_in_both_folders(store, tmp_path):
    second = tmp_path / "share"
    second.mkdir()
    written = pointer(store, second=second).write(START)
    checkpoint = parse_checkpoint(KEY.open(written.note))
    assert (checkpoint.size, checkpoint.root) == (300, store.call(lambda tx: tx.head())[1])
    assert (written.size, written.root, written.missed) == (300, checkpoint.root, ())
    for folder in (tmp_path / "checkpoints", second):
        assert [path.name for path in folder.iterdir()] == ["000000000300.txt"]
        assert (folder / "000000000300.txt").read_text() == written.note
    assert (tmp_path / "checkpoints" / file_name(300)).stat().st_mode & 0o777 == 0o600
    rows = store.call(lambda tx: query(tx, "SELECT size, note, at FROM checkpoints"))
    assert rows == [{"size": 300, "note": written.note, "at": "2026-03-02T09:00:00.000000Z"}]


def test_nothing_new_is_not_signed_again(store):
    signed = []

    def sign(text):
        signed.append(text)
        return KEY.sign(text)

    one = pointer(store, sign=sign).write(START)
    assert pointer(store, sign=sign).write(START) == one
    put(store, decision("new"))
    assert pointer(store, sign=sign).write(START).size == 302
    assert len(signed) == 2


def test_an_empty_log_can_be_signed(tmp_path):
    store = open_store(tmp_path)
    store.folder = tmp_path
    assert pointer(store).write(START).size == 1, "its leaf"
    store.close()


def test_a_file_that_a_crash_left_out_is_written_later(store, tmp_path):
    pointer(store).write(START)
    (tmp_path / "checkpoints" / file_name(300)).unlink()
    pointer(store).write(START)
    assert newest_file(tmp_path / "checkpoints")[1].size == 300


def test_a_second_place_that_is_away_does_not_stop_the_first(store, tmp_path):
    share = tmp_path / "share"
    written = pointer(store, second=share).write(START)
    assert "share" in written.missed[0]
    assert not share.exists(), "an unmounted share is never made"
    share.mkdir()
    put(store, decision("new"))
    assert pointer(store, second=share).write(START).missed == ()
    assert sorted(path.name for path in share.iterdir()) == [file_name(300), file_name(302)]


def test_a_year_of_files_is_not_looked_through_each_minute(store, tmp_path, monkeypatch):
    share, newest = tmp_path / "share", {}
    share.mkdir()
    pointer(store, second=share, newest=newest).write(START)
    with monkeypatch.context() as patched:
        patched.setattr(
            "gate.audit.checkpoints.newest_file", lambda folder: pytest.fail(f"{folder} was looked through")
        )
        patched.setattr(Path, "iterdir", lambda folder: pytest.fail(f"{folder} was looked through"))
        for name in ("new", "newer"):
            put(store, decision(name))
            assert pointer(store, second=share, newest=newest).write(START).missed == ()
    share.rename(tmp_path / "unmounted")
    share.mkdir()
    put(store, decision("newest"))
    pointer(store, second=share, newest=newest).write(START)
    names = [file_name(size) for size in (300, 302, 304, 306)]
    assert sorted(path.name for path in share.iterdir()) == names, "another folder is there: it gets them all"
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == names


def test_a_log_cut_while_the_gate_runs_gets_no_signature(store, tmp_path):
    newest = {}
    pointer(store, newest=newest).write(START)
    ((folder, (path, known)),) = newest.items()
    newest[folder] = path, dataclasses.replace(known, size=301)
    with pytest.raises(AuditError, match="leaves 300 to 300 are gone"):
        pointer(store, newest=newest).write(START)


def test_a_signer_that_fails_leaves_no_checkpoint(store, tmp_path):
    def fails(_text):
        raise RuntimeError("no key")

    with pytest.raises(RuntimeError):
        pointer(store, sign=fails).write(START)
    assert store.call(lambda tx: query(tx, "SELECT * FROM checkpoints")) == []


def test_a_folder_that_cannot_be_written(store, tmp_path):
    (tmp_path / "checkpoints").write_text("in the way")
    with pytest.raises(StoreError, match="checkpoints"):
        pointer(store).write(START)


@pytest.mark.parametrize("where", ["checkpoints", "share"])
@pytest.mark.parametrize(
    ("size", "root", "says"),
    [(301, b"r" * 32, "leaves 299 to 300 are gone"), (298, b"r" * 32, "the first 298 leaves .* are not those")],
)
def test_a_log_that_is_not_what_was_signed_gets_no_signature(store, tmp_path, where, size, root, says):
    for name in ("checkpoints", "share"):
        (tmp_path / name).mkdir()
    (tmp_path / where / file_name(size)).write_text(KEY.sign(format_checkpoint(KEY.name, size, root)))
    signed = []
    with pytest.raises(AuditError, match=says):
        pointer(store, second=tmp_path / "share", sign=signed.append).write(START)
    assert signed == []


def test_a_checkpoint_file_that_cannot_be_read_stops_signing(store, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / file_name(5)).write_text("torn")
    with pytest.raises(AuditError, match="cannot be read"):
        pointer(store).write(START)


def test_the_rows_are_what_the_next_start_compares_with(store, tmp_path):
    pointer(store).write(START)
    store.close()
    connection = sqlite3.connect(tmp_path / "gate.db")
    connection.execute("UPDATE tiles SET hash = zeroblob(32)")
    connection.commit()
    connection.close()
    with pytest.raises(AuditError, match="checkpoint 300"):
        open_store(tmp_path)
