from __future__ import annotations

import random
import secrets
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from msgspec.structs import astuple

from gate.errors import KeyStoreError
from gate.vault import keystore
from gate.vault.keystore import KeyStoreDb
from gate.vault.wrap import WRAP_BYTES
from tests.support.disks import no_file_longer_than
from tests.support.vault import files_under, found_in
from tests.support.waiting import PATIENCE

RECIPIENTS = ("aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc")


@pytest.fixture
def store(tmp_path: Path):
    opened = KeyStoreDb(tmp_path / "keys.db")
    yield opened
    opened.close()


def some_wraps(count: int = 2, kinds: bytes = b"\1\1\1") -> list[tuple[str, bytes]]:
    pairs = zip(RECIPIENTS[:count], kinds, strict=False)
    return [(name, bytes([kind]) + secrets.token_bytes(WRAP_BYTES - 1)) for name, kind in pairs]


def put(store: KeyStoreDb, recording_id: str, wraps: list[tuple[str, bytes]], key_id: str = "key") -> Exception | None:
    answers: list[Exception | None] = []
    answered = threading.Event()

    def done(error: Exception | None) -> None:
        answers.append(error)
        answered.set()

    store.put(recording_id, key_id, wraps, done)
    assert answered.wait(PATIENCE)
    return answers[0]


def test_wraps_are_kept_and_found(store: KeyStoreDb, tmp_path: Path) -> None:
    wraps = some_wraps()
    assert put(store, "rec-1", wraps, "key-1") is None
    assert store.wraps("rec-1") == wraps
    assert store.key_id("rec-1") == "key-1"
    assert (store.wraps("rec-2"), store.key_id("rec-2")) == ([], "")
    assert {stat.S_IMODE(path.stat().st_mode) for path in files_under(tmp_path)} == {0o600}
    store.close()
    again = KeyStoreDb(tmp_path / "keys.db")
    assert again.wraps("rec-1") == wraps
    again.close()


def test_what_is_answered_for_survives_a_kill(tmp_path: Path) -> None:
    program = """
import os, sys, threading
from pathlib import Path
from gate.vault.keystore import KeyStoreDb
store = KeyStoreDb(Path(sys.argv[1]))
answered = threading.Event()
store.put("rec-1", "key-1", [("a", b"w" * 1169)], lambda error: answered.set())
answered.wait()
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path / "keys.db")]).returncode == -9
    store = KeyStoreDb(tmp_path / "keys.db")
    assert store.wraps("rec-1") == [("a", b"w" * 1169)]
    store.close()


def test_many_puts_share_commits_and_one_that_fails_does_not_touch_the_others(tmp_path: Path) -> None:
    store = KeyStoreDb(tmp_path / "keys.db")
    entered, go = threading.Event(), threading.Event()

    def hold(_error: Exception | None) -> None:
        entered.set()
        go.wait(PATIENCE)

    store.put("first", "key", some_wraps(1), hold)
    assert entered.wait(PATIENCE)
    answers: dict[int, Exception | None] = {}
    left = threading.Semaphore(0)

    def done(number: int, error: Exception | None) -> None:
        answers[number] = error
        left.release()

    for number in range(100):
        name = "rec-7" if number == 50 else f"rec-{number}"
        wraps = [("a", object())] if number == 60 else [] if number == 70 else some_wraps(1)
        store.put(name, "key", wraps, lambda error, number=number: done(number, error))  # type: ignore[arg-type]
    go.set()
    for _ in range(100):
        assert left.acquire(timeout=PATIENCE)
    failed = {number for number, error in answers.items() if error is not None}
    assert failed == {50, 60, 70}
    assert {type(answers[number]) for number in failed} == {KeyStoreError}
    assert "has keys already" in str(answers[50])
    assert len(store.recording_ids()) == 1 + 97
    store.close()


def test_a_recordings_keys_are_never_put_over_others(store: KeyStoreDb) -> None:
    wraps = some_wraps()
    assert put(store, "rec-1", wraps) is None
    assert isinstance(put(store, "rec-1", some_wraps()), KeyStoreError)
    assert isinstance(put(store, "rec-2", [wraps[0], wraps[0]]), KeyStoreError)
    assert store.wraps("rec-1") == wraps
    assert store.wraps("rec-2") == []


def test_a_callback_that_fails_does_not_end_the_store(store: KeyStoreDb) -> None:
    store.put("rec-1", "key", some_wraps(), lambda error: 1 / 0)
    assert put(store, "rec-2", some_wraps()) is None
    assert len(store.wraps("rec-1")) == 2


def test_the_stores_own_thread_cannot_wait_for_itself(store: KeyStoreDb) -> None:
    caught: list[Exception] = []
    answered = threading.Event()

    def done(_error: Exception | None) -> None:
        try:
            store.wraps("rec-1")
        except KeyStoreError as error:
            caught.append(error)
        answered.set()

    store.put("rec-1", "key", some_wraps(), done)
    assert answered.wait(PATIENCE)
    assert "wait for itself" in str(caught[0])


def test_shredding_removes_what_it_counts_and_nothing_else(store: KeyStoreDb) -> None:
    kept = some_wraps()
    for name in ("rec-1", "rec-2", "rec-3"):
        put(store, name, kept if name == "rec-3" else some_wraps())
    assert store.shred(["rec-1", "rec-2", "rec-1", "none"]) == 2
    assert store.shred(["rec-1", "rec-2"]) == 0
    assert store.shred([]) == 0
    assert store.recording_ids() == ["rec-3"]
    assert store.wraps("rec-3") == kept
    assert store.shred(f"other-{number}" for number in range(2000)) == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_run_of_a_shredded_wraps_bytes_is_in_any_file(tmp_path: Path, seed: int) -> None:
    """A life of puts, re-wraps and shreddings in a random order, so that rows move between pages."""
    pick = random.Random(seed)
    store = KeyStoreDb(tmp_path / "keys.db")
    live: dict[str, list[tuple[str, bytes]]] = {}
    gone: list[bytes] = []
    for _ in range(60):
        for _ in range(pick.randint(1, 8)):
            name = secrets.token_hex(16)
            live[name] = some_wraps(pick.randint(1, 3))
            assert put(store, name, live[name]) is None
        chosen = pick.sample(sorted(live), min(len(live), pick.randint(0, 6)))
        if pick.random() < 0.3:
            chosen = [name for name in chosen if [who for who, _ in live[name]] == [RECIPIENTS[0]]]
            gone += [wrap for name in chosen for _, wrap in live[name]]
            new = {name: some_wraps(2)[1] for name in chosen}
            changes = {name: wrap for name, (_, wrap) in new.items()}
            assert store.give(RECIPIENTS[0], RECIPIENTS[1], changes) == len(chosen)
            assert store.prove(RECIPIENTS[1], changes) == len(chosen)
            assert store.drop(RECIPIENTS[0], RECIPIENTS[1], chosen) == len(chosen)
            live |= {name: [one] for name, one in new.items()}
        else:
            assert store.shred(chosen) == len(chosen)
            gone += [wrap for name in chosen for _, wrap in live.pop(name)]
    assert gone
    assert found_in(tmp_path, gone) == []
    kept = [wrap for wraps in live.values() for _, wrap in wraps]
    assert found_in(tmp_path, kept) == kept
    assert all(store.wraps(name) == wraps for name, wraps in live.items())
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["keys.db"]
    assert found_in(tmp_path, gone) == []


def test_a_gate_that_dies_between_the_deletion_and_the_log_finishes_when_it_opens(tmp_path: Path) -> None:
    program = """
import os, sys, threading
from pathlib import Path
from gate.vault import keystore
store = keystore.KeyStoreDb(Path(sys.argv[1]))
answered = threading.Event()
store.put("rec-1", "key-1", [("a", bytes.fromhex(sys.argv[2]))], lambda error: answered.set())
answered.wait()
keystore._scrub = lambda db: os.kill(os.getpid(), 9)
store.shred(["rec-1"])
"""
    wrap = secrets.token_bytes(WRAP_BYTES)
    path = tmp_path / "keys.db"
    assert subprocess.run([sys.executable, "-c", program, str(path), wrap.hex()]).returncode == -9
    assert found_in(tmp_path, [wrap]) == [wrap]
    store = KeyStoreDb(path)
    assert store.wraps("rec-1") == []
    assert found_in(tmp_path, [wrap]) == []
    store.close()


def test_who_can_open_what(store: KeyStoreDb) -> None:
    for number in range(5):
        put(store, f"rec-{number}", some_wraps(1 if number < 2 else 3))
    first, second, third = RECIPIENTS
    assert [each.recording_id for each in store.held(first, second)] == [f"rec-{number}" for number in range(5)]
    assert [each.recording_id for each in store.held(second, first)] == ["rec-2", "rec-3", "rec-4"]
    assert [each.recording_id for each in store.held(first, second, after="rec-1", limit=2)] == ["rec-2", "rec-3"]
    assert store.held("nobody", first) == []
    assert [astuple(store.tally(each)) for each in (first, second, "nobody")] == [
        (5, 2, 0, 0),
        (3, 0, 0, 0),
        (0, 0, 0, 0),
    ]
    assert store.tally(first, [second]).alone == 2
    assert store.tally(second, [third]).alone == 0
    assert store.tally(second, []).alone == 3
    assert store.recording_ids(after="rec-3") == ["rec-4"]
    assert store.recording_ids(limit=1) == ["rec-0"]


def test_a_share_is_stood_for_by_its_own_half_only(store: KeyStoreDb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "_PAGE", 2)
    first, second, third = RECIPIENTS
    for number in range(5):
        wraps = some_wraps(3, b"\2\3\3" if number < 3 else b"\2\3\2")
        assert put(store, f"rec-{number}", wraps) is None
    assert astuple(store.tally(first)) == (5, 3, 5, 0)
    assert astuple(store.tally(second)) == (5, 2, 0, 5)
    assert astuple(store.tally(third)) == (5, 0, 2, 3)
    assert [each.there for each in store.held(first, third)] == [False] * 3 + [True] * 2


def test_keys_are_handed_over_all_or_none(store: KeyStoreDb, tmp_path: Path) -> None:
    first, second, _ = RECIPIENTS
    old = {f"rec-{n}": some_wraps(1) for n in range(3)}
    for name, wraps in old.items():
        put(store, name, wraps, "key-of-" + name)
    new = {name: secrets.token_bytes(WRAP_BYTES - 1) for name in old}
    for wrong in (b"\2", b"", b"\1x"):
        with pytest.raises(KeyStoreError, match="no wrap of the same kind"):
            store.give(first, second, {"rec-0": b"\1" + new["rec-0"], "rec-1": wrong + new["rec-1"]})
        assert {name: store.wraps(name) for name in old} == old
    new = {name: b"\1" + wrap for name, wrap in new.items()}
    assert store.give(first, second, {name: new[name] for name in ("rec-0", "rec-1")}) == 2
    page = store.held(first, second)
    assert [(each.recording_id, each.key_id, each.there) for each in page] == [
        ("rec-0", "key-of-rec-0", True),
        ("rec-1", "key-of-rec-1", True),
        ("rec-2", "key-of-rec-2", False),
    ]
    assert [each.recording_id for each in store.held(first, second, after="rec-0", limit=1)] == ["rec-1"]
    assert store.give(first, second, new | {"erased": new["rec-0"]}) == 1, "again, and one that was erased"
    assert store.wraps("erased") == []
    assert store.wraps("rec-2") == [*old["rec-2"], (second, new["rec-2"])]
    assert store.key_id("rec-2") == "key-of-rec-2"


def test_what_is_dropped_has_a_new_wrap_and_is_shredded(store: KeyStoreDb, tmp_path: Path) -> None:
    first, second, _ = RECIPIENTS
    old = {name: some_wraps(1) for name in ("rec-1", "rec-2")}
    for name, wraps in old.items():
        put(store, name, wraps)
    new = b"\1" + secrets.token_bytes(WRAP_BYTES - 1)
    names = ["rec-1", "rec-2", "erased"]
    assert store.give(first, second, {"rec-1": new}) == 1
    assert store.drop(first, second, names) == 0, "nobody has shown that the new one opens"
    assert store.prove(second, {"rec-1": secrets.token_bytes(WRAP_BYTES)}) == 0, "that is another wrap"
    assert [each.proven for each in store.held(first, second)] == [False, False]
    assert [each.recording_id for each in store.unproven(second)] == ["rec-1"]
    assert store.drop(first, second, names) == 0
    assert (store.prove(second, {"rec-1": new}), store.prove(second, {"rec-1": new})) == (1, 0)
    assert [(each.there, each.proven) for each in store.held(first, second)] == [(True, True), (False, False)]
    assert store.unproven(second) == []
    assert store.drop(first, second, names) == 1
    assert store.wraps("rec-1") == [(second, new)]
    assert store.wraps("rec-2") == old["rec-2"], "there would be nobody left"
    assert store.give(first, second, {"rec-1": new}) == 0
    assert store.drop(first, second, ["rec-1"]) == 0
    assert found_in(tmp_path, [wrap for _, wrap in old["rec-1"]]) == []


def test_a_key_store_of_the_first_version_is_kept_and_proves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    db = sqlite3.connect(path)
    db.executescript(
        "CREATE TABLE wraps (id INTEGER PRIMARY KEY, recording_id TEXT NOT NULL, recipient_id TEXT NOT NULL,"
        " key_id TEXT NOT NULL, wrap BLOB NOT NULL, UNIQUE (recording_id, recipient_id)) STRICT;"
        "CREATE INDEX wraps_of_recipient ON wraps (recipient_id, recording_id); PRAGMA user_version = 1;"
        "INSERT INTO wraps (recording_id, recipient_id, key_id, wrap)"
        " VALUES ('r', 'a', 'k', x'0101'), ('r', 'b', 'k', x'0102')"
    )
    db.close()
    for _ in range(2):
        store = KeyStoreDb(path)
        assert store.wraps("r") == [("a", b"\1\1"), ("b", b"\1\2")]
        assert store.drop("a", "b", ["r"]) == 0
        store.close()


def test_a_key_store_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    KeyStoreDb(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 3")
    db.close()
    with pytest.raises(KeyStoreError, match="newer version of Dialgate"):
        KeyStoreDb(path)
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (3,)
    db.close()


def test_no_room_is_an_answer_and_the_store_goes_on(tmp_path: Path) -> None:
    store = KeyStoreDb(tmp_path / "keys.db")
    assert put(store, "rec-1", some_wraps()) is None
    with no_file_longer_than(4096):
        assert isinstance(put(store, "rec-2", some_wraps()), KeyStoreError)
    assert put(store, "rec-3", some_wraps()) is None
    assert store.recording_ids() == ["rec-1", "rec-3"]
    store.close()
    again = KeyStoreDb(tmp_path / "keys.db")
    assert again.recording_ids() == ["rec-1", "rec-3"]
    again.close()


def test_a_shredding_without_room_says_so_and_is_done_when_asked_again(tmp_path: Path) -> None:
    store = KeyStoreDb(tmp_path / "keys.db")
    wraps = some_wraps()
    put(store, "rec-1", wraps)
    store.shred([])
    with no_file_longer_than(1), pytest.raises(KeyStoreError, match="the key store failed"):
        store.shred(["rec-1"])
    assert store.wraps("rec-1") == wraps
    assert store.shred(["rec-1"]) == 1
    assert found_in(tmp_path, [wrap for _, wrap in wraps]) == []
    store.close()


def test_nobody_else_uses_the_file(store: KeyStoreDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "BUSY_SECONDS", 0.1)
    with pytest.raises(KeyStoreError, match="locked"):
        KeyStoreDb(tmp_path / "keys.db")
    with (
        sqlite3.connect(tmp_path / "keys.db", timeout=0.1) as other,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("SELECT * FROM wraps")
    assert put(store, "rec-1", some_wraps()) is None


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "keys.db").write_bytes(b"not a database " * 1000)
    with pytest.raises(KeyStoreError, match="cannot open"):
        KeyStoreDb(tmp_path / "keys.db")


def test_a_closed_store_answers_that_it_is_closed(tmp_path: Path) -> None:
    store = KeyStoreDb(tmp_path / "keys.db")
    answers: list[Exception | None] = []
    for number in range(20):
        store.put(f"rec-{number}", "key", some_wraps(), answers.append)
    store.close()
    store.close()
    assert answers == [None] * 20
    store.put("late", "key", some_wraps(), answers.append)
    assert isinstance(answers[-1], KeyStoreError)
    with pytest.raises(KeyStoreError, match="closed"):
        store.wraps("rec-1")
