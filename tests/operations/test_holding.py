"""Holds and retention as people ask for them, on a real data folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.core.retention import HoldGround
from gate.core.rows.retention import Sweep
from gate.errors import RefusedError, UsageError
from gate.operations.audit.checkpoints import AuditVerify
from gate.operations.calls.calls import CallsShow
from gate.operations.calls.recordings import RecordingTake, RecordingVerify
from gate.operations.data_folder import DataFolder
from gate.operations.retention.holds import HoldAdd, HoldList, HoldRelease
from gate.operations.retention.schedule import RetentionForecast, RetentionStatus, RetentionSweep
from gate.operations.status.glance import Status
from gate.vault.keyfile import PrivateKey, load_private
from gate.vault.reader import open_recording
from tests.support.asking import ask
from tests.support.databases import query
from tests.support.keeping import SOUND, plant

ANN = "user:ann(1000)"
OLD = datetime.now(UTC) - timedelta(days=400)
WHY: dict[str, Any] = {"reason": "claim of a customer", "reference": "case 17/2026"}


@pytest.fixture(scope="module")
def private(original: Path) -> PrivateKey:
    keys = original / "keys"
    return load_private(keys / "first.key", (keys / "first.passphrase").read_text().strip())


@pytest.fixture
def record(data: DataFolder, private: PrivateKey) -> Any:
    """Makes an old recording under a name of the test's own."""

    def made(number: str = "+442079460123") -> str:
        count = data.store.call(lambda tx: query(tx, "SELECT count(*) AS n FROM recordings"))[0]["n"]
        name = f"rec{count:029}"
        recordings = data.config.data / "recordings"
        plant(data.store, data.keys, recordings, private.recipient, name, OLD + timedelta(minutes=count), number)
        return name

    return made


def opens(data: DataFolder, name: str, private: PrivateKey) -> bool:
    taken = ask(data, RecordingTake(recording_id=name, purpose="test"), ANN)
    _, chunks = open_recording(Path(taken.path), data.keys.wraps(name), private, recording_id=name)
    return b"".join(chunks) == SOUND


def swept(data: DataFolder) -> Sweep:
    shown = ask(data, RetentionSweep(), ANN)
    assert shown.dry_run is True
    return ask(data, RetentionSweep(execute=shown.digest), ANN)


@pytest.mark.parametrize("target", ["recording_id", "call_id", "number"])
def test_what_is_held_stays_until_it_is_released(
    data: DataFolder, record: Any, private: PrivateKey, target: str
) -> None:
    name, other = record("+447700900001"), record()
    value = {"recording_id": name, "call_id": f"call-{name}", "number": "07700 900001"}[target]
    hold = ask(data, HoldAdd(ground=HoldGround.CLAIM, **{target: value}, **WHY), ANN)
    assert hold.kept >= 1
    answer = swept(data)
    assert name in {each.recording_id for each in answer.held_by}
    assert opens(data, name, private)
    with pytest.raises(RefusedError) as refused:
        opens(data, other, private)
    assert refused.value.reason == "erased"

    ask(data, HoldRelease(hold_id=hold.id, reason="settled"), ANN)
    assert swept(data).erased == 1
    with pytest.raises(RefusedError):
        opens(data, name, private)


def test_a_restriction_is_not_opened_and_says_its_name(data: DataFolder, record: Any, private: PrivateKey) -> None:
    name = record()
    ask(data, HoldAdd(ground=HoldGround.CLAIM, recording_id=name, **WHY), ANN)
    assert opens(data, name, private), "a hold alone lets it be heard"
    hold = ask(data, HoldAdd(call_id=f"call-{name}", restriction=True, **WHY), ANN)
    before = len(ask(data, CallsShow(call_id=f"call-{name}"), ANN).facts)
    with pytest.raises(RefusedError, match=rf"restriction case 17/2026 \({hold.id}\)") as refused:
        opens(data, name, private)
    assert refused.value.reason == "restricted"
    shown = ask(data, CallsShow(call_id=f"call-{name}"), ANN)
    assert len(shown.facts) == before, "nothing was taken, so nothing says so"
    assert [fact.kind for fact in shown.facts].count("hold") == 2
    ask(data, HoldRelease(hold_id=hold.id, reason="settled"), ANN)
    assert opens(data, name, private)


def test_a_hold_comes_too_late_for_what_is_erased_or_under_way(data: DataFolder, record: Any) -> None:
    name, begun = record("+447700900002"), record("+447700900002")
    swept(data)
    with pytest.raises(RefusedError) as refused:
        ask(data, HoldAdd(ground=HoldGround.CLAIM, recording_id=name, **WHY), ANN)
    assert refused.value.reason == "erased"
    hold = ask(data, HoldAdd(ground=HoldGround.CLAIM, number="07700900002", **WHY), ANN)
    assert (hold.kept, hold.gone) == (0, 2)
    assert begun


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "one thing"),
        ({"recording_id": "a", "number": "02079460123"}, "one thing"),
        ({"recording_id": "nothing"}, "no recording nothing"),
        ({"call_id": "nothing"}, "no call nothing"),
        ({"number": "nothing"}, "not a number"),
        ({"number": "02079460123", "reason": " "}, "needs reason"),
        ({"number": "02079460123", "reference": ""}, "needs reference"),
    ],
)
def test_a_hold_names_one_thing_and_says_why(data: DataFolder, fields: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ask(data, HoldAdd(ground=HoldGround.CLAIM, **{**WHY, **fields}), ANN)


def test_a_hold_is_released_once_and_for_a_reason(data: DataFolder) -> None:
    hold = ask(data, HoldAdd(ground=HoldGround.CLAIM, number="07700900003", **WHY), ANN)
    assert hold.id in {each.id for each in ask(data, HoldList(number="07700900003"), ANN).items}
    with pytest.raises(UsageError, match="needs reason"):
        ask(data, HoldRelease(hold_id=hold.id, reason=""), ANN)
    released = ask(data, HoldRelease(hold_id=hold.id, reason="settled"), "user:bob(2)")
    assert released.released == f"hold case 17/2026 ({hold.id})"
    with pytest.raises(UsageError, match="no hold"):
        ask(data, HoldRelease(hold_id=hold.id, reason="settled"), ANN)
    assert ask(data, HoldList(number="07700900003"), ANN).items == []
    (over,) = ask(data, HoldList(number="07700900003", released=True), ANN).items
    assert (over.released_by, over.released_why) == ("user:bob(2)", "settled")


def test_erased_recordings_verify_as_such(data: DataFolder, record: Any) -> None:
    name = record()
    path = Path(ask(data, RecordingTake(recording_id=name, purpose="test"), ANN).path)
    swept(data)
    (item,) = ask(data, RecordingVerify(recording_id=name), ANN).items
    assert (item.ok, item.fault) == (True, "erased")
    path.write_bytes(b"")
    (item,) = ask(data, RecordingVerify(recording_id=name), ANN).items
    assert (item.ok, item.fault) == (False, "erased, but its file is still there")
    data.retention.at_start()
    assert not path.exists()


def test_the_forecast_and_the_state_of_things(data: DataFolder, record: Any) -> None:
    swept(data)
    record()
    ask(data, HoldAdd(ground=HoldGround.CLAIM, recording_id=record(), **WHY), ANN)
    (today,) = ask(data, RetentionForecast(days=0), ANN).days
    assert (today.due, today.held) == (1, 1)
    status = ask(data, RetentionStatus(), ANN)
    assert (status.due, status.held, status.waits) == (1, 1, "")
    assert status.last.complete is True
    assert ask(data, AuditVerify(), ANN).ok


def test_the_status_of_the_gate_says_that_the_daily_sweep_waits(
    data: DataFolder, record: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept(data)
    assert not [each for each in ask(data, Status(), ANN).warnings if "sweep" in each]
    monkeypatch.setattr(data.retention, "_last", lambda: None)
    record()
    (warning,) = [each for each in ask(data, Status(), ANN).warnings if "sweep" in each]
    assert warning.startswith("The daily sweep waits: recordings are due")
    assert ask(data, RetentionStatus(), ANN).waits in warning
