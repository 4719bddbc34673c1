"""An older store put back calls nobody who has objected since, and is told of until somebody accepts it knowingly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gate.exports.mail import checkpoint_mail
from tests.support import programs
from tests.support.attacks import attack
from tests.support.gatehouse import UNLISTED, Gatehouse, dialgate
from tests.support.vault import NOW

OTHER = "02079460124"


def roll_back(*arguments: object) -> dict[str, Any]:
    return dict(attack("rollback", *arguments))


def dialled(house: Gatehouse, number: str) -> dict[str, Any]:
    where = ("--gate", f"127.0.0.1:{house.port}", "--trunk", f"127.0.0.1:{house.trunk_port}")
    return roll_back("dial", number, *where)


def refused_as_rolled_back(house: Gatehouse, number: str) -> None:
    told = dialled(house, number)
    assert (told["reached"], "evidence_rolled_back" in told["reason"]) == (False, True), told


def rolled_back(house: Gatehouse, tmp_path: Path, *more: str) -> None:
    """A gate whose objector is in a newer store than the one it now runs on."""
    house.add_pbx()
    house.start()
    assert dialled(house, UNLISTED)["reached"], "before anybody objected"
    roll_back("save", house.data, tmp_path / "old.db")
    house.client.call("objection_add", number=UNLISTED)
    house.client.call("audit_checkpoint")
    assert "objected" in str(dialled(house, UNLISTED))
    assert house.stop() == 0
    roll_back("put", house.data, tmp_path / "old.db", *more)
    house.start()


def test_nobody_is_called_from_an_older_store_until_somebody_accepts_it(tmp_path: Path) -> None:
    house = Gatehouse(tmp_path / "gate")
    rolled_back(house, tmp_path)
    try:
        for number in (UNLISTED, OTHER):
            refused_as_rolled_back(house, number)
            asked = house.client.call("decide", number=number)
            assert (asked["verdict"], asked["reason"]) == ("block", "evidence_rolled_back")
            assert house.client.call("check", number=number)["reason"] == "evidence_rolled_back"
        assert house.client.call("decide", number=OTHER, purpose="service")["reason"] == "service_call"
        assert "is signed over" in house.client.call("status")["evidence"]["rolled_back"]
        now = house.client.call("status")
        assert (now["ok"], now["not_ready"]) == (False, ["evidence_rolled_back"]), "health said ok"
        done = programs.run("gate.cli.main", "status", "-c", str(house.config))
        assert done.returncode == 1 and "dialgate audit restore" in done.stdout
        report = dialgate("audit", "verify", config=house.config, check=False)
        assert report["first_fault"]["what"] in ("log_truncated", "log_rewritten")

        dialgate("audit", "restore", "--reason", "the disk was lost", config=house.config)
        fact, said = house.rows("SELECT actor, body FROM facts WHERE kind IN ('evidence_restored', 'words')")
        assert fact["actor"].startswith("user:") and json.loads(said["body"])["text"] == "the disk was lost"
        assert house.client.call("status")["evidence"]["rolled_back"] == ""
        assert house.client.call("status")["ok"]
        assert dialled(house, OTHER)["reached"]
        assert any("given up by a restore" in sentence for sentence in house.verified()["not_proven"])
    finally:
        code = house.stop()
    assert code == 0
    house.start()  # what was given up does not come back at the next start
    try:
        assert dialled(house, OTHER)["reached"]
        house.verified()
    finally:
        house.stop()


@pytest.mark.parametrize("where", ["share", "mailbox", "mailbox that anybody writes to"])
def test_a_place_elsewhere_tells_of_a_rollback_together_with_its_checkpoints(tmp_path: Path, where: str) -> None:
    house = Gatehouse(tmp_path / "gate")
    place = tmp_path / where
    place.mkdir()
    house.set("storage", **{"checkpoints_copy" if where == "share" else "checkpoints_mailbox": str(place)})
    house.add_pbx()
    house.start()
    (tmp_path / "older").write_text(house.client.call("audit_checkpoint")["note"])
    roll_back("save", house.data, tmp_path / "old.db")
    house.client.call("objection_add", number=UNLISTED)
    note = house.client.call("audit_checkpoint")
    assert house.stop() == 0
    if where != "share":  # as the daily mail brings it
        mail = checkpoint_mail(note["note"], log="x", size=note["size"], sender="g@x.uk", to="a@x.uk", now=NOW)
        (place / "1.eml").write_bytes(mail)
    if "anybody" in where:
        roll_back("mail", place, tmp_path / "older", note["size"])
    roll_back("put", house.data, tmp_path / "old.db", "--checkpoints")
    house.start()
    try:
        refused_as_rolled_back(house, UNLISTED)
        assert len(house.client.call("status")["warnings"]) < 10, "what is no checkpoint is not told one by one"
    finally:
        code = house.stop()
    assert code == (1 if where == "share" else 0), "what could not be signed is told by the exit code"


def test_without_a_place_elsewhere_it_cannot_be_seen_and_that_is_said(tmp_path: Path) -> None:
    house = Gatehouse(tmp_path / "gate")
    rolled_back(house, tmp_path, "--checkpoints")
    try:
        assert dialled(house, UNLISTED)["reached"], "no more can be promised here"
        said = house.verified()["not_proven"]
        assert any("older gate.db put back together with its checkpoints looks the same" in each for each in said)
    finally:
        house.stop()
