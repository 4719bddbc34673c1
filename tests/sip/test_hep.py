"""SIP exported by HEP: real calls of a gate, their packets decoded here and by Kamailio's sipcapture."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gate.config import Hep
from gate.sip import hep
from tests.support.phones import Phones, noise
from tests.support.running_gate import RunningGate, free_port
from tests.support.settings import secret
from tests.support.waiting import PATIENCE, until

AT = datetime(2026, 3, 2, 10, 0, 5, 250_000, tzinfo=UTC)
V4, V6 = ("192.0.2.7", 5062), ("[2001:db8::7]", 5063)


class Decoded(NamedTuple):
    """A packet, read by the layout that the collector's own documentation has."""

    chunks: dict[int, bytes]

    @property
    def text(self) -> str:
        return self.chunks[0x0F].decode()

    @property
    def ends(self) -> tuple[tuple[str, int], tuple[str, int]]:
        family = socket.AF_INET if self.chunks[1] == b"\x02" else socket.AF_INET6
        first = 3 if family == socket.AF_INET else 5
        hosts = [socket.inet_ntop(family, self.chunks[first + at]) for at in (0, 1)]
        ports = [struct.unpack("!H", self.chunks[kind])[0] for kind in (7, 8)]
        return (hosts[0], ports[0]), (hosts[1], ports[1])


def decoded(packet: bytes) -> Decoded:
    assert packet[:4] == b"HEP3"
    assert struct.unpack("!H", packet[4:6])[0] == len(packet)
    chunks, at = {}, 6
    while at < len(packet):
        vendor, kind, length = struct.unpack("!HHH", packet[at : at + 6])
        assert vendor == 0 and length >= 6 and kind not in chunks
        chunks[kind] = packet[at + 6 : at + length]
        at += length
    assert at == len(packet)
    return Decoded(chunks)


class Collector:
    """Takes what is exported."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.raw: list[bytes] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                self.raw.append(self.socket.recv(65535))
            except OSError:
                return

    @property
    def got(self) -> list[Decoded]:
        return [decoded(each) for each in self.raw]

    def texts(self, begins: str) -> list[Decoded]:
        return [each for each in self.got if each.text.startswith(begins)]

    def close(self) -> None:
        self.socket.close()


INVITE = (
    "INVITE sip:902079460123@198.51.100.1;user=phone SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK02079460123\r\n"
    'f: "020 7946 0155" <sip:+442079460155@gate.example>;tag=02079460199\r\n'
    "To: <tel:+442079460123>\r\n"
    "i: 02079460123-at-192.0.2.7\r\n"
    "CSeq: 1 INVITE\r\n"
    "Contact: <sip:alice@192.0.2.7:5062>\r\n"
    "X-Dialled: call 02079460123\r\n"
    " please\r\n"
    'Proxy-Authorization: Digest username="alice", response="0123"\r\n'
    "c: application/sdp\r\n"
    "l: 11\r\n\r\n"
    "v=0\r\no=body"
)


def test_neither_a_body_nor_a_password_nor_a_number_is_in_it() -> None:
    text = hep.without_body(INVITE.encode()).decode()
    assert "v=0" not in text and "sdp" not in text and "response" not in text and text.endswith("\r\n\r\n")
    assert "l: 0\r\n" in text and "Proxy-Authorization: hidden\r\n" in text
    shown = re.sub(r"(?m)^(Via|i):.*$|;tag=.*$", "", text)
    assert "9460123" not in re.sub(r"\D", "", shown) and "9460155" not in re.sub(r"\D", "", shown)
    # What a collector puts a call together by stays.
    assert "branch=z9hG4bK02079460123" in text and "i: 02079460123-at-192.0.2.7" in text and ";tag=02079460199" in text
    assert "Contact: <sip:alice@192.0.2.7:5062>" in text
    full = hep.without_body(INVITE.encode(), numbers_shown=True).decode()
    assert "sip:902079460123@" in full and "call 02079460123 please" in full and "v=0" not in full
    assert hep.without_body(b"GET / HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n") == b""


@pytest.mark.parametrize(("ends", "family"), [((V4, V4), 2), ((V6, V6), 10)])
def test_a_packet_has_the_documented_layout(ends: Any, family: int) -> None:
    packed = decoded(hep.packet(b"BYE", *ends, "tls", AT, agent=77, key=b"k"))
    assert packed.ends == tuple((host.strip("[]"), port) for host, port in ends)
    values = {kind: int.from_bytes(value) for kind, value in packed.chunks.items()}
    assert (values[1], values[2], values[0x0B], values[0x0C]) == (family, 6, 1, 77)
    assert (values[9], values[0x0A]) == (int(AT.timestamp()), 250_000)
    assert (packed.chunks[0x0E], packed.chunks[0x0F]) == (b"k", b"BYE")


def test_where_nobody_listens_messages_are_lost_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hep, "WAITING", 5)
    packing, go = threading.Event(), threading.Event()
    made = hep.packet

    def slow(*values: Any, **more: Any) -> bytes:
        packing.set()
        go.wait(PATIENCE)
        return made(*values, **more)

    monkeypatch.setattr(hep, "packet", slow)
    capture = hep.Capture(Hep(collector=f"127.0.0.1:{free_port()}"), "")
    capture(INVITE.encode(), V4, V4, "udp")
    assert packing.wait(PATIENCE)
    for _ in range(50):
        capture(INVITE.encode(), V4, V4, "udp")
    assert capture.lost == 45
    go.set()
    capture.close()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RunningGate]:
    made = RunningGate(tmp_path / "gate", announcement=0.5)
    made.add_pbx()
    yield made
    made.kill()


@pytest.mark.parametrize("numbers", [False, True])
def test_a_calls_messages_are_exported_as_they_go(gate: RunningGate, numbers: bool) -> None:
    collector = Collector()
    secret(gate.folder / "secrets" / "hep.key", "shared\n")
    gate.set("hep", collector=collector.address, key_file="secrets/hep.key", agent=7, numbers=numbers)
    gate.start()
    with Phones(port=gate.trunk_port, audio=noise) as far, Phones(to=gate.address, audio=noise) as near:
        talk = near.dial("02079460123")
        near.wait([talk], "up", PATIENCE)
        near.hang_up(talk)
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
        until(lambda: len(collector.texts("BYE")) == 2, "both BYEs are not exported")
        invites = collector.texts("INVITE")
        assert [each.ends[1][1] for each in invites] == [gate.port, gate.trunk_port], "one comes, one goes"
        assert invites[0].ends[0][1] == near.port and far.port == gate.trunk_port
    assert {each.chunks[0x0E] for each in collector.got} == {b"shared"}
    assert {each.chunks[0x0C] for each in collector.got} == {struct.pack("!I", 7)}
    assert {"100", "180", "200"} <= {each.text.split(" ")[1] for each in collector.texts("SIP/2.0")}
    whole = "\n".join(each.text for each in collector.got)
    assert "v=0" not in whole and "m=audio" not in whole
    assert ("2079460123" in whole) is numbers
    collector.close()


KAMAILIO = """
debug=1
log_stderror=yes
listen=udp:127.0.0.1:{port}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "db_text.so"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "sipcapture.so"
modparam("sipcapture", "db_url", "text://{folder}")
modparam("sipcapture", "capture_on", 1)
modparam("sipcapture", "hep_capture_on", 1)
request_route {{ xlog("L_ERR", "HEARD $rm $si:$sp $Rp $ci\\n"); drop; }}
onreply_route {{ xlog("L_ERR", "HEARD $rs $si:$sp $Rp $ci\\n"); drop; }}
"""


@pytest.mark.peer
def test_kamailios_sipcapture_reads_them(tmp_path: Path) -> None:
    if not Path("/usr/lib/x86_64-linux-gnu/kamailio/modules/sipcapture.so").exists():
        pytest.skip("Kamailio's sipcapture is missing (Debian package kamailio)")
    port = free_port()
    (tmp_path / "version").write_text("table_name(string) table_version(int)\nsip_capture:4\n")
    (tmp_path / "kamailio.cfg").write_text(KAMAILIO.format(port=port, folder=tmp_path))
    log = tmp_path / "kamailio.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["kamailio", "-f", str(tmp_path / "kamailio.cfg"), "-DD", "-E", "-w", str(tmp_path), "-Y", str(tmp_path)],
            stdout=out, stderr=out,
        )  # fmt: skip
    try:
        capture = hep.Capture(Hep(collector=f"127.0.0.1:{port}"), "")

        def heard() -> bool:
            assert process.poll() is None, log.read_text()
            capture(INVITE.encode(), V4, ("192.0.2.8", 5064), "udp")
            return "HEARD INVITE 192.0.2.7:5062 5064 02079460123-at-192.0.2.7" in log.read_text()

        until(heard, "it was not read")
        capture.close()
    finally:
        process.terminate()
        process.wait(PATIENCE)
