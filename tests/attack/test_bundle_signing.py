"""Nothing that a client of the control socket has written is signed, and a doctored bundle does not open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from gate.vault.keyfile import save_private
from tests.support.attacks import attack
from tests.support.commands import dialgate as command
from tests.support.running_gate import UNLISTED, RunningGate
from tests.support.vault import PASSPHRASE, new_key


def test_the_gate_signs_only_what_it_made(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    gate.start()
    try:
        private, recipient = new_key("Auditor", "auditor")
        save_private(tmp_path / "auditor.key", private)
        gate.client.call("key_add", text=recipient.to_text(), exports_only=True, purpose="regulator")
        for _ in range(3):
            gate.client.call("decide", number=UNLISTED)
        own = next(row["id"] for row in gate.client.call("key_list")["recipients"] if row["id"] != private.id)
        day = [(datetime.now(UTC) + timedelta(days=days)).isoformat() for days in (-1, 0)]
        doctored = tmp_path / "doctored.bundle"
        told = attack("bundle_signing", gate.socket, "Auditor", own, *day, doctored)
        assert told == {"signed": 0, "made": True}
        opened = command("audit", "open", str(doctored), "--json")
        assert opened.code == 1
        assert not opened.json["ok"]
        (tmp_path / "words").write_text(PASSPHRASE + "\n")
        (tmp_path / "words").chmod(0o600)
        true = tmp_path / "true.bundle"
        keys = ("--key", str(gate.folder / "keys" / "first.key"))
        words = ("--passphrase-file", str(gate.folder / "keys" / "first.passphrase"))
        told = ("--recipient", "Auditor", "--purpose", "audit", "-o", str(true), "-c", str(gate.config))
        exported = command("audit", "export", "--from", day[0], "--to", day[1], *keys, *words, *told, "--json")
        assert exported.code == 0, exported.err
        assert exported.json["counts"]["calls"] == 3
        key = ("--key", str(tmp_path / "auditor.key"), "--passphrase-file", str(tmp_path / "words"))
        opened = command("audit", "open", str(true), *key, "--json")
        assert opened.code == 0, opened.out
        assert gate.pids("gate.operations.audit.bundles") == []
    finally:
        assert gate.stop() == 0
    assert len(list((gate.data / "exports").iterdir())) == 1, "the command took its own away; the attack left one"
