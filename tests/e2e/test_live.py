"""A real call, watched: its states, its announcement, its levels, its end; and its envelope afterwards."""

from __future__ import annotations

import base64
import threading
from pathlib import Path

import msgspec
import pytest

from gate.client.listening import read_envelope
from gate.client.recordings import sealed_file
from gate.core.rows.calls import LiveNow
from gate.errors import RefusedError
from gate.vault.reader import open_trailer
from tests.support.phones import Phones
from tests.support.running_gate import running
from tests.support.sealed import first_key
from tests.support.waiting import PATIENCE

NUMBER = "01134960510"


def test_a_call_is_seen_from_its_first_ring_to_its_end(tmp_path: Path) -> None:
    seen: list[LiveNow] = []
    with running(tmp_path / "gate", announcement=1.0) as gate:
        watching = gate.client.watch()

        def read() -> None:
            seen.extend(watching)

        thread = threading.Thread(target=read)
        thread.start()
        with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
            (talk,) = near.wait([near.dial(NUMBER)], "up", PATIENCE)
            gate.wait(
                lambda: level(seen[-1], "caller") > 20 and level(seen[-1], "callee") > 20, PATIENCE, "no level moves"
            )
            near.hang_up(talk)
            assert len(far.all()) == 1
            gate.wait(lambda: seen[-1].counts and not seen[-1].calls, PATIENCE, "the call is left")
        watching.close()
        thread.join(PATIENCE)
        (row,) = gate.rows("SELECT * FROM recordings")
        listed = gate.client.call("calls_list", text=NUMBER)["items"]
        sealed = gate.data / "recordings" / row["path"]
        with pytest.raises(RefusedError) as refused:
            gate.client.call("recording_piece", recording_id=row["recording_id"])
        assert refused.value.reason == "not_taken"
        wraps = gate.client.call("recording_take", recording_id=row["recording_id"], purpose="test")["wraps"]
        with sealed_file(gate.client, row["recording_id"], tmp_path / "not-for-us" / "x.dgr") as copy:
            assert copy.read_bytes() == sealed.read_bytes()
        told = [(wrap["recipient"], base64.b64decode(wrap["wrap"])) for wrap in wraps]
        trailer = open_trailer(sealed, told, first_key(gate))
    calls = [snapshot.calls[0] for snapshot in seen if snapshot.calls]
    assert {call.call_id for call in calls} == {row["call_id"]} == {call["call_id"] for call in listed}
    states = list(dict.fromkeys(call.state for call in calls))
    assert states.index("announcing") < states.index("talking")
    assert {"playing", "played"} <= {call.announcement for call in calls}
    assert {call.claimed_by for call in calls} == {"trunk:pbx"}
    assert {call.number for call in calls if call.state != "screening"} == {"+44 1134 *** *10"}
    assert NUMBER[1:] not in msgspec.json.encode(seen).decode()
    assert calls[-1].recorded
    assert not calls[0].recorded
    assert seen[-1].counts == {"not_listed": 1}
    assert seen[-1].minutes[-1].allow + seen[-1].minutes[-2].allow == 1

    envelope = read_envelope(trailer)
    assert abs(envelope.seconds - row["seconds"]) < 0.1
    assert len(envelope.caller) == len(envelope.callee) == int(envelope.seconds / 0.1) + 1
    assert max(envelope.caller) > 20
    assert max(envelope.callee) > 20


def level(snapshot: LiveNow, side: str) -> int:
    return max((getattr(call.levels, side) for call in snapshot.calls), default=0)
