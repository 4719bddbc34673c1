"""How much of a core the recorder needs: ``python -m tests.bench.bench_recorder [CALLS] [SECONDS]``.

Every call sends 50 packets a second in each direction to a recorder process of its own, sealed by the vault. A second
process sends; it keeps to its clock and says how many packets it could not send in time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.proc import cpu_seconds
from tests.support.recorder_room import PAYLOADS, Room, rtp, speaking_to


def send(ports: list[int], seconds: float) -> int:
    """The sender: packets spread evenly over every 20 ms. Returns the packets sent."""
    voice = os.urandom(160)
    taps = [(speaking_to(port), ("127.0.0.1", port)) for port in ports]
    groups = 10
    began = time.perf_counter()
    rounds = int(seconds * 50)
    for tick in range(rounds):
        for group in range(groups):
            data = rtp(voice, tick, tick * 160)
            for source, address in taps[group::groups]:
                source.sendto(data, address)
            wait = began + (tick + (group + 1) / groups) * 0.02 - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
    return rounds * len(ports)


def measure(calls: int = 300, seconds: float = 10.0) -> dict[str, float]:
    """CPU share of the recorder, and packets lost."""
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as folder:
        room = Room(Path(folder) / "recordings")
        pid = room.client.pid
        assert pid is not None
        ports: list[int] = []
        for number in range(calls):
            opened = room.open(f"call-{number}")
            ports += [opened.caller_port, opened.callee_port]
            room.client.start(f"call-{number}", PAYLOADS)
        time.sleep(0.5)
        before, began = cpu_seconds(pid), time.perf_counter()
        sender = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.bench_recorder", "send", json.dumps(ports), str(seconds)],
            stdout=subprocess.PIPE,
        )
        sender.wait()
        elapsed = time.perf_counter() - began
        used = cpu_seconds(pid) - before
        assert sender.stdout is not None
        sent = int(sender.stdout.read())
        time.sleep(1.2)
        memory = next(
            int(line.split()[1]) / 1024
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith("VmRSS")
        )
        began = time.perf_counter()
        closed = [room.close(f"call-{number}") for number in range(calls)]
        closing = time.perf_counter() - began
        room.shut()
    kept = sum(sum(one.packets.values()) for one in closed if one is not None)
    return {
        "calls": calls,
        "packets_per_second": round(sent / elapsed),
        "cpu_percent": round(100 * used / elapsed, 1),
        "lost": sent - kept,
        "resident_mib": round(memory, 1),
        "close_ms": round(1000 * closing / calls, 2),
    }


def main() -> None:
    """Print the measurement as JSON."""
    if sys.argv[1:2] == ["send"]:
        print(send(json.loads(sys.argv[2]), float(sys.argv[3])))
        return
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    print(json.dumps(measure(calls, seconds)))


if __name__ == "__main__":
    main()
