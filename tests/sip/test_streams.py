"""SIP over TCP and TLS: framing, keep-alive, bounds, and calls from end to end, with real sockets."""

from __future__ import annotations

import socket
import ssl
import warnings
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gate.config import Account, Pbx
from gate.sip import connection as of_connections
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_line import PRESENTED, RunningLine, ScriptedCallManager, config_for
from tests.support.sip_peer import Callee, Heard, Peer, sdp
from tests.support.sip_stream import StreamPhone, certificate, trusting
from tests.support.waiting import PATIENCE, until

ALICE = Account("alice", "password", PRESENTED)


class Streaming:
    """A line with TCP, and with TLS where there is a certificate; a callee on UDP."""

    def __init__(self, folder: Path | None = None, **named: Any) -> None:
        self.callee = Callee()
        sip = {"tcp": "127.0.0.1:0", **named.pop("sip", {})}
        self.pem = Path()
        if folder is not None:
            self.pem, key = certificate(folder, "gate.invalid")
            sip |= {"tls": "127.0.0.1:0", "tls_certificate": str(self.pem), "tls_key": str(key)}
        manager = named.pop("call_manager", None)
        certified = named.pop("certified", ())
        config = config_for(self.callee.address, sip=sip, **named)
        if certified:
            config = msgspec.structs.replace(config, pbx=certified)
        self.running = RunningLine(config, manager)
        self.call_manager = self.running.call_manager
        self.phones: list[StreamPhone] = []

    def __enter__(self) -> Streaming:
        self.running.__enter__()
        return self

    def __exit__(self, *what: object) -> None:
        self.running.__exit__(*what)
        self.callee.sock.close()
        for phone in self.phones:
            phone.sock.close()

    def at(self, transport: str = "tcp") -> tuple[str, int]:
        return self.running.line.listening(transport)[0]

    def phone(self, transport: str = "tcp", **named: Any) -> StreamPhone:
        tls = named.pop("tls", None) or (trusting(self.pem) if transport == "tls" else None)
        self.phones.append(StreamPhone(self.at(transport), tls, **named))
        return self.phones[-1]


def signed(phone: StreamPhone, method: str, asked: Heard, text: str) -> str:
    """A request again, with credentials."""
    told = challenge(asked.get("WWW-Authenticate"))
    uri = text.split(" ", 2)[1]
    line = authorization(told, "alice", "secret", method, uri)
    return text.replace("\r\nCall-ID", f"\r\n{line}\r\nCall-ID", 1)


def registered(phone: StreamPhone) -> None:
    dialog = phone.new_dialog("alice")
    dialog.remote = "<sip:alice@gate.invalid>"
    text = phone.request("REGISTER", dialog)
    phone.send(text)
    asked = phone.recv(only="401")
    dialog.cseq += 1
    phone.send(signed(phone, "REGISTER", asked, phone.request("REGISTER", dialog)))
    phone.recv(only="200")


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_call_goes_over_its_connection_from_invite_to_bye(transport: str, tmp_path: Path) -> None:
    with Streaming(tmp_path) as line:
        phone = line.phone(transport)
        phone.dial()
        line.callee.ring()
        assert phone.recv(only="180").get("Via").startswith(f"SIP/2.0/{transport.upper()}")
        line.callee.pick_up()
        answer = phone.recv(only="200")
        host, port = line.at(transport)
        assert answer.contact.endswith(f"{host}:{port};transport={transport}")
        phone.ack(answer)
        line.call_manager.wait("answered", PATIENCE)
        line.callee.send(line.callee.request("BYE", line.callee.dialog()), line.callee.gate)
        line.callee.recv(only="200")
        bye = phone.recv(only="BYE")
        assert bye.start.split()[1] == f"sip:alice@{phone.address};transport={transport}"
        assert bye.get("Via").startswith(f"SIP/2.0/{transport.upper()} {host}:{port};")
        phone.send(phone.answer(bye, 200, "OK"))
        line.call_manager.wait("hung_up", PATIENCE)


def test_the_caller_hangs_up_over_another_connection_than_it_called_by(tmp_path: Path) -> None:
    with Streaming(tmp_path) as line:
        phone = line.phone()
        phone.dial()
        line.callee.ring()
        line.callee.pick_up()
        phone.ack(phone.recv(only="200"))
        phone.sock.close()
        phone.connect()
        phone.send(phone.next("BYE"))
        phone.recv(only="200")
        line.callee.recv(PATIENCE, only="BYE")


def test_a_refused_call_is_answered_once() -> None:
    manager = ScriptedCallManager(refused={"*": "listed_tps"})
    with Streaming(call_manager=manager) as line:
        phone = line.phone()
        phone.dial()
        assert phone.recv(only="603").get("X-Dialgate-Reason") == "listed_tps"
        phone.send(phone.request("OPTIONS", phone.new_dialog()))
        assert phone.recv().code == 200  # the next thing that comes: nothing was sent twice
        assert line.callee.nothing_from(line.running.address)


def test_an_accounts_call_is_ended_over_the_connection_that_it_has_now() -> None:
    with Streaming(pbx=False, accounts=(ALICE,)) as line:
        phone = line.phone()
        dialog = phone.new_dialog()
        phone.send(phone.request("INVITE", dialog, body="v=0\r\n"))
        asked = phone.recv(only="401")
        dialog.cseq += 1
        phone.dialog = dialog
        phone.send(signed(phone, "INVITE", asked, phone.request("INVITE", dialog, body=sdp())))
        line.callee.ring()
        line.callee.pick_up()
        phone.ack(phone.recv(only="200"))
        phone.sock.close()
        other = line.phone()
        registered(other)
        line.callee.send(line.callee.request("BYE", line.callee.dialog()), line.callee.gate)
        assert other.recv(only="BYE").get("Call-ID") == dialog.call_id


def test_a_bye_waits_for_an_account_that_has_no_connection() -> None:
    with Streaming(pbx=False, accounts=(ALICE,)) as line:
        phone = line.phone()
        dialog = phone.new_dialog()
        phone.send(phone.request("INVITE", dialog, body=sdp()))
        asked = phone.recv(only="401")
        dialog.cseq += 1
        phone.dialog = dialog
        phone.send(signed(phone, "INVITE", asked, phone.request("INVITE", dialog, body=sdp())))
        line.callee.ring()
        line.callee.pick_up()
        phone.ack(phone.recv(only="200"))
        phone.sock.close()
        line.callee.send(line.callee.request("BYE", line.callee.dialog()), line.callee.gate)
        line.callee.recv(PATIENCE, only="200")
        line.call_manager.wait("hung_up", PATIENCE)
        other = line.phone()
        registered(other)
        assert other.recv(only="BYE").get("Call-ID") == dialog.call_id


def test_a_pbx_without_a_connection_is_connected_to() -> None:
    """RFC 3261 18.2.2: at the address that it called from, and the port that its Via says."""
    with Streaming() as line, socket.create_server(("127.0.0.1", 0)) as listener:
        phone = line.phone()
        phone.dial()
        line.callee.ring()
        line.callee.pick_up()
        phone.ack(phone.recv(only="200"))
        other = line.phone()
        dialog = other.new_dialog()
        text = other.request("INVITE", dialog, body=sdp())
        other.send(text.replace(f"Via: SIP/2.0/TCP {other.address}", f"Via: SIP/2.0/TCP 127.0.0.1:{port_of(listener)}"))
        line.callee.recv(PATIENCE, only="INVITE")
        other.sock.close()
        phone.sock.close()
        until(lambda: not line.running.line.connections)
        line.running.line.post(lambda: line.running.line.hang_up(line.call_manager.incomings[1].call_id, "gate_done"))
        listener.settimeout(PATIENCE)
        connection, _ = listener.accept()
        connection.settimeout(PATIENCE)
        assert b"SIP/2.0 603" in connection.recv(65536)
        connection.close()


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def test_a_refusal_of_the_carriers_is_sent_once_and_a_200_until_it_is_acknowledged() -> None:
    with Streaming() as line:
        phone = line.phone()
        phone.dial()
        line.callee.ring()
        line.callee.say(486, "Busy Here")
        busy = phone.recv(only="486")
        assert phone.silent(1.2)
        phone.ack(busy)
        phone.dial()
        line.callee.ring()
        line.callee.pick_up()
        phone.recv(only="200")
        phone.ack(phone.recv(only="200"))


# --- framing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refused", [True, False])
def test_a_peer_that_half_closes_gets_its_answer_and_nobody_is_rung_for_it(refused: bool) -> None:
    """It could neither take the call back nor hang up."""
    manager = ScriptedCallManager(refused={"*": "listed_tps"} if refused else {}, decide_after=0.2)
    with Streaming(call_manager=manager) as line:
        phone = line.phone()
        phone.dial()
        phone.sock.shutdown(socket.SHUT_WR)
        assert phone.recv(only="603")
        phone.closed()
        if not refused:
            assert manager.wait("hung_up", PATIENCE)[2:] == ("caller", "cancelled")
        assert line.callee.nothing_from(line.running.address)


def test_what_a_peer_asked_before_it_half_closed_is_answered_to_the_last() -> None:
    with Streaming() as line:
        phone = line.phone()
        questions = "".join(phone.request("OPTIONS", phone.new_dialog()) for _ in range(3))
        phone.send(questions)
        phone.sock.shutdown(socket.SHUT_WR)
        assert [phone.recv().code for _ in range(3)] == [200, 200, 200]
        phone.closed()


def test_a_call_that_rings_outlives_its_connection() -> None:
    """A phone may lose one and have another."""
    with Streaming() as line:
        phone = line.phone()
        phone.dial()
        line.callee.ring()
        phone.recv(only="180")
        phone.sock.shutdown(socket.SHUT_WR)
        line.callee.pick_up()
        assert phone.recv(only="200")


def test_a_message_in_single_bytes_and_two_in_one_segment() -> None:
    with Streaming() as line:
        phone = line.phone()
        for byte in phone.request("OPTIONS", phone.new_dialog(), body="v=0\r\n\r\n").encode():
            phone.send(bytes([byte]))
        assert phone.recv().code == 200
        first, second = phone.new_dialog(), phone.new_dialog()
        both = phone.request("OPTIONS", first, body="a=b\r\n") + "\r\n" + phone.request("OPTIONS", second)
        phone.send(both)
        assert [phone.recv().get("Call-ID") for _ in range(2)] == [first.call_id, second.call_id]


def test_a_keep_alive_is_answered() -> None:
    with Streaming() as line:
        phone = line.phone()
        phone.send(b"\r\n\r\n")
        phone.pong()
        phone.send(b"\r\n")
        phone.send(b"\r\n" + phone.request("OPTIONS", phone.new_dialog()).encode())
        phone.pong()
        assert phone.recv().code == 200


LENGTHS = {
    "none": ("Content-Length: 0\r\n", "", 400),
    "huge": ("Content-Length: 0", "Content-Length: 1000000000", 513),
    "no number": ("Content-Length: 0", "Content-Length: -1", 400),
    "two that differ": ("Content-Length: 0", "Content-Length: 0\r\nl: 10", 400),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_a_message_whose_end_is_not_told_is_the_last_of_its_connection(name: str) -> None:
    old, new, code = LENGTHS[name]
    with Streaming() as line:
        phone = line.phone()
        text = phone.request("OPTIONS", phone.new_dialog())
        assert old in text
        phone.send(text.replace(old, new))
        assert phone.recv().code == code
        assert phone.closed()
        other = line.phone()
        other.send(other.request("OPTIONS", other.new_dialog()))
        assert other.recv().code == 200


def test_a_head_without_end_is_too_long() -> None:
    with Streaming() as line:
        phone = line.phone()
        text = phone.request("OPTIONS", phone.new_dialog()).removesuffix("\r\n")
        phone.send(text + "X-More: " + "y" * 20000)
        assert phone.recv().code == 513
        assert phone.closed()


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\n\n\n\n", b"\x00\xff" * 32]
)
def test_what_is_no_sip_is_hung_up_on(data: bytes) -> None:
    with Streaming() as line:
        phone = line.phone()
        phone.send(data + b"\r\n\r\n")
        assert phone.closed()
        assert line.running.line.counts()["hung_up_on"] == 1


def test_more_headers_than_there_may_be_are_answered_and_the_connection_goes_on() -> None:
    with Streaming() as line:
        phone = line.phone()
        many = tuple(f"X-{number}: 1" for number in range(200))
        phone.send(phone.request("OPTIONS", phone.new_dialog(), headers=many))
        assert phone.recv().code == 400
        phone.send(phone.request("OPTIONS", phone.new_dialog()))
        assert phone.recv().code == 200


# --- bounds --------------------------------------------------------------------------------------------------------


def test_a_slow_sender_and_a_silent_stranger_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    with Streaming(pbx=False, accounts=(ALICE,)) as line:
        known, slow = line.phone(), line.phone()
        registered(known)
        registered(slow)
        monkeypatch.setattr(of_connections, "MESSAGE_SECONDS", 0.3)
        monkeypatch.setattr(of_connections, "STRANGER_SECONDS", 0.3)
        silent = line.phone()
        slow.send(b"OPTIONS sip:a@b SIP/2.0\r\nVia: ")
        assert slow.closed()
        assert silent.closed()
        known.send(known.request("OPTIONS", known.new_dialog()))
        assert known.recv().code == 200


def test_a_handshake_that_does_not_end_is_let_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(of_connections, "HANDSHAKE_SECONDS", 0.3)
    with Streaming(tmp_path) as line, socket.create_connection(line.at("tls")) as half:
        half.settimeout(PATIENCE)
        assert half.recv(1) == b""


def test_strangers_make_room_for_each_other_and_never_close_who_is_proven() -> None:
    sip = {"connections": 4, "connections_each": 3}
    with Streaming(pbx=False, accounts=(ALICE,), sip=sip) as line:
        known = line.phone()
        registered(known)
        crowd = [line.phone() for _ in range(8)]
        assert all(each.closed() for each in crowd[:6])
        known.send(known.request("OPTIONS", known.new_dialog()))
        assert known.recv().code == 200
        crowd[-1].send(crowd[-1].request("OPTIONS", crowd[-1].new_dialog()))
        assert crowd[-1].recv().code == 200
        assert line.running.line.counts()["turned_away"] == 6


def test_who_opens_connections_without_end_is_turned_away_and_calls_go_on() -> None:
    with Streaming(pbx=False, accounts=(ALICE,)) as line:
        known = line.phone()
        registered(known)
        flood = [socket.create_connection(line.at(), source_address=("127.0.0.9", 0)) for _ in range(150)]
        known.send(known.request("OPTIONS", known.new_dialog()))
        assert known.recv().code == 200
        counts = line.running.line.counts
        until(lambda: counts()["unanswered"] + counts()["turned_away"] >= 50)
        for each in flood:
            each.close()


def test_a_stranger_who_floods_a_connection_is_not_read_and_phones_are_heard() -> None:
    with Streaming(pbx=False, accounts=(ALICE,)) as line:
        known = line.phone()
        registered(known)
        flooder = line.phone(host="127.0.0.9")
        text = flooder.request("OPTIONS", flooder.new_dialog()).encode()
        for _ in range(300):
            flooder.send(text)
        until(lambda: line.running.line.counts()["unanswered"])
        known.send(known.request("OPTIONS", known.new_dialog()))
        assert known.recv().code == 200


def test_a_peer_that_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_connections, "TAKE_SECONDS", 0.3)
    with Streaming() as line:
        phone = line.phone()
        phone.sock.settimeout(PATIENCE)
        with pytest.raises(ConnectionError):
            while True:
                each = [phone.request("OPTIONS", phone.new_dialog()) for _ in range(50)]
                phone.sock.sendall("".join(each).encode())


# --- TLS -----------------------------------------------------------------------------------------------------------


def test_tls_older_than_1_2_is_not_spoken(tmp_path: Path) -> None:
    with Streaming(tmp_path) as line:
        context = trusting(line.pem)
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            line.phone("tls", tls=context)


def test_a_pbx_is_known_by_its_certificate_and_by_no_other(tmp_path: Path) -> None:
    own, other = certificate(tmp_path / "pbx", "pbx.invalid"), certificate(tmp_path / "other", "pbx.invalid")
    pbx = Pbx("office", presentation=PRESENTED, certificate=str(own[0]))
    with Streaming(tmp_path, certified=(pbx,), accounts=(ALICE,)) as line:
        trusted = line.phone("tls", tls=trusting(line.pem, own=own))
        trusted.dial()
        line.callee.ring()
        assert line.call_manager.incomings[0].attempt.claimed_by == "trunk:office"
        nobody = line.phone("tls")
        nobody.dial()
        assert nobody.recv(only="401")
        plain = line.phone("tcp")
        plain.dial()
        assert plain.recv(only="401")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            forged = line.phone("tls", tls=trusting(line.pem, own=other))
            forged.dial()
            forged.recv()


def test_a_bye_without_tls_does_not_end_a_call_that_came_by_tls(tmp_path: Path) -> None:
    with Streaming(tmp_path) as line:
        phone = line.phone("tls")
        phone.dial()
        line.callee.ring()
        line.callee.pick_up()
        phone.ack(phone.recv(only="200"))
        bye = phone.next("BYE")
        with Peer(to=line.running.address) as forger:
            forger.send(bye.replace("SIP/2.0/TLS", "SIP/2.0/UDP"))
            assert forger.recv(PATIENCE).code == 403
        phone.send(bye)
        assert phone.recv(only="200")


def test_a_renewed_certificate_is_shown_and_a_bad_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.sip.stream_io.LOOK_SECONDS", 0.05)
    with Streaming(tmp_path) as line:

        def shown() -> bytes:
            asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
            with (
                socket.create_connection(line.at("tls"), PATIENCE) as plain,
                asking.wrap_socket(plain, server_hostname="gate.invalid") as tls,
            ):
                return tls.getpeercert(binary_form=True) or b""

        first = shown()
        pem, key = line.pem, line.pem.with_suffix(".key")
        good = pem.read_bytes()
        pem.write_text("no certificate")
        until(line.running.line.warnings)
        assert shown() == first
        pem.write_bytes(good)
        until(lambda: not line.running.line.warnings())
        assert shown() == first
        certificate(tmp_path, "gate.invalid")
        until(lambda: shown() != first)
        until(lambda: not line.running.line.warnings())
        assert key.exists()


def set_up_by(line: Streaming, phone: StreamPhone) -> None:
    """A call of an account's, connected."""
    dialog = phone.dialog = phone.new_dialog()
    phone.send(phone.request("INVITE", dialog, body=sdp()))
    asked = phone.recv(only="401")
    dialog.cseq += 1
    phone.send(signed(phone, "INVITE", asked, phone.request("INVITE", dialog, body=sdp())))
    line.callee.ring()
    line.callee.pick_up()
    phone.ack(phone.recv(only="200"))


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_another_connection_of_the_same_host_ends_no_call_until_it_proves_who_it_is(
    transport: str, tmp_path: Path
) -> None:
    """Whoever shares an office's address may know the ids of a call."""
    with Streaming(tmp_path, pbx=False, accounts=(ALICE,)) as line:
        phone = line.phone(transport)
        set_up_by(line, phone)
        stranger = line.phone(transport)
        for method in ("BYE", "INFO", "INVITE"):
            stranger.send(phone.next(method, body=sdp() if method == "INVITE" else ""))
            asked = stranger.recv(only="401")
        stranger.send(phone.request("ACK", phone.dialog, body=sdp(4711)))
        assert "hung_up" not in line.call_manager.kinds()
        bye = phone.next("BYE")
        stranger.send(signed(stranger, "BYE", asked, bye))
        assert stranger.recv(only="200")
        assert line.callee.recv(PATIENCE, only="BYE")


def test_another_connection_cancels_nothing(tmp_path: Path) -> None:
    with Streaming(tmp_path, pbx=False, accounts=(ALICE,)) as line:
        phone = line.phone("tls")
        dialog = phone.dialog = phone.new_dialog()
        phone.send(phone.request("INVITE", dialog, body=sdp()))
        asked = phone.recv(only="401")
        dialog.cseq += 1
        phone.send(signed(phone, "INVITE", asked, phone.request("INVITE", dialog, body=sdp(), branch="z9hG4bKthis")))
        line.callee.ring()
        stranger = line.phone("tls")
        stranger.send(phone.request("CANCEL", dialog, branch="z9hG4bKthis"))
        assert stranger.recv().code == 403
        phone.send(phone.request("CANCEL", dialog, branch="z9hG4bKthis"))
        assert phone.recv(only="487")


def test_a_call_of_a_pbx_with_a_certificate_is_ended_with_it_alone(tmp_path: Path) -> None:
    own = certificate(tmp_path / "pbx", "pbx.invalid")
    pbx = Pbx("office", presentation=PRESENTED, certificate=str(own[0]))
    with Streaming(tmp_path, certified=(pbx,), accounts=(ALICE,)) as line:
        trusted = line.phone("tls", tls=trusting(line.pem, own=own))
        trusted.dial()
        line.callee.ring()
        line.callee.pick_up()
        trusted.ack(trusted.recv(only="200"))
        nobody = line.phone("tls")
        bye = trusted.next("BYE")
        nobody.send(bye)
        assert nobody.recv().code == 403
        again = line.phone("tls", tls=trusting(line.pem, own=own))
        again.send(bye)
        assert again.recv(only="200")
