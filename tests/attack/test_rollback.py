"""An older store put back calls nobody who has objected since, and is told of until somebody accepts it knowingly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gate.exports.mail import checkpoint_mail
from tests.support import programs
from tests.support.attacks import attack
from tests.support.running_gate import UNLISTED, RunningGate, dialgate
from tests.support.vault import NOW

OTHER = "02079460124"


def roll_back(*arguments: object) -> dict[str, Any]:
    return dict(attack("rollback", *arguments))


def dialled(gate: RunningGate, number: str) -> dict[str, Any]:
    where = ("--gate", f"127.0.0.1:{gate.port}", "--trunk", f"127.0.0.1:{gate.trunk_port}")
    return roll_back("dial", number, *where)


def refused_as_rolled_back(gate: RunningGate, number: str) -> None:
    told = dialled(gate, number)
    assert (told["reached"], "evidence_rolled_back" in told["reason"]) == (False, True), told


def rolled_back(gate: RunningGate, tmp_path: Path, *more: str) -> None:
    """A gate whose objector is in a newer store than the one it now runs on."""
    gate.add_pbx()
    gate.start()
    assert dialled(gate, UNLISTED)["reached"], "before anybody objected"
    roll_back("save", gate.data, tmp_path / "old.db")
    gate.client.call("objection_add", number=UNLISTED)
    gate.client.call("audit_checkpoint")
    assert "objected" in str(dialled(gate, UNLISTED))
    assert gate.stop() == 0
    roll_back("put", gate.data, tmp_path / "old.db", *more)
    gate.start()


def test_nobody_is_called_from_an_older_store_until_somebody_accepts_it(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    rolled_back(gate, tmp_path)
    try:
        for number in (UNLISTED, OTHER):
            refused_as_rolled_back(gate, number)
            asked = gate.client.call("decide", number=number)
            assert (asked["verdict"], asked["reason"]) == ("block", "evidence_rolled_back")
            assert gate.client.call("check", number=number)["reason"] == "evidence_rolled_back"
        assert gate.client.call("decide", number=OTHER, purpose="service")["reason"] == "service_call"
        assert "is signed over" in gate.client.call("status")["evidence"]["rolled_back"]
        now = gate.client.call("status")
        assert (now["ok"], now["not_ready"]) == (False, ["evidence_rolled_back"]), "health said ok"
        done = programs.run("gate.cli.main", "status", "-c", str(gate.config))
        assert done.returncode == 1 and "dialgate audit restore" in done.stdout
        report = dialgate("audit", "verify", config=gate.config, check=False)
        assert report["first_fault"]["what"] in ("log_truncated", "log_rewritten")

        dialgate("audit", "restore", "--reason", "the disk was lost", config=gate.config)
        fact, said = gate.rows("SELECT actor, body FROM facts WHERE kind IN ('evidence_restored', 'words')")
        assert fact["actor"].startswith("user:") and json.loads(said["body"])["text"] == "the disk was lost"
        assert gate.client.call("status")["evidence"]["rolled_back"] == ""
        assert gate.client.call("status")["ok"]
        assert dialled(gate, OTHER)["reached"]
        assert any("given up by a restore" in sentence for sentence in gate.verified()["not_proven"])
    finally:
        code = gate.stop()
    assert code == 0
    gate.start()  # what was given up does not come back at the next start
    try:
        assert dialled(gate, OTHER)["reached"]
        gate.verified()
    finally:
        gate.stop()


@pytest.mark.parametrize("where", ["share", "mailbox", "mailbox that anybody writes to"])
def test_a_place_elsewhere_tells_of_a_rollback_together_with_its_checkpoints(tmp_path: Path, where: str) -> None:
    gate = RunningGate(tmp_path / "gate")
    place = tmp_path / where
    place.mkdir()
    gate.set("storage", **{"checkpoints_copy" if where == "share" else "checkpoints_mailbox": str(place)})
    gate.add_pbx()
    gate.start()
    (tmp_path / "older").write_text(gate.client.call("audit_checkpoint")["note"])
    roll_back("save", gate.data, tmp_path / "old.db")
    gate.client.call("objection_add", number=UNLISTED)
    note = gate.client.call("audit_checkpoint")
    assert gate.stop() == 0
    if where != "share":  # as the daily mail brings it
        mail = checkpoint_mail(note["note"], log="x", size=note["size"], sender="g@x.uk", to="a@x.uk", now=NOW)
        (place / "1.eml").write_bytes(mail)
    if "anybody" in where:
        roll_back("mail", place, tmp_path / "older", note["size"])
    roll_back("put", gate.data, tmp_path / "old.db", "--checkpoints")
    gate.start()
    try:
        refused_as_rolled_back(gate, UNLISTED)
        assert len(gate.client.call("status")["warnings"]) < 10, "what is no checkpoint is not told one by one"
    finally:
        code = gate.stop()
    assert code == (1 if where == "share" else 0), "what could not be signed is told by the exit code"


def test_without_a_place_elsewhere_it_cannot_be_seen_and_that_is_said(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    rolled_back(gate, tmp_path, "--checkpoints")
    try:
        assert dialled(gate, UNLISTED)["reached"], "no more can be promised here"
        said = gate.verified()["not_proven"]
        assert any("older gate.db put back together with its checkpoints looks the same" in each for each in said)
    finally:
        gate.stop()
