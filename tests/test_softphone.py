"""The pyVoIP hook: what is asked, what is refused, and a real call through a real line with real media."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from pyVoIP.VoIP import CallState

from gate.config import Account, Announcement, Config, MediaConfig
from gate.daemon.at_line import LateMedia
from gate.errors import ConfigError, GateError
from gate.media import prompts
from gate.media.relay import RtpIoMedia
from gate.ports import Played
from gate.softphone import Answer, CallRefused, GatedPhone, RtpClient, _Queue, ask_gate, tone
from gate.softphone.gate_query import permitted
from tests.support.audio import dominant, windows, write_wav
from tests.support.audio import tone as samples_of
from tests.support.sip_line import NUMBER, PRESENTED, RunningLine, ScriptedCallManager, config_for
from tests.support.sip_peer import read
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.deep

ALLOWED = Answer("allow", "not_listed", "", "d-1", NUMBER)
BLOCKED = Answer("block", "listed_tps", "This number is on the TPS.", "d-2", NUMBER)


def accounts(*names: str) -> tuple[Account, ...]:
    return tuple(Account(name, f"{name}.password", PRESENTED) for name in names)


class Server:
    """A SIP server of one socket: answers REGISTER with 200 and everything else as a test says."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.05)
        self.port: int = self.socket.getsockname()[1]
        self.seen: list[Any] = []
        self.answers: list[str] = []
        """Codes and phrases for the INVITEs to come, in order; an empty one is no answer."""
        self.registration = "200 OK"
        self.peer: tuple[str, int] | None = None
        self._going = True
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._going = False
        self._thread.join()
        self.socket.close()

    def of(self, method: str) -> list[Any]:
        return [message for message in self.seen if message.method == method]

    def wait(self, method: str, count: int = 1, seconds: float = PATIENCE) -> Any:
        def otherwise() -> str:
            return f"no {method}; seen {[message.start for message in self.seen]}"

        return until(lambda: self.of(method)[count - 1 :], otherwise, seconds)[0]

    def answer(self, asked: Any, start: str, more: str = "", body: str = "") -> None:
        to = asked.get("To") if "tag=" in asked.get("To") else asked.get("To") + ";tag=server"
        head = [f"SIP/2.0 {start}", *(f"Via: {via}" for via in asked.all("Via"))]
        head += [f"From: {asked.get('From')}", f"To: {to}", f"Call-ID: {asked.get('Call-ID')}"]
        head += [f"CSeq: {asked.get('CSeq')}"]
        text = "\r\n".join(head) + f"\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}"
        assert self.peer
        self.socket.sendto(text.encode(), self.peer)

    def _run(self) -> None:
        while self._going:
            try:
                data, self.peer = self.socket.recvfrom(8192)
            except TimeoutError:
                continue
            asked = read(data)
            self.seen.append(asked)
            if asked.method in ("REGISTER", "BYE", "CANCEL"):
                self.answer(asked, self.registration if asked.method == "REGISTER" else "200 OK")
            elif asked.method == "INVITE" and self.answers and (start := self.answers.pop(0)):
                more = 'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"\r\n'
                more += 'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth"\r\n'
                self.answer(asked, start, more if start.startswith("401") else "")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def phone_at(server: Server, answer: Answer = ALLOWED) -> GatedPhone:
    return GatedPhone(lambda _number: answer, "127.0.0.1", server.port, "alice", "secret", rtp_ports=(23000, 23999))


# --- asking -----------------------------------------------------------------------------------------------------------


def test_a_refused_number_sends_no_invite(server: Server) -> None:
    with phone_at(server, BLOCKED) as phone:
        with pytest.raises(CallRefused) as refused:
            phone.call("020 7946 0000")
        assert (refused.value.reason, refused.value.decision_id) == ("listed_tps", "d-2")
        assert refused.value.explanation == str(refused.value) == "This number is on the TPS."
        assert refused.value.exit_code == 3
    server.wait("REGISTER", 2)  # it has left: what it sent before has come
    assert server.of("INVITE") == []


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {"verdict": "allow"},
        Answer("", "not_listed", number=NUMBER),
        Answer("ALLOW", "not_listed", number=NUMBER),
        Answer("allow", "not_listed", number=""),
        Answer("allow", "not_listed", number="02079460000"),
        Answer("allow", "not_listed", number="+442079460000@evil.example"),
        Answer("allow", "not_listed", number="+442079460000\r\nTo: x"),
        Answer("allow", "not_listed", number="+44207946000\u0660"),
        Answer("allow", "not_listed", number="999"),
        Answer("allow", "emergency_call", number="+442079460000"),
    ],
)
def test_whatever_is_no_clear_allow_is_a_refusal(answer: Any) -> None:
    with pytest.raises(CallRefused) as refused:
        permitted(lambda _: answer, "020 7946 0000")
    assert refused.value.reason == "internal_error"


def test_law_3_5_an_emergency_number_is_dialled_where_the_gate_has_a_route_for_it() -> None:
    allowed = Answer("allow", "emergency_call", number="999")
    assert permitted(lambda _: allowed, "9 9 9").number == "999"


@pytest.mark.parametrize("error", [OSError("away"), ValueError("x"), KeyError("verdict"), RuntimeError("fault")])
def test_a_gate_that_cannot_be_asked_is_a_refusal(error: Exception) -> None:
    def ask(_: str) -> Answer:
        raise error

    with pytest.raises(CallRefused) as refused:
        permitted(ask, "020 7946 0000")
    assert refused.value.reason == "internal_error"


def test_what_is_dialled_is_the_gates_number_never_the_one_typed(server: Server) -> None:
    asked: list[str] = []

    def ask(number: str) -> Answer:
        asked.append(number)
        return ALLOWED

    with GatedPhone(ask, "127.0.0.1", server.port, "alice", "secret") as phone:
        server.answers = ["603 Decline"]
        phone.call("0044 (0)20 7946-0000")
        invite = server.wait("INVITE")
        assert asked == ["0044 (0)20 7946-0000"]
        assert invite.start == f"INVITE sip:{NUMBER}@127.0.0.1 SIP/2.0"
        assert "7946-0000" not in invite.data.decode()


def test_there_is_no_other_door(server: Server) -> None:
    with phone_at(server, BLOCKED) as phone:
        with pytest.raises(PermissionError):
            phone.sip.invite("+442079460000", {}, "sendrecv")
        with pytest.raises(PermissionError):
            phone.sip.prepare(BLOCKED, {23000: {}}, "sendrecv")
        assert server.of("INVITE") == []


class Gate(BaseHTTPRequestHandler):
    """Answers ``/v1/decision`` with what the test put into ``status`` and ``body``."""

    status, body = 200, b""
    asked: list[tuple[str, str, dict[str, Any]]] = []  # noqa: RUF012 - shared with the test on purpose

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Gate.asked.append((self.path, self.headers["Authorization"], told))
        self.send_response(Gate.status)
        self.send_header("Content-Length", str(len(Gate.body)))
        if Gate.status == 302:
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/elsewhere")
        self.end_headers()
        self.wfile.write(Gate.body)

    def do_GET(self) -> None:
        Gate.asked.append((self.path, self.headers.get("Authorization", ""), {}))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"verdict": "allow", "reason": "not_listed", "number": NUMBER}).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def gate() -> Iterator[str]:
    Gate.asked.clear()
    running = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    thread = threading.Thread(target=running.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    thread.join()
    running.server_close()


def told(verdict: str, reason: str) -> bytes:
    shown = {"verdict": verdict, "reason": reason, "explanation": "so", "decision_id": "d-9", "number": NUMBER}
    return json.dumps(shown).encode()


def test_the_question_to_a_running_gate(gate: str) -> None:
    Gate.status, Gate.body = 200, told("allow", "consented")
    ask = ask_gate(gate + "/", "tok", account="alice", topic="claims")
    assert permitted(ask, "020 7946 0000") == Answer("allow", "consented", "so", "d-9", NUMBER)
    path, authorization, asked = Gate.asked[0]
    assert (path, authorization) == ("/v1/decision", "Bearer tok")
    assert asked == {"number": "020 7946 0000", "purpose": "marketing", "topic": "claims", "account": "alice"}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, told("block", "listed_ctps"), "listed_ctps"),
        (503, told("block", "evidence_unavailable"), "evidence_unavailable"),
        (401, told("block", "internal_error"), "internal_error"),
        (500, told("allow", "not_listed"), "internal_error"),
        (404, b"not here", "internal_error"),
        (200, b"{}", "internal_error"),
        (200, b"[]", "internal_error"),
        (200, b"\xff", "internal_error"),
        (302, b"", "internal_error"),
    ],
)
def test_every_answer_of_a_gate_that_is_no_allow_is_a_refusal(gate: str, status: int, body: bytes, reason: str) -> None:
    Gate.status, Gate.body = status, body
    with pytest.raises(CallRefused) as refused:
        permitted(ask_gate(gate, "tok"), "020 7946 0000")
    assert refused.value.reason == reason
    assert all(path == "/v1/decision" for path, _, _ in Gate.asked)


def test_no_proxy_of_the_environment_sees_the_token(gate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    Gate.status, Gate.body = 200, told("allow", "not_listed")
    assert permitted(ask_gate(gate, "tok"), "020 7946 0000").number == NUMBER


def test_a_gate_that_is_away_or_no_gate() -> None:
    with pytest.raises(CallRefused) as refused:
        permitted(ask_gate("http://127.0.0.1:1", "tok", timeout=1.0), "020 7946 0000")
    assert refused.value.reason == "internal_error"
    with pytest.raises(ConfigError):
        ask_gate("file:///etc/passwd", "tok")


# --- the phone on the wire --------------------------------------------------------------------------------------------


def test_an_invite_that_is_lost_is_sent_again(server: Server) -> None:
    with phone_at(server) as phone:
        server.answers = ["", "486 Busy Here"]
        call = phone.call("020 7946 0000")
        server.wait("INVITE", 2)
        assert not call.wait_answered(2)
        assert (call.code, call.why, call.state) == (486, "Busy Here", CallState.ENDED)
        first, second = server.of("INVITE")[:2]
        assert first.data == second.data


def test_a_refusal_at_once_is_acknowledged_in_its_own_transaction(server: Server) -> None:
    with phone_at(server) as phone:
        server.answers = ["603 Decline"]
        call = phone.call("020 7946 0000")
        assert not call.wait_answered(2)
        ack, invite = server.wait("ACK"), server.of("INVITE")[0]
        assert ack.get("Via").split(";")[1] == invite.get("Via").split(";")[1]
        assert ack.get("CSeq") == invite.get("CSeq").replace("INVITE", "ACK")
        assert ack.to_tag == "server"
        assert call.code == 603
        assert phone.calls == {}


def test_a_challenge_is_answered_once_with_the_stronger_digest_and_a_new_branch(server: Server) -> None:
    with phone_at(server) as phone:
        server.answers = ["401 Unauthorized", "401 Unauthorized"]
        call = phone.call("020 7946 0000")
        assert not call.wait_answered(3)
        assert call.code == 401
        first, second = server.of("INVITE")
        assert first.get("Via") != second.get("Via")
        assert int(second.get("CSeq").split()[0]) == int(first.get("CSeq").split()[0]) + 1
        assert first.get("From") == second.get("From")
        credentials = second.get("Authorization")
        assert "algorithm=SHA-256" in credentials
        assert f'uri="sip:{NUMBER}@127.0.0.1"' in credentials
        server.wait("ACK", 2)
        assert len(server.of("ACK")) == 2


def test_a_ringing_call_can_be_given_up(server: Server) -> None:
    with phone_at(server) as phone:
        server.answers = ["180 Ringing"]
        call = phone.call("020 7946 0000")
        invite = server.wait("INVITE")
        until(lambda: call.dialog is not None)
        call.hangup()
        cancel = server.wait("CANCEL")
        assert cancel.get("Via").split(";")[1] == invite.get("Via").split(";")[1]
        server.answer(invite, "487 Request Terminated")
        assert not call.wait_answered(2)
        assert call.code == 487


def test_an_answer_that_crosses_the_cancel_is_hung_up(server: Server) -> None:
    with phone_at(server) as phone:
        server.answers = ["180 Ringing"]
        call = phone.call("020 7946 0000")
        invite = server.wait("INVITE")
        until(lambda: call.dialog is not None)
        call.hangup()
        body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
        more = "Contact: <sip:x@127.0.0.1>\r\nContent-Type: application/sdp\r\n"
        server.answer(invite, "200 OK", more, body)
        assert server.wait("ACK").to_tag == "server"
        assert server.wait("BYE").to_tag == "server"
        assert call.state != CallState.ANSWERED


def test_the_dialog_is_kept_though_the_contact_has_a_name_and_the_answer_comes_twice(server: Server) -> None:
    with phone_at(server) as phone:
        server.answers = ["180 Ringing"]
        call = phone.call("020 7946 0000")
        invite = server.wait("INVITE")
        body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
        contact = f'"Anonymous" <sip:far@127.0.0.1:{server.port};transport=udp>'
        for _ in range(2):
            server.answer(invite, "200 OK", f"m:{contact}\r\nContent-Type: application/sdp\r\n", body)
        assert call.wait_answered(2)
        server.wait("ACK", 2)
        call.hangup()
        for message in (*server.of("ACK"), server.wait("BYE")):
            assert message.start.split()[1] == f"sip:far@127.0.0.1:{server.port};transport=udp"
            assert message.to_tag == "server"
            assert message.get("From") == invite.get("From")
        assert len({message.get("Via") for message in server.seen if message.method in ("INVITE", "ACK", "BYE")}) == 3
        assert int(server.of("BYE")[0].get("CSeq").split()[0]) == int(invite.get("CSeq").split()[0]) + 1


def test_call_ids_differ_between_two_lives_of_a_phone(server: Server) -> None:
    seen = set()
    for _ in range(2):
        with phone_at(server) as phone:
            server.answers = ["603 Decline"]
            phone.call("020 7946 0000").wait_answered(2)
        seen.add(server.of("INVITE")[-1].get("Call-ID"))
    assert len(seen) == 2


def test_hostile_datagrams_do_not_stop_the_phone(server: Server) -> None:
    with phone_at(server) as phone:
        assert server.peer
        for data in (
            b"\x00" * 40,
            b"SIP/2.0 999 Odd\r\n\r\n",
            b"SIP/2.0\r\n",
            b"INVITE\r\n\r\n\r\n\r\n",
            b"\xff" * 3000,
        ):
            server.socket.sendto(data, server.peer)
        server.answers = ["603 Decline"]
        assert not phone.call("020 7946 0000").wait_answered(3)


def test_a_phone_that_is_not_let_in_says_so_and_leaves_no_thread(server: Server) -> None:
    with RunningLine(config_for("127.0.0.1:9", pbx=False, accounts=accounts("alice"))) as running:
        phone = GatedPhone(lambda _: ALLOWED, *running.address, "alice", "wrong")
        with pytest.raises(GateError, match="could not register"):
            phone.start()
    until(lambda: not _threads(), _threads)


def test_a_phone_that_is_refused_does_not_ask_again(server: Server) -> None:
    server.registration = "403 Forbidden"
    phone = phone_at(server)
    with pytest.raises(GateError, match="could not register"):
        phone.start()
    until(lambda: not _threads(), _threads)  # pyVoIP's next try would come of one
    assert [asked.get("Expires") for asked in server.of("REGISTER")][1:] in ([], ["0"])  # at most its own end


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(("SIP", "RTP"))]


def test_a_peer_that_asks_whether_the_phone_is_there_is_told_so(server: Server) -> None:
    with phone_at(server):
        assert server.peer
        via = f"SIP/2.0/UDP 127.0.0.1:{server.port};branch=z9hG4bKask"
        head = f"v: {via}\r\nFrom: <sip:gate@x>;tag=a\r\nTo: <sip:alice@x>;tag=b\r\nCall-ID: c\r\nCSeq: 7 OPTIONS\r\n"
        server.socket.sendto(f"OPTIONS sip:alice@x SIP/2.0\r\n{head}Content-Length: 0\r\n\r\n".encode(), server.peer)
        answer = server.wait("")
        assert (answer.code, answer.get("Via"), answer.to_tag) == (200, via, "b")
        assert (answer.get("CSeq"), answer.get("Call-ID")) == ("7 OPTIONS", "c")


def test_a_call_that_is_over_in_its_announcement_is_over_for_the_phone_too() -> None:
    """Answered without audio, and hung up: no failure, upon which a phone system would dial its next trunk."""
    call_manager = ScriptedCallManager(
        connect_after=None, on_answered=lambda line, call_id: line.hang_up(call_id, "objected")
    )
    with Uas("--tone", "600") as far:
        config = config_for(far.address, pbx=False, accounts=accounts("alice"))
        with (
            RunningLine(config, call_manager) as running,
            GatedPhone(lambda _: ALLOWED, *running.address, "alice", "secret") as phone,
        ):
            call = phone.call("020 7946 0000")
            call.wait_answered(10)
            until(lambda: call.state == CallState.ENDED)
            assert call.code == 200


# --- sound ------------------------------------------------------------------------------------------------------------


def test_sound_is_queued_in_order_of_arrival_whatever_the_timestamps_say() -> None:
    """pyVoIP would allocate two gigabytes here."""
    queue = _Queue()
    queue.write(4_000_000_000, b"ab")
    queue.write(0, b"cd")
    queue.write(2**31, b"ef")
    assert queue.read(4) == b"abcd"
    assert queue.read(4) == b"ef\x80\x80"
    queue.write(0, bytes(70 * 8000))
    assert len(queue.take()) == 60 * 8000


def test_a_tone_is_a_tone() -> None:
    sound = np.frombuffer(tone(1000, 0.5), np.uint8).astype(np.int16) - 128
    assert dominant((sound * 200).astype(np.int16)) == pytest.approx(1000, abs=5)


def test_a_law_is_sent_as_a_law() -> None:
    from pyVoIP.RTP import PayloadType, TransmitType

    voice = RtpClient({8: PayloadType.PCMA}, "127.0.0.1", 0, "127.0.0.1", 9, TransmitType.SENDRECV)
    assert voice.encode_packet(b"\x80") == b"\xd5"


# --- the real thing ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("prompts")
    write_wav(base / "notice.wav", samples_of(440, 1.3))
    prompts.prepare(base, Announcement(wav="notice.wav"), base)
    return base


@contextmanager
def relaying(config: Config, folder: Path, call_manager: ScriptedCallManager) -> Iterator[RunningLine]:
    """A line that runs with the real media relay."""
    running = RunningLine(config, call_manager)
    running.line._relay = media = LateMedia()
    with running:
        media.room = running.call(lambda: RtpIoMedia(config, folder, running.line))
        yield running
        running.call(media.shutdown)


def test_a_call_through_the_real_line_with_real_media(folder: Path) -> None:
    """The far end hears the announcement, then the agent; the agent hears the far end; identity is the firm's."""
    outcome: list[bool] = []
    with Uas("--tone", "600") as far:
        config = config_for(far.address, pbx=False, accounts=accounts("alice"))
        config = msgspec.structs.replace(config, media=MediaConfig(port_min=22000, port_max=22999))
        call_manager = ScriptedCallManager(connect_after=None)

        def announce(line: Any, call_id: str) -> None:
            def over(played: Played) -> None:
                outcome.append(played.completed)
                line._relay.join(call_id, outcome.append)
                line.connect(call_id)

            line.early_media(call_id)
            line._relay.play_announcement(call_id, "PCMU", over)

        call_manager.on_answered = announce
        with (
            relaying(config, folder, call_manager) as running,
            GatedPhone(lambda _: ALLOWED, *running.address, "alice", "secret") as phone,
        ):
            call = phone.call("020 7946 0000")
            assert call.wait_answered(10), call.why
            call.write_audio(tone(1000, 3.0))
            voice = bytearray()
            until(lambda: voice.extend(call.heard()) or len(voice) >= 12_000)
            heard = np.frombuffer(voice, np.uint8).astype(np.int16) - 128
            call.hangup()
            shown = far.wait("call")
    assert outcome == [True, True]
    assert shown["user"] == NUMBER
    assert PRESENTED in shown["from"] and PRESENTED in shown["pai"]
    assert shown["privacy"] == "none"
    assert shown["ended_by"] == "caller"
    tones = [round(hertz, -1) for _, hertz, share in shown["heard"] if hertz and share > 0.8]
    assert tones == sorted(tones)
    assert tones.count(440) >= 5 and tones.count(1000) >= 5
    mine = [frequency for frequency in windows((heard * 200).astype(np.int16)) if frequency]
    assert len(mine) >= 5
    assert all(abs(frequency - 600) < 10 for frequency in mine)
    assert re.fullmatch(r"[0-9a-f]{32}", shown["call_id"])


def test_a_phone_that_talks_is_not_given_up_for_what_it_does_not_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pyVoIP does, and as the far end here: neither answers OPTIONS inside a call; both send audio."""
    monkeypatch.setattr("gate.softphone.sip_client._still_here", lambda raw: "")
    with Uas("--tone", "600") as far:
        config = config_for(far.address, pbx=False, accounts=accounts("alice"), sip={"dead_peer_seconds": 1})
        config = msgspec.structs.replace(config, media=MediaConfig(port_min=23000, port_max=23999))
        with (
            relaying(config, folder, ScriptedCallManager()) as running,
            GatedPhone(lambda _: ALLOWED, *running.address, "alice", "secret") as phone,
        ):
            call = phone.call("020 7946 0000")
            assert call.wait_answered(10), call.why
            alive = next(iter(running.line._engine.bridges.values())).liveness
            looks: list[Any] = []
            counted = alive._counted
            alive._counted = lambda now: (looks.append(now), counted(now))[1]
            until(lambda: len(looks) >= 16)  # four times the time after which silence ends a call
            assert len(set(looks)) > 12
            assert call.state == CallState.ANSWERED
            assert "hung_up" not in running.call_manager.kinds()
            call.hangup()
