"""SIPp's stock scenarios, unmodified, through the whole gate."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.running_gate import LISTED, UNLISTED, running
from tests.support.sipp import Sipp
from tests.support.waiting import PATIENCE


@pytest.mark.peer
def test_calls_go_through_with_all_their_leaves(tmp_path: Path) -> None:
    with running(tmp_path / "gate", announcement=1.0) as gate:
        far = Sipp("uas", port=gate.trunk_port, calls=20, timeout=PATIENCE, trace=False)
        far.wait_listening()
        near = Sipp("uac", remote=gate.address, calls=20, rate=10, service=UNLISTED, timeout=PATIENCE, trace=False)
        result = near.result()
        assert (result.successful, result.failed) == (20, 0), result.errors + gate.said()
        assert far.result().failed == 0
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
        assert gate.stop() == 0
        calls = gate.rows("SELECT * FROM calls")
        assert len(calls) == 20
        for call in calls:
            kinds = gate.kinds(call["call_id"])
            assert kinds[0] == "decision"
            assert sorted(kinds[1:]) == [
                *("announced", "answered", "connected", "ended", "recording_closed", "recording_opened"),
            ]
            assert (call["verdict"], call["state"], call["bridged"]) == ("allow", "ended", 1)
        assert gate.verified()["checked"]["unsigned"] == 0


@pytest.mark.peer
def test_a_listed_number_is_refused_and_nothing_reaches_the_trunk(tmp_path: Path) -> None:
    with running(tmp_path / "gate") as gate:
        far = Sipp("uas", port=gate.trunk_port, timeout=PATIENCE)
        far.wait_listening()
        near = Sipp("uac", remote=gate.address, calls=5, service=LISTED, timeout=PATIENCE)
        result = near.result()
        assert (result.successful, result.failed) == (0, 5)
        assert "SIP/2.0 603 Decline" in result.messages
        assert 'text="listed_tps"' in result.messages
        assert "INVITE" not in far.stop().messages
        rows = gate.rows("SELECT call_id, verdict, reason FROM calls")
        assert [(row["verdict"], row["reason"]) for row in rows] == [("block", "listed_tps")] * 5
        assert all(row["call_id"] in result.messages for row in rows)
