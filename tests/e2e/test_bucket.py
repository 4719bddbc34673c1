"""A running gate with a bucket: recordings go there by themselves, are checked there, and erased."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.e2e.test_retention import count, planted, state
from tests.support.running_gate import RunningGate, dialgate
from tests.support.s3 import KEY_ID, SECRET, Moto
from tests.support.sealed import first_key
from tests.support.waiting import PATIENCE

YOUNG = f"recordings/{datetime.now(UTC) - timedelta(days=300):%Y/%m/%d}/young.dgr"


def test_recordings_go_to_the_bucket_and_out_of_it_by_themselves(tmp_path: Path) -> None:
    gate, server = RunningGate(tmp_path / "gate"), Moto(tmp_path / "moto")
    try:
        server.make("recordings")
        secret = gate.folder / "bucket.secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        gate.set("retention", sweep_at="00:00")
        gate.set(
            "bucket", name="recordings", region="eu-west-2", uk="Leeds", endpoint=server.url, key_id=KEY_ID,
            secret_file="bucket.secret",
        )  # fmt: skip
        planted(gate, first_key(gate))
        gate.start()
        gate.wait(lambda: count(gate, "retention_swept") > 1, PATIENCE, "no sweep")
        gate.wait(lambda: count(gate, "recording_stored") >= 1 and state(gate, "young") == "closed", PATIENCE, "none")
        gate.wait(lambda: server.everything("recordings") == [YOUNG], PATIENCE, "others stay")
        gate.wait(lambda: not (gate.data / YOUNG).exists(), PATIENCE, "the copy stays")
        verified = {each["recording_id"]: each for each in dialgate("recording", "verify", config=gate.config)["items"]}
        assert verified["young"]["ok"]
        found = dialgate("doctor", config=gate.config, check=False)["findings"]
        assert next(each for each in found if each["subject"] == "bucket")["state"] == "ok"
        server.close()
        found = dialgate("doctor", config=gate.config, check=False)["findings"]
        finding = next(each for each in found if each["subject"] == "bucket")
        assert finding["state"] == "fail"
        assert SECRET not in str(found)
    finally:
        gate.stop()
        server.close()
