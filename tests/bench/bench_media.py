"""Calls with audio both ways through a whole gate, relayed and recorded.

    python -m tests.bench.bench_media [CALLS [SECONDS]]

Each party sends 50 packets a second of 160 bytes from its own port, so 300 calls are 30,000 packets a second in, as
many out, and as many again to the recorder. What was kept is counted from the log; that all were relayed is seen in
every party's port.
"""

from __future__ import annotations

import json
import re
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.proc import cpu_seconds, machine_busy, resident_mib
from tests.support.recorder_room import rtp
from tests.support.running_gate import UNLISTED, RunningGate, running
from tests.support.sip_peer import Dialog, Heard, Peer, sdp

SET_UP_A_SECOND = 30
GROUPS = 10
"""Packets of one tick go out in so many groups, spread over its 20 ms."""
_STAMP = struct.Struct("!8sQ")
_MARK = b"the time"
"""A packet begins with this and the time at which it was sent, so that its delay is known where it arrives."""
_SO_TIMESTAMPNS = 35
_PACKETS, _SENT, _RECEIVED = 100, 3, 2
"""Packets of both parties in a second of talk, and how often RTPProxy sends and receives for each: it passes both
sessions of its call, and is copied to the recorder (counted with ``perf trace -s``)."""


def send(targets: list[tuple[int, int]], seconds: float) -> int:
    """The sender, a process of its own: (inherited socket, port of the gate) of every party. Returns packets sent."""
    parties = [(socket.socket(fileno=descriptor), ("127.0.0.1", port)) for descriptor, port in targets]
    voice = bytes(range(160 - _STAMP.size))
    rounds = int(seconds * 50)
    began = time.perf_counter()
    for tick in range(rounds):
        for group in range(GROUPS):
            head = rtp(b"", tick, tick * 160)
            for party, address in parties[group::GROUPS]:
                party.sendto(head + _STAMP.pack(_MARK, time.time_ns()) + voice, address)
            wait = began + (tick + (group + 1) / GROUPS) * 0.02 - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
    return rounds * len(parties)


class Party:
    """One end's audio port, and the gate's that it sends to."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self.gate = 0

    def heard(self) -> list[float]:
        """Packets of the other party that wait in the port, taken out: how long each was under way, in ms."""
        delays = []
        try:
            while True:
                data, said, _, _ = self.socket.recvmsg(2048, 64)
                if data[12:20] == _MARK:
                    _, sent = _STAMP.unpack_from(data, 12)
                    seconds, nanoseconds = struct.unpack("qq", said[0][2])
                    delays.append((seconds * 1_000_000_000 + nanoseconds - sent) / 1e6)
        except BlockingIOError:
            return delays


@dataclass(frozen=True)
class Carried:
    """Calls with audio that went through a relay."""

    seconds: float
    """That they spoke for, as it was measured."""
    sent: int
    """Packets."""
    processor: dict[str, float]
    """Seconds, by process, and of the whole machine."""
    memory: dict[str, float]
    """MiB at the end, by process."""
    heard: list[list[float]]
    """Of each party: how long the packets were under way that waited in its port (its buffer is small), in ms."""
    kept: list[int]
    """Packets of each recording."""


def media_port(body: str) -> int:
    """Of an SDP body's audio."""
    found = re.search(r"^m=audio (\d+)", body, re.MULTILINE)
    assert found, body
    return int(found[1])


class Trunk(threading.Thread):
    """The far end: picks up every call at once, on a port of its own."""

    def __init__(self, port: int, count: int) -> None:
        super().__init__(daemon=True)
        self.peer = Peer()
        self.peer.sock.close()
        self.peer.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.sock.bind(("127.0.0.1", port))
        self.peer.port = port
        self.parties = [Party() for _ in range(count)]
        self._free = list(self.parties)
        self._known: set[str] = set()

    def run(self) -> None:
        while True:
            try:
                heard = self.peer.recv(3600)
            except OSError:
                return
            if heard.method == "INVITE" and heard.get("Call-ID") not in self._known:
                self._known.add(heard.get("Call-ID"))
                party = self._free.pop()
                party.gate = media_port(heard.body)
                tag = f"r{party.port}"
                self.peer.send(self.peer.answer(heard, 200, "OK", tag=tag, body=sdp(party.port)), self.peer.last_from)
            elif heard.method in ("BYE", "OPTIONS"):
                self.peer.send(self.peer.answer(heard, 200, "OK"), self.peer.last_from)


class Callers:
    """The near end: dials, takes the gate's ports, and hangs up."""

    def __init__(self, gate: RunningGate, count: int) -> None:
        self.peer = Peer(to=gate.address)
        self.peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.parties = [Party() for _ in range(count)]
        self._dialogs: list[Dialog] = []

    def dial(self) -> int:
        """Set up every call; returns how many are not connected half a minute after the last."""
        waiting: dict[str, tuple[Dialog, Party]] = {}
        for party in self.parties:
            dialog = self.peer.new_dialog(UNLISTED)
            self._dialogs.append(dialog)
            waiting[dialog.call_id] = (dialog, party)
            self.peer.send(self.peer.request("INVITE", dialog, body=sdp(party.port)))
            self._take(waiting, 1 / SET_UP_A_SECOND)
        end = time.monotonic() + 30
        while waiting and time.monotonic() < end:
            self._take(waiting, 0.5)
        return len(waiting)

    def _take(self, waiting: dict[str, tuple[Dialog, Party]], seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                heard = self.peer.recv(left)
            except AssertionError:
                return
            if heard.code == 200 and heard.get("CSeq").endswith("INVITE"):
                self._connected(heard, waiting)

    def _connected(self, heard: Heard, waiting: dict[str, tuple[Dialog, Party]]) -> None:
        found = waiting.pop(heard.get("Call-ID"), None)
        if found is None:
            return
        dialog, party = found
        dialog.remote, dialog.target = heard.get("To"), heard.contact
        party.gate = media_port(heard.body)
        self.peer.send(self.peer.request("ACK", dialog))

    def hang_up(self) -> None:
        """BYE to all."""
        for dialog in self._dialogs:
            dialog.cseq += 1
            self.peer.send(self.peer.request("BYE", dialog))
            time.sleep(1 / (2 * SET_UP_A_SECOND))

    def close(self) -> None:
        """Give up every port."""
        for each in (self.peer, *self.parties):
            (each.sock if isinstance(each, Peer) else each.socket).close()


def speak(parties: list[Party], seconds: float) -> int:
    """All of them that have a call, by a process of its own; returns packets sent."""
    connected = [party for party in parties if party.gate]
    targets = json.dumps([(party.socket.fileno(), party.gate) for party in connected])
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_media", "send", targets, str(seconds)],
        pass_fds=[party.socket.fileno() for party in connected], capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout)


def many_descriptors() -> None:
    """Let this process have as many open as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))


def through_the_gate(calls: int, seconds: float) -> Carried:
    """So many calls at once, each recorded."""
    many_descriptors()
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as place:
        with running(Path(place) / "gate", announcement=1.0) as gate:
            assert gate.process is not None
            pids = {"gate": gate.process.pid, "recorder": gate.recorder_pid()}
            trunk = Trunk(gate.trunk_port, calls)
            trunk.start()
            callers = Callers(gate, calls)
            callers.dial()

            def taken() -> dict[str, float]:
                return {name: cpu_seconds(pid) for name, pid in pids.items()} | {"machine": machine_busy()[0]}

            before, began = taken(), time.perf_counter()
            sent = speak(callers.parties + trunk.parties, seconds)
            elapsed, after = time.perf_counter() - began, taken()
            memory = {name: resident_mib(pid) for name, pid in pids.items()}
            heard = [party.heard() for party in callers.parties + trunk.parties]
            time.sleep(1.0)
            callers.hang_up()
            gate.wait(lambda: not gate.client.call("status")["calls"], 30, "calls are left")
            assert gate.stop() == 0
            trunk.peer.sock.close()
        rows = gate.rows("SELECT packets FROM recordings WHERE state = 'closed'")
        gate.verified()
    kept = [sum(json.loads(row["packets"]).values()) for row in rows]
    return Carried(elapsed, sent, {name: after[name] - before[name] for name in after}, memory, heard, kept)


def least_for_a_second(rounds: int = 1000) -> float:
    """Processor, in milliseconds, of what RTPProxy has to send and receive for a second of talk, one at a time and by
    nothing but those calls to the kernel."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        far.bind(("127.0.0.1", 0))
        packet, to, spent = bytes(172), far.getsockname(), [0.0, 0.0]
        for _ in range(rounds):
            began = time.thread_time()
            for _ in range(_PACKETS):
                near.sendto(packet, to)
            sent = time.thread_time()
            for _ in range(_PACKETS):
                far.recv(2048)
            spent[0] += sent - began
            spent[1] += time.thread_time() - sent
    return 1000 * (_SENT * spent[0] + _RECEIVED * spent[1]) / rounds


def measure(calls: int = 300, seconds: float = 20.0) -> dict[str, float]:
    """Processor shares of one core, and packets lost between the parties' ports and the sealed files."""
    carried = through_the_gate(calls, seconds)
    least = min(map(len, carried.heard))
    assert least > 0, "somebody heard nothing"
    assert len(carried.kept) == calls, f"{len(carried.kept)} of {calls} recordings are closed"
    shares = {name: round(spent / carried.seconds, 3) for name, spent in carried.processor.items()}
    return {
        "calls": calls,
        "packets a second in": round(carried.sent / carried.seconds),
        "processor, gate (cores)": shares["gate"],
        "processor, recorder (cores)": shares["recorder"],
        "processor of a second of talk, gate (ms)": round(1000 * shares["gate"] / calls, 2),
        "of that RTPProxy's calls to the kernel, at least (ms)": round(least_for_a_second(), 2),
        "processor, whole machine (cores)": shares["machine"],
        "packets sent": carried.sent,
        "packets not in the sealed files": carried.sent - sum(carried.kept),
        "least packets waiting in a party's port (its buffer is small)": least,
        "memory, gate (MiB)": round(carried.memory["gate"], 1),
        "memory, recorder (MiB)": round(carried.memory["recorder"], 1),
    }


def main() -> None:
    """Print the measurement."""
    if sys.argv[1:2] == ["send"]:
        print(send(json.loads(sys.argv[2]), float(sys.argv[3])))
        return
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    for name, figure in measure(calls, *(float(argument) for argument in sys.argv[2:3])).items():
        print(f"{name:62} {figure:14,}")


if __name__ == "__main__":
    main()
