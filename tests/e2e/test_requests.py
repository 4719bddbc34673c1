"""An erasure on a real gate: a call made and recorded, the request worked over the socket, the gate killed in the
middle of it, finished at the next start."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from gate.errors import GateError, VaultError
from gate.vault.reader import open_recording
from tests.support.keeping import plant
from tests.support.phones import Phones
from tests.support.requesting import PERSON, SPELLED, START, opened, spelled_in
from tests.support.running_gate import RunningGate
from tests.support.sealed import first_key
from tests.support.uas import Uas
from tests.support.vault import found_in
from tests.support.waiting import PATIENCE

DIALLED = SPELLED.replace(" ", "")
PLANTED = 20
SAID = ("7700900123", "7700 900123", "Pat Person", "pat@example.org")


def count(gate: RunningGate, kind: str) -> int:
    return int(gate.rows("SELECT count(*) AS n FROM facts WHERE kind = ?", kind)[0]["n"])


def test_erased_for_good_whatever_happens_to_the_gate(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate", announcement=0.6)
    gate.add_pbx()
    private = first_key(gate)
    with opened(gate.folder) as data:
        for n in range(PLANTED):
            at = START + timedelta(hours=n)
            plant(data.store, data.keys, gate.data / "recordings", private.recipient, f"old{n:02}", at, PERSON)
    gate.start()
    with Uas(port=gate.trunk_port), Phones(to=gate.address) as near:
        talk = near.dial(DIALLED)
        near.wait([talk], "up", PATIENCE)
        near.hang_up(talk)
    gate.wait(lambda: count(gate, "recording_closed") == PLANTED + 1, PATIENCE, "the call is not recorded")
    recordings = [row["recording_id"] for row in gate.rows("SELECT recording_id FROM recordings")]
    sealed = {path.stem: path.read_bytes() for path in (gate.data / "recordings").rglob("*.dgr")}
    assert set(sealed) == set(recordings)

    who = {"name": "Pat Person", "contact": "pat@example.org", "numbers": [SPELLED]}
    ask = gate.client.call
    request = ask("request_open", asks="erasure", channel="email", **who)["reference"]
    ask("request_verify_identity", request=request, checked="passport seen")
    assert ask("request_search", request=request)["found"] == PLANTED + 1
    ask("request_decide", request=request, grant=True)
    wraps = [wrap for name in recordings for wrap in wraps_of(gate, name)]
    with Uas(port=gate.trunk_port), Phones(to=gate.address) as near:
        talk = near.dial(DIALLED)
        near.wait([talk], "over", PATIENCE)
        assert "objected" in talk.reasons[0], "uncallable from the grant on"

    killed_while_erasing(gate, request)
    gate.start()
    shown = ask("request_show", request=request)
    assert shown["carried_out"]["recordings"] == PLANTED + 1, "finished before the line opened"
    assert count(gate, "recording_erased") == PLANTED + 1
    ask("request_letter", request=request, kind="confirmation")
    ask("request_told", request=request)

    assert spelled_in(gate.data, *SAID) == []
    assert found_in(gate.data, wraps) == []
    assert list((gate.data / "recordings").rglob("*.dgr")) == []
    for name, data in list(sealed.items())[-3:]:
        backup = tmp_path / f"{name}.dgr"
        backup.write_bytes(data)
        with pytest.raises(VaultError):
            open_recording(backup, [], private, recording_id=name)
    assert ask("check", number=DIALLED)["reason"] == "objected"
    assert gate.client.call("status")["requests"] == {"open": 0, "warned": 0, "overdue": 0, "stuck": 0}
    assert gate.stop() == 0
    assert spelled_in(gate.data, *SAID) == []
    gate.verified()


def wraps_of(gate: RunningGate, recording_id: str) -> list[bytes]:
    import base64

    taken = gate.client.call("recording_take", recording_id=recording_id, purpose="test", recipient="")
    return [base64.b64decode(each["wrap"]) for each in taken["wraps"]]


def killed_while_erasing(gate: RunningGate, request: str) -> None:
    """The erasure begun over the socket, and the gate killed in it. One file will not go, so that it cannot end before;
    afterwards it would."""
    (stuck,) = (gate.data / "recordings").rglob("old10.dgr")
    stuck.unlink()
    stuck.mkdir()
    (stuck / "in-the-way").touch()

    def ask() -> None:
        with suppress(GateError):  # the gate is gone before it answers, or says that one file would not go
            gate.client.call("request_carry_out", request=request, execute=True)

    asking = threading.Thread(target=ask)
    asking.start()
    gate.wait(lambda: count(gate, "request_carrying"), PATIENCE, "the erasure does not begin")
    gate.stop(signal.SIGKILL)
    asking.join()
    assert count(gate, "request_carried") == 0
    (stuck / "in-the-way").unlink()
    stuck.rmdir()
