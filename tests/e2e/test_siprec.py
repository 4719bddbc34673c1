"""Calls recorded by SIPREC through a whole gate: an SBC's INVITE with two streams, bound to the gate's decision."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from gate import g711
from tests.support import rtpengine
from tests.support.audio import Party, read_wav, tone, windows
from tests.support.running_gate import LISTED, UNLISTED, RunningGate
from tests.support.sealed import first_key, opened
from tests.support.sip_peer import Phone, sdp
from tests.support.siprec import AGENT, CUSTOMER, Client, StreamClient, metadata, multipart, offer, ports_of
from tests.support.waiting import PATIENCE

ANNOUNCED = "the SBC plays notice.wav before it connects"
OTHER, KEEPING = "127.0.0.3", "127.0.0.4"
"""Addresses of nobody's, and of a client whose calls are kept whatever the gate knows of them."""


class SiprecCase:
    """A gate, a PBX that keeps its media, and clients that record its calls."""

    def __init__(self, folder: Path) -> None:
        self.gate = RunningGate(folder)
        said = {"announced_by": ANNOUNCED, "recorded_by": "the SBC, by SIPREC"}
        self.gate.add_pbx(refusal=600, mode="redirect", **said)
        document = tomlkit.parse(self.gate.config.read_text())
        for values in (
            {"name": "sbc1", "addresses": ["127.0.0.1"], "sessions": 4, "call_id_header": "X-Call"},
            {"name": "sbc2", "addresses": [KEEPING], "sessions": 4, "unbound": "keep"},
        ):
            table = tomlkit.table()
            table.update({**values, "announced_by": ANNOUNCED})
            document.setdefault("siprec", tomlkit.aot()).append(table)
        self.gate.config.write_text(tomlkit.dumps(document))
        self.gate.set("limits", max_calls=500)
        self.gate.set("sip", tcp=f"127.0.0.1:{self.gate.port}")
        self.gate.start()

    def decided(self, number: str = UNLISTED, code: str = "302") -> str:
        """A call that the PBX has asked for; its Call-ID."""
        with Phone(self.gate.address) as phone:
            phone.dial(number)
            phone.ack(phone.recv(only=code))
            return phone.dialog.call_id

    def recording(self, sip_call_id: str) -> dict[str, Any]:
        """The recording of a call, once it is closed."""
        sql = "SELECT r.*, c.sip_call_id, c.number FROM recordings r JOIN calls c USING (call_id)"
        sql += " WHERE c.sip_call_id = ? AND r.closed_at IS NOT NULL ORDER BY r.opened_at DESC"
        rows = self.gate.wait(lambda: self.gate.rows(sql, sip_call_id), PATIENCE, "no recording is closed")
        return dict(rows[0])

    def body(self, recording_id: str, kind: str) -> dict[str, Any]:
        """What the log holds of it."""
        (row,) = self.gate.rows("SELECT body FROM facts WHERE subject = ? AND kind = ?", recording_id, kind)
        return dict(json.loads(row["body"]))

    def kinds(self, recording_id: str) -> list[str]:
        sql = "SELECT kind FROM facts WHERE subject = ? ORDER BY leaf_index"
        return [row["kind"] for row in self.gate.rows(sql, recording_id)]

    def heard(self, recording_id: str, output: Path) -> list[float]:
        """The tone of each side; 0.0 where there is none, or another one as well."""
        self.gate.export(recording_id, output)
        samples, rate = read_wav(output)
        sides = [[each for each in windows(samples[:, side], rate=rate) if each] for side in (0, 1)]
        near = [[tone for tone in (AGENT, CUSTOMER) if all(abs(each - tone) < 10 for each in side)] for side in sides]
        return [found[0] if len(found) == 1 else 0.0 for found in near]

    def sessions(self) -> int:
        """How many go on, as status shows it."""
        return int(self.gate.client.call("status")["recording_sessions"])

    def count(self, name: str) -> int:
        """Of the line, as status shows it."""
        return int(self.gate.client.call("status")["line"][name])


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiprecCase]:
    case = SiprecCase(tmp_path_factory.mktemp("siprec") / "gate")
    yield case
    assert case.gate.stop() == 0, case.gate.said()
    case.gate.verified()


@pytest.fixture
def client(case: SiprecCase) -> Iterator[Client]:
    with Client(case.gate.address) as client:
        yield client


def test_both_streams_are_sealed_as_one_recording_of_the_decided_call(
    case: SiprecCase, client: Client, tmp_path: Path
) -> None:
    call = case.decided()
    answer = client.begin(call)
    assert "+sip.srs" in answer.get("Contact")
    lines = answer.body.split("\r\n")
    assert [line for line in lines if line.startswith("a=label:")] == ["a=label:1", "a=label:2"]
    assert lines.count("a=recvonly") == 2
    client.parties[0].speaks(1.0)
    assert client.bye().code == 200
    row = case.recording(call)
    assert (row["state"], row["bound_by"], row["number"]) == ("closed", "call_id", "+442079460123")
    packets = json.loads(row["packets"])
    assert all(40 < count < 100 for count in packets.values()), packets
    assert case.heard(row["recording_id"], tmp_path / "call.wav") == [AGENT, CUSTOMER]
    begun, closed = (case.body(row["recording_id"], f"recording_{kind}") for kind in ("opened", "closed"))
    assert (begun["from"], begun["client"], begun["announced_by"]) == ("siprec", "sbc1", ANNOUNCED)
    assert (closed["ended_by"], closed["interrupted"]) == ("hung_up", False)
    assert case.kinds(row["recording_id"])[:2] == ["recording_opened", "recording_closed"]
    assert all(not party.heard for party in client.parties), "something was sent to the client"


def test_whose_voice_is_the_customers_is_said_by_the_number_of_the_decision(
    case: SiprecCase, client: Client, tmp_path: Path
) -> None:
    call = case.decided()
    client.begin(call, people=["tel:+442079460123", "sip:1001@pbx.invalid"])
    client.parties[0].speaks(0.6)
    client.bye()
    assert case.heard(case.recording(call)["recording_id"], tmp_path / "call.wav") == [CUSTOMER, AGENT]


def test_a_call_against_a_refusal_is_recorded_and_said_so(case: SiprecCase, client: Client) -> None:
    call = case.decided(LISTED, "600")
    client.begin(call)
    client.parties[0].speaks(0.5)
    client.bye()
    row = case.recording(call)
    assert case.kinds(row["recording_id"])[:2] == ["recording_opened", "called_against_refusal"]
    assert case.body(row["recording_id"], "called_against_refusal")["reason"] == "listed_tps"


def test_a_call_that_the_gate_knows_nothing_of(case: SiprecCase, client: Client) -> None:
    client.invite("unknown@pbx", people=["sip:1@pbx.invalid", "sip:01134960501@pbx.invalid"])
    refused = client.final()
    assert (refused.code, "no_such_call" in refused.get("Reason")) == (403, True)
    with Client(case.gate.address, host=KEEPING) as keeping:
        keeping.begin("unknown@pbx", people=["sip:1@pbx.invalid", "sip:01134960502@pbx.invalid"])
        keeping.parties[0].speaks(0.5)
        keeping.bye()
        sql = "SELECT c.*, r.bound_by FROM calls c JOIN recordings r USING (call_id) WHERE c.number = '+441134960502'"
        (row,) = case.gate.rows(sql)
        assert (row["verdict"], row["reason"], row["claimed_by"], row["source"], row["bound_by"]) == (
            "block", "not_asked", "siprec:sbc2", "siprec", "nothing",
        )  # fmt: skip
        keeping.invite("unknown@pbx", people=["sip:01134960503@pbx.invalid", "sip:02079460000@pbx.invalid"])
        assert keeping.final().code == 403, "a call to one of the firm's own numbers"
    assert not case.gate.rows("SELECT 1 FROM calls WHERE number = '+441134960501'")


def test_without_its_call_id_it_is_found_by_its_number(case: SiprecCase, client: Client) -> None:
    call = case.decided("01134960504")
    client.begin("another@b2bua", people=["sip:1@pbx.invalid", "sip:01134960504@pbx.invalid"])
    client.bye()
    assert case.recording(call)["bound_by"] == "number"
    call = case.decided("01134960505")
    client.begin("another@b2bua", people=["sip:1@pbx", "sip:2@pbx"], headers=("Require: siprec", f"X-Call: {call}"))
    client.bye()
    assert case.recording(call)["bound_by"] == "call_id"


def test_a_call_has_one_recording_unless_a_session_broke_off(case: SiprecCase, client: Client) -> None:
    call = case.decided("01134960506")
    client.begin(call)
    with Client(case.gate.address) as second:
        second.invite(call)
        assert "recorded_already" in (refused := second.final()).get("Reason") and refused.code == 403
    client.parties[0].speaks(0.3)
    client.bye()
    case.recording(call)
    client.begin(call)
    client.bye()
    count = "SELECT 1 FROM recordings JOIN calls c USING (call_id) WHERE c.sip_call_id = ? AND closed_at IS NOT NULL"
    case.gate.wait(lambda: len(case.gate.rows(count, call)) == 2, PATIENCE, "the second part is not closed")


def test_nobody_else_may(case: SiprecCase) -> None:
    before, call = case.count("sessions_refused"), case.decided("01134960507")
    with Client(case.gate.address, host=OTHER) as stranger:
        stranger.invite(call)
        refused = stranger.final()
        assert (refused.code, refused.get("Unsupported")) == (420, "siprec")
        stranger.send(stranger.request("OPTIONS", stranger.new_dialog()))
        assert "siprec" not in stranger.recv(only="200").data.decode()
    assert case.count("sessions_refused") == before + 1
    with Client(case.gate.address, host=KEEPING) as keeping:
        keeping.invite(call, headers=())
        assert keeping.final().code == 401, "without Require it is a call like any other"
    assert not case.gate.rows("SELECT 1 FROM recordings r JOIN calls c USING (call_id) WHERE c.sip_call_id = ?", call)


def test_what_a_client_is_told_by_options(client: Client) -> None:
    client.send(client.request("OPTIONS", client.new_dialog(), headers=("Require: siprec",)))
    told = client.recv(only="200")
    assert "siprec" in told.all("Supported") and "application/rs-metadata+xml" in told.get("Accept")


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><recording><session><sipSessionID>&c;</sipSessionID></session></recording>'
)
OUTSIDE = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><recording><name>&x;</name></recording>'


@pytest.mark.parametrize(
    "xml",
    ["no XML", "<recording>", "<other/>", LAUGHS, OUTSIDE, "<recording>" + "<a>" * 40 + "</a>" * 40 + "</recording>"],
)
def test_metadata_that_cannot_be_taken(case: SiprecCase, client: Client, xml: str) -> None:
    client.invite(case.decided("01134960508"), xml=xml)
    refused = client.final()
    assert (refused.code, refused.start) == (400, "SIP/2.0 400 Bad Recording Metadata")
    assert "Warning" in dict(refused.headers)


def test_what_is_over_long_or_has_no_metadata(case: SiprecCase, client: Client) -> None:
    call = case.decided("01134960508")
    xml = metadata(call, ["sip:1@pbx", "sip:2@pbx"]).replace("<datamode>", f"<!-- {'x' * 16_000} --><datamode>")
    client.invite(call, xml=xml)
    assert "Message Too Large" in client.final().start
    client.invite(call, body=offer(client.ports), content_type="application/sdp")
    assert client.final().start == "SIP/2.0 400 Bad Recording Metadata"
    with socket.create_connection(case.gate.address) as stream:
        big = metadata(call, ["sip:1@pbx", "sip:2@pbx"]).replace("<datamode>", f"<!-- {'x' * (1 << 20)} --><datamode>")
        body = multipart(offer(client.ports), big)
        data = client.request("INVITE", client.new_dialog(), body=body, headers=("Require: siprec",))
        stream.sendall(data.replace("SIP/2.0/UDP", "SIP/2.0/TCP").encode()[:200_000])
        stream.settimeout(PATIENCE)
        assert b"Message Too Large" in stream.recv(4096)


def test_audio_of_the_other_family(case: SiprecCase, client: Client) -> None:
    client.invite(case.decided("01134960508"), sdp=offer(client.ports).replace("IN IP4 127.0.0.1", "IN IP6 ::1"))
    assert client.final().code == 488


@pytest.mark.parametrize(
    "wrong", [{"types": [96]}, {"types": [18]}, {"proto": "RTP/SAVP"}, {"proto": "UDP/TLS/RTP/SAVPF"}], ids=str
)
def test_audio_that_cannot_be_taken(case: SiprecCase, client: Client, wrong: dict[str, Any]) -> None:
    client.invite(case.decided("01134960508"), sdp=offer(client.ports, **wrong))
    assert client.final().code == 488


def test_odd_labels_and_other_streams_keep_their_places(case: SiprecCase, client: Client, tmp_path: Path) -> None:
    call = case.decided("01134960509")
    odd = offer([*client.ports, client.ports[0]], labels=("a leg/%41", "", "x" * 200)).replace(
        "m=audio", "m=video 4000 RTP/AVP 96\r\na=label:v\r\nm=audio", 1
    )
    answer = client.begin(call, sdp=odd)
    ports = ports_of(answer.body)
    assert [bool(port) for port in ports] == [False, True, True, False]
    assert [line for line in answer.body.split("\r\n") if line.startswith("a=label")] == [
        "a=label:v", "a=label:a leg/%41", f"a=label:{'x' * 200}",
    ]  # fmt: skip
    for party, port in zip(client.parties, ports[1:3], strict=True):
        party.talk_to(("127.0.0.1", port))
    client.parties[0].speaks(0.6)
    client.bye()
    assert case.heard(case.recording(call)["recording_id"], tmp_path / "call.wav") == [AGENT, CUSTOMER]


def test_one_stream_and_a_second_one_later(case: SiprecCase, client: Client, tmp_path: Path) -> None:
    call = case.decided("01134960510")
    client.begin(call, sdp=offer(client.ports[:1]))
    client.parties[0].speaks(0.8)
    answer = client.again(offer(client.ports, version=2))
    assert answer.code == 200
    client.speak(answer)
    client.parties[1].speaks(0.6)
    client.bye()
    row = case.recording(call)
    packets = json.loads(row["packets"])
    assert packets["caller"] > packets["callee"] + 20
    assert case.heard(row["recording_id"], tmp_path / "call.wav") == [AGENT, CUSTOMER]


def test_a_side_that_nothing_comes_from_is_an_alarm(case: SiprecCase, client: Client) -> None:
    call = case.decided("01134960514")
    client.invite(call)
    heard = client.final()
    client.parties[0].talk_to(("127.0.0.1", ports_of(heard.body)[0]))
    sql = "SELECT subject, body FROM facts WHERE kind = 'one_sided'"
    (row,) = case.gate.wait(lambda: case.gate.rows(sql), PATIENCE, "no alarm")
    assert json.loads(row["body"])["side"] == "callee"
    assert any(row["subject"] in each for each in case.gate.client.call("status")["warnings"])
    client.bye()
    recording = case.recording(call)
    assert (recording["call_id"], recording["silent"]) == (row["subject"], "callee")


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_paused_and_resumed(case: SiprecCase, client: Client, method: str) -> None:
    call = case.decided("01134960511")
    client.begin(call)
    client.parties[0].speaks(0.4)
    paused = client.again(offer(client.ports, directions=["inactive", "inactive"], version=2), method)
    assert (paused.code, paused.body.count("a=inactive")) == (200, 2)
    client.parties[0].speaks(0.5)  # it goes on sending what it has said it would not
    resumed = client.again(offer(client.ports, version=3), method)
    assert (resumed.code, resumed.body.count("a=recvonly")) == (200, 2)
    client.speak(resumed)
    client.parties[0].speaks(0.4)
    client.bye()
    row = case.recording(call)
    ((begins, ends),) = json.loads(row["gaps"])
    assert 0.3 < ends - begins < 3.0
    kept = opened(case.gate, row["recording_id"], first_key(case.gate))
    times = [at for side in ("caller", "callee") for at, _ in kept.payloads(side, 8)]
    assert not [at for at in times if begins < at < ends], "audio from inside the pause"
    assert max(times) > ends, "nothing came after it"
    assert case.kinds(row["recording_id"])[1:3] == ["recording_paused", "recording_resumed"]
    assert case.body(row["recording_id"], "recording_paused")["why"] == "siprec"
    assert "siprec" in kept.events()


def test_packets_of_others_change_nothing_and_are_counted(case: SiprecCase, client: Client, tmp_path: Path) -> None:
    call = case.decided("01134960512")
    before = case.count("foreign_audio")
    client.invite(call)
    answer = client.final()
    (_, port), frame = ports_of(answer.body), b"\x80\x08" + bytes(10) + bytes(160)
    client.speak(answer)
    client.parties[1].speaks(0.5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind((OTHER, 0))
        for _ in range(50):
            elsewhere.sendto(frame, ("127.0.0.1", port))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as beside:
        for _ in range(50):
            beside.sendto(frame, ("127.0.0.1", port))
    client.parties[1].speaks(0.5)
    sent = [party.sent for party in client.parties]
    client.bye()
    row = case.recording(call)
    packets = json.loads(row["packets"])
    assert packets["caller"] <= sent[0] + 5 and packets["callee"] <= sent[1] + 5
    assert case.heard(row["recording_id"], tmp_path / "call.wav") == [AGENT, CUSTOMER]
    case.gate.wait(lambda: case.count("foreign_audio") >= before + 100, PATIENCE, "they are not counted")


def test_no_more_sessions_than_are_allowed(case: SiprecCase) -> None:
    calls = [case.decided(f"0113496052{number}") for number in range(5)]
    case.gate.wait(lambda: not case.sessions(), PATIENCE, "earlier ones go on")
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(case.gate.address, tones=(AGENT,))) for _ in calls]
        for client, call in zip(clients[:4], calls[:4], strict=True):
            client.begin(call)
        clients[4].invite(calls[4])
        assert clients[4].final().code == 503
        case.gate.wait(lambda: case.sessions() == 4, PATIENCE, "what was refused goes on")
        clients[0].bye()
        case.recording(calls[0])
        clients[4].begin(calls[4])
        for client in clients[1:]:
            client.bye()


def test_by_tcp(case: SiprecCase, tmp_path: Path) -> None:
    call = case.decided("01134960530")
    with StreamClient(case.gate.address) as client:
        answer = client.begin(call)
        assert "transport=tcp" in answer.contact
        client.parties[0].speaks(0.5)
        assert client.bye().code == 200
    assert case.heard(case.recording(call)["recording_id"], tmp_path / "call.wav") == [AGENT, CUSTOMER]


@pytest.mark.peer
def test_with_rtpengine_as_the_clients_media(case: SiprecCase, client: Client, tmp_path: Path) -> None:
    """As jambonz and OpenSIPS have it: the call goes through rtpengine, which sends copies where it is told to."""
    rtpengine.required()
    call, ids = case.decided("01134960533"), {"call_id": "c", "from_tag": "agent"}
    with Party(AGENT, 8) as agent, Party(CUSTOMER, 8) as customer, rtpengine.Rtpengine(tmp_path) as media:
        offered = media.ask("offer", **ids, sdp=sdp(agent.port))
        answered = media.ask("answer", **ids, to_tag="customer", sdp=sdp(customer.port))
        copies = media.ask("subscribe request", call_id="c", flags=["all"])
        parts = copies["sdp"].split("m=audio")
        labelled = parts[0] + "".join(f"m=audio{part}a=label:{place}\r\n" for place, part in enumerate(parts[1:], 1))
        aors = {"agent": "sip:1001@pbx.invalid", "customer": "sip:01134960533@pbx.invalid"}
        xml = metadata(call, [aors[tag] for tag in copies["from-tags"]])
        client.invite(sdp=labelled, xml=xml)
        taken = client.final()
        assert taken.code == 200
        media.ask("subscribe answer", call_id="c", to_tag=copies["to-tag"], sdp=taken.body)
        agent.talk_to(("127.0.0.1", ports_of(answered["sdp"])[0]))
        customer.talk_to(("127.0.0.1", ports_of(offered["sdp"])[0]))
        agent.speaks(0.8)
        client.bye()
    assert case.heard(case.recording(call)["recording_id"], tmp_path / "call.wav") == [AGENT, CUSTOMER]


def test_of_two_sessions_for_a_call_at_once_one_is_taken(case: SiprecCase) -> None:
    call = case.decided("01134960531")
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(case.gate.address, tones=(AGENT,))) for _ in range(4)]
        for client in clients:
            client.invite(call)
        assert sorted(client.final().code for client in clients) == [200, 403, 403, 403]
    rows = case.gate.rows("SELECT 1 FROM recordings JOIN calls c USING (call_id) WHERE c.sip_call_id = ?", call)
    assert len(rows) == 1


def test_it_is_a_recording_like_all_others(case: SiprecCase, client: Client) -> None:
    number = "+441134960532"
    call = case.decided("01134960532")
    client.begin(call)
    client.parties[0].speaks(0.3)
    client.bye()
    recording = case.recording(call)["recording_id"]
    gate = case.gate.client
    assert all(each["ok"] for each in gate.call("recording_verify", recording_id=recording)["items"])
    for on in ({"recording_id": recording}, {"number": number}):
        held = gate.call("hold_add", ground="claim", reason="a complaint", reference="C-1", **on)
        assert held["kept"] == 1
        gate.call("hold_release", hold_id=held["id"], reason="settled")
    items = gate.call("recording_list", text=number)["items"]
    assert [(each["recording_id"], each["number"], each["state"]) for each in items] == [(recording, number, "closed")]
    record = gate.call("report_article30")["activities"]
    (activity,) = [each for each in record if each["name"] == "Calls that sbc1 has recorded here"]
    assert ANNOUNCED in activity["purpose"]


def test_a_killed_gate_leaves_a_sealed_part_and_nothing_in_clear(case: SiprecCase, tmp_path: Path) -> None:
    clear = [g711.alaw_encode(tone(each, 1.0)[:64]) for each in (AGENT, CUSTOMER)]
    for number, point in enumerate(("asked", "soon", "recording", "paused", "ended")):
        call = case.decided(f"0113496054{number}")
        with Client(case.gate.address) as client:
            client.invite(call)
            if point == "soon":
                time.sleep(0.01)
            if point not in ("asked", "soon"):
                client.speak(client.final())
                client.parties[0].speaks(0.6)
            if point == "paused":
                client.again(offer(client.ports, directions=["inactive"] * 2, version=2))
            if point == "ended":
                client.bye()
            case.gate.kill()
            for path in case.gate.folder.rglob("*"):
                if path.is_file():
                    data = path.read_bytes()
                    assert not [each for each in clear if each in data], (point, path)
            case.gate.start()
            rows = case.gate.rows(
                "SELECT r.* FROM recordings r JOIN calls c USING (call_id) WHERE c.sip_call_id = ?", call
            )
            assert all(row["closed_at"] for row in rows)
            if point in ("recording", "paused"):
                assert client.recv(only="BYE").get("Call-ID") == client.dialog.call_id, "the next start hangs up"
                assert rows[0]["state"] == "interrupted"
                assert case.heard(rows[0]["recording_id"], tmp_path / f"{point}.wav") == [AGENT, CUSTOMER]
            client.begin(call)  # goes on with another part
            client.parties[0].speaks(0.2)
            client.bye()
    found = {row["path"] for row in case.gate.rows("SELECT path FROM recordings")}
    folder = case.gate.data / "recordings"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.dgr")} <= found, (
        "a file that the log does not know"
    )
    case.gate.verified()


def test_a_recorder_that_dies_ends_the_session(case: SiprecCase, client: Client) -> None:
    call = case.decided("01134960550")
    client.begin(call)
    client.parties[0].speaks(1.2)
    os.kill(case.gate.recorder_pid(), signal.SIGKILL)
    assert "recorder_failed" in client.recv(only="BYE").get("Reason")
    assert case.recording(call)["state"] == "interrupted"

    def taken() -> bool:
        client.invite(call)
        return client.final().code == 200

    case.gate.wait(taken, PATIENCE, "the next recorder takes no session")
    client.bye()


def test_a_gate_that_stops_closes_what_it_records(case: SiprecCase, client: Client) -> None:
    call = case.decided("01134960551")
    client.begin(call)
    client.parties[0].speaks(0.5)
    assert case.gate.stop() == 0
    assert "gate_stopping" in client.recv(only="BYE").get("Reason")
    row = case.recording(call)
    assert (row["state"], case.body(row["recording_id"], "recording_closed")["ended_by"]) == (
        "closed",
        "gate_stopping",
    )
    case.gate.start()
