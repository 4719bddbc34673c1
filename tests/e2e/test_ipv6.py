"""IPv6 alone: phone, gate, trunk and audio on ``::1``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import linphone
from tests.support.audio import read_wav, runs
from tests.support.linphone import Linphone
from tests.support.running_gate import LISTED, UNLISTED, RunningGate
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE

AGENT, CUSTOMER, NOTICE = 1000, 600, 700


@pytest.mark.peer
def test_a_call_over_ipv6_is_announced_and_recorded_and_a_listed_number_refused(tmp_path: Path) -> None:
    linphone.required()
    gate = RunningGate(tmp_path / "gate", announcement=1.0)
    gate.set("sip", listen=f"[::1]:{gate.port}")
    gate.set("trunk", address=f"[::1]:{gate.trunk_port}")
    gate.set("media", address="::1")
    gate.start()
    try:
        far = Uas("--tone", str(CUSTOMER), "--hangup-after", "4", "--listen", f"[::1]:{gate.trunk_port}")
        phone = Linphone(tmp_path / "phone", ("[::1]", gate.port), "alice", gate.password(), AGENT)
        with far, phone:
            phone.registered()
            phone.call(LISTED)
            phone.wait(r"ended \(Call declined\)")
            phone.call(UNLISTED)
            phone.wait(r"ended \(No error\)")
            shown = far.wait("call")
            assert [each["user"] for each in far.invites] == [f"+44{UNLISTED[1:]}"]
        tones = [(at, hertz) for at, (_, hertz, _) in enumerate(shown["heard"]) if hertz]
        notice = [at for at, hertz in tones if abs(hertz - NOTICE) < 15]
        agent = [at for at, hertz in tones if abs(hertz - AGENT) < 15]
        assert len(notice) >= 4 and len(agent) >= 5 and max(notice) <= min(agent)
        assert len(runs(phone.heard(), CUSTOMER)) >= 5
        row = gate.wait(
            lambda: gate.rows("SELECT recording_id FROM recordings WHERE closed_at IS NOT NULL"), PATIENCE, "not closed"
        )[0]
        sources = [each["source"] for each in gate.rows("SELECT source FROM calls")]
        assert len(sources) == 2 and all(source.startswith("[::1]:") for source in sources), sources
        gate.export(row["recording_id"], tmp_path / "call.wav")
        samples, _ = read_wav(tmp_path / "call.wav")
        assert len(runs(samples[:, 0], AGENT)) >= 5 and len(runs(samples[:, 1], CUSTOMER)) >= 5
        assert gate.stop() == 0
        gate.verified()
    finally:
        gate.kill()
