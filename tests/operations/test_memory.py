"""The second place: a data folder put back from before an act forgets nothing and un-erases nothing."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.config.write import amend
from gate.core.request_words import Asks
from gate.core.retention import HoldGround
from gate.errors import MemoryOwed
from gate.operations.audit.checkpoints import AuditVerify
from gate.operations.calls.screening import Check
from gate.operations.data_folder import DataFolder
from gate.operations.erasure.eraser import CarryOut
from gate.operations.lists.consents import ConsentAdd
from gate.operations.lists.objections import ObjectionAdd, ObjectionList
from gate.operations.memory.place import MemoryRenew, MemoryStatus, SecondPlace
from gate.operations.requests.course import Open, Withdraw
from gate.operations.retention.holds import HoldAdd
from gate.operations.status.glance import Status
from gate.store.memory import NAME, Journal, Memory, Signer
from gate.store.projections import number_hash
from tests.support.asking import ask
from tests.support.databases import put_in_place, query
from tests.support.keeping import SetClock
from tests.support.requesting import ANN, OTHER, PERSON, granted, opened, prepared, spelled_in
from tests.support.running_gate import UNLISTED, dialgate
from tests.support.written import written

THIRD = "+442079460123"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    made = tmp_path / "second"
    made.mkdir()
    return made


@pytest.fixture
def folder(tmp_path: Path, place: Path) -> Path:
    prepared(tmp_path / "gate")
    amend(tmp_path / "gate" / "config.toml", {"storage": {"memory": str(place)}})
    return tmp_path / "gate"


class Backup:
    """The whole data folder, taken and put back."""

    def __init__(self, folder: Path) -> None:
        self.data, self.copy = folder / "data", folder.parent / "backup"
        put_in_place(self.data, self.copy)

    def put_back(self) -> None:
        put_in_place(self.copy, self.data)


def verdict(data: DataFolder, number: str, **more: Any) -> str:
    return str(ask(data, Check(number=number, **more), ANN).reason)


def bodies(data: DataFolder, kind: str) -> list[Any]:
    rows = data.read(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = ? ORDER BY leaf_index", [kind]))
    return [json.loads(row["body"]) for row in rows]


def entries(place: Path) -> list[Any]:
    return [json.loads(line.split("\t")[0]) for line in (place / NAME).read_text().splitlines()]


def acts(place: Path) -> list[str]:
    return [act["act"] for entry in entries(place)[1:] for act in entry["acts"]]


def forged(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def test_a_folder_put_back_forgets_no_objection_withdrawal_erasure_or_hold(folder: Path, place: Path) -> None:
    with opened(folder) as data:
        said = {"number": OTHER, "how": "phone", "wording": "yes", "who": "Olly Other", "evidence": "a letter"}
        written(data, "consent", "c" * 32, ANN, said)
    backup = Backup(folder)
    with opened(folder) as data:
        objection = ask(data, ObjectionAdd(number=UNLISTED), ANN).id
        lifted = ask(data, ObjectionAdd(number="02079460124"), ANN).id
        written(data, "objection_removed", lifted, ANN, {"reason": "a slip"})
        written(data, "consent_withdrawn", "c" * 32, ANN, {"reason": "by letter"})
        ask(data, HoldAdd(ground=HoldGround.CLAIM, recording_id="other", reason="a claim", reference="17/2026"), ANN)
        reference = granted(data)
        ask(data, CarryOut(request=reference, execute=True), ANN)
        wraps = [wrap for n in range(3) for _, wrap in data.keys.wraps(f"rec{n}")]
        assert wraps == []
    assert {"objection", "objection_removed", "consent_withdrawn", "hold", "request_carried"} <= set(acts(place))
    assert acts(place).count("recording_erased") == 3
    assert spelled_in(place, PERSON, PERSON[3:], "7700 900123", "Pat Person") == []

    backup.put_back()
    with opened(folder) as data:
        assert verdict(data, THIRD) == "objected"
        assert verdict(data, "02079460124") == "not_listed", "what was taken back was taken back"
        assert verdict(data, OTHER) == "consent_withdrawn"
        assert verdict(data, PERSON) == "objected"
        for n in range(3):
            assert data.keys.wraps(f"rec{n}") == []
        assert sorted(path.stem for path in (folder / "data" / "recordings").rglob("*.dgr")) == ["other"]
        assert [row["id"] for row in data.read(lambda tx: query(tx, "SELECT id FROM holds"))] != []
        (said,) = bodies(data, "memory_replayed")
        assert (said["objections"] >= 1, said["recordings"], said["holds"], said["withdrawals"]) == (True, 3, 1, 1)
        assert objection in {each.id for each in ask(data, ObjectionList(), ANN).items}
        assert ask(data, AuditVerify(), ANN).ok, "the log holds with what was replayed"
        assert ask(data, MemoryStatus(), ANN).warnings == []
        found = data.read(lambda tx: query(tx, "SELECT number FROM calls WHERE number = ?", [PERSON]))
        assert found == [], "the person's calls are erased again"
    assert not any("7700900123" in text for text in spelled_in(folder / "data", "7700900123"))
    with opened(folder) as data:
        assert len(bodies(data, "memory_replayed")) == 1, "once is enough"


def test_a_request_that_the_store_knows_no_more_of_stops_marketing(folder: Path, place: Path) -> None:
    with opened(folder):
        pass
    backup = Backup(folder)
    with opened(folder) as data:
        about: dict[str, Any] = {"channel": "email", "name": "A", "contact": "a@example.org"}
        ask(data, Open(asks=Asks.OBJECTION, numbers=(UNLISTED,), **about), ANN)
        over = ask(data, Open(asks=Asks.ERASURE, numbers=("02079460124",), **about), ANN).reference
        ask(data, Withdraw(request=over, reason="a mistake"), ANN)
    backup.put_back()
    with opened(folder) as data:
        assert verdict(data, THIRD) == "objected"
        assert verdict(data, "02079460124") == "not_listed"


def test_recordings_do_not_open_after_the_whole_folder_is_put_back(folder: Path) -> None:
    backup = Backup(folder)
    with opened(folder) as data:
        assert data.retention.erase_asked(["rec0"], basis="test", actor=ANN).erased == 1
    backup.put_back()
    with opened(folder) as data:
        assert data.keys.wraps("rec0") == [] and data.keys.wraps("rec1") != []
        (row,) = data.read(lambda tx: query(tx, "SELECT state FROM recordings WHERE recording_id = 'rec0'"))
        assert row["state"] == "erased"


def test_the_place_away_an_objection_holds_and_is_written_when_it_is_back(folder: Path, place: Path) -> None:
    with opened(folder) as data:
        away = place.with_name("away")
        place.rename(away)
        with pytest.raises(MemoryOwed, match="is done and holds"):
            ask(data, ObjectionAdd(number=UNLISTED), ANN)
        assert verdict(data, THIRD) == "objected"
        assert "Acts wait for the memory journal" in " ".join(ask(data, Status(), ANN).warnings)
        before = len(entries(away))
        away.rename(place)
        data.one(SecondPlace).tend()
        assert ask(data, MemoryStatus(), ANN).warnings == []
        added = [act for entry in entries(place)[before:] for act in entry["acts"]]
        assert [(act["act"], act["hash"]) for act in added] == [("objection", number_hash(data.pepper, THIRD).hex())]


def test_what_was_owed_when_a_gate_died_is_written_by_the_next(folder: Path, place: Path) -> None:
    with opened(folder) as data:
        away = place.with_name("away")
        place.rename(away)
        with pytest.raises(MemoryOwed):
            ask(data, ObjectionAdd(number=UNLISTED), ANN)
        away.rename(place)
        before = acts(place)
    with opened(folder):
        assert acts(place) == [*before, "objection"]


def test_an_hour_with_acts_waiting_ends_marketing(folder: Path, place: Path) -> None:
    with opened(folder) as data:
        place.rename(place.with_name("away"))
        with pytest.raises(MemoryOwed):
            ask(data, ObjectionAdd(number=UNLISTED), ANN)
        assert verdict(data, OTHER) == "not_listed"
        data.clock = SetClock(data.clock.now() + timedelta(hours=1, minutes=1))
        assert data.one(SecondPlace).why.startswith("for an hour")
        assert verdict(data, OTHER) == "memory_unavailable"
        assert verdict(data, OTHER, purpose="service") == "service_call"


def test_without_the_place_that_it_had_no_marketing_and_a_new_journal_by_name(folder: Path, place: Path) -> None:
    with opened(folder) as data:
        ask(data, ObjectionAdd(number=UNLISTED), ANN)
    shutil.rmtree(place)
    with opened(folder) as data:
        assert verdict(data, OTHER) == "memory_unavailable"
        assert any("memory renew" in each for each in ask(data, Status(), ANN).warnings)
        place.mkdir()
        ask(data, MemoryRenew(reason="the disk died"), ANN)
        assert verdict(data, OTHER) == "not_listed"
        assert bodies(data, "memory_renewed")[0]["reason"] == "the disk died"
    assert "objection" in acts(place), "all that the store holds is in the new one"


def test_a_place_that_never_was_there_is_told_and_stops_nothing(folder: Path, place: Path) -> None:
    place.rmdir()
    with opened(folder) as data:
        assert verdict(data, OTHER) == "not_listed"
        assert any("no memory journal yet" in each for each in ask(data, Status(), ANN).warnings)
        place.mkdir()
        data.one(SecondPlace).tend()
        assert data.one(SecondPlace).compared and entries(place)[0]["journal"] == 1


def other_gate(data: bytes) -> bytes:
    first, rest = data.split(b"\n", 1)
    return first.replace(b'"vkey":"dialgate', b'"vkey":"fialgate') + b"\n" + rest


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a bit": (lambda data: data.replace(b'"objection"', b'"objectiom"', 1), "is damaged"),
    "a line less": (lambda data: b"".join(data.splitlines(keepends=True)[:-1]), "was cut"),
    "half a line less": (lambda data: data[:-20], "was cut"),
    "a line in the middle": (lambda data: b"".join(data.splitlines(keepends=True)[::2]), "was cut|does not follow"),
    "the last signature": (lambda data: data[:-12] + b"AAAAAAAAA==\n", "is damaged|is not the journal"),
    "another gate's": (other_gate, "another gate"),
    "nothing": (lambda data: b"", "was cut"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_journal_that_is_not_the_one_that_was_written_is_named_and_stops_marketing(
    folder: Path, place: Path, damage: str
) -> None:
    with opened(folder) as data:
        for number in (UNLISTED, "02079460124", "02079460125"):
            ask(data, ObjectionAdd(number=number), ANN)
    change, what = DAMAGE[damage]
    forged(place / NAME, change)
    with opened(folder) as data:
        data.one(SecondPlace).look(whole=True)  # as the gate's start
        assert verdict(data, OTHER) == "memory_unavailable"
        assert re.search(what, data.one(SecondPlace).why), data.one(SecondPlace).why


@pytest.mark.engine("sqlite")
def test_a_journal_made_with_another_number_key_is_foreign(folder: Path, place: Path) -> None:
    with opened(folder) as data:
        ask(data, ObjectionAdd(number=UNLISTED), ANN)
    files = folder / "data"
    for name in ("gate.db", "gate.db-wal", "gate.db-shm", "number.key"):
        (files / name).unlink(missing_ok=True)
    with opened(folder) as data:
        assert "another number.key" in data.one(SecondPlace).why
        assert verdict(data, OTHER) in ("memory_unavailable", "evidence_rolled_back")


def test_a_crash_within_an_entry_is_mended_where_the_store_has_all_of_it(folder: Path, place: Path) -> None:
    with opened(folder) as data:
        ask(data, ObjectionAdd(number=UNLISTED), ANN)
    with (place / NAME).open("ab") as file:
        file.write(b'{"acts":[{"act":"obj')
    with opened(folder) as data:
        data.one(SecondPlace).look(whole=True)
        assert data.one(SecondPlace).why == ""
        ask(data, ObjectionAdd(number="02079460124"), ANN)
    assert acts(place)[-2:] == ["objection", "objection"]
    with opened(folder) as data:
        data.one(SecondPlace).look(whole=True)
        assert data.one(SecondPlace).why == ""


def test_a_store_from_before_there_was_a_journal_takes_all_of_it(folder: Path, place: Path) -> None:
    backup = Backup(folder)
    with opened(folder) as data:
        ask(data, ObjectionAdd(number=UNLISTED), ANN)
    backup.put_back()
    with sqlite3.connect(folder / "data" / "gate.db") as old:
        assert old.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'memory'").fetchone()[0] == 1
        assert old.execute("SELECT count(*) FROM memory").fetchone()[0] == 0
    with opened(folder) as data:
        assert verdict(data, THIRD) == "objected"


def test_a_file_screened_on_a_folder_put_back_calls_no_objector(folder: Path, place: Path) -> None:
    with opened(folder):
        pass
    backup = Backup(folder)
    with opened(folder) as data:
        ask(data, ObjectionAdd(number=UNLISTED), ANN)
    backup.put_back()
    given, made = folder.parent / "in.csv", folder.parent / "out.csv"
    given.write_text(f"telephone\n{UNLISTED}\n{OTHER}\n")
    dialgate("screen", str(given), "-o", str(made), config=folder / "config.toml")
    assert "objected" in made.read_text().splitlines()[1]
    backup.put_back()
    place.rename(place.with_name("away"))
    made.unlink()
    dialgate("screen", str(given), "-o", str(made), config=folder / "config.toml")
    assert "memory_unavailable" in made.read_text().splitlines()[2]


def test_a_second_place_that_has_just_answered_is_there(place: Path) -> None:
    """However long the thread that had the answer lives on."""
    memory = Memory(Journal(place, Signer("", bytes, lambda *_: None), b""), b"", datetime.now)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        assert [memory.in_time(lambda: "there") for _ in range(300)] == ["there"] * 300
    finally:
        sys.setswitchinterval(before)


def test_what_is_anothers_on_the_line_is_not_erased_after_a_restore_either(folder: Path, place: Path) -> None:
    """The store that is put back knows no more of the request, nor of the days on which the line was the person's."""
    words: dict[str, Any] = {"how": "paper", "wording": "I agree", "evidence": "form 7"}
    with opened(folder) as data:
        ask(data, ConsentAdd(number=PERSON, who="Samira Otherwise", **words), ANN)
        since = (data.today() - timedelta(days=28)).isoformat()
    backup = Backup(folder)
    with opened(folder) as data:
        reference = granted(data, line_since=since)
        ask(data, CarryOut(request=reference, execute=True), ANN)
        left = data.read(lambda tx: query(tx, "SELECT call_id FROM calls WHERE number = ? ORDER BY at", [PERSON]))
        consents = data.read(lambda tx: query(tx, "SELECT who FROM consents WHERE number = ?", [PERSON]))
    assert [row["call_id"] for row in left] == ["call-rec0", "refused", "call-rec1"], "of the subscriber before"
    assert [row["who"] for row in consents] == ["Samira Otherwise"]

    backup.put_back()
    with opened(folder) as data:
        calls = data.read(lambda tx: query(tx, "SELECT call_id FROM calls WHERE number = ? ORDER BY at", [PERSON]))
        consents = data.read(lambda tx: query(tx, "SELECT who FROM consents WHERE number = ?", [PERSON]))
        assert calls == left
        assert [row["who"] for row in consents] == ["Samira Otherwise"]
        assert ask(data, AuditVerify(), ANN).ok
