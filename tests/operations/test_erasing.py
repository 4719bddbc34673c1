"""The erasure itself: nothing of the key anywhere, the file gone, one receipt, whatever happens in between."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from gate.errors import KeyShredded, StoreError, VaultError
from gate.ports import Fact
from gate.recorder.messages import NOTE_SUFFIX
from gate.store import kept
from gate.vault.files import BESIDE
from gate.vault.reader import open_recording
from gate.vault.wrap import rewrapped
from tests.support.keeping import OLD, YOUNG, Keeping, plant
from tests.support.vault import files_under, found_in, private_key

SWEEPER = Path(__file__).parents[1] / "support" / "sweeper.py"
KILLS = 50
STEPS = 5000
"""Of a sweep of 800 recordings, at least (``sweeper``)."""


def test_nothing_of_the_key_and_no_file_is_left_and_the_log_holds(keeping, tmp_path_factory):
    names = [keeping.record(f"old-{n}") for n in range(5)]
    young = keeping.record("young", YOUNG)
    note = keeping.path("old-0").with_name("old-0.dgr" + NOTE_SUFFIX)
    note.write_text("{}")
    secrets = [wrap for name in names for _, wrap in keeping.wraps(name)]
    sealed = [keeping.path(name).read_bytes()[400:] for name in names]
    whole = keeping.path("old-0").read_bytes()
    assert len(found_in(keeping.folder, secrets)) == 5
    assert all(keeping.opens(name) for name in names)

    answer = keeping.retention.sweep(actor="user:ann(1)")

    assert (answer.erased, answer.faults, answer.ok) == (5, 0, True)
    assert found_in(keeping.folder, secrets) == []
    assert found_in(keeping.folder, sealed) == []
    assert not any(keeping.opens(name) for name in names)
    copy = tmp_path_factory.mktemp("backup") / "old-0.dgr"
    copy.write_bytes(whole)
    with pytest.raises(KeyShredded):
        open_recording(copy, keeping.wraps("old-0"), private_key())
    assert keeping.opens(young)
    assert [path.name for path in files_under(keeping.recordings)] == ["young.dgr"]
    keeping.verified()


@pytest.mark.engine("sqlite")
def test_no_private_key_there_is_opens_it_and_the_person_stays_uncallable(keeping, tmp_path_factory):
    people = [private_key(), private_key("Bob (auditor)", "auditor"), private_key("Eve (escrow)", "escrow")]
    halves = [
        one.recipient.on_terms(half=half) for one, half in zip(people, ("first", "second", "second"), strict=True)
    ]
    rooms = (keeping.store, keeping.keys, keeping.recordings)
    plant(*rooms, [one.recipient for one in people[:2]], "whole")
    plant(*rooms, halves, "shared", two_person=True)
    keeping.put(Fact("objection", "o1", OLD, "user:ann(1)", {"number": "+442079460123", "source": "told"}))
    # Given to Eve and taken from Ada: what is dropped is gone as what is erased.
    ids = {"recording_id": "whole", "key_id": keeping.keys.key_id("whole")}
    secrets = [wrap for name in ("whole", "shared") for _, wrap in keeping.wraps(name)]
    new, _ = rewrapped(people[0], dict(keeping.wraps("whole"))[people[0].id], people[2].recipient, **ids)
    assert keeping.keys.give(people[0].id, people[2].id, {"whole": new}) == 1
    assert keeping.keys.prove(people[2].id, {"whole": new}) == 1
    assert keeping.keys.drop(people[0].id, people[2].id, ["whole"]) == 1
    backup = tmp_path_factory.mktemp("backup")
    for name in ("whole", "shared"):
        shutil.copy(keeping.path(name), backup)
        open_recording(keeping.path(name), keeping.wraps(name), people[1:] if name == "whole" else people)

    assert keeping.retention.sweep(actor="gate").erased == 2

    assert found_in(keeping.folder, [*secrets, new]) == []
    for name in ("whole", "shared"):
        with pytest.raises(KeyShredded):
            open_recording(backup / f"{name}.dgr", keeping.wraps(name), people)
    assert keeping.store.call(lambda tx: len(tx.objections("+442079460123"))) == 1
    holders = {path.name for path, data in files_under(keeping.folder).items() if b"442079460123" in data}
    assert holders <= {"gate.db", "gate.db-wal"}, "the call log alone knows who was called"
    assert holders
    keeping.verified()


def test_a_receipt_says_what_the_law_asks_and_no_number(keeping):
    keeping.record("old")
    key_id = keeping.keys.key_id("old")
    keeping.retention.sweep(actor="user:ann(1)")
    (receipt,) = keeping.facts("recording_erased")
    assert (receipt["subject"], receipt["actor"], receipt["at"]) == (
        "old",
        "user:ann(1)",
        "2027-03-02T12:00:00.000000Z",
    )
    assert json.loads(receipt["body"]) == {
        "call_id": "call-old",
        "key_id": key_id,
        "basis": "retention, swept 2027-03-02",
        "file": "removed",
        "backups_until": "2027-04-01",
    }
    (swept,) = keeping.facts("retention_swept")
    assert "+44" not in receipt["body"] + swept["body"]


def test_twice_is_harmless(keeping):
    keeping.record("old")
    keeping.retention.sweep(actor="gate")
    again = keeping.retention.sweep(actor="gate")
    assert (again.due, again.erased) == (0, 0)
    assert len(keeping.facts("recording_erased")) == 1


def test_a_recording_without_a_file_has_its_receipt_too(keeping):
    keeping.record("old")
    keeping.path("old").unlink()
    assert keeping.retention.sweep(actor="gate").erased == 1
    assert json.loads(keeping.facts("recording_erased")[0]["body"])["file"] == "not_there"


def test_a_file_that_will_not_go_is_told_and_tried_again(keeping):
    keeping.record("stuck")
    keeping.record("free")
    stuck = keeping.path("stuck")
    stuck.unlink()
    stuck.mkdir()
    (stuck / "in-the-way").touch()

    answer = keeping.retention.sweep(actor="gate")

    assert (answer.ok, answer.erased, answer.faults) == (False, 1, 1)
    (fault,) = answer.fault_list
    assert (fault.recording_id, fault.code) == ("stuck", "erased_file_still_there")
    assert "still there" in fault.fault
    assert keeping.state("stuck") == "erasing"
    assert keeping.wraps("stuck") == [], "its key is gone all the same"
    assert [row["subject"] for row in keeping.facts("recording_erased")] == ["free"]
    assert keeping.retention.status().unfinished == 1

    (stuck / "in-the-way").unlink()
    stuck.rmdir()
    assert keeping.retention.sweep(actor="gate").resumed == 1
    assert keeping.state("stuck") == "erased"
    assert len(keeping.facts("recording_erasing")) == 2


def test_a_path_that_leads_out_of_the_folder_removes_nothing(keeping):
    keeping.record("old")
    victim = keeping.folder / "victim.dgr"
    victim.touch()
    keeping.store.call(lambda tx: tx.write("UPDATE recordings SET path = '../victim.dgr'"))
    answer = keeping.retention.sweep(actor="gate")
    assert "does not lead" in answer.fault_list[0].fault
    assert victim.exists()


def test_held_and_restricted_stay_and_are_named(keeping):
    for name in ("by-recording", "by-call", "by-number", "free"):
        keeping.record(name, number="+447700900001" if name == "by-number" else "+442079460123")
    keeping.hold("h1", "recording", "by-recording")
    keeping.hold("h2", "call", "call-by-call", kind="restriction")
    keeping.hold("h3", "number", "+447700900001")
    answer = keeping.retention.sweep(actor="gate")
    assert answer.erased == 1
    assert {each.recording_id: each.hold for each in answer.held_by} == {
        "by-recording": "hold h1/26 (h1)",
        "by-call": "restriction h2/26 (h2)",
        "by-number": "hold h3/26 (h3)",
    }
    assert [keeping.opens(name) for name in ("by-recording", "by-call", "by-number", "free")] == [True] * 3 + [False]


def test_a_hold_that_comes_after_the_plan_holds(keeping):
    for n in range(4):
        keeping.record(f"old-{n}")
    plan = keeping.retention.plan

    def then_held():
        made = plan()
        keeping.hold("h1", "recording", "old-2")
        return made

    keeping.retention.plan = then_held
    answer = keeping.retention.sweep(actor="gate")
    assert (answer.due, answer.erased, answer.held) == (4, 3, 1)
    assert keeping.opens("old-2")


@pytest.mark.parametrize("room", ["keys", "files", "store"])
def test_a_room_that_fails_leaves_it_under_way_and_the_next_start_ends_it(keeping, monkeypatch, room):
    keeping.record("old")
    calls = 0
    append = keeping.store.call

    def refuse(*_):
        raise VaultError("no")

    def refuse_receipts(work, timeout=30.0):
        nonlocal calls
        calls += bool(keeping.wraps("old") == [])
        if calls:
            raise StoreError("full")
        return append(work, timeout)

    if room == "store":
        monkeypatch.setattr(keeping.store, "call", refuse_receipts)
    elif room == "keys":
        monkeypatch.setattr(keeping.keys, "shred", refuse)
    else:
        monkeypatch.setattr("gate.vault.sealed_files.remove", refuse)
    with pytest.raises((VaultError, StoreError)):
        keeping.retention.sweep(actor="gate")
    monkeypatch.undo()
    assert keeping.state("old") == "erasing"
    assert keeping.retention.at_start().erased == 1
    assert keeping.state("old") == "erased"
    assert len(keeping.facts("recording_erased")) == 1
    assert not keeping.path("old").exists()


def test_what_a_backup_brings_back_goes_again(keeping, tmp_path_factory):
    old, held = keeping.record("old"), keeping.record("held")
    keeping.hold("h1", "recording", held)
    keeping.close()
    backup = tmp_path_factory.mktemp("backup")
    shutil.copy(keeping.folder / "keys.db", backup)
    shutil.copytree(keeping.recordings, backup / "recordings")

    keeping = Keeping(keeping.folder)
    secrets = [wrap for _, wrap in keeping.wraps(old)]
    keeping.retention.sweep(actor="gate")
    keeping.close()
    assert found_in(keeping.folder, secrets) == []

    shutil.copy(backup / "keys.db", keeping.folder)
    shutil.copytree(backup / "recordings", keeping.recordings, dirs_exist_ok=True)
    keeping = Keeping(keeping.folder)
    assert keeping.opens(old), "the backup is a good one"
    outcome = keeping.retention.at_start()
    assert (outcome.erased, outcome.faults) == (2, [])
    assert not keeping.opens(old)
    assert found_in(keeping.folder, secrets) == []
    assert not keeping.path(old).exists()
    assert keeping.opens(held)
    assert [json.loads(row["body"])["what"] for row in keeping.facts("erased_came_back")] == ["keys", "file"]
    assert len(keeping.facts("recording_erased")) == 1
    assert keeping.retention.at_start().erased == 0
    keeping.verified()
    keeping.close()


def test_a_note_that_comes_back_alone_goes_too(keeping):
    keeping.record("old")
    keeping.retention.sweep(actor="gate")
    note = keeping.path("old").with_name("old.dgr" + BESIDE[0])
    note.write_text("{}")
    assert keeping.retention.at_start().erased == 1
    assert not note.exists()


def test_a_file_that_the_log_does_not_know_is_told_and_left_alone(keeping):
    keeping.record("known", YOUNG)
    stray = keeping.path("known").with_name("stray.dgr")
    stray.touch()
    assert keeping.retention.at_start().unknown == 1
    assert keeping.retention.sweep(actor="gate").unknown_files == 1
    assert stray.exists()


def test_what_a_recorder_leaves_beside_a_file_is_known():
    assert NOTE_SUFFIX in BESIDE


@pytest.mark.engine("sqlite")
@pytest.mark.deep
def test_killed_at_fifty_points_of_a_sweep_of_a_thousand(tmp_path):
    chance = random.Random(20270302)
    keeping = Keeping(tmp_path)
    due = [keeping.record(f"due-{n:03}", OLD - timedelta(minutes=n)) for n in range(800)]
    held = [keeping.record(f"held-{n:03}", OLD - timedelta(minutes=n), number="+447700900001") for n in range(100)]
    young = [keeping.record(f"young-{n:03}", YOUNG + timedelta(minutes=n)) for n in range(100)]
    keeping.hold("h1", "number", "+447700900001")
    secrets = [wrap for name in due for _, wrap in keeping.wraps(name)]
    keeping.close()

    steps = [chance.randrange(2 * STEPS // KILLS) for _ in range(KILLS)]
    swept = subprocess.run([sys.executable, SWEEPER, tmp_path, *map(str, [*steps, 10**6])], capture_output=True)
    ended = [int(line.split()[1]) for line in swept.stdout.splitlines() if line.startswith(b"ended ")]
    assert ended == [-signal.SIGKILL] * KILLS + [0], swept.stderr.decode()

    keeping = Keeping(tmp_path)
    assert Counter(row["subject"] for row in keeping.facts("recording_erased")) == Counter(due)
    assert found_in(tmp_path, secrets) == []
    assert not any(keeping.opens(name) for name in due)
    assert {path.stem for path in files_under(keeping.recordings)} == {*held, *young}
    assert all(keeping.opens(name) for name in held + young)
    assert keeping.retention.status().unfinished == 0
    assert keeping.facts("erased_came_back") == [], "no receipt came before its erasure"
    keeping.verified()
    keeping.close()


def test_an_erasure_that_is_finished_gets_no_second_receipt(keeping):
    keeping.record("old")
    keeping.put(Fact("recording_erasing", "old", OLD, "gate", {"call_id": "call-old", "basis": "a test"}))
    rows = keeping.store.call(kept.erasing)
    keeping.retention.at_start()
    assert keeping.retention._eraser._carry_out(rows, "gate").erased == 1
    assert len(keeping.facts("recording_erased")) == 1
