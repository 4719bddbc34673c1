"""Calls through the line with stock peers."""

from __future__ import annotations

import pytest

from tests.support.sip_line import RunningLine, ScriptedCallManager, config_for
from tests.support.sipp import Sipp

pytestmark = pytest.mark.peer


def test_a_call_goes_through_with_stock_scenarios():
    uas = Sipp("uas", calls=1)
    uas.wait_listening()
    with RunningLine(config_for(f"127.0.0.1:{uas.port}")) as running:
        uac = Sipp("uac", remote=running.address, calls=1, extra=("-d", "300"))
        called = uac.result(20)
        answered = uas.result(20)
    assert called.code == 0, called.errors + called.messages
    assert answered.code == 0, answered.errors + answered.messages
    assert running.call_manager.kinds() == ["incoming", "ringing", "answered", "hung_up"]


def test_a_listed_number_is_refused_and_nothing_leaves():
    with RunningLine(config_for("127.0.0.1:9"), ScriptedCallManager(refused={"*": "listed_tps"})) as running:
        uac = Sipp("uac", remote=running.address, calls=1, timeout=5)
        called = uac.result(20)
    assert "SIP/2.0 603 Decline" in called.messages
    assert 'Reason: SIP;cause=603;text="listed_tps"' in called.messages
    assert running.call_manager.kinds() == ["incoming"]
