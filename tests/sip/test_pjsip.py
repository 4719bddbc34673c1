"""PJSIP, the SIP stack of Asterisk's chan_pjsip, on either side of a real gate: phone, PBX and carrier."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import pjsip
from tests.support.audio import read_wav, runs
from tests.support.phones import Phones, Talk, heard, is_tone, speaking
from tests.support.pjsip import Pjsip
from tests.support.running_gate import LISTED, UNLISTED, RunningGate
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.peer

AGENT, CUSTOMER, NOTICE = 1000, 600, 700


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RunningGate]:
    pjsip.required()
    gate = RunningGate(tmp_path / "gate", announcement=1.0)
    gate.set("calling", redial_hours=0)
    gate.start()
    yield gate
    gate.stop()


def phone_of(gate: RunningGate, **settings: str) -> Pjsip:
    """Alice's phone."""
    return Pjsip(gate.folder / "phone", gate.address, "alice", tone=AGENT, password=gate.password(), **settings)


def recording(gate: RunningGate, output: Path) -> np.ndarray:
    """The one recording, opened."""
    rows = gate.wait(
        lambda: gate.rows("SELECT recording_id FROM recordings WHERE closed_at IS NOT NULL"), PATIENCE, "no recording"
    )
    gate.export(rows[0]["recording_id"], output)
    samples, _ = read_wav(output)
    return np.asarray(samples)


@pytest.mark.parametrize("codec", ["PCMU/8000", "PCMA/8000"])
def test_a_phone_registers_and_talks_after_the_announcement(gate: RunningGate, codec: str, tmp_path: Path) -> None:
    far = Uas("--tone", str(CUSTOMER), "--hangup-after", "4", port=gate.trunk_port)
    with far, phone_of(gate, codec=codec) as phone:
        phone.wait("registered", code=200)
        phone.do("dial", number=UNLISTED)
        phone.wait("state", state="CONFIRMED")
        phone.wait("state", state="DISCONNECTED")
        shown = far.wait("call")
    tones = [(hertz, at) for at, (_, hertz, _) in enumerate(shown["heard"]) if hertz]
    notice = [at for hertz, at in tones if abs(hertz - NOTICE) < 15]
    agent = [at for hertz, at in tones if abs(hertz - AGENT) < 15]
    assert len(notice) >= 4
    assert len(agent) >= 5
    assert max(notice) <= min(agent)
    assert len(runs(phone.heard(), CUSTOMER)) >= 5
    samples = recording(gate, tmp_path / "call.wav")
    assert len(runs(samples[:, 0], AGENT)) >= 5
    assert len(runs(samples[:, 1], CUSTOMER)) >= 5


def test_a_listed_number_is_refused_and_the_carrier_hears_nothing(gate: RunningGate) -> None:
    with Uas(port=gate.trunk_port) as far, phone_of(gate) as phone:
        phone.wait("registered", code=200)
        phone.do("dial", number=LISTED)
        assert phone.wait("state", state="DISCONNECTED")["code"] == 603
        phone.do("dial", number=UNLISTED)
        far.wait("invite")
        assert [what["user"] for what in far.told if what["event"] == "invite"] == [f"+44{UNLISTED[1:]}"]


def test_hold_and_resume_in_a_call(gate: RunningGate) -> None:
    with Uas("--tone", str(CUSTOMER), port=gate.trunk_port), phone_of(gate) as phone:
        phone.wait("registered", code=200)
        phone.do("dial", number=UNLISTED)
        phone.wait("state", state="CONFIRMED")
        phone.wait("media", active=True)
        phone.do("hold")
        phone.wait("media", active=False)
        active = sum(what == {"event": "media", "active": True} for what in phone.told)
        phone.do("resume")
        phone.wait("media", active=True, count=active + 1)
        phone.do("hang_up")
        phone.wait("state", state="DISCONNECTED")
    gate.wait(lambda: gate.rows("SELECT 1 FROM calls WHERE state='ended' AND ended_by='caller'"), PATIENCE, "no end")


def test_the_carrier_presses_nine_and_is_on_the_list(gate: RunningGate) -> None:
    carrier = Pjsip(
        gate.folder / "far", gate.address, "carrier", tone=CUSTOMER, port=gate.trunk_port, answer=True
    )  # fmt: skip
    with carrier, phone_of(gate) as phone:
        phone.wait("registered", code=200)
        phone.do("dial", number=UNLISTED)
        carrier.wait("state", state="CONFIRMED")
        carrier.wait("media", active=True)
        carrier.do("keys", keys="9")
        carrier.wait("state", state="DISCONNECTED")
        phone.wait("state", state="DISCONNECTED")
        phone.do("dial", number=UNLISTED)
        phone.wait("state", state="DISCONNECTED", count=2)
    reasons = [row["reason"] for row in gate.rows("SELECT reason FROM calls ORDER BY leaf_index")]
    assert reasons == ["not_listed", "objected"]


@pytest.mark.parametrize(("refusal", "phrase"), [(600, "on the TPS"), (486, "on the TPS"), (480, "on the TPS")])
def test_a_pbx_is_refused_by_the_code_upon_which_it_gives_up(tmp_path: Path, refusal: int, phrase: str) -> None:
    pjsip.required()
    gate = RunningGate(tmp_path / "gate", announcement=1.0)
    gate.add_pbx(refusal=refusal)
    gate.start()
    try:
        far, pbx = Uas(port=gate.trunk_port), Pjsip(tmp_path / "pbx", gate.address, "101")
        with far, pbx:
            pbx.do("dial", number=LISTED)
            told = pbx.wait("state", state="DISCONNECTED")
            assert told["code"] == refusal
            assert told["phrase"].endswith(phrase)
        assert not far.calls
        assert not [what for what in far.told if what["event"] == "invite"]
    finally:
        gate.stop()


def test_a_pbx_whose_caller_leaves_in_the_announcement_is_told_no_failure(tmp_path: Path) -> None:
    """The callee hangs up while the announcement plays: 200 and BYE, so that no next trunk is dialled."""
    pjsip.required()
    gate = RunningGate(tmp_path / "gate", announcement=4.0)
    gate.add_pbx()
    gate.start()
    try:
        carrier = Pjsip(tmp_path / "far", gate.address, "carrier", tone=CUSTOMER, port=gate.trunk_port, answer=True)
        with carrier, Pjsip(tmp_path / "pbx", gate.address, "101") as pbx:
            pbx.do("dial", number=UNLISTED)
            carrier.wait("media", active=True)
            carrier.do("hang_up")
            told = pbx.wait("state", state="DISCONNECTED")
            assert told["code"] == 200
        assert not runs(pbx.heard(), CUSTOMER)
        row = gate.wait(lambda: gate.rows("SELECT * FROM calls WHERE state='ended'"), PATIENCE, "no end")[0]
        assert (row["ended_by"], row["cause"], row["bridged"]) == ("callee", "hung_up", 0)
        assert not row["announced"]
    finally:
        gate.stop()


def test_a_pbx_that_offers_nothing_hears_the_callee_after_the_announcement(gate: RunningGate, tmp_path: Path) -> None:
    """INVITE without SDP: the 200 offers, the ACK answers; the recording has both."""
    far = Uas("--tone", str(CUSTOMER), "--hangup-after", "4", port=gate.trunk_port)
    with far, phone_of(gate, codec="PCMA/8000") as phone:
        phone.wait("registered", code=200)
        phone.do("dial", number=UNLISTED, without_offer=True)
        phone.wait("state", state="CONFIRMED")
        phone.wait("state", state="DISCONNECTED")
        shown = far.wait("call")
    tones = [(hertz, at) for at, (_, hertz, _) in enumerate(shown["heard"]) if hertz]
    notice = [at for hertz, at in tones if abs(hertz - NOTICE) < 15]
    agent = [at for hertz, at in tones if abs(hertz - AGENT) < 15]
    assert len(notice) >= 4
    assert len(agent) >= 5
    assert max(notice) <= min(agent)
    assert len(runs(phone.heard(), CUSTOMER)) >= 5
    samples = recording(gate, tmp_path / "call.wav")
    assert len(runs(samples[:, 0], AGENT)) >= 5
    assert len(runs(samples[:, 1], CUSTOMER)) >= 5


def test_peers_that_insist_on_session_timers_and_100rel_are_connected(gate: RunningGate) -> None:
    """The phone requires ``timer``; the carrier too, and takes no INVITE that does not offer 100rel (421)."""
    carrier = Pjsip(
        gate.folder / "far", gate.address, "carrier", tone=CUSTOMER, port=gate.trunk_port, answer=True,
        insists="timer 100rel",
    )  # fmt: skip
    with carrier, phone_of(gate, insists="timer") as phone:
        phone.wait("registered", code=200)
        phone.do("dial", number=UNLISTED)
        carrier.wait("state", state="CONFIRMED")
        phone.wait("state", state="CONFIRMED")
        phone.do("hang_up")
        carrier.wait("state", state="DISCONNECTED")
    gate.wait(lambda: gate.rows("SELECT 1 FROM calls WHERE state='ended' AND ended_by='caller'"), PATIENCE, "no end")


FIRST, SECOND = "+442079460123", "+442079460124"
TONES = {FIRST: 600.0, SECOND: 1400.0}


def callees(gate: RunningGate) -> Phones:
    """Who is called, each with a tone of its own."""
    return Phones(port=gate.trunk_port, audio=lambda number: speaking(TONES[number]), keep=True)


def talks(gate: RunningGate, far: Phones, count: int) -> list[Talk]:
    """The callees, once so many are up."""
    gate.wait(lambda: len(far.all()) == count, PATIENCE, "nobody is called")
    return far.wait(far.all(), "up", PATIENCE)


def until_heard(gate: RunningGate, talk: Talk, frequency: float) -> None:
    gate.wait(lambda: heard(talk, frequency) > 0.6, PATIENCE, f"{talk.number} does not hear {frequency}")


def calls(gate: RunningGate) -> list[dict[str, Any]]:
    """Two calls, once both are over and their recordings closed."""

    def over() -> list[dict[str, Any]]:
        rows = gate.rows("SELECT * FROM calls ORDER BY leaf_index")
        closed = gate.rows("SELECT 1 FROM recordings WHERE closed_at IS NOT NULL")
        return rows if len(closed) == len(rows) == 2 and all(row["state"] == "ended" for row in rows) else []

    return list(gate.wait(over, PATIENCE, "the calls do not end"))


def kept(gate: RunningGate, call: dict[str, Any], path: Path) -> np.ndarray:
    """A call's recording, opened: caller and callee."""
    gate.export(call["recording_id"], path)
    samples, _ = read_wav(path)
    return np.asarray(samples)


def test_a_phone_transfers_a_callee_who_is_on_hold(gate: RunningGate, tmp_path: Path) -> None:
    """By the book: hold, REFER with the password. Each hears what is theirs, and each recording has it."""
    with callees(gate) as far, phone_of(gate) as phone:
        phone.wait("registered", code=200)
        phone.do("dial", number=UNLISTED)
        phone.wait("state", state="CONFIRMED")
        (first,) = talks(gate, far, 1)
        until_heard(gate, first, AGENT)
        phone.do("transfer", number=LISTED)
        assert phone.wait("transfer", last=True)["code"] == 603
        phone.do("hold")
        phone.wait("media", active=False)
        phone.do("transfer", number=SECOND)
        phone.wait("state", state="DISCONNECTED")
        assert phone.wait("transfer", last=True, code=200)
        _, second = talks(gate, far, 2)
        until_heard(gate, second, TONES[FIRST])
        until_heard(gate, first, TONES[SECOND])
        connected = next(at for at, data in second.heard if is_tone(data, TONES[FIRST]))
        assert heard(second, AGENT) == 0.0
        assert heard(second, NOTICE) - heard(second, NOTICE, connected) > 0.8
        far.hang_up(second)
    rows = gate.rows("SELECT * FROM calls WHERE verdict = 'block'")
    assert [row["reason"] for row in rows] == ["listed_tps"]
    gate.wait(lambda: first.state == "over", PATIENCE, "the other one is not hung up on")
    one, two = (row for row in gate.rows("SELECT * FROM calls WHERE verdict = 'allow' ORDER BY leaf_index"))
    gate.wait(
        lambda: len(gate.rows("SELECT 1 FROM recordings WHERE closed_at IS NOT NULL")) == 2, PATIENCE, "not closed"
    )
    before, after = kept(gate, one, tmp_path / "one.wav"), kept(gate, two, tmp_path / "two.wav")
    assert len(runs(before[:, 0], AGENT)) >= 2 and len(runs(before[:, 1], int(TONES[FIRST]))) >= 2
    assert not runs(before[:, 1], int(TONES[SECOND]))
    assert len(runs(after[:, 0], int(TONES[FIRST]))) >= 2 and len(runs(after[:, 1], int(TONES[SECOND]))) >= 2
    assert not runs(after[:, 0], AGENT)


def test_a_phone_joins_two_callees(gate: RunningGate, tmp_path: Path) -> None:
    """Attended: the first on hold, the second asked, then both joined; all of it is in the second recording."""
    with callees(gate) as far, phone_of(gate) as phone:
        phone.wait("registered", code=200)
        phone.do("dial", number=UNLISTED)
        phone.wait("state", state="CONFIRMED")
        (first,) = talks(gate, far, 1)
        until_heard(gate, first, AGENT)
        phone.do("hold")
        phone.wait("media", active=False)
        phone.do("dial", number=SECOND)
        phone.wait("state", state="CONFIRMED", count=2)
        _, second = talks(gate, far, 2)
        until_heard(gate, second, AGENT)
        phone.do("join")
        phone.wait("state", state="DISCONNECTED", count=2)
        until_heard(gate, second, TONES[FIRST])
        until_heard(gate, first, TONES[SECOND])
        far.hang_up(first)
    one, two = calls(gate)
    assert (one["cause"], two["ended_by"]) == ("transferred", "caller")
    after = kept(gate, two, tmp_path / "two.wav")
    assert len(runs(after[:, 0], AGENT)) >= 2 and len(runs(after[:, 0], int(TONES[FIRST]))) >= 2
    kinds = [row["kind"] for row in gate.rows("SELECT kind FROM facts WHERE call_id = ?", one["call_id"])]
    assert kinds.count("transferred") == 1
    gate.verified()
