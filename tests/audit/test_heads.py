"""A checkpoint that is not what was signed is named."""

from __future__ import annotations

import pytest

from gate.audit.heads import file_name
from gate.core.evidence import format_checkpoint
from gate.errors import AuditError
from tests.support.notes import NoteKey
from tests.support.tamper import KEY, audit, change, found, rewrite


def edited(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n288\n", "\n287\n"),
        ("=\n\n", "=\nextension\n\n"),
        ("dialgate ", "dialgate A"),
        ("— ", "- "),
        (KEY.name, "other"),
    ],
)
def test_an_edited_checkpoint_file(data, old, new):
    path = data / "checkpoints" / file_name(288)
    edited(path, old, new)
    report = audit(data)
    assert found(report) == [("checkpoint_invalid", None)]
    assert str(path) in report.first_fault.message


def test_a_checkpoint_file_of_another_size_or_kind(data):
    folder = data / "checkpoints"
    (folder / file_name(288)).rename(folder / file_name(289))
    (folder / file_name(290)).write_bytes(b"\xff\xfe")
    (folder / file_name(291)).mkdir()
    report = audit(data)
    assert [fault.what for fault in report.faults] == [*["checkpoint_invalid"] * 3, "checkpoint_missing"]
    assert "holds the checkpoint of size 288" in report.faults[0].message


def test_a_checkpoint_of_another_key_or_log(data):
    for key in (NoteKey(seed=b"x" * 32), NoteKey(name="another.log")):
        (data / "checkpoints" / file_name(3)).write_text(key.sign(format_checkpoint(key.name, 3, b"r" * 32)))
        assert found(audit(data)) == [("checkpoint_invalid", None)]
    other = KEY.sign(format_checkpoint("another.log", 3, b"r" * 32))
    (data / "checkpoints" / file_name(3)).write_text(other)
    assert "another log" in audit(data).first_fault.message


def test_an_edited_checkpoint_row(data):
    change(data, "UPDATE checkpoints SET root = zeroblob(32) WHERE size = 288")
    assert "is not what its note says" in audit(data).first_fault.message
    change(data, "UPDATE checkpoints SET note = replace(note, '288', '289') WHERE size = 288")
    assert found(audit(data)) == [("checkpoint_invalid", None)]


def test_two_signed_heads_of_one_size(data):
    frontier = rewrite(data, 8, verdict="block")
    forged = KEY.sign(format_checkpoint(KEY.name, frontier.size, frontier.root))
    change(data, ("UPDATE checkpoints SET note = ?, root = ? WHERE size = 568", forged, frontier.root))
    change(data, "DELETE FROM checkpoints WHERE size = 288")
    report = audit(data)
    assert [fault.what for fault in report.faults[:1]] == ["checkpoints_disagree"]
    assert "checkpoint_missing" in {fault.what for fault in report.faults}


def test_no_such_folder_of_checkpoints(data):
    with pytest.raises(AuditError, match="no folder"):
        audit(data, folders=[data / "nowhere"])
