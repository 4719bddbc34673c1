"""What TCP, TLS, SRTP and transcoding cost for one call, beside UDP with plain RTP in the same run.

    python -m tests.bench.bench_transport [CALLS [SECONDS]]

So many baresip phones register with one gate, or with its edge, and call at the same time; every call is announced,
recorded, and talks for so many seconds both ways until the far end hangs up. Counted is the processor of the gate and
its recorder, and of the edge's Kamailio and rtpengine, for one call with its registration; what each took while idle
before is taken off. The phones' own is not counted.

Beside it: a SIPREC session of two streams for the same seconds, without a registration; and rtpengine alone, which
relays the same audio and records it in clear (pcap), told of each call directly, so that there is no SIP in it.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from tests.bench.bench_media import Carried, Party, many_descriptors, media_port, speak
from tests.bench.proc import cpu_seconds, family_seconds, resident_mib
from tests.support.baresip import Baresip
from tests.support.edge import Edge
from tests.support.running_gate import UNLISTED, RunningGate, free_port
from tests.support.sip_peer import sdp
from tests.support.sip_stream import certificate
from tests.support.siprec import Client
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE

Row = dict[str, Any]
"""``what``, ``tool``, ``figure``, ``unit``, ``note``."""
IDLE = 3.0
"""Seconds for which each process is looked at before."""


@dataclass(frozen=True)
class Way:
    """How the phones come."""

    name: str
    transport: str
    edge: bool = False
    srtp: bool = False
    codec: str = "PCMU"


WAYS = (
    Way("UDP, RTP", "udp"),
    Way("TCP, RTP", "tcp"),
    Way("TLS, RTP", "tls"),
    Way("UDP, RTP by the edge", "udp", edge=True),
    Way("TLS, SDES-SRTP by the edge", "tls", edge=True, srtp=True),
    Way("UDP, opus to PCMA by the edge", "udp", edge=True, codec="opus/48000/2"),
)


PCAP_OF_A_PACKET = 16 + 20 + 8 + 12 + 160
"""Bytes of a file for one packet of 20 ms of G.711."""
SBC = "127.0.0.2"
"""Where SIPREC comes from."""


class GateWithTls(RunningGate):
    """A gate with TCP and TLS, and one account that may call as often as it likes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.pem, key = certificate(folder / "tls", "127.0.0.1")
        self.ports = {"udp": self.port, "tcp": self.port, "tls": free_port(socket.SOCK_STREAM)}
        self.set("sip", tcp=f"127.0.0.1:{self.port}", tls=f"127.0.0.1:{self.ports['tls']}")
        self.set("sip", tls_certificate=str(self.pem), tls_key=str(key))
        self.set("calling", redial_hours=0)
        self.set("limits", max_calls=500)
        document = tomlkit.parse(self.config.read_text())
        document["account"][0].update({"calls_a_minute": 6000, "calls_at_once": 1000})
        recorded = {"name": "sbc", "addresses": [SBC], "announced_by": "the SBC", "sessions": 100, "unbound": "keep"}
        document["siprec"] = [recorded]
        self.config.write_text(tomlkit.dumps(document))


class Processor:
    """Seconds that some processes take, less what they take idle: for that they are looked at when it is made."""

    def __init__(self, taken: dict[str, Callable[[], float]]) -> None:
        self._taken = taken
        self._idle = dict.fromkeys(taken, 0.0)
        self.begin()
        time.sleep(IDLE)
        self._idle = {name: seconds / IDLE for name, seconds in self.spent().items()}

    def begin(self) -> None:
        """Count from now on."""
        self._began, self._before = time.perf_counter(), self._now()

    def spent(self) -> dict[str, float]:
        """Since then."""
        seconds, now = time.perf_counter() - self._began, self._now()
        return {name: max(0.0, now[name] - self._before[name] - self._idle[name] * seconds) for name in now}

    def _now(self) -> dict[str, float]:
        return {name: read() for name, read in self._taken.items()}


def over(way: Way, gate: GateWithTls, edge: Edge, far: Uas, folder: Path, calls: int) -> None:
    """So many calls by one way; raises where a callee did not hear the phone, or the phone spoke in another way."""
    server = edge.at(way.transport) if way.edge else ("127.0.0.1", gate.ports[way.transport])
    trusted = (edge.pem if way.edge else gate.pem) if way.transport == "tls" else None
    before = len(far.calls)
    phones = [
        Baresip(
            folder / str(index), server, "alice", gate.password(), 1000, transport=way.transport, trusted=trusted,
            srtp=way.srtp, codec=way.codec, rtp=29000 + 20 * index,
        )
        for index in range(calls)
    ]  # fmt: skip
    try:
        for phone in phones:
            phone.call(UNLISTED, 120)
        far.wait("call", count=before + calls)
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
    finally:
        for phone in phones:
            phone.end()
    for call in far.calls[before:]:
        tones = [hertz for _, hertz, share in call["heard"] if hertz and share > 0.9]
        assert sum(abs(hertz - 1000) < 15 for hertz in tones) >= 5, f"{way.name}: a callee did not hear the phone"
    assert not way.srtp or all("SRTP is Enabled" in phone.said for phone in phones)
    encoder = f"Set audio encoder: {way.codec.partition('/')[0]} "
    assert all(encoder in phone.said for phone in phones), f"{way.name}: a phone spoke another codec"


def by_siprec(gate: GateWithTls, calls: int, seconds: float) -> None:
    """So many recording sessions at once, of calls that the gate was not asked about."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(gate.address, host=SBC)) for _ in range(calls)]
        for index, client in enumerate(clients):
            people = ("sip:1001@sbc.invalid", f"sip:020794602{index:02d}@sbc.invalid")
            client.begin(f"recorded{index}@sbc.invalid", people=people)
        clients[-1].parties[0].speaks(seconds)
        for client in clients:
            client.bye()
        gate.wait(lambda: not gate.client.call("status")["recording_sessions"], PATIENCE, "sessions are left")


def through_the_gate(calls: int, seconds: float) -> dict[str, dict[str, float]]:
    """Each way in turn, through one gate and its edge, then SIPREC; processor seconds by the way's name."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as place:
        gate = GateWithTls(Path(place) / "gate")
        edge = Edge(gate)
        with Uas("--tone", "600", "--hangup-after", str(seconds), port=gate.trunk_port) as far:
            gate.start()
            try:
                edge.start()
                assert gate.process is not None
                rtpengine, kamailio = edge.pids
                gate_pid, recorder = gate.process.pid, gate.recorder_pid()
                over(WAYS[-1], gate, edge, far, Path(place) / "first", 1)  # what is done once is not counted
                taken = Processor({
                    "gate": lambda: cpu_seconds(gate_pid), "recorder": lambda: cpu_seconds(recorder),
                    "kamailio": lambda: family_seconds(kamailio), "rtpengine": lambda: cpu_seconds(rtpengine),
                })  # fmt: skip
                for number, way in enumerate(WAYS):
                    taken.begin()
                    over(way, gate, edge, far, Path(place) / f"way{number}", calls)
                    found[way.name] = taken.spent() if way.edge else _own(taken.spent())
                taken.begin()
                by_siprec(gate, calls, seconds)
                found["SIPREC, two streams"] = _own(taken.spent())
            finally:
                edge.stop()
                assert gate.stop() == 0
        kept = gate.rows("SELECT count(*) AS n FROM recordings WHERE state = 'closed'")[0]["n"]
        assert kept == 1 + calls * len(found), f"{kept} recordings"
        gate.verified()
    return found


def _own(spent: dict[str, float]) -> dict[str, float]:
    """The gate's part, where no edge has a part in it."""
    return {name: spent[name] for name in ("gate", "recorder")}


def _coded(value: object) -> bytes:
    """bencode, as rtpengine's control protocol has it."""
    if isinstance(value, dict):
        return b"d" + b"".join(_coded(each) for pair in value.items() for each in pair) + b"e"
    data = str(value).encode()
    return b"%d:%s" % (len(data), data)


class Relay:
    """rtpengine by itself, recording in clear into a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.port = folder, free_port()
        words = ["--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{self.port}", "--table=-1", "--foreground"]
        words += ["--port-min=10000", "--port-max=29999", "--delete-delay=0"]
        words += [f"--recording-dir={folder}", "--recording-method=pcap"]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(["rtpengine", *words, "--log-stderr"], stdout=log, stderr=log, cwd=folder)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(1.0)
        end = time.monotonic() + PATIENCE
        while b"pong" not in self.ask(command="ping"):
            assert time.monotonic() < end and self.process.poll() is None, (folder / "log").read_text()

    def ask(self, **words: str) -> bytes:
        """One command; empty where nothing is answered within a second."""
        values = {name.replace("_", "-"): value for name, value in words.items()}
        self._socket.sendto(b"x%d " % time.monotonic_ns() + _coded(values), ("127.0.0.1", self.port))
        try:
            return self._socket.recv(65535)
        except TimeoutError:
            return b""

    def call(self, name: str, near: Party, far: Party) -> None:
        """Offer and answer of one call, recorded; both know their port of the relay."""
        about = {"call_id": name, "from_tag": "a", "record_call": "yes"}
        far.gate = media_port(self.ask(command="offer", sdp=sdp(near.port), **about).decode())
        near.gate = media_port(self.ask(command="answer", sdp=sdp(far.port), to_tag="b", **about).decode())

    def stop(self) -> None:
        """End it."""
        self._socket.close()
        self.process.terminate()
        self.process.wait(PATIENCE)


def rtpengine_in_clear(calls: int, seconds: float) -> Carried:
    """rtpengine with the same audio, relayed and recorded in clear."""
    many_descriptors()
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as place:
        relay = Relay(Path(place) / "clear")
        try:
            parties = [(Party(), Party()) for _ in range(calls)]
            taken = Processor({"rtpengine": lambda: cpu_seconds(relay.process.pid)})
            taken.begin()
            for number, (near, far) in enumerate(parties):
                relay.call(f"call{number}", near, far)
            everybody, began = [party for pair in parties for party in pair], time.perf_counter()
            sent = speak(everybody, seconds)
            elapsed = time.perf_counter() - began
            heard = [party.heard() for party in everybody]
            assert min(map(len, heard)) > 0, "somebody heard nothing"
            memory = {"rtpengine": resident_mib(relay.process.pid)}
            for number in range(calls):
                relay.ask(command="delete", call_id=f"call{number}", from_tag="a")
            spent = taken.spent()
        finally:
            relay.stop()
        sizes = [file.stat().st_size for file in relay.folder.glob("pcaps/*.pcap")]
    assert len(sizes) == calls, "not every call was recorded"
    return Carried(elapsed, sent, spent, memory, heard, [(size - 24) // PCAP_OF_A_PACKET for size in sizes])


def run(calls: int = 10, seconds: float = 10.0) -> list[Row]:
    """Milliseconds of processor for one call by each way; the ratio is that of all processes to UDP with plain RTP."""
    found = through_the_gate(calls, seconds)
    plain = sum(found[WAYS[0].name].values())
    rows = []
    for way, spent in found.items():
        rows += [_row(way, name, 1000 * each / calls) for name, each in spent.items()]
        rows.append(_row(way, "all", 1000 * sum(spent.values()) / calls, sum(spent.values()) / plain))
    clear = rtpengine_in_clear(calls, seconds).processor["rtpengine"]
    rows.append(_row("relayed and recorded in clear, no SIP", "rtpengine", 1000 * clear / calls, clear / plain))
    return rows


def _row(what: str, tool: str, figure: float, ratio: float | None = None) -> Row:
    note = "" if ratio is None else f"× {ratio:.2f} of UDP, RTP"
    return {"what": what, "tool": tool, "figure": round(figure, 2), "unit": "ms a call", "note": note}


def main() -> None:
    """Print the rows."""
    calls, seconds = ([*sys.argv[1:3], "10", "10"][at] for at in (0, -1))
    for row in run(int(calls), float(seconds)):
        print(f"{row['tool']:10} {row['what']:40} {row['figure']:10,.2f} {row['unit']:10} {row['note']}")


if __name__ == "__main__":
    main()
