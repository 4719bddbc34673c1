"""``dialgate restore`` over a folder that knows more: who has objected since the backup is not called."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate.config.write import amend
from tests.support.commands import dialgate
from tests.support.example import go_live, make_example

NUMBER = "020 7946 0123"


def test_without_a_second_place_marketing_waits_until_somebody_accepts_the_older_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_example(tmp_path / "gate")
    monkeypatch.setenv("DIALGATE_CONFIG", str(tmp_path / "gate" / "config.toml"))
    sets = str(tmp_path / "set"), "--keys", str(tmp_path / "keys")
    assert dialgate("backup", *sets).code == 0
    assert dialgate("objection", "add", NUMBER).code == 0
    assert dialgate("audit", "checkpoint").code == 0
    assert dialgate("check", NUMBER, "--json").json["reason"] == "objected"

    keys, known = tmp_path / "gate" / "keys", (tmp_path / "gate" / "data" / "gate.key").read_text().partition("\n")[0]
    more = ("-k", str(keys / "first.key"), "--passphrase-file", str(keys / "first.passphrase"))
    alone = dialgate("restore", *sets, *more)
    assert alone.code == 2 and "who has made this set is not proven" in alone.err
    told = dialgate("restore", *sets, "--vkey", known, *more)

    assert told.code == 0 and "Marketing calls are refused until" in told.err and "Add them again first" in told.err
    assert dialgate("check", NUMBER, "--json").json["reason"] == "evidence_rolled_back"
    assert dialgate("objection", "add", NUMBER).code == 0
    assert dialgate("audit", "restore", "--reason", "the disk of 2 March").code == 0
    assert dialgate("check", NUMBER, "--json").json["reason"] == "objected"
    assert dialgate("check", "020 7946 0124", "--json").json["reason"] == "not_listed"
    assert dialgate("audit", "verify").code == 0


def test_a_live_gate_without_a_second_place_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_example(tmp_path / "gate")
    config = tmp_path / "gate" / "config.toml"
    monkeypatch.setenv("DIALGATE_CONFIG", str(config))
    said = "There is no second place (storage.memory)"
    assert said not in dialgate("status").out
    go_live(config)
    assert said in dialgate("status").out
    (tmp_path / "second").mkdir()
    amend(config, {"storage": {"memory": str(tmp_path / "second")}})
    assert said not in dialgate("status").out
