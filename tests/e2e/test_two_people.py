"""A gate whose recordings take two people: it does not start without both, and a call is opened by both, not by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate.errors import HalfMissing
from gate.vault.keyfile import load_private, save_private
from tests.support.phones import Phones
from tests.support.running_gate import RunningGate, dialgate
from tests.support.sealed import first_key, opened
from tests.support.vault import PASSPHRASE, private_key
from tests.support.waiting import PATIENCE

BOB, EVE = private_key("Bob (auditor)", "auditor"), private_key("Eve (escrow)", "escrow")
NUMBER = "02079460123"


def recipient(folder: Path, name: str) -> str:
    private = {"bob": BOB, "eve": EVE}[name]
    save_private(folder / f"{name}.key", private)
    (folder / f"{name}.recipient").write_text(private.recipient.to_text())
    return str(folder / f"{name}.recipient")


def test_two_people(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate", announcement=0.6)
    gate.add_pbx()
    gate.set("recording", two_person=True)
    private = first_key(gate)
    with pytest.raises(AssertionError, match=r"(?s)is of no half.*key change"):
        gate.start()
    dialgate("key", "change", private.id, "--half", "first", config=gate.config)
    with pytest.raises(AssertionError, match="no recipient of the second half"):
        gate.start()
    bob = recipient(tmp_path, "bob")
    dialgate("key", "add", bob, "--half", "second", config=gate.config)
    gate.start()
    try:
        with Phones(port=gate.trunk_port), Phones(to=gate.address) as near:
            talk = near.dial(NUMBER)
            near.wait([talk], "up", PATIENCE)
            gate.wait(lambda: gate.rows("SELECT 1 FROM recordings"), PATIENCE, "no recording")
            near.hang_up(talk)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
        (row,) = gate.rows("SELECT recording_id FROM recordings")
        for alone in (private, BOB, [private, private]):
            with pytest.raises(HalfMissing):
                opened(gate, row["recording_id"], alone)
        assert "start" in opened(gate, row["recording_id"], [BOB, private]).events()

        # Through the running gate: Bob's share goes to Eve, who is of his half.
        words = tmp_path / "words"
        words.write_text(PASSPHRASE)
        words.chmod(0o600)
        dialgate("key", "add", recipient(tmp_path, "eve"), "--half", "second", config=gate.config)
        rotate = ["key", "rotate", str(tmp_path / "bob.key"), "--to", str(tmp_path / "eve.recipient")]
        done = dialgate(*rotate, "--passphrase-file", str(words), config=gate.config)
        assert (done["added"], done["other_half"]) == (1, 0)
        prove = ["key", "prove", str(tmp_path / "eve.key"), "--passphrase-file", str(words)]
        assert dialgate(*prove, config=gate.config)["proven"] == 1
        assert dialgate("key", "drop", BOB.id, "--to", EVE.id, config=gate.config)["dropped"] == 1
        dialgate("key", "retire", BOB.id, config=gate.config)
        assert opened(gate, row["recording_id"], [private, EVE]).clear
        with pytest.raises(HalfMissing):
            opened(gate, row["recording_id"], [private, BOB])
        wav = tmp_path / "call.wav"
        keys = gate.folder / "keys"
        dialgate(
            *("recording", "export", row["recording_id"], "-o", str(wav), "--purpose", "test"),
            *("-k", str(keys / "first.key"), "--passphrase-file", str(keys / "first.passphrase")),
            *("-k", str(tmp_path / "eve.key"), "--passphrase-file", str(words)),
            config=gate.config,
        )
        assert wav.stat().st_size > 8000
    finally:
        assert gate.stop() == 0
    gate.verified()
    assert load_private(keys / "first.key", (keys / "first.passphrase").read_text().strip()).id == private.id
