"""A whole data folder put back from before an objection, an erasure and a sweep, on a real gate with real calls."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.attack.rollback import dial
from tests.support.databases import put_in_place
from tests.support.keeping import plant
from tests.support.requesting import PERSON, SPELLED, opened
from tests.support.running_gate import UNLISTED, RunningGate, dialgate
from tests.support.sealed import first_key
from tests.support.vault import found_in
from tests.support.written import written

PATIENCE = 90
OTHER = "02079460124"
OLD = datetime.now(UTC) - timedelta(days=400)


def called(gate: RunningGate, number: str) -> dict[str, object]:
    return dial(number, ("127.0.0.1", gate.port), ("127.0.0.1", gate.trunk_port))


def test_the_objector_is_refused_on_the_first_call_and_nothing_erased_opens(tmp_path: Path) -> None:
    place = tmp_path / "second place"
    place.mkdir()
    gate = RunningGate(tmp_path / "gate")
    gate.add_pbx()
    gate.set("storage", memory=str(place))
    gate.set("retention", sweep_at="00:00")
    private = first_key(gate)
    with opened(gate.folder) as data:
        body = {"day": f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}", "complete": True}
        written(data, "retention_swept", "retention", "gate", {**body, "terms": {"months": 12, "years": {}}})
        young = datetime.now(UTC) - timedelta(days=30)
        for name, at, number in (
            ("old", OLD, "+442079460125"),
            ("hers", young, PERSON),
            ("young", young, "+442079460125"),
        ):
            plant(data.store, data.keys, gate.data / "recordings", private.recipient, name, at, number)
        wraps = {name: [wrap for _, wrap in data.keys.wraps(name)] for name in ("old", "hers", "young")}
    backup = tmp_path / "backup"
    put_in_place(gate.data, backup)

    gate.start()
    try:
        swept = "SELECT 1 FROM recordings WHERE recording_id = 'old' AND erased_at IS NOT NULL"
        gate.wait(lambda: gate.rows(swept), PATIENCE, "no sweep")
        ask = gate.client.call
        ask("objection_add", number=UNLISTED)
        who = {"name": "Pat Person", "contact": "pat@example.org", "numbers": [SPELLED]}
        request = ask("request_open", asks="erasure", channel="email", **who)["reference"]
        ask("request_verify_identity", request=request, checked="passport seen")
        ask("request_search", request=request)
        ask("request_decide", request=request, grant=True)
        assert ask("request_carry_out", request=request, execute=True)["recordings"] == 1
        assert ask("memory_status")["warnings"] == []
    finally:
        gate.stop()
    assert not any(b"7700900123" in path.read_bytes() for path in place.iterdir())

    put_in_place(backup, gate.data)
    gate.start()
    try:
        told = called(gate, UNLISTED)
        assert (told["reached"], "objected" in str(told["reason"])) == (False, True), told
        told = called(gate, SPELLED.replace(" ", ""))
        assert (told["reached"], "objected" in str(told["reason"])) == (False, True), told
        assert called(gate, OTHER)["reached"], "nobody else is stopped"
        (said,) = gate.rows("SELECT leaf_index, body FROM facts WHERE kind = 'memory_replayed'")
        what = json.loads(said["body"])
        assert (what["recordings"], what["objections"] >= 1, what["facts"] >= 1) == (2, True, True), what
        (start,) = gate.rows("SELECT leaf_index FROM facts WHERE kind = 'gate_started'")
        assert said["leaf_index"] < start["leaf_index"], "before a call is let through"
        states = {row["recording_id"]: row["state"] for row in gate.rows("SELECT recording_id, state FROM recordings")}
        assert (states["old"], states["hers"], states["young"]) == ("erased", "erased", "closed")
        assert gate.rows("SELECT 1 FROM calls WHERE number = ? AND recording_id = 'hers'", PERSON) == []
    finally:
        assert gate.stop() == 0
    assert found_in(gate.data, wraps["old"] + wraps["hers"]) == [], "no copy of their keys is left"
    assert found_in(gate.data, wraps["young"]) == wraps["young"]
    gate.verified()
    shown = dialgate("memory", "status", config=gate.config)
    assert (shown["compared"], shown["refused"]) == (True, "")


def test_a_gate_without_the_place_that_it_had_makes_no_marketing_call(tmp_path: Path) -> None:
    place = tmp_path / "second place"
    place.mkdir()
    gate = RunningGate(tmp_path / "gate")
    gate.add_pbx()
    gate.set("storage", memory=str(place))
    with opened(gate.folder):
        pass
    place.rename(tmp_path / "away")
    gate.start()
    try:
        told = called(gate, OTHER)
        assert (told["reached"], "memory_unavailable" in str(told["reason"])) == (False, True), told
        assert gate.client.call("decide", number=OTHER, purpose="service")["reason"] == "service_call"
        assert any("memory renew" in each for each in gate.client.call("status")["warnings"])
        (tmp_path / "away").rename(place)
        gate.wait(lambda: not gate.client.call("memory_status")["refused"], PATIENCE, "not compared")
        assert called(gate, OTHER)["reached"], "it goes on by itself"
    finally:
        gate.stop()
