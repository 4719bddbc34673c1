"""Who attacks: somebody who may write into the register of recipients, a folder of files, or restores one. What they
want: to open what is recorded, or what goes out, from now on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.config import load
from gate.config.write import amend
from gate.daemon.opening import open_folder
from gate.daemon.recording import by_the_log
from gate.errors import ConfigError, NoRecipients, RefusedError
from gate.operations.audit.exporting import AuditExport
from gate.operations.data_folder import DataFolder
from gate.operations.ingest.ingesting import Ingests
from gate.operations.keys.recipients import KeyAdd, KeyChange, KeyRetire, admitted
from gate.operations.keys.wraps import KeyWraps
from gate.operations.status.glance import Status
from gate.vault.keyring import sealable
from gate.vault.sealer import sealer
from tests.support.asking import ask
from tests.support.databases import query
from tests.support.phones import Phones
from tests.support.requesting import ANN, key_of, prepared
from tests.support.running_gate import RunningGate, dialgate
from tests.support.sealed import first_key
from tests.support.vault import private_key
from tests.support.waiting import PATIENCE

EVE = private_key("Eve (nobody)", "auditor")
NUMBER = "02079460123"


def plant(data: Path, **terms: Any) -> None:
    recipient = EVE.recipient.on_terms(**terms)
    (data / "recipients" / f"{EVE.id}.json").write_text(recipient.to_text())


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataFolder]:
    prepared(tmp_path / "gate", recordings=1)
    with ExitStack() as stack:
        yield open_folder(load(tmp_path / "gate" / "config.toml"), stack)


def owners(data: DataFolder) -> set[str]:
    """Whom the recorder would seal a recording to that is opened now."""
    place = data.config.data
    seal = sealer(place / "recipients", admitted=by_the_log(place / "gate.db", SystemClock()))
    return {who for who, _ in seal("rec-new", {}).wraps}


def test_a_call_is_not_sealed_to_a_planted_recipient_and_status_says_so(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate", announcement=0.6)
    gate.add_pbx()
    gate.start()
    try:
        plant(gate.data)  # while it runs: at the next opening it would be sealed to
        with Phones(port=gate.trunk_port), Phones(to=gate.address) as near:
            talk = near.dial(NUMBER)
            near.wait([talk], "up", PATIENCE)
            gate.wait(lambda: gate.rows("SELECT 1 FROM recordings"), PATIENCE, "no recording")
            near.hang_up(talk)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
        (row,) = gate.rows("SELECT recording_id FROM recordings")
        warned = gate.client.call("status")["warnings"]
        assert any(EVE.id in each and "not in the log" in each for each in warned), warned
        assert '"recipient_not_in_the_log"' in gate.log.read_text()
    finally:
        gate.stop()
    with ExitStack() as stack:
        data = open_folder(load(gate.config), stack)
        assert {who for who, _ in data.keys.wraps(row["recording_id"])} == {first_key(gate).id}


def test_terms_that_the_log_does_not_have_count_for_nothing(data: DataFolder) -> None:
    first = key_of(Path(data.config.base))
    ask(data, KeyAdd(text=EVE.recipient.to_text(), purpose="internal_audit", exports_only=True), ANN)
    assert owners(data) == {first.id}
    plant(data.config.data, purpose="internal_audit", seals=True)  # sealed to, by the file's own word
    assert owners(data) == {first.id}
    with pytest.raises(RefusedError) as caught:
        ask(data, KeyWraps(source=first.id, target=EVE.id), ANN)
    assert caught.value.reason == "recipient_not_in_the_log"
    assert data.read(lambda tx: query(tx, "SELECT 1 FROM facts WHERE kind = 'keys_given_out'")) == []


def test_no_bundle_goes_to_a_planted_recipient(data: DataFolder) -> None:
    plant(data.config.data, purpose="regulator")
    period: dict[str, Any] = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}
    with pytest.raises(RefusedError) as caught:
        ask(data, AuditExport(recipient=EVE.id, purpose="regulator", **period), ANN)
    assert caught.value.reason == "recipient_not_in_the_log"


def test_a_retired_one_whose_file_is_put_back_is_not_sealed_to(data: DataFolder) -> None:
    first, folder = key_of(Path(data.config.base)), data.config.data / "recipients"
    ask(data, KeyAdd(text=EVE.recipient.to_text()), ANN)
    assert owners(data) == {first.id, EVE.id}
    kept = (folder / f"{EVE.id}.json").read_bytes()
    ask(data, KeyRetire(recipient_id=EVE.id), ANN)
    (folder / f"{EVE.id}.json").write_bytes(kept)
    assert owners(data) == {first.id}


def test_other_terms_that_were_just_given_do_not_leave_anybody_out(data: DataFolder) -> None:
    """They are in the log a moment before they are in the register."""
    first = key_of(Path(data.config.base))
    folder = data.config.data / "recipients"
    kept = (folder / f"{first.id}.json").read_bytes()
    ask(data, KeyChange(recipient_id=first.id, purpose="court"), ANN)
    (folder / f"{first.id}.json").write_bytes(kept)
    assert owners(data) == {first.id}


def test_where_nobody_is_left_nothing_is_sealed_and_the_gate_does_not_start(data: DataFolder) -> None:
    folder = data.config.data / "recipients"
    for path in folder.glob("*.json"):
        path.unlink()
    plant(data.config.data)
    with pytest.raises(NoRecipients, match="no recipient is in the log"):
        owners(data)
    with pytest.raises((NoRecipients, ConfigError)):
        sealable(folder, two_person=False, admitted=admitted(data))
    warned = " ".join(ask(data, Status(), ANN).warnings)
    assert "is in the log, and its file is not on the register" in warned


def test_what_is_handed_in_is_not_sealed_to_a_planted_recipient(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    drop = tmp_path / "drop"
    drop.mkdir()
    amend(gate.config, {"ingest": {"folder": str(drop)}})
    plant(gate.data)
    report = dialgate("key", "list", config=gate.config)
    assert any("not in the log" in each for each in report["warnings"])
    with ExitStack() as stack:
        data = open_folder(load(gate.config), stack)
        wraps = data.one(Ingests)._seal("rec-in", {}).wraps
    assert {who for who, _ in wraps} == {first_key(gate).id}, json.dumps(report)
