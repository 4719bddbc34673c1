"""Sentences of the manual about security and limits that nothing else holds a running gate to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import programs
from tests.support.running_gate import UNLISTED, RunningGate
from tests.support.sip_peer import Callee, Phone, sdp
from tests.support.waiting import PATIENCE


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGate]:
    place = tmp_path_factory.mktemp("promises")
    gate = RunningGate(place / "gate", announcement=0.5)
    gate.add_pbx()
    gate.add_pbx(name="another", addresses=["127.0.0.5"], refusal=600)
    (place / "second").mkdir()
    gate.set("storage", checkpoints_copy=str(place / "second"))
    gate.start()
    try:
        yield gate
    finally:
        gate.stop()


def speaking(kinds: str) -> str:
    """An SDP body with these payload types: 0 is PCMU, 3 is GSM, of which no announcement is prepared."""
    lines = [f"m=audio 40000 RTP/AVP {kinds}", *(f"a=rtpmap:{kind} {NAMES[kind]}/8000" for kind in kinds.split())]
    kept = [line for line in sdp().split("\r\n") if line and not line.startswith(("m=", "a=rtpmap", "a=fmtp"))]
    return "\r\n".join([*(line for line in kept if not line.startswith("a=")), *lines, ""])


NAMES = {"0": "PCMU", "3": "GSM"}


def test_neither_process_leaves_a_dump_of_its_memory(gate: RunningGate) -> None:
    assert gate.process is not None
    for pid in (gate.process.pid, gate.recorder_pid()):
        (line,) = [line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith("Max core")]
        assert line.split()[4:6] == ["0", "0"], line


def test_an_offer_without_a_codec_of_the_announcement_is_refused(gate: RunningGate) -> None:
    with Callee(port=gate.trunk_port) as callee, Phone(gate.address) as phone:
        phone.dial(UNLISTED, body=speaking("3"))
        heard = phone.recv(PATIENCE, only="488")
        assert heard.get("X-Dialgate-Reason") == "announcement_unavailable"
        phone.ack(heard)
        assert callee.nothing_from(gate.address), "it is refused before an INVITE leaves"


ENCRYPTED = ("RTP/SAVP", "RTP/AVPF", "UDP/TLS/RTP/SAVPF")


@pytest.mark.parametrize(("host", "code"), [("127.0.0.1", 488), ("127.0.0.5", 600)], ids=["phone", "phone system"])
def test_an_offer_of_encrypted_audio_alone_is_refused_and_nothing_is_dialled(
    gate: RunningGate, host: str, code: int
) -> None:
    """With the code upon which a phone system dials no other trunk, and in the evidence as the gate's own refusal."""
    with Callee(port=gate.trunk_port) as callee, Phone(gate.address, host=host) as phone:
        for profile in ENCRYPTED:
            phone.dial(UNLISTED, body=sdp().replace("RTP/AVP", profile))
            heard = phone.recv(PATIENCE, only=str(code))
            assert heard.get("X-Dialgate-Reason") == "media_unavailable"
            phone.ack(heard)
        phone.dial(UNLISTED, body=speaking("3"))
        assert phone.recv(PATIENCE, only=str(code)).get("X-Dialgate-Reason") == "announcement_unavailable"
        assert callee.nothing_from(gate.address), "they are refused before an INVITE leaves"
    rows = gate.rows("SELECT verdict, reason FROM calls ORDER BY at DESC LIMIT 4")
    assert {row["verdict"] for row in rows} == {"block"}
    assert [row["reason"] for row in rows] == ["announcement_unavailable", *["media_unavailable"] * 3]


def test_a_callee_who_chooses_another_codec_is_never_heard(gate: RunningGate) -> None:
    """The caller gets no failure, upon which a phone system would dial its next trunk."""
    with Callee(port=gate.trunk_port) as callee, Phone(gate.address) as phone:
        phone.dial(UNLISTED, body=speaking("0 3"))
        callee.ring()
        callee.pick_up(speaking("3"))
        callee.recv(PATIENCE, only="BYE")
        heard = phone.recv(PATIENCE, only="200")
        assert "a=inactive" in heard.body
        phone.ack(heard)
        assert "announcement_unavailable" in phone.recv(PATIENCE, only="BYE").get("Reason")
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call goes on")
    (call,) = gate.rows("SELECT bridged, announced, cause FROM calls ORDER BY at DESC LIMIT 1")
    assert (call["bridged"], call["announced"], call["cause"]) == (0, 0, "announcement_unavailable")


def test_a_second_place_that_is_away_is_said(gate: RunningGate) -> None:
    """Last, for the place stays away. It is looked at before each signature."""
    place = gate.folder.parent / "second"
    assert not told(gate)
    place.rename(gate.folder.parent / "taken")
    place.write_text("no folder")
    assert told(gate)


def told(gate: RunningGate) -> bool:
    """Once the log is signed again ``dialgate status`` speaks of the second place, and ends with 1."""
    gate.client.call("objection_add", number=UNLISTED)
    gate.client.call("audit_checkpoint")
    done = programs.run("gate.cli.main", "status", "-c", str(gate.config))
    return done.returncode == 1 and str(gate.folder.parent / "second") in done.stdout
