"""SIPp on both sides of the line: one scenario for each thing that happens to a call."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.sip_digest import authorization, challenge
from tests.support.sip_line import RunningLine, ScriptedCallManager, config_for
from tests.support.sipp import Sipp
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.peer

HERE = Path(__file__).parent / "scenarios"


def run(
    uac: str,
    uas: str,
    call_manager: ScriptedCallManager | None = None,
    *,
    seconds: float = PATIENCE,
    keys: tuple[str, ...] = (),
    **config,
):
    """Both to their end, without a message that they did not expect."""
    far = Sipp(HERE / f"{uas}.xml", timeout=seconds, extra=keys)
    far.wait_listening()
    with RunningLine(config_for(f"127.0.0.1:{far.port}", **config), call_manager, {"x": "carrier-secret"}) as running:
        near = Sipp(HERE / f"{uac}.xml", remote=running.address, timeout=seconds)
        called, answered = near.result(), far.result()
        assert called.code == 0, called.errors + called.messages
        assert answered.code == 0, answered.errors + answered.messages
    return running.call_manager, called, answered


def test_cancel_before_180():
    call_manager, _, _ = run("uac_cancel_before_180", "uas_silent_then_cancelled")
    assert call_manager.kinds() == ["incoming", "hung_up"]


def test_cancel_after_180():
    call_manager, _, _ = run("uac_cancel_after_180", "uas_rings_then_cancelled")
    assert call_manager.kinds() == ["incoming", "ringing", "hung_up"]


def test_busy():
    call_manager, _, _ = run("uac_busy", "uas_busy")
    assert call_manager.wait("failed")[2] == "486"


def test_no_answer():
    call_manager, _, _ = run("uac_no_answer", "uas_rings_then_cancelled", sip={"no_answer_seconds": 1})
    assert call_manager.wait("failed")[3] == "no_answer"


def test_the_caller_holds_and_resumes():
    call_manager, _, _ = run("uac_hold", "uas_held")
    assert call_manager.kinds() == ["incoming", "ringing", "answered", "hung_up"]
    assert len(call_manager.payloads) == 3


def test_the_callee_holds_and_resumes():
    call_manager, _, _ = run("uac_is_held", "uas_holds")
    assert call_manager.wait("hung_up")[2] == "callee"
    assert len(call_manager.payloads) == 3


def test_bye_from_the_callee():
    call_manager, _, _ = run("uac_is_hung_up_on", "uas_bye")
    assert call_manager.wait("hung_up")[2] == "callee"


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("code", [401, 407])
def test_the_trunk_asks_for_credentials(code, algorithm):
    trunk = {"username": "firm", "password_file": "x"}
    _, _, answered = run("uac_hung_up", f"uas_{code}", keys=("-key", "algorithm", algorithm), trunk_options=trunk)
    header = "Authorization" if code == 401 else "Proxy-Authorization"
    sent = re.search(rf"^{header}: (Digest .*?)\r?$", answered.messages, re.MULTILINE)[1]
    told = challenge(sent)
    assert told["algorithm"] == algorithm
    expected = authorization(told, "firm", "carrier-secret", "INVITE", told["uri"], cnonce=told["cnonce"])
    assert challenge(expected)["response"] == told["response"]


def test_a_retransmitted_invite_gets_the_same_refusal_and_is_one_attempt():
    call_manager = ScriptedCallManager(refused={"*": "listed_tps"})
    with RunningLine(config_for("127.0.0.1:9"), call_manager) as running:
        calm = ("-default_behaviors", "all,-abortunexp")
        called = Sipp(HERE / "uac_refused_twice.xml", remote=running.address, timeout=PATIENCE, extra=calm).result()
    assert called.code == 0, called.errors + called.messages
    assert called.messages.count("SIP/2.0 603 Decline") >= 2
    assert call_manager.kinds() == ["incoming"]


def test_a_lost_ack_ends_the_call_after_32_seconds():
    call_manager, called, _ = run("uac_never_acks", "uas_held_on", seconds=60, sip={"dead_peer_seconds": 300})
    assert called.messages.count("SIP/2.0 200 OK") >= 8
    assert call_manager.wait("hung_up")[2:] == ("gate", "no_ack")


@pytest.mark.load
def test_100_calls_a_second_with_stock_scenarios():
    """Five seconds of SIPp's own uac and uas: every call is told from its beginning to its end. On a busy
    machine the line may send some away, each by name and counted, and nothing else goes wrong."""
    calls = 500
    far = Sipp("uas", calls=10 * calls, timeout=PATIENCE, trace=False)
    far.wait_listening()
    with RunningLine(config_for(f"127.0.0.1:{far.port}"), ScriptedCallManager(connect_after=0.2)) as running:
        near = Sipp(
            "uac", remote=running.address, calls=calls, rate=100, timeout=PATIENCE, trace=False, extra=("-d", "500")
        )
        called = near.result()
        far.stop()
        kinds = running.call_manager.kinds()
        shed = kinds.count("shed")
        carried = calls - shed
        assert carried and (called.successful, called.failed) == (carried, shed), called.errors[-2000:]
        assert set(re.findall(r"X-Dialgate-Reason: (\w+)", called.errors)) <= {"too_many_calls", "decision_late"}
        assert {kind: kinds.count(kind) for kind in set(kinds) - {"shed"}} == dict.fromkeys(
            ("incoming", "ringing", "answered", "hung_up"), carried
        )
        assert len(running.relay.closed) == carried
