"""baresip, a phone of other people's making, registers with a real gate and calls through it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from gate.core.numbers import parse
from tests.support import baresip
from tests.support.audio import read_wav, runs
from tests.support.baresip import Baresip
from tests.support.calls_in import CALLER, taking_calls
from tests.support.phones import Phones, heard, speaking
from tests.support.running_gate import LISTED, UNLISTED, RunningGate
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.peer

AGENT, CUSTOMER, NOTICE = 1000, 600, 700


def test_what_each_side_said_is_in_its_channel_and_the_announcement_before_it(tmp_path: Path) -> None:
    baresip.required()
    gate = RunningGate(tmp_path / "gate", announcement=2.0)
    with Uas("--tone", str(CUSTOMER), "--hangup-after", "6", port=gate.trunk_port) as far:
        gate.start()
        phone = Baresip(tmp_path / "phone", gate.address, "alice", gate.password(), AGENT)
        phone.call(UNLISTED, 12)
        phone.wait("200 OK.*binding")
        phone.wait("Call established", PATIENCE)
        shown = far.wait("call", PATIENCE)
        phone.finish()
        rows = gate.wait(
            lambda: gate.rows("SELECT recording_id FROM recordings WHERE closed_at IS NOT NULL"),
            PATIENCE,
            "no recording",
        )
        assert gate.stop() == 0

    tones = [(hertz, share) for _, hertz, share in shown["heard"]]
    notice = [at for at, (hertz, _) in enumerate(tones) if hertz and abs(hertz - NOTICE) < 15]
    agent = [at for at, (hertz, _) in enumerate(tones) if hertz and abs(hertz - AGENT) < 15]
    assert len(notice) >= 8
    assert len(agent) >= 8
    assert max(notice) <= min(agent)

    mine = runs(phone.heard(), CUSTOMER)
    assert len(mine) >= 8

    gate.export(rows[0]["recording_id"], tmp_path / "call.wav")
    samples, rate = read_wav(tmp_path / "call.wav")
    assert (samples.shape[1], rate) == (2, 8000)
    left, right = samples[:, 0], samples[:, 1]
    assert len(runs(left, AGENT)) >= 8
    assert len(runs(right, CUSTOMER)) >= 8
    assert not runs(right, AGENT)
    assert not runs(left, CUSTOMER)
    announced = sorted(set(runs(left, NOTICE)) | set(runs(right, NOTICE)))
    assert len(announced) >= 8
    assert max(announced) <= min(runs(left, AGENT) + runs(right, CUSTOMER)) + 1
    gate.verified()


def other_address() -> str:
    """Of this machine, beside loopback's: workers have a network of their own with a second interface."""
    baresip.registering()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way_out:
        way_out.connect(("192.0.2.2", 9))
        return str(way_out.getsockname()[0])


@pytest.mark.parametrize(("signals", "media"), [("loopback", "loopback"), ("other", "loopback"), ("loopback", "other")])
def test_on_the_gates_own_machine_it_is_heard_with_its_defaults(tmp_path: Path, signals: str, media: str) -> None:
    """It names the address of another interface than the one that its audio comes from."""
    own = {"loopback": "127.0.0.1", "other": other_address()}
    gate = RunningGate(tmp_path / "gate", announcement=1.0)
    gate.set("sip", listen=f"{own[signals]}:{gate.port}")
    gate.set("media", address=own[media])
    with Uas("--tone", str(CUSTOMER), "--hangup-after", "4", port=gate.trunk_port) as far:
        gate.start()
        phone = Baresip(tmp_path / "phone", (own[signals], gate.port), "alice", gate.password(), AGENT, listen="")
        phone.call(UNLISTED, 12)
        phone.wait("Call established", PATIENCE)
        shown = far.wait("call", PATIENCE)
        phone.finish()
        rows = gate.wait(
            lambda: gate.rows("SELECT packets, silent FROM recordings WHERE closed_at IS NOT NULL"),
            PATIENCE,
            "no recording",
        )
        assert gate.stop() == 0
    agent = [at for at, (_, hertz, _) in enumerate(shown["heard"]) if hertz and abs(hertz - AGENT) < 15]
    assert len(agent) >= 8
    assert len(runs(phone.heard(), CUSTOMER)) >= 8
    assert (rows[0]["silent"], json.loads(rows[0]["packets"])["caller"] > 100) == (None, True)


@pytest.mark.parametrize("signals", ["loopback", "other"])
@pytest.mark.parametrize("media", ["loopback", "other"])
def test_on_the_gates_own_machine_it_is_rung_and_heard_with_its_defaults(
    tmp_path: Path, signals: str, media: str
) -> None:
    """It registers and answers with the address of another interface than the one that its audio comes from; or the
    carrier does, where the gate's media have that one."""
    own = {"loopback": "127.0.0.1", "other": other_address()}
    gate = taking_calls(tmp_path / "gate", to=["account:alice"])
    gate.set("sip", listen=f"{'127.0.0.1' if signals == 'loopback' else '0.0.0.0'}:{gate.port}")  # noqa: S104
    gate.set("media", address=own[media])
    phone = Baresip(
        tmp_path / "phone", (own[signals], gate.port), "alice", gate.password(), AGENT, answers=True, listen=""
    )
    carrier = Phones(to=gate.address, port=gate.trunk_port, audio=lambda _: speaking(CUSTOMER), keep=True, name=CALLER)
    gate.start()
    try:
        with carrier:
            phone.serve(300)
            phone.wait("200 OK.*binding")
            talk = carrier.dial("02079460000")
            gate.wait(lambda: heard(talk, AGENT) > 1, PATIENCE, "the phone is not heard")
            carrier.hang_up(talk)
            phone.wait("session closed|terminated")
            rows = gate.wait(
                lambda: gate.rows("SELECT packets, silent FROM recordings WHERE closed_at IS NOT NULL"),
                PATIENCE,
                "no recording",
            )
        assert gate.stop() == 0
    finally:
        phone.end()
        gate.kill()
    assert len(runs(phone.heard(), CUSTOMER)) >= 4
    assert (rows[0]["silent"], json.loads(rows[0]["packets"])["callee"] > 50) == (None, True)


@pytest.mark.parametrize("media", ["loopback", "other"])
def test_two_phones_with_their_defaults_on_the_gates_machine_hear_each_other(tmp_path: Path, media: str) -> None:
    """The second is in the carrier's place."""
    own = {"loopback": "127.0.0.1", "other": other_address()}
    gate = RunningGate(tmp_path / "gate", announcement=1.0)
    gate.set("media", address=own[media])
    gate.set("trunk", address=f"{own['other']}:{gate.trunk_port}")
    listens = f"sip_listen 0.0.0.0:{gate.trunk_port}"  # to baresip every interface but loopback
    far = Baresip(tmp_path / "far", ("127.0.0.1", 9), "far", "", CUSTOMER, answers=True, listen=listens)
    (far.folder / "accounts").write_text(
        f"<sip:{parse(UNLISTED).e164}@127.0.0.1>;regint=0;answermode=auto;audio_codecs=PCMU\n"
    )
    near = Baresip(tmp_path / "near", gate.address, "alice", gate.password(), AGENT, listen="")
    try:
        gate.start()
        far.serve(300)
        far.wait("baresip is ready")
        near.call(UNLISTED, 8)
        near.wait("Call established", PATIENCE)
        near.finish()
        far.wait("session closed|terminated")
        rows = gate.wait(
            lambda: gate.rows("SELECT packets, silent FROM recordings WHERE closed_at IS NOT NULL"),
            PATIENCE,
            "no recording",
        )
        assert gate.stop() == 0
    finally:
        far.end()
        near.end()
        gate.kill()
    assert len(runs(near.heard(), CUSTOMER)) >= 8
    assert len(runs(far.heard(), AGENT)) >= 8
    assert (rows[0]["silent"], min(json.loads(rows[0]["packets"]).values()) > 100) == (None, True)


def test_a_listed_number_is_refused_and_never_reaches_the_trunk(tmp_path: Path) -> None:
    baresip.required()
    gate = RunningGate(tmp_path / "gate")
    with Uas(port=gate.trunk_port) as far:
        gate.start()
        phone = Baresip(tmp_path / "phone", gate.address, "alice", gate.password(), AGENT)
        phone.call(LISTED, 4)
        phone.wait("603 Decline")
        phone.finish()
        rows = gate.rows("SELECT number, verdict, reason FROM calls")
        assert gate.stop() == 0
        assert far.told[1:] == []
    assert [(row["number"], row["verdict"], row["reason"]) for row in rows] == [
        (parse(LISTED).e164, "block", "listed_tps")
    ]
